// Addresses: "/" the workspaces, "/w/ID" one of them, "/w/ID/ROOM" a document or diagram in it.
import { useSyncExternalStore, type MouseEvent } from "react";

export type Route = { workspaceId: string | null; room: string | null; unknown: boolean };

const listeners = new Set<() => void>();
window.addEventListener("popstate", () => listeners.forEach((listener) => listener()));

export function pathOf(workspaceId?: string, room?: string): string {
  return ["", ...(workspaceId ? ["w", workspaceId] : [""]), ...(room ? [room] : [])].join("/");
}

export function go(path: string): void {
  if (path === location.pathname) return;
  history.pushState(null, "", path);
  listeners.forEach((listener) => listener());
}

/** For links: followed here, unless they are to be opened elsewhere. */
export function linkTo(path: string) {
  return {
    href: path,
    onClick: (event: MouseEvent) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      go(path);
    },
  };
}

export function useRoute(): Route {
  const path = useSyncExternalStore(
    (listener) => { listeners.add(listener); return () => listeners.delete(listener); },
    () => location.pathname,
  );
  const [, w, workspaceId, room] = path.split("/");
  const found = w === "w" && workspaceId;
  return found ? { workspaceId, room: room || null, unknown: false } : { workspaceId: null, room: null, unknown: path !== "/" };
}
