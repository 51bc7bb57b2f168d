// One line for what happened, in the form of the native server's text log. No token is ever given to it.

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
