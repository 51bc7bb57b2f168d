/**
 * The signature of requests between partyd and the application, the same in both directions:
 *
 *     X-Collab-Timestamp   unix seconds
 *     X-Collab-Sha256      lower-case hex SHA-256 of the body
 *     X-Collab-Signature   v1=<hex HMAC-SHA-256(secret, METHOD \n path \n timestamp \n room \n seq \n sha256)>
 *
 * The path is that of the URL alone, so that proxies may rewrite hosts. Several secrets, separated
 * by commas, are in rotation: the sender signs with each (comma-separated `v1=` values), the
 * receiver takes a request that any of its secrets signed.
 */
import { hex, hmac, sameText, sha256, utf8 } from "./bytes.js";

/** How far the two clocks may be apart, either way. */
export const CLOCK_SKEW_SECONDS = 300;

/** Signatures looked at in one header: during a rotation there are two. */
const SIGNATURES_MAX = 4;

export type RequestToSign = {
  method: string;
  /** Path of the URL, without host and query. */
  path: string;
  /** The room the request is about, "" if none. */
  room?: string;
  seq?: number | string;
  body?: Uint8Array | string;
  /** Milliseconds since 1970; default now. */
  now?: number;
};

export type SignatureHeaders = {
  "X-Collab-Timestamp": string;
  "X-Collab-Sha256": string;
  "X-Collab-Signature": string;
};

export type Refusal = { ok: false; status: 400 | 401; code: string };

export type VerifyOptions = {
  /** The secret, or several separated by commas. */
  secret: string;
  room?: string;
  seq?: number | string;
  /** Milliseconds since 1970; default now. */
  now?: number;
};

const secretsOf = (text: string) => text.split(",").map((one) => one.trim()).filter(Boolean);

/** Lower-case hex SHA-256 of a body. */
export async function sha256Hex(body: Uint8Array | string): Promise<string> {
  return hex(await sha256(typeof body === "string" ? utf8(body) : body));
}

function textToSign(
  method: string, path: string, timestamp: string, room: string, seq: string, digest: string,
): string {
  return [method.toUpperCase(), path, timestamp, room, seq, digest].join("\n");
}

/** Headers that make a request authentic. Throws when there is no secret. */
export async function signRequest(
  secret: string, request: RequestToSign,
): Promise<SignatureHeaders> {
  const secrets = secretsOf(secret);
  if (secrets.length === 0) throw new Error("@partyd/convex: the secret is empty");
  const timestamp = String(Math.floor((request.now ?? Date.now()) / 1000));
  const digest = await sha256Hex(request.body ?? "");
  const seq = String(request.seq ?? "");
  const text = textToSign(
    request.method, request.path, timestamp, request.room ?? "", seq, digest);
  const signatures = await Promise.all(secrets.map(async (one) => `v1=${hex(await hmac(one, text))}`));
  return {
    "X-Collab-Timestamp": timestamp,
    "X-Collab-Sha256": digest,
    "X-Collab-Signature": signatures.join(","),
  };
}

/**
 * Checks clock and signature of a request before its body is read; then read the body and give it
 * to {@link verifyBody}. Until both said yes the request is a stranger's.
 */
export async function verifyRequest(
  request: { method: string; url: string; headers: { get(name: string): string | null } },
  options: VerifyOptions,
): Promise<{ ok: true; sha256: string } | Refusal> {
  const timestamp = request.headers.get("X-Collab-Timestamp") ?? "";
  const digest = request.headers.get("X-Collab-Sha256") ?? "";
  const offered = (request.headers.get("X-Collab-Signature") ?? "").split(",");
  if (!/^[0-9]{1,12}$/.test(timestamp) || !/^[0-9a-f]{64}$/.test(digest)) {
    return { ok: false, status: 401, code: "bad_signature" };
  }
  const path = new URL(request.url).pathname;
  const text = textToSign(
    request.method, path, timestamp, options.room ?? "", String(options.seq ?? ""), digest);
  let known = false;
  for (const secret of secretsOf(options.secret)) {
    const expected = `v1=${hex(await hmac(secret, text))}`;
    for (const one of offered.slice(0, SIGNATURES_MAX)) {
      if (sameText(one.trim(), expected)) known = true;
    }
  }
  if (!known) return { ok: false, status: 401, code: "bad_signature" };
  const now = Math.floor((options.now ?? Date.now()) / 1000);
  if (Math.abs(now - Number(timestamp)) > CLOCK_SKEW_SECONDS) {
    return { ok: false, status: 401, code: "stale_timestamp" };
  }
  return { ok: true, sha256: digest };
}

/** Checks that a body is the one that was signed. */
export async function verifyBody(
  verified: { sha256: string }, body: Uint8Array | string,
): Promise<{ ok: true } | Refusal> {
  if (sameText(await sha256Hex(body), verified.sha256)) return { ok: true };
  return { ok: false, status: 400, code: "sha_mismatch" };
}
