// Which rooms could not be copied: an object of its own keeps the list, since no room knows another one and no Worker
// knows them all. A room is told of when its first copy fails and when one has gone through again; /health asks. Rule E23.
import type { Env } from "./settings.ts";
import { visitRequest } from "./visit.ts";

/** Of no room: those have a party and a slash. */
const NAME = "backups";

export interface Failing { waiting: number; oldestMs: number; why?: string }
export type Entry = { room: string; why: string | null };

async function ask(env: Env, ledger: { tell: Entry } | { tell: null }): Promise<Failing> {
  const visit = { party: "", room: "", hasPk: false, protocol: "", decision: null, decidedAt: 0, token: "", call: { kind: "ledger" as const, ...ledger } };
  const answer = await env.ROOM.get(env.ROOM.idFromName(NAME)).fetch(visitRequest(null, visit));
  return answer.json<Failing>();
}

/** why: null, it has gone through. */
export const tell = (env: Env, room: string, why: string | null): Promise<Failing> => ask(env, { tell: { room, why } });
export const failing = (env: Env): Promise<Failing> => ask(env, { tell: null });

/** In the object. */
export function keepLedger(sql: SqlStorage, entry: Entry | null): Failing {
  const exists = sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'failing'").toArray().length > 0;
  if (!exists && (entry === null || entry.why === null)) return { waiting: 0, oldestMs: 0 };
  sql.exec("CREATE TABLE IF NOT EXISTS failing (room TEXT PRIMARY KEY, since INTEGER, why TEXT) WITHOUT ROWID");
  if (entry?.why === null) sql.exec("DELETE FROM failing WHERE room = ?", entry.room);
  else if (entry !== null) sql.exec("INSERT INTO failing VALUES (?, ?, ?) ON CONFLICT (room) DO UPDATE SET why = excluded.why", entry.room, Date.now(), entry.why);
  const { waiting } = sql.exec<{ waiting: number }>("SELECT count(*) AS waiting FROM failing").one();
  const [oldest] = sql.exec<{ room: string; since: number; why: string }>("SELECT room, since, why FROM failing ORDER BY since LIMIT 1").toArray();
  return oldest === undefined ? { waiting, oldestMs: 0 } : { waiting, oldestMs: Date.now() - oldest.since, why: oldest.why };
}

/** What to do about it; docs/backup.md has the same for the native server. */
function nextOf(why: string): string {
  if (/ 401/.test(why)) return "give both sides the same COLLAB_SECRET";
  if (/cannot be asked/.test(why)) return "see whether CONVEX_SITE_URL is right and Convex runs; it is tried again";
  return "the log has each failure (a backup failed); it is tried again";
}

/** The part of GET /health that speaks of backups, in the words of the native server. */
export async function sinks(env: Env): Promise<object[]> {
  const sink = { sink: "convex", kind: "convex" };
  try {
    const { waiting, oldestMs, why } = await failing(env);
    return [{ ...sink, works: waiting === 0, waiting, oldestMs, ...(why !== undefined && { why, next: nextOf(why) }) }];
  } catch (error) {
    return [{ ...sink, works: false, why: `the list of failures cannot be read: ${String(error)}`, next: "ask again" }];
  }
}
