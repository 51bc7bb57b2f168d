// What the application is asked, and what its answer means: rules A13, A14, A16, A17.
import { decision, type Decision } from "./decision.ts";
import { strictObject } from "./json.ts";
import { signedHeaders } from "./signature.ts";
import { TEXT_MAX, byteLength, hasControls, isPermission, shortName } from "./token.ts";
import { joined } from "../bytes.ts";
import type { Settings } from "../settings.ts";

export type Answer = { kind: "decided"; decision: Decision; ttlMs: number | null } | { kind: "down" } | { kind: "unusable"; why: string };

const TTL_MAX = 60_000;
const ANSWER_BYTES_MAX = 65_536;
const COLOR_MAX = 32;

const unusable = (why: string): Answer => ({ kind: "unusable", why });

export async function askApp(settings: Settings, room: string, token: string, known: Decision): Promise<Answer> {
  for (let attempt = 0; ; attempt++) {
    let answer: Response;
    try {
      answer = await request(settings, room, token);
    } catch {
      if (attempt === 0) { await pause(); continue; }
      return { kind: "down" };
    }
    if (answer.status >= 500 && attempt === 0) { await pause(); continue; }
    return read(settings, answer, token, known);
  }
}

const pause = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 100 + Math.random() * 200));

async function request(settings: Settings, room: string, token: string): Promise<Response> {
  const isHook = settings.auth === "hook";
  const url = isHook ? settings.hookUrl : `${settings.convexUrl}/api/query`;
  const content = isHook ? { room, token: token === "" ? null : token } : { path: settings.convexFunction, args: { room }, format: "json" };
  const body = new TextEncoder().encode(JSON.stringify(content));
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  if (isHook) Object.assign(headers, await signedHeaders("POST", new URL(url).pathname, room, "", body, settings.collabSecrets[0]!));
  else if (token !== "") headers.Authorization = `Bearer ${token}`;
  return fetch(url, { method: "POST", body, headers, redirect: "manual", signal: AbortSignal.timeout(settings.backendTimeoutMs) });
}

async function read(settings: Settings, answer: Response, token: string, known: Decision): Promise<Answer> {
  const { status } = answer;
  if (status === 408 || status === 429 || status >= 500) return { kind: "down" };
  if (settings.auth === "convex" && status === 401) {
    return { kind: "decided", decision: notAccepted(token, known), ttlMs: null };
  }
  if (status !== 200) return unusable(`the application answered ${status}`);
  const bytes = await bodyOf(answer);
  if (bytes === null) return unusable("the application's answer is too large, or was cut off");
  const json = strictObject(bytes);
  if (json === null) return unusable("the application's answer is no JSON object");
  if (settings.auth === "hook") return valueRead(json, token, known);
  const { status: outcome, value } = json;
  if (outcome !== "success" || typeof value !== "object" || value === null) return unusable("the application's function has failed");
  return valueRead(value as Record<string, unknown>, token, known);
}

/** null: too large, or it broke off. */
async function bodyOf(answer: Response): Promise<Uint8Array | null> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of answer.body ?? []) {
      length += part.byteLength;
      if (length > ANSWER_BYTES_MAX) return null;
      parts.push(part);
    }
  } catch { return null; }
  return joined(parts);
}

/** Between its end and ours a token is asked about; Convex is stricter. */
function notAccepted(token: string, known: Decision): Decision {
  if (token === "") return decision("token_missing", "Convex wants to know who this is");
  const isOver = known.expiresAt !== 0 && known.expiresAt <= Date.now() / 1000;
  return decision(isOver ? "token_expired" : "token_invalid", "Convex does not accept the token");
}

const isMs = (value: unknown): boolean => value == null || (typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER);

function valueRead(value: Record<string, unknown>, token: string, known: Decision): Answer {
  const { allowed, permission, userId, name, color, reason, ttlMs, expiresAt } = value;
  if (typeof allowed !== "boolean") return unusable("allowed is not true or false");
  if (!isMs(ttlMs) || !isMs(expiresAt)) return unusable("ttlMs or expiresAt is no number of milliseconds");
  const ttl = ttlMs == null ? null : Math.min(ttlMs as number, TTL_MAX);
  const d = { ...known };
  if (expiresAt != null) {
    const ends = Math.trunc((expiresAt as number) / 1000);
    if (d.expiresAt === 0 || ends < d.expiresAt) d.expiresAt = ends;
  }
  const decided = (made: Decision): Answer => ({ kind: "decided", decision: made, ttlMs: ttl });
  if (!allowed) return decided(refusal(reason, token, d));
  if (typeof userId === "string") {
    if (userId === "" || byteLength(userId) > TEXT_MAX || hasControls(userId)) return unusable("userId is no text of 1 to 256 bytes");
    d.userId = userId;
  } else if (userId != null) {
    return unusable("userId is no text of 1 to 256 bytes");
  }
  if (typeof name === "string") d.name = shortName(name);
  d.color = typeof color === "string" && byteLength(color) <= COLOR_MAX ? color : "";
  if (!isPermission(permission)) return unusable("permission is none of none, read, comment, write");
  if (permission === "none") return decided({ ...d, reason: "forbidden", permission: "none", why: "the application gives no right to this room" });
  return decided({ ...d, reason: "allowed", permission, why: "by the application" });
}

function refusal(reason: unknown, token: string, d: Decision): Decision {
  const no = (r: Decision["reason"], why: string): Decision => ({ ...d, reason: r, permission: "none", why });
  switch (reason) {
    case "bad_room": return no("bad_room", "the application cannot read this room name");
    case "not_found": return no("not_found", "the application knows no such document");
    case "unauthenticated": return no(token === "" ? "token_missing" : "token_invalid", "the application wants to know who this is");
    default: return no("forbidden", "the application gives no right to this room");
  }
}
