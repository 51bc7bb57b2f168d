// What the application may ask about a room, as the object answers it: rules D21 to D23.
import { decide } from "./access/decide.ts";
import { granted, refusalOf } from "./access/decision.ts";
import type { Member } from "./member.ts";
import type { Room } from "./room.ts";
import type { Visit } from "./visit.ts";

export async function onCall(room: Room, visit: Visit): Promise<Response> {
  const call = visit.call!;
  switch (call.kind) {
    case "room": return Response.json(describe(room));
    case "kick": return Response.json({ kicked: kick(room, call.user, call.code, call.reason) });
    case "recheck": return Response.json({ rechecked: await recheck(room, visit) });
    case "state": {
      const state = room.document(visit);
      return state === null ? new Response("this room cannot be read\n", { status: 500 }) : new Response(state);
    }
  }
}

function describe(room: Room): object {
  const users = new Map<string, { userId: string; permission: string; connections: number }>();
  let connections = 0;
  for (const member of room.members) {
    connections++;
    if (member.user === "") continue;
    const user = users.get(member.user) ?? { userId: member.user, permission: member.decision!.permission, connections: 0 };
    user.connections++;
    users.set(member.user, user);
  }
  return { connections, users: [...users.values()] };
}

function kick(room: Room, user: string | null, code: number, reason: string): number {
  let count = 0;
  room.forgetDecisions(user);
  for (const member of room.members) {
    if (user !== null && member.user !== user) continue;
    count++;
    room.close(member, code, reason);
  }
  return count;
}

async function recheck(room: Room, visit: Visit): Promise<number> {
  const all = [...room.members].filter(member => member.decision !== null);
  room.forgetDecisions(null);
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
