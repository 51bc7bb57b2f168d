// What the application may ask about a room, as the object answers it: rules D21 to D23.
import { decide } from "./access/decide.ts";
import { granted, refusalOf } from "./access/decision.ts";
import { keepLedger } from "./ledger.ts";
import type { Member } from "./member.ts";
import { NoSuchMoment } from "./rewind.ts";
import type { Room } from "./room.ts";
import type { Visit } from "./visit.ts";

const problem = (status: number, code: string, message: string): Response => Response.json({ code, message }, { status });
const GONE = "the document was deleted";

export async function onCall(room: Room, visit: Visit, body: Uint8Array): Promise<Response> {
  const call = visit.call!;
  switch (call.kind) {
    case "room": return Response.json(describe(room, visit));
    case "kick": return Response.json({ kicked: kick(room, visit, call.user, call.code, call.reason) });
    case "recheck": return Response.json({ rechecked: await recheck(room, visit) });
    case "state": {
      if (room.isDeleted) return problem(404, "not_found", GONE);
      const state = room.document(visit);
      return state === null ? new Response("this room cannot be read\n", { status: 500 }) : new Response(state);
    }
    case "delete": return remove(room, visit, call.now ? 0 : call.graceMs, call.now);
    case "undelete": return undelete(room, visit);
    case "import": return take(room, visit, call.how, body);
    case "ledger": return Response.json(keepLedger(room.sql, call.tell));
    case "bookmark": return moment(room.bookmark().then(bookmark => ({ bookmark })));
    case "rewind": return moment(room.rewind(call));
  }
}

// ---- deleting: rules D24, D25 ------------------------------------------------------------------

function changed(room: Room, connections: number): Response {
  const { epoch, seq } = room.store.stored()!;
  return Response.json({ epoch, seq, connections });
}

function remove(room: Room, visit: Visit, graceMs: number, now: boolean): Response {
  const stored = room.store.stored();
  if (stored === null) return problem(404, "not_found", "there is no such room");
  if (stored.status === "erased") return problem(404, "not_found", "the room has been erased; nothing of it is left");
  const connections = room.letGo(4404, GONE);
  const deletedAt = stored.deletedAt ?? Date.now();
  if (now) room.store.change({ status: "erased", deletedAt, eraseAt: Date.now() });
  else room.store.change({ status: "deleted", deletedAt, eraseAt: Date.now() + graceMs });
  room.eraseLater(visit);
  return changed(room, connections);
}

function undelete(room: Room, visit: Visit): Response {
  const status = room.store.stored()?.status;
  if (status !== "deleted") {
    return problem(404, "not_found", status === undefined ? "there is no such room" : status === "ok" ? "the room is not deleted" : "the room has been erased; nothing of it is left");
  }
  room.store.change({ status: "ok", deletedAt: 0, eraseAt: 0 });
  room.eraseLater(visit);
  return changed(room, 0);
}

// ---- content from elsewhere, and from before: rules E15, E16 of docs/edge.md ---------------------

function take(room: Room, visit: Visit, how: "new" | "replace" | "merge", body: Uint8Array): Response {
  const stored = room.store.stored();
  if (stored !== null && how === "new") return problem(409, "exists", "the room is there or was erased; PUT it to replace or to merge");
  if (how === "merge" && room.isDeleted) return problem(404, "not_found", GONE);
  const connections = [...room.members].length;
  const why = how === "merge" && stored !== null ? room.merge(visit, body) : room.replace(visit, body);
  if (why !== null) return problem(400, "bad_update", why);
  room.letGo(1012, "the content was replaced, please reconnect");
  return changed(room, connections);
}

async function moment(answer: Promise<object>): Promise<Response> {
  try {
    return Response.json(await answer);
  } catch (error) {
    if (error instanceof NoSuchMoment) return problem(501, "unsupported", error.message);
    throw error;
  }
}

function describe(room: Room, { party, room: name }: Visit): object {
  const users = new Map<string, { userId: string; permission: string; connections: number }>();
  let connections = 0;
  for (const member of room.members) {
    connections++;
    if (member.user === "") continue;
    const user = users.get(member.user) ?? { userId: member.user, permission: member.decision!.permission, connections: 0 };
    user.connections++;
    users.set(member.user, user);
  }
  const stored = room.store.stored();
  const changedAt = room.changedAt; // of what happened since the object is awake
  const backup = room.backupOf({ party, room: name });
  return {
    connections, users: [...users.values()], stored: stored && { room: `${party}/${name}`, ...stored, changedAt, connections },
    ...(backup !== undefined && { backup: { convex: backup } }),
  };
}

function kick(room: Room, visit: Visit, user: string | null, code: number, reason: string): number {
  let count = 0;
  room.forgetDecisions(visit, user);
  for (const member of room.members) {
    if (user !== null && member.user !== user) continue;
    count++;
    room.close(member, code, reason);
  }
  return count;
}

async function recheck(room: Room, visit: Visit): Promise<number> {
  const all = [...room.members].filter(member => member.decision !== null);
  room.forgetDecisions(visit, null);
  const { auth } = room.settings;
  await Promise.all(all.map(async member => {
    if (auth === "ticket") room.sendAway(member, "session_over");
    else if (auth === "jwt") sendAwayIfOver(room, member);
    else await askAgain(room, member, visit.room);
  }));
  return all.length;
}

function sendAwayIfOver(room: Room, member: Member): void {
  const end = member.decision!.expiresAt;
  if (end !== 0 && end <= Date.now() / 1000) room.sendAway(member, "token_expired");
}

async function askAgain(room: Room, member: Member, name: string): Promise<void> {
  const { decision } = await decide(room.settings, name, member.token, true);
  if (decision.reason === "unavailable") return; // nobody says that it is not welcome any more
  if (![...room.members].includes(member)) return;
  if (granted(decision)) {
    if (decision.permission === member.decision!.permission) return;
    if (member.hasDesk) room.changeRight(member, { ...member.decision!, permission: decision.permission });
    else room.sendAway(member, "rights_changed");
  } else {
    const refusal = refusalOf(decision);
    room.sendAway(member, refusal.startsWith("token_") ? "token_expired" : refusal);
  }
}
