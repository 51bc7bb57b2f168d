// Copies of rooms in the application's Convex, and back: rules E20 to E22 of docs/edge.md, the contract of docs/convex.md.
// Says what a sink says; when, and of what, is the room's affair.
import { sha256, signedHeaders } from "./access/signature.ts";
import type { Settings } from "./settings.ts";

const INLINE_MAX = 12 << 20;
const DOWNLOAD_MAX = 64 << 20;
const VECTOR_MAX = 8192;
const CALL_MS = 30_000;
const UPLOAD_MS = 120_000;
const NOTHING = new Uint8Array(0);

export interface Version { epoch: number; seq: number }
export interface Copy extends Version { bytes: Uint8Array; vector: Uint8Array }
/** Why it could not be done: it is tried again. */
export class BackupError extends Error {}

const base64 = (bytes: Uint8Array): string => {
  let text = "";
  for (let i = 0; i < bytes.byteLength; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
};
const fromHex = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], pair => parseInt(pair, 16));
/** Rooms of `main` by their own name. */
export const backupName = (party: string, room: string): string => party === "main" ? room : `${party}/${room}`;

interface Ask { method: "GET" | "POST"; route: string; query?: Record<string, string>; body?: Uint8Array; headers?: Record<string, string> }

async function ask(s: Settings, { method, route, query = {}, body = NOTHING, headers = {} }: Ask): Promise<Response> {
  const url = new URL(s.convexSite.replace(/\/+$/, "") + route);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const signature = await signedHeaders(method, url.pathname, query.room ?? "", query.seq ?? "", body, s.collabSecrets[0]!);
  return send(url.href, { method, headers: { ...headers, ...signature }, ...(method === "POST" && { body }) }, CALL_MS);
}

async function send(url: string, init: RequestInit, ms: number): Promise<Response> {
  try {
    return await fetch(url, { ...init, redirect: "manual", signal: AbortSignal.timeout(ms) });
  } catch (error) {
    throw new BackupError(`Convex cannot be asked: ${String(error)}`);
  }
}

async function jsonOf(answer: Response): Promise<Record<string, unknown>> {
  try {
    const json: unknown = await answer.json();
    if (typeof json === "object" && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  } catch { /* said below */ }
  throw new BackupError(`Convex answers ${answer.status} without an object`);
}

/** What came by TLS does not go on without. */
function urlIn(s: Settings, value: unknown): string {
  if (typeof value !== "string" || (s.convexSite.startsWith("https:") && !value.startsWith("https:"))) throw new BackupError("Convex gives no usable address");
  return value;
}

const postJson = (s: Settings, route: string, value: object): Promise<Response> =>
  ask(s, { method: "POST", route, body: new TextEncoder().encode(JSON.stringify(value)), headers: { "Content-Type": "application/json" } });

/** stale: Convex has another history. gone: the document was deleted there. */
export type Pushed = { result: "stored" } | { result: "gone" } | ({ result: "stale" } & Version);

export async function push(s: Settings, room: string, copy: Copy): Promise<Pushed> {
  const answer = copy.bytes.byteLength <= INLINE_MAX ? await pushInline(s, room, copy) : await pushLarge(s, room, copy);
  const json = await jsonOf(answer);
  if (answer.status === 404 && json.code === "room_gone") return { result: "gone" };
  if (answer.status === 409 && json.result === "stale") return { result: "stale", epoch: Number(json.epoch), seq: Number(json.seq) };
  if (answer.status === 200 && (json.result === "stored" || json.result === "duplicate")) return { result: "stored" };
  throw new BackupError(`Convex answers ${answer.status} ${String(json.code ?? "")}`);
}

function pushInline(s: Settings, room: string, { epoch, seq, bytes, vector }: Copy): Promise<Response> {
  return ask(s, {
    method: "POST", route: "/collab/backup", query: { room, epoch: String(epoch), seq: String(seq) }, body: bytes,
    headers: { "Content-Type": "application/octet-stream", "X-Collab-Format": "yjs-v1", "X-Collab-Server": "edge", ...(vector.byteLength <= VECTOR_MAX && { "X-Collab-Sv": base64(vector) }) },
  });
}

async function pushLarge(s: Settings, room: string, { epoch, seq, bytes, vector }: Copy): Promise<Response> {
  const hash = await sha256(bytes), offer = { room, epoch, seq, size: bytes.byteLength, sha256: hash };
  const begun = await postJson(s, "/collab/backup/begin", offer), json = await jsonOf(begun.clone());
  if (begun.status !== 200 || json.uploadUrl === undefined) return begun;
  const headers = { "Content-Type": "application/octet-stream", Digest: `sha-256=${base64(fromHex(hash))}` };
  const uploaded = await send(urlIn(s, json.uploadUrl), { method: "POST", headers, body: bytes }, UPLOAD_MS);
  const { storageId } = await jsonOf(uploaded);
  if (uploaded.status !== 200 || typeof storageId !== "string") throw new BackupError(`the upload was answered with ${uploaded.status}`);
  return postJson(s, "/collab/backup/commit", { ...offer, storageId, format: "yjs-v1", server: "edge", ...(vector.byteLength <= VECTOR_MAX && { sv: base64(vector) }) });
}

/** never: it has not heard of this room. */
export type Pulled = { result: "never" } | { result: "gone" } | ({ result: "found"; bytes: Uint8Array } & Version);

export async function pull(s: Settings, room: string): Promise<Pulled> {
  const answer = await ask(s, { method: "GET", route: "/collab/restore", query: { room } });
  const isJson = answer.headers.get("Content-Type")?.startsWith("application/json") === true;
  if (answer.status === 200 && !isJson) {
    const header = (name: string): string => answer.headers.get(`X-Collab-${name}`) ?? "";
    return taken(await bytesOf(answer), { epoch: header("Epoch"), seq: header("Seq"), sha256: header("Sha256"), format: header("Format") });
  }
  const json = await jsonOf(answer);
  if (answer.status === 404 && json.code === "no_snapshot") return { result: "never" };
  if (answer.status === 410 && json.code === "room_gone") return { result: "gone" };
  if (answer.status !== 200 || !(Number(json.size) <= DOWNLOAD_MAX)) throw new BackupError(`Convex answers ${answer.status} ${String(json.code ?? "")}`);
  const file = await send(urlIn(s, json.url), {}, UPLOAD_MS);
  if (file.status !== 200) throw new BackupError(`the address of the backup answers ${file.status}`);
  return taken(await bytesOf(file), json);
}

async function bytesOf(answer: Response): Promise<Uint8Array> {
  try { return new Uint8Array(await answer.arrayBuffer()); } catch (error) { throw new BackupError(`the backup did not come whole: ${String(error)}`); }
}

async function taken(bytes: Uint8Array, said: Record<string, unknown>): Promise<Pulled> {
  const epoch = Number(said.epoch), seq = Number(said.seq);
  if (!Number.isSafeInteger(epoch) || !Number.isSafeInteger(seq) || said.epoch === "" || said.seq === "") throw new BackupError("the backup that came has no numbers");
  if (said.format !== "yjs-v1") throw new BackupError(`the backup that came is of the format ${String(said.format)}; this host takes yjs-v1`);
  if (await sha256(bytes) !== said.sha256) throw new BackupError("the backup that came is not the one that was announced");
  return { result: "found", bytes, epoch, seq };
}
