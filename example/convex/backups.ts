// Backups of rooms: which bytes are the newest, which are kept. Called by http.ts only.
import { v, type Infer } from "convex/values";
import type { Doc, Id } from "./_generated/dataModel";
import { internalMutation, internalQuery, type MutationCtx, type QueryCtx } from "./_generated/server";
import { findRoom } from "./access";

/** The newest of a room are kept, and of each day of a month the newest. */
const KEPT_NEWEST = 3;
const KEPT_DAYS = 30;
const DAY_MS = 86_400_000;
/** An upload address is good for an hour; after a day nobody will commit any more. */
const UPLOAD_GRACE_MS = DAY_MS;
const UPLOAD_VALID_MS = 3_600_000;

const version = {
  room: v.string(), epoch: v.number(), seq: v.number(), sha256: v.string(),
  server: v.optional(v.string()),
};
const offer = v.object({
  ...version,
  size: v.number(),
  format: v.union(v.literal("yjs-v1"), v.literal("yjs-v2")),
  sv: v.optional(v.string()),
  storageId: v.id("_storage"),
});
export type Offer = Infer<typeof offer>;

/** What a push comes to: `new` is worth storing, `gone` has no document any more. */
const verdict = v.object({
  result: v.union(v.literal("new"), v.literal("duplicate"), v.literal("stale"), v.literal("gone")),
  epoch: v.number(),
  seq: v.number(),
  sha256: v.string(),
});
export type Verdict = Infer<typeof verdict>;
type Version = { room: string; epoch: number; seq: number; sha256: string; server?: string };

async function newestOf(ctx: QueryCtx, room: string): Promise<Doc<"backups"> | null> {
  return await ctx.db.query("backups")
    .withIndex("by_room", (q) => q.eq("room", room)).order("desc").first();
}

/** What says that a server has deleted the room. */
async function erasedOf(ctx: QueryCtx, room: string): Promise<Doc<"erased"> | null> {
  return await ctx.db.query("erased").withIndex("by_room", (q) => q.eq("room", room)).first();
}

/** Backups are ordered by (epoch, seq); the same pair with other bytes came from another history. */
async function judge(ctx: QueryCtx, offered: Version): Promise<Verdict> {
  const found = await findRoom(ctx, offered.room);
  const { epoch, seq, sha256 } = offered;
  if (found === "bad_room" || found === null) return { result: "gone", epoch, seq, sha256 };
  const mark = await erasedOf(ctx, offered.room);
  if (mark !== null && !(offered.server === mark.server && epoch > mark.epoch)) {
    return { result: "gone", epoch, seq, sha256 };
  }
  const newest = await newestOf(ctx, offered.room);
  const order = newest === null ? 1 : epoch - newest.epoch || seq - newest.seq;
  if (newest === null || order > 0) return { result: "new", epoch, seq, sha256 };
  const known = { epoch: newest.epoch, seq: newest.seq, sha256: newest.sha256 };
  return { result: order === 0 && newest.sha256 === sha256 ? "duplicate" : "stale", ...known };
}

/** Looks before bytes are stored; record() decides. */
export const look = internalQuery({
  args: version,
  returns: verdict,
  handler: judge,
});

/**
 * Takes stored bytes as the newest backup, or says why not. Decides here, in one transaction: two
 * servers that push at the same time cannot both win. Bytes that are not taken are deleted.
 */
export const record = internalMutation({
  args: { offer },
  returns: verdict,
  handler: async (ctx, { offer }) => {
    const decided = await judge(ctx, offer);
    if (decided.result === "new") {
      await ctx.db.insert("backups", offer);
      await unmark(ctx, offer.room);
      await forget(ctx, offer.room);
    } else {
      await ctx.storage.delete(offer.storageId);
    }
    return decided;
  },
});

/** Deletes what is neither among the newest nor the newest of its day. */
async function forget(ctx: MutationCtx, room: string) {
  const rows = await ctx.db.query("backups")
    .withIndex("by_room", (q) => q.eq("room", room)).order("desc").collect();
  const days = new Set<number>();
  for (const [index, row] of rows.entries()) {
    const day = Math.floor(row._creationTime / DAY_MS);
    const young = Date.now() - row._creationTime < KEPT_DAYS * DAY_MS;
    if (index >= KEPT_NEWEST && (days.has(day) || !young)) await drop(ctx, row);
    days.add(day);
  }
}

async function unmark(ctx: MutationCtx, room: string) {
  const mark = await erasedOf(ctx, room);
  if (mark !== null) await ctx.db.delete(mark._id);
}

async function drop(ctx: MutationCtx, row: Doc<"backups">) {
  await ctx.db.delete(row._id);
  if (await ctx.db.system.get(row.storageId)) await ctx.storage.delete(row.storageId);
}

/** The newest backup of a room, or the one asked for. `url` lets anybody read it. */
export const find = internalQuery({
  args: { room: v.string(), epoch: v.optional(v.number()), seq: v.optional(v.number()) },
  handler: async (ctx, { room, epoch, seq }) => {
    const found = await findRoom(ctx, room);
    if (found === "bad_room" || found === null) return "gone" as const;
    if (await erasedOf(ctx, room)) return "gone" as const;
    const row = epoch === undefined || seq === undefined
      ? await newestOf(ctx, room)
      : await ctx.db.query("backups")
        .withIndex("by_room", (q) => q.eq("room", room).eq("epoch", epoch).eq("seq", seq)).first();
    return row && { ...row, url: await ctx.storage.getUrl(row.storageId) };
  },
});

