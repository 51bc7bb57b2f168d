// Public keys of issuers: which are usable (rule A4), and where they come from (A12).
import { strictObject } from "./json.ts";
import { base64url } from "./token.ts";
import { log } from "../log.ts";

export type Alg = "RS256" | "PS256" | "ES256" | "EdDSA";
export const ALGS: readonly string[] = ["RS256", "PS256", "ES256", "EdDSA"];

export interface Key { kind: "RSA" | "EC" | "OKP"; kid: string | null; alg: Alg | null; jwk: JsonWebKey; imported: Map<Alg, Promise<CryptoKey>> }

const SET_BYTES_MAX = 65536;
const SET_KEYS_MAX = 64;
const KID_MAX = 256;
const ALGS_OF = { RSA: ["RS256", "PS256"], EC: ["ES256"], OKP: ["EdDSA"] } as const;
/** A point of small order verifies signatures that nobody made. All their encodings, sign cleared. */
const SMALL_ORDER = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);

const bytesOf = (value: unknown): Uint8Array | null => typeof value === "string" && value !== "" ? base64url(value) : null;
const hex = (bytes: Uint8Array): string => Array.from(bytes, b => b.toString(16).padStart(2, "0")).join("");
const bits = (bytes: Uint8Array): number => {
  const at = bytes.findIndex(b => b !== 0);
  return at < 0 ? 0 : (bytes.length - at) * 8 - Math.clz32(bytes[at]!) + 24;
};

function rsaOk(jwk: Record<string, unknown>): boolean {
  const n = bytesOf(jwk.n), e = bytesOf(jwk.e);
  if (n === null || e === null || n.length > 513 || e.length > 8) return false;
  const size = bits(n);
  if (size < 2048 || size > 4096 || (n[n.length - 1]! & 1) === 0) return false;
  return bits(e) >= 2 && bits(e) < 33 && (e[e.length - 1]! & 1) === 1;
}

function pointOk(jwk: Record<string, unknown>): boolean {
  const x = bytesOf(jwk.x), y = bytesOf(jwk.y);
  return jwk.crv === "P-256" && x?.length === 32 && y?.length === 32; // on the curve: importKey() looks
}

function ed25519Ok(jwk: Record<string, unknown>): boolean {
  const x = bytesOf(jwk.x);
  if (jwk.crv !== "Ed25519" || x?.length !== 32) return false;
  const cleared = x.slice();
  cleared[31]! &= 0x7f;
  return !SMALL_ORDER.has(hex(cleared));
}

function keyOf(jwk: unknown): Key | null {
  if (typeof jwk !== "object" || jwk === null) return null;
  const j = jwk as Record<string, unknown>;
  if (j.use !== undefined && j.use !== "sig") return null;
  if (j.key_ops !== undefined && !(Array.isArray(j.key_ops) && (j.key_ops.length === 0 || j.key_ops.includes("verify")))) return null;
  if (j.kid !== undefined && (typeof j.kid !== "string" || j.kid.length > KID_MAX)) return null;
  const kind = j.kty;
  if (kind !== "RSA" && kind !== "EC" && kind !== "OKP") return null;
  if (!{ RSA: rsaOk, EC: pointOk, OKP: ed25519Ok }[kind](j)) return null;
  const alg = j.alg ?? null;
  if (alg !== null && !(ALGS_OF[kind] as readonly unknown[]).includes(alg)) return null;
  const bare = { RSA: { kty: "RSA", n: j.n, e: j.e }, EC: { kty: "EC", crv: j.crv, x: j.x, y: j.y }, OKP: { kty: "OKP", crv: j.crv, x: j.x } }[kind];
  return { kind, kid: (j.kid as string | undefined) ?? null, alg: alg as Alg | null, jwk: bare as JsonWebKey, imported: new Map() };
}

/** The usable keys of a set; null: it is none. */
export function keysOf(text: string): Key[] | null {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > SET_BYTES_MAX) return null;
  const keys = strictObject(bytes)?.keys;
  if (!Array.isArray(keys)) return null;
  return keys.map(keyOf).filter(key => key !== null).slice(0, SET_KEYS_MAX);
}

const PARAMETERS: Record<Alg, { name: string; hash?: string; namedCurve?: string; saltLength?: number }> = {
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  PS256: { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 },
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  EdDSA: { name: "Ed25519" },
};

export const keyFits = (key: Key, alg: Alg): boolean => key.alg === null ? (ALGS_OF[key.kind] as readonly string[]).includes(alg) : key.alg === alg;

export async function signedBy(key: Key, alg: Alg, signature: Uint8Array, signed: Uint8Array): Promise<boolean> {
  try {
    let imported = key.imported.get(alg);
    if (imported === undefined) {
      imported = crypto.subtle.importKey("jwk", key.jwk, PARAMETERS[alg], false, ["verify"]);
      key.imported.set(alg, imported);
    }
    return await crypto.subtle.verify(PARAMETERS[alg], await imported, signature, signed);
  } catch { return false; } // a key or a signature that is none
}

// ---- sets that are fetched ---------------------------------------------------------------------

const USED_MS = 5 * 60_000; // as it is
const RENEWED_MS = 60 * 60_000; // and renewed in passing
const LAST_GOOD_MS = 24 * 60 * 60_000;
const AGAIN_MS = 30_000; // for a token that no key verifies
const RETRY_MS = 1000;

/** The keys of one issuer, as text or from an address. Ages are those of rule A12. */
export class KeySet {
  #keys: Key[] | null = null;
  #fetchedAt = -Infinity;
  #triedAt = -Infinity;
  #running: Promise<void> | null = null;
  failed = false;

  constructor(readonly url: string | null, text: string | null, readonly timeoutMs: number) {
    if (text !== null) this.#keys = keysOf(text) ?? [];
  }

  async get(): Promise<Key[] | null> {
    if (this.url === null) return this.#keys;
    const age = Date.now() - this.#fetchedAt;
    if (age > RENEWED_MS) await this.#fetch(RETRY_MS);
    else if (age > USED_MS) void this.#fetch(RETRY_MS);
    return Date.now() - this.#fetchedAt <= LAST_GOOD_MS ? this.#keys : null;
  }

  /** For a token that none of them verifies; true: they are newer now. */
  async renew(): Promise<boolean> {
    const before = this.#fetchedAt;
    if (this.url !== null) await this.#fetch(AGAIN_MS);
    return this.#fetchedAt !== before;
  }

  #fetch(pauseMs: number): Promise<void> {
    if (this.#running !== null) return this.#running;
    if (Date.now() - this.#triedAt < pauseMs) return Promise.resolve();
    this.#triedAt = Date.now();
    this.#running = this.#ask().finally(() => { this.#running = null; });
    return this.#running;
  }

  async #ask(): Promise<void> {
    try {
      const answer = await fetch(this.url!, { redirect: "manual", signal: AbortSignal.timeout(this.timeoutMs) });
      const keys = answer.status === 200 ? keysOf(await answer.text()) : null;
      if (keys === null) throw new Error(`status ${answer.status}`);
      this.#keys = keys;
      this.#fetchedAt = Date.now();
      this.failed = false;
    } catch (error) {
      this.failed = true;
      log("warn", "who may enter cannot be decided", { what: "a key set cannot be fetched", detail: String(error) });
    }
  }
}
