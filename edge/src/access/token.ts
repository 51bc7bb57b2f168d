// Tokens: their form (A1, A2) and what they say (A6 to A11). Nothing is believed before the signature is good.
import { decision, type Decision, type Permission } from "./decision.ts";
import { strictObject } from "./json.ts";
import { ALGS, keyFits, signedBy, type Alg, type Key } from "./keys.ts";
import type { Settings } from "../settings.ts";

export const TOKEN_MAX = 8192;
const TRIES_MAX = 8;
const EXP_SKEW = 30;
const NBF_SKEW = 60;
const TICKET_LIFE = 3600;
const PATTERNS_MAX = 512;
export const TEXT_MAX = 256; // bytes of user, name
const CONVEX_SUB = /^([A-Za-z0-9]{24,})\|[A-Za-z0-9]{24,}$/;

export type Claims = Record<string, unknown>;
export interface Token { alg: Alg | "HS256"; kid: string | null; claims: Claims; signed: Uint8Array; signature: Uint8Array }

const encoder = new TextEncoder();
export const byteLength = (text: string): number => encoder.encode(text).length;
export const hasControls = (text: string): boolean => /[\0-\x1f\x7f]/.test(text);

/** Without padding, white space, or unused bits that are set. */
export function base64url(text: string): Uint8Array | null {
  if (!/^[A-Za-z0-9_-]+$/.test(text) || text.length % 4 === 1) return null;
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, c => c.charCodeAt(0));
  const again = btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return again === text ? bytes : null;
}

/** The parts of a token, or why it is none. */
export function tokenRead(text: string): Token | string {
  if (text.length > TOKEN_MAX) return "the token is longer than 8,192 bytes";
  const parts = text.split(".");
  const signature = base64url(parts[2] ?? "");
  if (parts.length !== 3 || signature === null) return "the token is not three parts of base64url";
  const [header, claims] = [parts[0]!, parts[1]!].map(part => {
    const bytes = base64url(part);
    return bytes === null ? null : strictObject(bytes);
  });
  if (header == null) return "the token's header or payload is no JSON object in base64url";
  const { alg, kid } = header;
  if (typeof alg !== "string" || !(alg === "HS256" || ALGS.includes(alg))) return "the token's algorithm is none of RS256, PS256, ES256, EdDSA and HS256";
  if ("crit" in header) return "the token has critical extensions";
  if (kid !== undefined && typeof kid !== "string") return "the token's key id is no string";
  if (claims == null) return "the token's header or payload is no JSON object in base64url";
  return { alg: alg as Alg | "HS256", kid: kid ?? null, claims, signature, signed: encoder.encode(`${parts[0]}.${parts[1]}`) };
}

