// One line for what happened, in the form of the native server's text log. No token is ever given to it.

import type { Decision } from "./access/decision.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof LEVELS)[number];

let least = 1;
export function logFrom(level: string): void {
  const at = LEVELS.indexOf(level as Level);
  if (at >= 0) least = at;
}

export function log(level: Level, what: string, fields: { [name: string]: string | number } = {}): void {
  if (LEVELS.indexOf(level) < least) return;
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${typeof value === "number" ? value : JSON.stringify(value)}`);
  console.log(`${level.padEnd(5)} ${what}${rest.join("")}`);
}

/** Rule D11: a decision is a line. */
export function audit(isGranted: boolean, who: { room: string; client: string; peer: string }, d: Decision): void {
  log("info", isGranted ? "access granted" : "access refused", {
    room: who.room, user: d.userId, permission: d.permission, why: d.why,
    remembered: d.remembered ? "yes" : "no", client: who.client, peer: who.peer,
  });
}
