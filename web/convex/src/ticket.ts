/**
 * Room tickets: short JWTs that let one user into one room with one permission. partyd checks them
 * with the same secret (HS256) or with the public half of the key (ES256) and asks nobody.
 */
import { base64url, hmac, utf8 } from "./bytes.js";

/** How long a ticket is good, unless told otherwise: long enough to open a socket with it. */
export const TICKET_SECONDS = 60;

export type Permission = "read" | "comment" | "write";

/**
 * A text: the shared secret, signed HS256; of several, separated by commas, the first signs.
 * A JWK: a private EC P-256 key, signed ES256; its `kid` goes into the header.
 */
export type TicketKey = string | (JsonWebKey & { kid?: string });

export type TicketOptions = {
  key: TicketKey;
  /** The origin of the Convex HTTP actions: `process.env.CONVEX_SITE_URL`. */
  issuer: string;
  /** Stable id of the user; partyd ties presence and audit lines to it. */
  userId: string;
  room: string;
  permission: Permission;
  name?: string | null;
  color?: string | null;
  /** Default "partyd". */
  audience?: string;
  /** Seconds; default {@link TICKET_SECONDS}. */
  seconds?: number;
  /** Milliseconds since 1970; default now. */
  now?: number;
};

/**
 * Makes a ticket. Call it in a Convex *mutation*: the result of a query is cached and its
 * expiry would grow old. Throws when the key is empty or no P-256 key.
 * @returns the ticket, and when it expires in milliseconds since 1970
 */
export async function signTicket(
  options: TicketOptions,
): Promise<{ ticket: string; expiresAt: number }> {
  const issued = Math.floor((options.now ?? Date.now()) / 1000);
  const expires = issued + (options.seconds ?? TICKET_SECONDS);
  const claims = {
    iss: options.issuer,
    aud: options.audience ?? "partyd",
    sub: options.userId,
    room: options.room,
    perm: options.permission,
    ...(options.name ? { name: options.name } : {}),
    ...(options.color ? { color: options.color } : {}),
    iat: issued,
    exp: expires,
    jti: base64url(crypto.getRandomValues(new Uint8Array(12))),
  };
  const signed = typeof options.key === "string" ? withSecret : withPrivateKey;
  return { ticket: await signed(options.key as never, claims), expiresAt: expires * 1000 };
}

const part = (value: object) => base64url(utf8(JSON.stringify(value)));

async function withSecret(secrets: string, claims: object): Promise<string> {
  const secret = secrets.split(",")[0]!.trim();
  const input = `${part({ alg: "HS256", typ: "room+jwt" })}.${part(claims)}`;
  return `${input}.${base64url(await hmac(secret, input))}`;
}

async function withPrivateKey(jwk: JsonWebKey & { kid?: string }, claims: object): Promise<string> {
  if (jwk.kty !== "EC" || jwk.crv !== "P-256") {
    throw new Error("@partyd/convex: the ticket key must be an EC P-256 key (ES256)");
  }
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const key = await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["sign"]);
  const header = { alg: "ES256", typ: "room+jwt", ...(jwk.kid ? { kid: jwk.kid } : {}) };
  const input = `${part(header)}.${part(claims)}`;
  const signing = { name: "ECDSA", hash: "SHA-256" };
  const signature = await crypto.subtle.sign(signing, key, utf8(input));
  return `${input}.${base64url(new Uint8Array(signature))}`;
}
