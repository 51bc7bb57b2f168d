// From a token to a decision: docs/security.md. One for all that this isolate does; what is remembered is so
// for this isolate.
import { askApp } from "./app.ts";
import { decision, type Decision } from "./decision.ts";
import { KeySet } from "./keys.ts";
import { sha256 } from "./signature.ts";
import { TOKEN_MAX, byteLength, claimsRead, hasControls, issuerOf, roomsRead, signedBySecret, signedBySet, ticketRead, tokenRead, type Token } from "./token.ts";
import { log } from "../log.ts";
import type { Settings } from "../settings.ts";
import type { Ticket } from "../store.ts";

export interface Made { decision: Decision; decidedAt: number; ticket?: Ticket }

const ROOM_BYTES_MAX = 1024;
const CACHE_MAX = 16_384;
const EXP_SKEW = 30;

/** fresh: what is remembered does not count. */
export async function decide(settings: Settings, room: string, token: string, fresh: boolean): Promise<Made> {
  const decidedAt = Date.now();
  const is = (d: Decision): Made => ({ decision: d, decidedAt });
  if (room === "" || byteLength(room) > ROOM_BYTES_MAX || hasControls(room)) return is(decision("bad_room", "the room's name is too long or holds control characters"));
  if (settings.auth === "hook") {
    const ok = token.length <= TOKEN_MAX && /^[\x20-\x7e]*$/.test(token);
    return ok ? ask(settings, room, token, decision("allowed", ""), fresh) : is(decision("token_invalid", "the token is too long, or not printable ASCII"));
  }
  if (token === "") {
    const missing = decision("token_missing", "there is no token");
    return settings.auth === "convex" ? ask(settings, room, token, missing, fresh) : is(missing);
  }
  const parts = tokenRead(token);
  if (typeof parts === "string") return is(decision("token_invalid", parts));
  const now = Math.floor(decidedAt / 1000);
  const d = await judge(settings, parts, room, now);
  if (settings.auth === "convex" && d.reason === "allowed") return ask(settings, room, token, d, fresh);
  if (settings.auth !== "ticket") return is(d);
  // A ticket is for entering: whoever is in does not have to leave when its minute is over.
  const made = is({ ...d, expiresAt: 0 });
  const { jti, iss } = parts.claims;
  if (d.reason !== "allowed" || typeof jti !== "string") return made;
  const id = await sha256(new TextEncoder().encode(JSON.stringify([typeof iss === "string" ? iss : null, jti])));
  return { ...made, ticket: { id: id.slice(0, 32), until: d.expiresAt + EXP_SKEW } };
}

async function judge(settings: Settings, token: Token, room: string, now: number): Promise<Decision> {
  const issuer = issuerOf(token.claims, settings.issuers);
  if (issuer < 0 && settings.issuers.length > 0) return decision("token_invalid", "the token is from another issuer");
  const signature = await signatureOf(settings, token, issuer);
  if (signature !== null) return signature;
  const basic = claimsRead(token.claims, settings.audience, now);
  if (basic.reason !== "allowed" && basic.reason !== "token_expired") return basic;
  let d = basic;
  if (settings.auth === "ticket") d = ticketRead(token.claims, room, now, basic);
  if (settings.auth === "jwt") d = roomsRead(token.claims, settings, room, basic);
  // Expired is said of a token that would do otherwise: then a fresh one will.
  const otherwise = d.reason !== "token_invalid" && d.reason !== "forbidden";
  return basic.reason === "token_expired" && otherwise ? { ...d, reason: "token_expired", permission: "none", why: basic.why } : d;
}

/** null: it is good. */
async function signatureOf(settings: Settings, token: Token, issuer: number): Promise<Decision | null> {
  const no = decision("token_invalid", "no key of the issuer verifies the token");
  const nobody = decision("unavailable", "the issuer's key set cannot be asked now");
  if (token.alg === "HS256") {
    // Only ever a ticket's secret: a public key is never taken for one.
    return settings.auth === "ticket" && await signedBySecret(token, settings.ticketSecrets) ? null : no;
  }
  const sets = keySets(settings);
  const set = sets[sets.length === 1 || issuer < 0 ? 0 : issuer];
  if (set === undefined) return no;
  let keys = await set.get();
  if (keys === null) return nobody;
  if (await signedBySet(token, keys)) return null;
  if (await set.renew()) {
    keys = await set.get();
    if (keys !== null && await signedBySet(token, keys)) return null;
  }
  // Perhaps the issuer has changed its keys, and we cannot know: not the token's fault.
  return set.failed ? nobody : no;
}

