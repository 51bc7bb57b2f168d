// Signed requests between the application and partyd: rule A20.
import { hasControls } from "./token.ts";

const SKEW_S = 300;
const VALUES_MAX = 8;
const encoder = new TextEncoder();
const hex = (buffer: ArrayBuffer): string => Array.from(new Uint8Array(buffer), b => b.toString(16).padStart(2, "0")).join("");

export const sha256 = async (body: Uint8Array): Promise<string> => hex(await crypto.subtle.digest("SHA-256", body));

const hmacKey = (secret: string): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", encoder.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);

export async function signedHeaders(method: string, path: string, room: string, seq: string, body: Uint8Array, secret: string): Promise<Record<string, string>> {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const hash = await sha256(body);
  const text = [method, path, timestamp, room, seq, hash].join("\n");
  const signature = hex(await crypto.subtle.sign("HMAC", await hmacKey(secret), encoder.encode(text)));
  return { "X-Collab-Timestamp": timestamp, "X-Collab-Sha256": hash, "X-Collab-Signature": `v1=${signature}` };
}

function bytesOf(value: string): Uint8Array | null {
  if (!/^v1=[0-9a-f]{64}$/.test(value)) return null;
  return Uint8Array.from(value.slice(3).match(/../g)!, pair => parseInt(pair, 16));
}

export interface Signed { method: string; path: string; timestamp: string; room: string; seq: string; hash: string; signature: string }

export async function isSigned(s: Signed, body: Uint8Array, secrets: string[], nowS: number): Promise<boolean> {
  const given = s.signature.split(",").slice(0, VALUES_MAX).map(value => bytesOf(value.trim())).filter(value => value !== null);
  if (!/^\d{1,15}$/.test(s.timestamp) || Math.abs(nowS - Number(s.timestamp)) > SKEW_S) return false;
  if ([s.method, s.path, s.room, s.seq, s.hash].some(hasControls)) return false;
  const text = encoder.encode([s.method, s.path, s.timestamp, s.room, s.seq, s.hash].join("\n"));
  let ok = false;
  for (const secret of secrets) {
    const key = await hmacKey(secret);
    for (const value of given) if (await crypto.subtle.verify("HMAC", key, value, text)) ok = true;
  }
  if (!ok) return false;
  return (s.hash === "" && s.method === "GET" && body.length === 0) || s.hash === await sha256(body);
}

export function requestIsSigned(request: Request, path: string, room: string, body: Uint8Array, secrets: string[]): Promise<boolean> {
  const header = (name: string): string => request.headers.get(name) ?? "";
  return isSigned({
    method: request.method, path, room, seq: "",
    timestamp: header("X-Collab-Timestamp"), hash: header("X-Collab-Sha256"), signature: header("X-Collab-Signature"),
  }, body, secrets, Math.floor(Date.now() / 1000));
}
