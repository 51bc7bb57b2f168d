// The editor of a page, which is loaded when it is needed. Without a network that fails, and an editor may break: neither
// takes the rest of the application with it, nor what others still have to get.
import { useEffect, useState, type ComponentType } from "react";
import type { Page } from "../types";
import { ErrorBoundary } from "../ui/ErrorBoundary";
import { Splash } from "../ui/Splash";
import type { EditorProps } from "./PageView";

const LOADERS: Record<Page["type"], () => Promise<{ default: ComponentType<EditorProps> }>> = {
  doc: () => import("../document/DocumentEditor"),
  diagram: () => import("../diagram/DiagramEditor"),
};

/** While the room is still on its way. That it fails is told when it is needed. */
export const fetchEditor = (type: Page["type"]) => void LOADERS[type]().catch(() => {});

export function Editor(props: EditorProps) {
  const { Loaded, failed, load } = useLoaded(props.page.type);
  if (failed) {
    return <Problem title="The editor could not be loaded" action="Try again" onAction={load}>
      It is fetched when a page of its kind is opened for the first time. Is there a connection? If there is, load the page anew.
    </Problem>;
  }
  if (Loaded === null) return <Splash />;
  return (
    <ErrorBoundary fallback={(again) => (
      <Problem title="This page cannot be shown" action="Try again" onAction={again}>The editor has stopped. What you wrote was kept.</Problem>
    )}>
      <Loaded {...props} />
    </ErrorBoundary>
  );
}

function useLoaded(type: Page["type"]) {
  const [Loaded, setLoaded] = useState<ComponentType<EditorProps> | null>(null);
  const [failed, setFailed] = useState(false);
  const [tries, setTries] = useState(0);
  const load = () => { setFailed(false); setTries((n) => n + 1); };
  useEffect(() => {
    let current = true;
    LOADERS[type]().then(
      (module) => current && setLoaded(() => module.default),
      () => current && setFailed(true));
    window.addEventListener("online", load);
    return () => {
      current = false;
      window.removeEventListener("online", load);
    };
  }, [type, tries]);
  return { Loaded, failed, load };
}

function Problem({ title, action, onAction, children }: { title: string; action: string; onAction: () => void; children: string }) {
  return <div className="notice" role="alert"><h2>{title}</h2><p>{children}</p><button onClick={onAction}>{action}</button></div>;
}
