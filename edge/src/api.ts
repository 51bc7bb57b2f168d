// The HTTP API of the application's backend, as the Worker sees it: rules D20, D21. Which rooms there are in
// which parties nobody knows at the edge: those of PARTYD_PARTIES are asked.
import { requestIsSigned } from "./access/signature.ts";
import { log } from "./log.ts";
import type { Env, Settings } from "./settings.ts";
import { visitRequest, type Call, type Visit } from "./visit.ts";

const BODY_BYTES_MAX = 65536;
const GRACE_MS = 30 * 86_400_000;
const GRACE_MAX = 3_153_600_000_000; // 100 years
const REASON_BYTES_MAX = 123; // RFC 6455 5.5

const problem = (status: number, code: string, message: string): Response => Response.json({ code, message }, { status });

// What is asked for by which method and the word behind the room.
const CALLS: Record<string, (body: Uint8Array) => Named | string> = {
  "GET ": () => ({ call: { kind: "room" } }),
  "GET snapshot": () => ({ call: { kind: "state" } }),
  "GET bookmark": () => ({ call: { kind: "bookmark" } }),
  "POST kick": kickOf,
  "POST recheck": () => ({ call: { kind: "recheck" } }),
  "POST undelete": body => bodyOf(body, { party: isParty }, json => ({ party: json.party as string | undefined, call: { kind: "undelete" } })),
  "POST rewind": rewindOf,
  "DELETE ": deletionOf,
  "PUT snapshot": () => ({ call: { kind: "import", how: "new" } }),
  "PUT replace": () => ({ call: { kind: "import", how: "replace" } }),
  "PUT merge": () => ({ call: { kind: "import", how: "merge" } }),
};
interface Named { call: Call; party?: string | undefined }

export async function api(request: Request, url: URL, env: Env, settings: Settings): Promise<Response> {
  const [, , kind, room, what = "", more] = url.pathname.split("/");
  const methods = Object.keys(CALLS).filter(key => key.split(" ")[1] === what).map(key => key.split(" ")[0]!);
  if (kind !== "rooms" || room === undefined || room === "" || more !== undefined || methods.length === 0) {
    return problem(404, "not_found", "see docs/access.md for what is served here");
  }
  if (!methods.includes(request.method)) return problem(405, "bad_method", `use ${methods.join(" or ")}`);
  const limit = request.method === "PUT" ? settings.messageBytesMax : BODY_BYTES_MAX;
  const length = request.headers.get("Content-Length"), tooLarge = `a body has ${limit >> 10} KiB at most`;
  if (request.headers.has("Transfer-Encoding") && length === null) return problem(411, "no_length", "send a Content-Length, not chunks");
  if (Number(length ?? 0) > limit) return problem(413, "too_large", tooLarge);
  const body = new Uint8Array(await request.arrayBuffer());
  if (body.byteLength > limit) return problem(413, "too_large", tooLarge);
  if (!await requestIsSigned(request, url.pathname, room, body, settings.collabSecrets)) {
    return problem(401, "bad_signature", "sign the request with COLLAB_SECRET, which both sides must have");
  }
  const named = CALLS[`${request.method} ${what}`]!(body);
  if (typeof named === "string") return problem(400, "bad_body", named);
  const party = named.party ?? url.searchParams.get("party");
  return isForAll(named.call) ? onParties(env, settings, party, room, named.call) : onRoom(env, party ?? "main", room, named.call, body);
}

const isForAll = (call: Call): boolean => ["room", "state", "kick", "recheck"].includes(call.kind);
const isParty = (value: unknown): boolean => typeof value === "string" && /^[a-z0-9_-]{1,64}$/.test(value);
const isTime = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= GRACE_MAX;

/** The body may be empty; what it has is of these names. */
function bodyOf(body: Uint8Array, takes: Record<string, (value: unknown) => boolean>, then: (json: Record<string, unknown>) => Named | string): Named | string {
  let json: unknown = {};
  try { if (body.byteLength > 0) json = JSON.parse(new TextDecoder().decode(body)); } catch { return "the body is no JSON object"; }
  if (typeof json !== "object" || json === null || Array.isArray(json)) return "the body is no JSON object";
  for (const [key, value] of Object.entries(json)) {
    if (takes[key] === undefined) return `it takes {${Object.keys(takes).map(name => `"${name}"?`).join(", ")}} and nothing else`;
    if (!takes[key](value)) return `${key} has a value that it does not take`;
  }
  return then(json as Record<string, unknown>);
}

