// The routes that the collaboration server calls, and those of Convex Auth. Everything from the
// server is signed with COLLAB_SECRET (docs/convex.md has the contract).
import { verifyBody, verifyRequest } from "@partyd/convex";
import { httpRouter } from "convex/server";
import { internal } from "./_generated/api";
import { httpAction, type ActionCtx } from "./_generated/server";
import { auth } from "./auth";
import type { Verdict } from "./backups";

const MIB = 1024 * 1024;
/** A larger push goes through an upload address: an action has 64 MiB of memory. */
const PUSH_BYTES_MAX = 12 * MIB;
/** A larger restore is told as an address. */
const RESTORE_BYTES_MAX = 16 * MIB;
const JSON_BYTES_MAX = MIB;
const SV_BASE64_MAX = 8192;
const EVENTS_MAX = 100;
/** Rooms in one page of what there is: each is two reads of one query. */
const LIST_MAX = 100;

const http = httpRouter();
auth.addHttpRoutes(http);

http.route({
  path: "/collab/backup", method: "POST",
  handler: httpAction(async (ctx, request) => {
    const query = new URL(request.url).searchParams;
    const room = query.get("room") ?? "";
    const epoch = wholeNumber(query.get("epoch"));
    const seq = wholeNumber(query.get("seq"));
    const signed = await signedBody(request, room, query.get("seq") ?? "", PUSH_BYTES_MAX);
    if (signed instanceof Response) return signed;
    const format = request.headers.get("X-Collab-Format");
    const sv = request.headers.get("X-Collab-Sv") ?? undefined;
    const server = request.headers.get("X-Collab-Server") ?? undefined;
    if (epoch === null || seq === null || !isFormat(format) || (sv?.length ?? 0) > SV_BASE64_MAX) {
      return answer(400, { code: "bad_request" });
    }
    const version = { room, epoch, seq, sha256: signed.sha256, ...optional({ server }) };
    const looked = await ctx.runQuery(internal.backups.look, version);
    if (looked.result !== "new") return verdict(looked);
    const storageId = await ctx.storage.store(new Blob([signed.body]));
    const size = signed.body.byteLength;
    return verdict(await ctx.runMutation(internal.backups.record, {
      offer: { ...version, size, format, storageId, ...optional({ sv }) },
    }));
  }),
});

http.route({
  path: "/collab/backup/erase", method: "POST",
  handler: httpAction(async (ctx, request) => {
    const json = await signedJson(request);
    if (json instanceof Response) return json;
    const version = versionOf(json);
    if (version === null || typeof json.erased !== "boolean") return answer(400, { code: "bad_request" });
    const { size, ...numbers } = version;
    if (size !== 0) return answer(400, { code: "bad_request" });
    return verdict(await ctx.runMutation(internal.backups.erase, { ...numbers, erased: json.erased }));
  }),
});

http.route({
  path: "/collab/backup/begin", method: "POST",
  handler: httpAction(async (ctx, request) => {
    const json = await signedJson(request);
    if (json instanceof Response) return json;
    const version = versionOf(json);
    if (version === null) return answer(400, { code: "bad_request" });
    const { decided, uploadUrl } = await ctx.runMutation(internal.backups.begin, version);
    return uploadUrl === null ? verdict(decided) : answer(200, { uploadUrl });
  }),
});

http.route({
  path: "/collab/backup/commit", method: "POST",
  handler: httpAction(async (ctx, request) => {
    const json = await signedJson(request);
    if (json instanceof Response) return json;
    const version = versionOf(json);
    const { storageId, format, sv } = json;
    if (version === null || typeof storageId !== "string" || !isFormat(format) ||
        !isOptionalText(sv, SV_BASE64_MAX)) {
      return answer(400, { code: "bad_request" });
    }
    const decided = await ctx.runMutation(internal.backups.commit, {
      offer: { ...version, format, storageId, ...optional({ sv }) },
    });
    return typeof decided === "string" ? answer(400, { code: decided }) : verdict(decided);
  }),
});

http.route({
  path: "/collab/restore", method: "GET",
  handler: httpAction(async (ctx, request) => {
    const query = new URL(request.url).searchParams;
    const room = query.get("room") ?? "";
    const signed = await signedBody(request, room, query.get("seq") ?? "", 0);
    if (signed instanceof Response) return signed;
    const epoch = wholeNumber(query.get("epoch"));
    const seq = wholeNumber(query.get("seq"));
    const found = await ctx.runQuery(internal.backups.find,
      epoch === null || seq === null ? { room } : { room, epoch, seq });
    if (found === "gone") return answer(410, { code: "room_gone" });
    if (found === null) return answer(404, { code: "no_snapshot" });
    const { sha256, size, format, url } = found;
    if (size > RESTORE_BYTES_MAX) {
      return answer(200, { url, epoch: found.epoch, seq: found.seq, sha256, size, format });
    }
    const blob = await ctx.storage.get(found.storageId);
    if (blob === null) return answer(500, { code: "file_missing" });
    return new Response(blob, {
      status: 200,
      headers: {
        "Content-Type": "application/octet-stream",
        "X-Collab-Epoch": String(found.epoch),
        "X-Collab-Seq": String(found.seq),
        "X-Collab-Sha256": sha256,
        "X-Collab-Format": format,
      },
    });
  }),
});

