// Presence as React reads it. States come from other people's browsers: nothing in them is taken for
// granted but `user`, which the server has put there.
import { useEffect, useState } from "react";
import type { Awareness } from "y-protocols/awareness";

export type User = { id: string; name: string; color: string };
export type Presence = {
  /** Of a tab: one person may have several. */
  clientId: number;
  user: User;
  page: string | null;
  cursor: [number, number] | null;
  active: boolean;
};

/** 20 times a second: smooth with 60 ms of interpolation, and little to send. */
export const CURSOR_MS = 50;

export function usePresence(awareness: Awareness | null): Presence[] {
  const [others, setOthers] = useState<Presence[]>([]);
  useEffect(() => {
    if (awareness === null) return;
    const read = () => setOthers(presences(awareness));
    read();
    awareness.on("change", read);
    return () => awareness.off("change", read);
  }, [awareness]);
  return others;
}

function presences(awareness: Awareness): Presence[] {
  const found: Presence[] = [];
  for (const [clientId, state] of awareness.getStates()) {
    const user = userOf(state.user);
    if (clientId === awareness.clientID || user === null) continue;
    found.push({
      clientId, user, page: typeof state.page === "string" ? state.page : null,
      cursor: cursorOf(state.cursor), active: state.active !== false,
    });
  }
  return found;
}

export function userOf(value: unknown): User | null {
  if (typeof value !== "object" || value === null) return null;
  const { id, name, color } = value as Record<string, unknown>;
  if (typeof id !== "string" || typeof name !== "string") return null;
  return { id, name: name.slice(0, 64), color: typeof color === "string" && /^#[0-9a-f]{6}$/i.test(color) ? color : "#888888" };
}

function cursorOf(value: unknown): [number, number] | null {
  if (!Array.isArray(value) || value.length !== 2) return null;
  return value.every((n) => Number.isFinite(n)) ? [value[0], value[1]] : null;
}

/** Each person once. */
export function people(presences: Presence[]): { user: User; active: boolean }[] {
  const byId = new Map<string, { user: User; active: boolean }>();
  for (const { user, active } of presences) {
    byId.set(user.id, { user, active: active || (byId.get(user.id)?.active ?? false) });
  }
  return [...byId.values()];
}