function deletionOf(body: Uint8Array): Named | string {
  return bodyOf(body, { party: isParty, graceMs: isTime, now: value => typeof value === "boolean" }, ({ party, graceMs = GRACE_MS, now = false }) =>
    ({ party: party as string | undefined, call: { kind: "delete", graceMs: graceMs as number, now: now as boolean } }));
}

function rewindOf(body: Uint8Array): Named | string {
  return bodyOf(body, { party: isParty, at: isTime, bookmark: value => typeof value === "string" && /^[0-9a-f-]{1,256}$/.test(value) }, ({ party, at = 0, bookmark = "" }) =>
    (at === 0) === (bookmark === "") ? 'say either a time as "at" (ms since 1970) or a "bookmark"'
      : { party: party as string | undefined, call: { kind: "rewind", at: at as number, bookmark: bookmark as string } });
}

function kickOf(body: Uint8Array): Named | string {
  let json: unknown;
  try { json = JSON.parse(new TextDecoder().decode(body)); } catch { return "the body is no JSON object"; }
  if (typeof json !== "object" || json === null || Array.isArray(json)) return "the body is no JSON object";
  const { userId = null, all = false, code = 4403, reason = "kicked", ...rest } = json as Record<string, unknown>;
  if (Object.keys(rest).length > 0 || typeof all !== "boolean" || typeof reason !== "string" || !Number.isInteger(code)) {
    return 'it takes {"userId"?, "all"?, "code"?, "reason"?} and nothing else';
  }
  if (userId !== null && typeof userId !== "string") return "userId is text";
  if ((userId === null) !== all) return 'say either a userId or "all": true';
  if ((code as number) < 4000 || (code as number) > 4999) return "code is a close code from 4000 to 4999";
  return { call: { kind: "kick", user: userId, code: code as number, reason: cut(reason) } };
}

/** Cuts at a character. */
function cut(text: string): string {
  const bytes = new Uint8Array(REASON_BYTES_MAX);
  return text.slice(0, new TextEncoder().encodeInto(text, bytes).read);
}

const isPost = (call: Call): boolean => call.kind === "kick" || call.kind === "recheck";

function ask(env: Env, party: string, room: string, call: Call, body?: Uint8Array): Promise<Response> {
  const visit: Visit = { party, room, hasPk: false, protocol: "", decision: null, decidedAt: 0, token: "", call };
  return env.ROOM.get(env.ROOM.idFromName(`${party}/${room}`)).fetch(visitRequest(null, visit, body));
}

async function onRoom(env: Env, party: string, room: string, call: Call, body: Uint8Array): Promise<Response> {
  if (!isParty(party)) return problem(400, "bad_party", "this is no name of a party");
  const answer = await ask(env, party, room, call, call.kind === "import" ? body : undefined);
  if (answer.ok && call.kind !== "bookmark") log("info", `room: ${call.kind}`, { room: `${party}/${room}` });
  return answer;
}

async function onParties(env: Env, settings: Settings, named: string | null, room: string, call: Call): Promise<Response> {
  const answers = await Promise.all((named === null || isPost(call) ? settings.parties : [named]).map(party => ask(env, party, room, call)));
  if (call.kind === "state") return answers[0]!;
  if (call.kind === "room") return together(answers);
  let sum = 0;
  for (const answer of answers) sum += Object.values(await answer.json<Record<string, number>>())[0] ?? 0;
  log("info", call.kind === "kick" ? "kicked" : "rechecked", { room, connections: sum });
  return Response.json({ [call.kind === "kick" ? "kicked" : "rechecked"]: sum });
}

interface Described { connections: number; users: { userId: string; permission: string; connections: number }[]; stored: { room: string } | null; backup?: object }

async function together(answers: Response[]): Promise<Response> {
  const all: Described = { connections: 0, users: [], stored: null };
  for (const answer of answers) {
    const one = await answer.json<Described>();
    all.connections += one.connections;
    if (all.stored === null || one.stored?.room.startsWith("main/") === true) {
      all.stored = one.stored;
      if (one.backup !== undefined) all.backup = one.backup;
    }
    for (const user of one.users) {
      const known = all.users.find(other => other.userId === user.userId);
      if (known === undefined) all.users.push(user);
      else known.connections += user.connections;
    }
  }
  return Response.json(all);
}