http.route({
  path: "/collab/backups", method: "GET",
  handler: httpAction(async (ctx, request) => {
    const query = new URL(request.url).searchParams;
    const signed = await signedBody(request, "", "", 0);
    if (signed instanceof Response) return signed;
    const after = query.get("after") ?? "";
    const limit = wholeNumber(query.get("limit")) ?? LIST_MAX;
    if (!isText(after, 512) || limit < 1 || limit > LIST_MAX) return answer(400, { code: "bad_request" });
    return answer(200, await ctx.runQuery(internal.backups.list, { after, limit }));
  }),
});

http.route({
  path: "/collab/events", method: "POST",
  handler: httpAction(async (ctx, request) => {
    const json = await signedJson(request);
    if (json instanceof Response) return json;
    const events = eventsOf(json.events);
    if (events === null) return answer(400, { code: "bad_request" });
    return answer(200, await ctx.runMutation(internal.events.record, { events }));
  }),
});

export default http;

function answer(status: number, body: object): Response {
  return new Response(JSON.stringify(body), {
    status, headers: { "Content-Type": "application/json" },
  });
}

function verdict({ result, epoch, seq, sha256 }: Verdict): Response {
  if (result === "gone") return answer(404, { code: "room_gone" });
  if (result === "stale") return answer(409, { result, epoch, seq, sha256 });
  return answer(200, { result: result === "new" ? "stored" : "duplicate", epoch, seq, sha256 });
}

/** The body of a request that the server signed, or the refusal. The signature is checked first. */
async function signedBody(
  request: Request, room: string, seq: string, bytesMax: number,
): Promise<Response | { sha256: string; body: Uint8Array<ArrayBuffer> }> {
  const secret = process.env.COLLAB_SECRET;
  if (!secret) return answer(500, { code: "no_secret" });
  const signed = await verifyRequest(request, { secret, room, seq });
  if (!signed.ok) return answer(signed.status, { code: signed.code });
  if (Number(request.headers.get("Content-Length") ?? 0) > bytesMax) {
    return answer(413, { code: "too_large" });
  }
  const body = new Uint8Array(await request.arrayBuffer());
  if (body.byteLength > bytesMax) return answer(413, { code: "too_large" });
  const whole = await verifyBody(signed, body);
  return whole.ok ? { sha256: signed.sha256, body } : answer(whole.status, { code: whole.code });
}

/** Like signedBody(), for JSON about which the signature's lines `room` and `seq` say nothing. */
async function signedJson(request: Request): Promise<Response | Record<string, unknown>> {
  const signed = await signedBody(request, "", "", JSON_BYTES_MAX);
  if (signed instanceof Response) return signed;
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(signed.body));
    if (isObject(json)) return json;
  } catch {
    // Not JSON: refused below like any other body that is no object.
  }
  return answer(400, { code: "bad_request" });
}

function wholeNumber(text: string | null): number | null {
  return text !== null && /^[0-9]{1,15}$/.test(text) ? Number(text) : null;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isFormat = (value: unknown): value is "yjs-v1" | "yjs-v2" => value === "yjs-v1" || value === "yjs-v2";
const isText = (value: unknown, max: number): value is string =>
  typeof value === "string" && value.length <= max;
const isOptionalText = (value: unknown, max: number): value is string | undefined =>
  value === undefined || isText(value, max);

function optional<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

function versionOf({ room, epoch, seq, size, sha256, server }: Record<string, unknown>) {
  if (!isText(room, 512) || !isCount(epoch) || !isCount(seq) || !isCount(size)) return null;
  if (!isText(sha256, 64) || !/^[0-9a-f]{64}$/.test(sha256)) return null;
  if (!isOptionalText(server, 256)) return null;
  return { room, epoch, seq, size, sha256, ...optional({ server }) };
}

function eventsOf(value: unknown) {
  if (!Array.isArray(value) || value.length > EVENTS_MAX) return null;
  const events = [];
  for (const event of value as unknown[]) {
    if (!isObject(event)) return null;
    const { id, type, room, at, node, data = null } = event;
    if (!isText(id, 128) || !isText(type, 64) || !isText(room, 512) || !isText(node, 256)) return null;
    if (typeof at !== "number") return null;
    events.push({ id, type, room, at, node, data });
  }
  return events;
}