export async function signedBySecret(token: Token, secrets: string[]): Promise<boolean> {
  if (token.alg !== "HS256" || token.signature.length !== 32) return false;
  let ok = false;
  for (const secret of secrets) {
    const key = await crypto.subtle.importKey("raw", encoder.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
    if (await crypto.subtle.verify("HMAC", key, token.signature, token.signed)) ok = true; // in constant time, says the standard
  }
  return ok;
}

const L = 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3edn;
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const big = (bytes: Uint8Array): bigint => BigInt(`0x${Array.from(bytes, b => b.toString(16).padStart(2, "0")).join("")}`);

/** Signatures have one form (A5). */
function formOk(token: Token): boolean {
  const s = token.signature;
  if (token.alg === "ES256") {
    if (s.length !== 64) return false;
    const [r, t] = [big(s.subarray(0, 32)), big(s.subarray(32))];
    return r > 0n && r < N && t > 0n && t < N;
  }
  if (token.alg === "EdDSA") return s.length === 64 && big(s.slice(32).reverse()) < L;
  return true;
}

export async function signedBySet(token: Token, keys: Key[]): Promise<boolean> {
  const alg = token.alg;
  if (alg === "HS256" || !formOk(token)) return false;
  // Convex Auth's tokens have no key id, and neither has its key.
  const byKid = token.kid !== null && keys.some(key => key.kid === token.kid);
  const fitting = keys.filter(key => (!byKid || key.kid === token.kid) && keyFits(key, alg)).slice(0, TRIES_MAX);
  for (const key of fitting) if (await signedBy(key, alg, token.signature, token.signed)) return true;
  return false;
}

// ---- claims ------------------------------------------------------------------------------------

const bareIssuer = (issuer: string): string => issuer.replace(/^https:\/\//, "").replace(/\/+$/, "");
export const issuerOf = (claims: Claims, issuers: string[]): number => {
  const { iss } = claims;
  return typeof iss !== "string" || bareIssuer(iss) === "" ? -1 : issuers.findIndex(one => bareIssuer(one) === bareIssuer(iss));
};

const isDate = (value: unknown): value is number => typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
const notBeforeOk = (value: unknown, now: number): boolean => value === undefined || (isDate(value) && Math.trunc(value) <= now + NBF_SKEW);
export const isPermission = (value: unknown): value is Permission => value === "none" || value === "read" || value === "comment" || value === "write";

function audienceOk(aud: unknown, audience: string[]): boolean {
  if (audience.length === 1 && audience[0] === "*") return true;
  if (!Array.isArray(aud)) return typeof aud === "string" && audience.includes(aud);
  return aud.every(item => typeof item === "string") && aud.some(item => audience.includes(item as string));
}

/** Cut at a character, at 256 bytes. */
export function shortName(name: unknown): string {
  if (typeof name !== "string") return "";
  const { read } = encoder.encodeInto(name, new Uint8Array(TEXT_MAX));
  return name.slice(0, read);
}

const bad = (why: string): Decision => decision("token_invalid", why);

/** What every token has to say; "allowed" as far as that goes. */
export function claimsRead(claims: Claims, audience: string[], now: number): Decision {
  if (!audienceOk(claims.aud, audience)) return bad("the token is for another audience");
  if (!isDate(claims.exp)) return bad("the token has no usable exp");
  if (!notBeforeOk(claims.nbf, now) || !notBeforeOk(claims.iat, now)) return bad("the token is from the future, or nbf or iat is broken");
  const { sub } = claims;
  if (typeof sub !== "string" || sub === "" || byteLength(sub) > TEXT_MAX || hasControls(sub)) return bad("the token's sub is missing, empty or too long");
  const exp = Math.trunc(claims.exp);
  const who = { userId: CONVEX_SUB.exec(sub)?.[1] ?? sub, name: shortName(claims.name), expiresAt: exp };
  // Last, so that only a token that is good but for the time is told apart.
  if (now > exp + EXP_SKEW) return decision("token_expired", "the token's time is over", who);
  return decision("allowed", "the token is good", who);
}

export function ticketRead(claims: Claims, room: string, now: number, d: Decision): Decision {
  const { jti, perm } = claims;
  if (jti !== undefined && (typeof jti !== "string" || jti === "")) return bad("the ticket's jti is no text");
  if (typeof claims.room !== "string" || !isPermission(perm)) return bad("the ticket has no room or no permission");
  if (d.expiresAt > now + TICKET_LIFE + NBF_SKEW) return bad("the ticket lives longer than an hour");
  const who = { ...d, permission: "none" as const };
  if (claims.room !== room) return { ...who, reason: "forbidden", why: "the ticket is for another room" };
  if (perm === "none") return { ...who, reason: "forbidden", why: "the ticket gives no permission" };
  return { ...d, reason: "allowed", permission: perm, why: "by ticket" };
}

/** How much of the room's name a pattern spells out; -1: it does not match. */
function weight(pattern: string, room: string): number {
  if (!pattern.endsWith("*")) return pattern === room ? room.length + 1 : -1;
  return room.startsWith(pattern.slice(0, -1)) ? pattern.length - 1 : -1;
}

export function roomsRead(claims: Claims, settings: Settings, room: string, d: Decision): Decision {
  const rooms = claims[settings.roomsClaim];
  const no = (reason: Decision["reason"], why: string): Decision => ({ ...d, reason, why, permission: "none" });
  if (!Object.hasOwn(claims, settings.roomsClaim)) return no("forbidden", "the token names no rooms");
  if (typeof rooms !== "object" || rooms === null || Array.isArray(rooms) || Object.keys(rooms).length > PATTERNS_MAX) {
    return no("token_invalid", "the token's rooms are no object, or too many");
  }
  let best = -1, permission: Permission = "none";
  for (const [pattern, right] of Object.entries(rooms)) {
    const star = pattern.indexOf("*");
    // A pattern that is not understood may be one that takes a right away: refuse it all.
    if (pattern === "" || (star >= 0 && star !== pattern.length - 1) || !isPermission(right)) {
      return no("token_invalid", "the token's rooms hold a broken pattern or right");
    }
    const w = weight(pattern, room);
    if (w > best) { best = w; permission = right; }
  }
  if (best < 0 || permission === "none") return no("forbidden", "the token gives no right to this room");
  return { ...d, reason: "allowed", permission, why: "by the token's rooms" };
}
