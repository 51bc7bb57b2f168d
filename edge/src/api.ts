// The HTTP API of the application's backend, as the Worker sees it: rules D20, D21. Which rooms there are in
// which parties nobody knows at the edge: those of PARTYD_PARTIES are asked.
import { requestIsSigned } from "./access/signature.ts";
import { log } from "./log.ts";
import type { Env, Settings } from "./settings.ts";
import { visitRequest, type Call, type Visit } from "./visit.ts";

const BODY_BYTES_MAX = 65536;
const REASON_BYTES_MAX = 123; // RFC 6455 5.5

const problem = (status: number, code: string, message: string): Response => Response.json({ code, message }, { status });

export async function api(request: Request, url: URL, env: Env, settings: Settings): Promise<Response> {
  const [, , kind, room, what, more] = url.pathname.split("/");
  if (kind !== "rooms" || room === undefined || room === "" || more !== undefined || ![undefined, "kick", "recheck", "snapshot"].includes(what)) {
    return problem(404, "not_found", "see docs/access.md for what is served here");
  }
  const isPost = what === "kick" || what === "recheck";
  if (request.method !== (isPost ? "POST" : "GET")) return problem(405, "bad_method", isPost ? "use POST" : "use GET");
  const length = request.headers.get("Content-Length");
  if (request.headers.has("Transfer-Encoding") && length === null) return problem(411, "no_length", "send a Content-Length, not chunks");
  if (Number(length ?? 0) > BODY_BYTES_MAX) return problem(413, "too_large", "a body has 64 KiB at most");
  const body = new Uint8Array(await request.arrayBuffer());
  if (body.byteLength > BODY_BYTES_MAX) return problem(413, "too_large", "a body has 64 KiB at most");
  if (!await requestIsSigned(request, url.pathname, room, body, settings.collabSecrets)) {
    return problem(401, "bad_signature", "sign the request with COLLAB_SECRET, which both sides must have");
  }
  const call = what === "kick" ? kickOf(body) : { kind: what === undefined ? "room" : what === "snapshot" ? "state" : "recheck" } as Call;
  if (typeof call === "string") return problem(400, "bad_body", call);
  return onParties(env, settings, url, room, call);
}

function kickOf(body: Uint8Array): Call | string {
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
  return { kind: "kick", user: userId, code: code as number, reason: cut(reason) };
}

/** Cuts at a character. */
function cut(text: string): string {
  const bytes = new Uint8Array(REASON_BYTES_MAX);
  return text.slice(0, new TextEncoder().encodeInto(text, bytes).read);
}

const isPost = (call: Call): boolean => call.kind === "kick" || call.kind === "recheck";

async function onParties(env: Env, settings: Settings, url: URL, room: string, call: Call): Promise<Response> {
  const named = url.searchParams.get("party");
  const answers = await Promise.all((named === null || isPost(call) ? settings.parties : [named]).map(party => {
    const visit: Visit = { party, room, hasPk: false, protocol: "", decision: null, decidedAt: 0, token: "", call };
    return env.ROOM.get(env.ROOM.idFromName(`${party}/${room}`)).fetch(visitRequest(null, visit));
  }));
  if (call.kind === "state") return answers[0]!;
  if (call.kind === "room") return together(answers);
  let sum = 0;
  for (const answer of answers) sum += Object.values(await answer.json<Record<string, number>>())[0] ?? 0;
  log("info", call.kind === "kick" ? "kicked" : "rechecked", { room, connections: sum });
  return Response.json({ [call.kind === "kick" ? "kicked" : "rechecked"]: sum });
}

interface Described { connections: number; users: { userId: string; permission: string; connections: number }[] }

async function together(answers: Response[]): Promise<Response> {
  const all: Described = { connections: 0, users: [] };
  for (const answer of answers) {
    const one = await answer.json<Described>();
    all.connections += one.connections;
    for (const user of one.users) {
      const known = all.users.find(other => other.userId === user.userId);
      if (known === undefined) all.users.push(user);
      else known.connections += user.connections;
    }
  }
  return Response.json(all);
}