const SETS = new WeakMap<Settings, KeySet[]>();

function keySets(settings: Settings): KeySet[] {
  let sets = SETS.get(settings);
  if (sets === undefined) SETS.set(settings, sets = keySetsMake(settings));
  return sets;
}

function keySetsMake(settings: Settings): KeySet[] {
  const { auth, ticketJwks, jwks, jwksUrl, issuers, backendTimeoutMs: ms } = settings;
  if (auth === "ticket") {
    if (ticketJwks === "") return [];
    return [ticketJwks.trimStart().startsWith("{") ? new KeySet(null, ticketJwks, ms) : new KeySet(ticketJwks, null, ms)];
  }
  if (jwks !== "") return [new KeySet(null, jwks, ms)];
  if (jwksUrl.length === 1) return [new KeySet(jwksUrl[0]!, null, ms)];
  return issuers.map((one, i) => {
    const given = jwksUrl[i] ?? "";
    if (given !== "") return new KeySet(given, null, ms);
    const base = (one.includes("://") ? one : `https://${one}`).replace(/\/+$/, "");
    return new KeySet(`${base}/.well-known/jwks.json`, null, ms);
  });
}

// ---- what the application says -----------------------------------------------------------------

interface Remembered { decision: Decision; decidedAt: number; freshUntil: number; staleUntil: number }
const cache = new Map<string, Remembered>();
const running = new Map<string, Promise<Made>>();

async function ask(settings: Settings, room: string, token: string, known: Decision, fresh: boolean): Promise<Made> {
  const key = await sha256(new TextEncoder().encode(JSON.stringify([settings.auth, settings.hookUrl, settings.convexUrl, room, token])));
  const now = Date.now();
  const seen = cache.get(key);
  if (!fresh && seen !== undefined && seen.freshUntil > now && !isOver(seen.decision, now)) return { decision: { ...seen.decision, remembered: true }, decidedAt: seen.decidedAt };
  const others = fresh ? undefined : running.get(key);
  if (others !== undefined) return others;
  const made = askOnce(settings, room, token, known, key).finally(() => { if (running.get(key) === made) running.delete(key); });
  running.set(key, made);
  return made;
}

const isOver = (d: Decision, now: number): boolean => d.expiresAt !== 0 && d.expiresAt * 1000 <= now;

async function askOnce(settings: Settings, room: string, token: string, known: Decision, key: string): Promise<Made> {
  const decidedAt = Date.now();
  const answer = await askApp(settings, room, token, known);
  if (answer.kind === "decided") {
    remember(settings, key, answer.decision, answer.ttlMs, decidedAt);
    return { decision: answer.decision, decidedAt };
  }
  if (answer.kind === "unusable") {
    log("warn", "who may enter cannot be decided", { what: "the application's answer cannot be used", detail: answer.why });
    return { decision: decision("unavailable", "the application's answer cannot be used"), decidedAt };
  }
  const seen = cache.get(key);
  const now = Date.now();
  if (seen !== undefined && seen.staleUntil > now && !isOver(seen.decision, now)) return { decision: { ...seen.decision, remembered: true }, decidedAt: seen.decidedAt };
  return { decision: decision("unavailable", "the application cannot be asked, and nothing is known"), decidedAt };
}

function remember(settings: Settings, key: string, d: Decision, ttlMs: number | null, now: number): void {
  const freshMs = ttlMs ?? (d.reason === "allowed" ? settings.rememberMs : settings.rememberMs / 5);
  cache.delete(key);
  cache.set(key, { decision: d, decidedAt: now, freshUntil: now + freshMs, staleUntil: now + Math.max(freshMs, settings.staleMs) });
  if (cache.size > CACHE_MAX) cache.delete(cache.keys().next().value!);
}
