// The Worker in front of the rooms: paths, who may come in, and how a no is told.
//
//   request -> route -> origin, table of rooms -> decide() -> the room's object
//                                                         \-> refuse()
//
// An application that routes by itself calls partyd.fetch() with what is for rooms.
import { api } from "./api.ts";
import { decide } from "./access/decide.ts";
import { Desk } from "./desk.ts";
import { decision as refused, granted, refusalOf, type Decision, type Refusal } from "./access/decision.ts";
import { originOk, protocolOf, tokenOf } from "./credentials.ts";
import { sinks } from "./ledger.ts";
import { audit, log, logFrom } from "./log.ts";
import { refuse } from "./refuse.ts";
import { routeOf } from "./route.ts";
import { policyFor, settingsOf, SettingsError, type Env, type Settings } from "./settings.ts";
import { visitRequest, type Visit } from "./visit.ts";

export { Room } from "./room.ts";
export type { Env } from "./settings.ts";

const NO_ROOM = "There is no room at this path. Rooms are at /parties/:party/:room, /party/:room and /:room.\n";
const KEY = /^[A-Za-z0-9+/]{22}==$/;
const MANY = "Documents are asked for on a WebSocket here (Hocuspocus).\n";
/** What an object answers where nobody decides. */
const REFUSALS: Record<number, Refusal> = { 404: "not_found", 423: "room_full", 503: "unavailable" };
const DECIDE_MS = 10_000;
const DECIDE_TIMES = 3; // if somebody is sent away while it is decided

