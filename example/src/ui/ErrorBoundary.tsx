import { Component, type ReactNode } from "react";

type Props = { children: ReactNode; fallback: (again: () => void) => ReactNode };

/** What breaks in it takes nothing else with it. */
export class ErrorBoundary extends Component<Props, { broken: boolean }> {
  override state = { broken: false };
  static getDerivedStateFromError() { return { broken: true }; }
  override render() {
    return this.state.broken ? this.props.fallback(() => this.setState({ broken: false })) : this.props.children;
  }
}