/** The newest backup of each room, in the order of their names, behind the room `after`. */
export const list = internalQuery({
  args: { after: v.string(), limit: v.number() },
  handler: async (ctx, { after, limit }) => {
    const rooms = [];
    let last = after;
    while (rooms.length < limit) {
      const next = await ctx.db.query("backups")
        .withIndex("by_room", (q) => q.gt("room", last)).first();
      if (next === null) return { rooms, next: null };
      last = next.room;
      const newest = await newestOf(ctx, last);
      if (newest !== null && !(await erasedOf(ctx, last))) {
        const { room, epoch, seq, size, sha256 } = newest;
        rooms.push({ room, epoch, seq, size, sha256 });
      }
    }
    return { rooms, next: last };
  },
});

/** Deletes all backups of a document that is deleted. */
export const removeAll = internalMutation({
  args: { room: v.string() },
  returns: v.null(),
  handler: async (ctx, { room }) => {
    const rows = await ctx.db.query("backups")
      .withIndex("by_room", (q) => q.eq("room", room)).collect();
    for (const row of rows) await drop(ctx, row);
    await unmark(ctx, room);
    return null;
  },
});

/**
 * A server has deleted a room whose document is here: it is not given out any more. Erased: nothing of
 * it is kept. Only what is known there already counts, so a later backup of the same room is told.
 */
export const erase = internalMutation({
  args: { ...version, erased: v.boolean() },
  returns: verdict,
  handler: async (ctx, { erased, ...offered }) => {
    const { room, epoch, seq, sha256, server } = offered;
    const found = await findRoom(ctx, room);
    if (found === "bad_room" || found === null) return { result: "gone" as const, epoch, seq, sha256 };
    const newest = await newestOf(ctx, room);
    if (newest !== null && (newest.epoch - epoch || newest.seq - seq) >= 0) {
      return { result: "stale" as const, epoch: newest.epoch, seq: newest.seq, sha256: newest.sha256 };
    }
    await unmark(ctx, room);
    await ctx.db.insert("erased", server === undefined ? { room, epoch, seq } : { room, epoch, seq, server });
    if (erased) {
      const rows = await ctx.db.query("backups")
        .withIndex("by_room", (q) => q.eq("room", room)).collect();
      for (const row of rows) await drop(ctx, row);
    }
    return { result: "new" as const, epoch, seq, sha256 };
  },
});

/** Begins a large backup: gives the address to send the bytes to. */
export const begin = internalMutation({
  args: { ...version, size: v.number() },
  returns: v.object({ decided: verdict, uploadUrl: v.union(v.string(), v.null()) }),
  handler: async (ctx, { size, ...offered }) => {
    const decided = await judge(ctx, offered);
    if (decided.result !== "new") return { decided, uploadUrl: null };
    await ctx.db.insert("uploads", { room: offered.room, sha256: offered.sha256, size });
    return { decided, uploadUrl: await ctx.storage.generateUploadUrl() };
  },
});

/** Ends a large backup, if the bytes that arrived are those that were announced. */
export const commit = internalMutation({
  args: { offer: v.object({ ...offer.fields, storageId: v.string() }) },
  returns: v.union(verdict, v.literal("no_upload"), v.literal("sha_mismatch")),
  handler: async (ctx, { offer }) => {
    const storageId = ctx.db.system.normalizeId("_storage", offer.storageId);
    const file = storageId && (await ctx.db.system.get(storageId));
    if (!storageId || !file) return "no_upload";
    // The answer to a first commit may have been lost.
    if ((await newestOf(ctx, offer.room))?.storageId === storageId) return await judge(ctx, offer);
    const begun = await ctx.db.query("uploads")
      .withIndex("by_room", (q) => q.eq("room", offer.room)).collect();
    const upload = begun.find((row) => row.sha256 === offer.sha256);
    // Only a file that came after the beginning is ours to take or to delete.
    if (!upload || file._creationTime < upload._creationTime) return "no_upload";
    if (file.size !== offer.size || !sameHash(file.sha256, offer.sha256)) {
      await ctx.storage.delete(storageId);
      return "sha_mismatch";
    }
    await ctx.db.delete(upload._id);
    const decided = await judge(ctx, offer);
    if (decided.result === "new") {
      await ctx.db.insert("backups", { ...offer, storageId });
      await unmark(ctx, offer.room);
      await forget(ctx, offer.room);
    } else {
      await ctx.storage.delete(storageId);
    }
    return decided;
  },
});

/** File storage says hashes in base64 (or, in older deployments, in hex). */
function sameHash(stored: string, hex: string): boolean {
  const bytes = hex.match(/../g)!.map((two) => parseInt(two, 16));
  return stored === hex || stored === btoa(String.fromCharCode(...bytes));
}

/** Deletes the files of uploads that were begun and never committed. Run once a day by crons.ts. */
export const sweepUploads = internalMutation({
  args: { before: v.optional(v.number()) },
  returns: v.number(),
  handler: async (ctx, { before }) => {
    const end = before ?? Date.now() - UPLOAD_GRACE_MS;
    let deleted = 0;
    const uploads = await ctx.db.query("uploads").collect();
    for (const upload of uploads.filter((row) => row._creationTime < end)) {
      const files = await ctx.db.system.query("_storage")
        .withIndex("by_creation_time", (q) => q
          .gte("_creationTime", upload._creationTime)
          .lt("_creationTime", upload._creationTime + UPLOAD_VALID_MS))
        .collect();
      const used = new Set((await ctx.db.query("backups")
        .withIndex("by_room", (q) => q.eq("room", upload.room)).collect())
        .map((row) => row.storageId as Id<"_storage">));
      for (const file of files) {
        if (used.has(file._id) || !sameHash(file.sha256, upload.sha256)) continue;
        await ctx.storage.delete(file._id);
        deleted++;
      }
      await ctx.db.delete(upload._id);
    }
    return deleted;
  },
});
