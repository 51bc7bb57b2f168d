// Pointers and selections in a diagram, through the presence of its room.
import type { Collaborator, ExcalidrawImperativeAPI, SocketId } from "@excalidraw/excalidraw/types";
import type { Awareness } from "y-protocols/awareness";
import { CURSOR_MS, userOf } from "../presence/awareness";
import { throttle } from "../presence/throttle";

const SELECTED_MAX = 200;

type Pointer = { x: number; y: number; tool: "pointer" | "laser"; button: "up" | "down" };

/** Shows the others; gives what the editor tells about us. */
export function sharePointers(awareness: Awareness, api: ExcalidrawImperativeAPI) {
  const show = throttle(CURSOR_MS, () => api.updateScene({ collaborators: collaborators(awareness) }));
  const onChange = () => show(undefined);
  awareness.on("change", onChange);
  show(undefined);

  const point = throttle(CURSOR_MS, (pointer: Pointer | null) => awareness.setLocalStateField("pointer", pointer));
  let selected = "";
  const select = throttle(CURSOR_MS, (ids: string[]) => {
    if (selected === (selected = ids.join())) return;
    awareness.setLocalStateField("selected", ids);
  });
  return {
    pointer({ pointer: { x, y, tool }, button }: { pointer: { x: number; y: number; tool: "pointer" | "laser" }; button: "up" | "down" }) {
      point({ x: Math.round(x), y: Math.round(y), tool, button });
    },
    leave: () => point(null),
    selection(ids: Readonly<Record<string, true>>) {
      select(Object.keys(ids).slice(0, SELECTED_MAX));
    },
    destroy() {
      awareness.off("change", onChange);
      for (const one of [show, point, select]) one.cancel();
    },
  };
}

function collaborators(awareness: Awareness): Map<SocketId, Collaborator> {
  const found = new Map<SocketId, Collaborator>();
  for (const [clientId, state] of awareness.getStates()) {
    const user = userOf(state.user);
    if (clientId === awareness.clientID || user === null) continue;
    const pointer = pointerOf(state.pointer);
    found.set(String(clientId) as SocketId, {
      id: user.id, username: user.name, color: { background: user.color, stroke: user.color },
      selectedElementIds: selectionOf(state.selected),
      ...(pointer && { pointer: { x: pointer.x, y: pointer.y, tool: pointer.tool }, button: pointer.button }),
    });
  }
  return found;
}

function pointerOf(value: unknown): Pointer | null {
  if (typeof value !== "object" || value === null) return null;
  const { x, y, tool, button } = value as Record<string, unknown>;
  if (!Number.isFinite(x) || !Number.isFinite(y)) return null;
  return { x: x as number, y: y as number, tool: tool === "laser" ? "laser" : "pointer", button: button === "down" ? "down" : "up" };
}

function selectionOf(value: unknown): Record<string, true> {
  if (!Array.isArray(value)) return {};
  const ids = value.slice(0, SELECTED_MAX).filter((id): id is string => typeof id === "string");
  return Object.fromEntries(ids.map((id) => [id, true as const]));
}