const text = (status: number, body: string, headers: Record<string, string> = {}): Response =>
  new Response(body, { status, headers: { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", ...headers } });

async function onRequest(request: Request, env: Env): Promise<Response> {
  const settings = settingsOf(env);
  logFrom(settings.logLevel);
  const url = new URL(request.url);
  if (url.pathname.startsWith("/api/")) return api(request, url, env, settings);
  if (request.method !== "GET") return text(405, "Only GET is answered here.\n", { Allow: "GET" });
  const isUpgrade = request.headers.get("Upgrade")?.toLowerCase() === "websocket";
  const route = routeOf(url, settings.hocuspocusPath);
  if (!isUpgrade) {
    if (url.pathname === "/health") return Response.json({ status: "ok", ...(settings.backup && { backup: await sinks(env) }) });
    if (route.kind === "many" && url.pathname !== "/") return text(426, MANY, { Upgrade: "websocket" });
    if (route.kind === "room") return text(426, "This is a room: connect to it with a WebSocket.\n", { Upgrade: "websocket" });
    return text(route.kind === "bad" ? 400 : 404, NO_ROOM);
  }
  if (route.kind === "none") return text(404, NO_ROOM);
  return knock(request, url, env, settings, route);
}

interface Knock { party: string; room: string; hasPk: boolean; kind: "room" | "bad" | "many" }

const peerOf = (request: Request): string => request.headers.get("CF-Connecting-IP") ?? "";
const whoOf = (request: Request, route: Knock) => ({ room: `${route.party}/${route.room}`, client: route.hasPk ? "partykit" : "other", peer: peerOf(request) });

/** A socket for many documents: each is decided by itself, on it. */
function sitDown(caller: ConstructorParameters<typeof Desk>[1], protocol: string): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.binaryType = "arraybuffer";
  const desk = new Desk(server, caller);
  server.addEventListener("message", ({ data }) => desk.onMessage(data as ArrayBuffer | string));
  server.addEventListener("close", ({ code, reason }) => {
    try { if (code === 1005 || code === 1006) server.close(); else server.close(code, reason); } catch { /* answered */ }
    desk.end();
  });
  server.addEventListener("error", () => desk.end());
  const headers = protocol === "" ? undefined : { "Sec-WebSocket-Protocol": protocol };
  return new Response(null, { status: 101, webSocket: client, ...(headers && { headers }) });
}

async function knock(request: Request, url: URL, env: Env, settings: Settings, route: Knock): Promise<Response> {
  const offered = request.headers.get("Sec-WebSocket-Protocol") ?? "";
  const protocol = protocolOf(offered);
  const refuseHere = (refusal: Refusal, d: Decision | null = null): Promise<Response> => {
    audit(false, whoOf(request, route), d ?? refused("forbidden", refusal));
    return refuse(refusal, route.hasPk, protocol);
  };
  if (route.kind === "bad") return refuseHere("bad_name");
  // What the platform has taken away is its business.
  if ((request.headers.get("Sec-WebSocket-Version") ?? "13") !== "13") return text(426, "This is WebSocket version 13.\n", { Upgrade: "websocket", "Sec-WebSocket-Version": "13" });
  if (!KEY.test(request.headers.get("Sec-WebSocket-Key") ?? "AAAAAAAAAAAAAAAAAAAAAA==")) return text(400, "Sec-WebSocket-Key is missing or is not 16 bytes in base64.\n");
  if (protocol === "" && offered !== "") return text(400, 'Offer a subprotocol beside the token, such as "partyd".\n');
  if (!originOk(request.headers.get("Origin") ?? "", settings.origins)) return refuseHere("bad_origin");
  const token = tokenOf(request, url, settings.cookie);
  if (route.kind === "many") return sitDown({ settings, env, party: route.party, token, peer: peerOf(request) }, protocol);
  const policy = policyFor(settings, route.party, route.room);
  if (policy === null) return refuseHere("unknown_room");
  const visit: Visit = { party: route.party, room: route.room, hasPk: route.hasPk, protocol, decision: null, decidedAt: 0, token: "" };
  if (settings.auth === "none" || !policy.decided) {
    const answer = await enter(request, env, visit);
    const refusal = REFUSALS[answer.status];
    return refusal === undefined ? answer : refuseHere(refusal);
  }

  let fresh = false;
  for (let times = 0; times < DECIDE_TIMES; times++) {
    const asked = Date.now();
    const late = new Promise<null>(resolve => setTimeout(() => resolve(null), DECIDE_MS));
    const made = await Promise.race([decide(settings, route.room, token, fresh), late]);
    const d = made?.decision ?? refused("unavailable", "the decision did not come in time");
    if (!granted(d)) return refuseHere(refusalOf(d), d);
    const asks = settings.auth === "convex" || settings.auth === "hook";
    const answer = await enter(request, env, {
      ...visit, decision: d, decidedAt: made?.decidedAt ?? asked, token: asks ? token : "",
      ...(made?.ticket !== undefined && { ticket: made.ticket }),
    });
    if (answer.status === 410) return refuseHere("token_invalid", refused("token_invalid", "the ticket has been used already"));
    if (answer.status === 404) return refuseHere("not_found", refused("not_found", "the document was deleted"));
    if (answer.status === 503) return refuseHere("unavailable", refused("unavailable", "nobody can say whether there is a backup"));
    if (answer.status === 423) return refuseHere("room_full", d);
    if (answer.status === 429) return refuseHere("unavailable", refused("unavailable", "too many tickets are in use at once"));
    if (answer.status !== 409) {
      audit(true, whoOf(request, route), d);
      return answer;
    }
    fresh = true; // somebody was sent away meanwhile
  }
  return refuseHere("unavailable");
}

function enter(request: Request, env: Env, visit: Visit): Promise<Response> {
  const id = env.ROOM.idFromName(`${visit.party}/${visit.room}`);
  return env.ROOM.get(id).fetch(visitRequest(request, visit));
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    try {
      return await onRequest(request, env);
    } catch (error) {
      if (error instanceof SettingsError) log("error", "a setting cannot be used", { why: error.message });
      else log("error", "a request failed", { why: String(error) });
      return text(503, "The server cannot take connections now; its log says why.\n", { "Retry-After": "5" });
    }
  },
};
