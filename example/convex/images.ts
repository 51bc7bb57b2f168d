// Pictures of documents and diagrams. Their bytes are here, in file storage; in the room there is
// only the picture's key, so that a room stays as small as its text.
import { ConvexError, v } from "convex/values";
import { mutation, query, type MutationCtx } from "./_generated/server";
import { decide } from "./access";
import { imageProblem } from "./limits";

const IMAGES_MAX = 500;

/** Where the client may send one picture to, within the hour. */
export const uploadUrl = mutation({
  args: { room: v.string() },
  returns: v.string(),
  handler: async (ctx, { room }) => {
    await requireWriter(ctx, room);
    return await ctx.storage.generateUploadUrl();
  },
});

/** Makes an uploaded file a picture of the room. The same key again changes nothing. */
export const add = mutation({
  args: { room: v.string(), key: v.string(), storageId: v.id("_storage"), mimeType: v.string() },
  returns: v.null(),
  handler: async (ctx, { room, key, storageId, mimeType }) => {
    await requireWriter(ctx, room);
    const file = await ctx.db.system.get(storageId);
    if (file === null) throw new ConvexError("The upload is gone: try again");
    const rows = await ctx.db.query("images")
      .withIndex("by_room", (q) => q.eq("room", room)).take(IMAGES_MAX);
    const known = rows.some((row) => row.key === key);
    const problem = known ? null
      : key.length === 0 || key.length > 128 ? "That is no key of a picture"
      : rows.length >= IMAGES_MAX ? `A page may have ${IMAGES_MAX} pictures`
      : imageProblem(mimeType, file.size) ?? imageProblem(file.contentType ?? mimeType, file.size);
    if (problem !== null) throw new ConvexError(problem);
    if (!known) await ctx.db.insert("images", { room, key, storageId, mimeType });
    return null;
  },
});

/** All pictures of a room, for its readers; none for others. New ones come by subscription. */
export const list = query({
  args: { room: v.string() },
  returns: v.array(v.object({ key: v.string(), mimeType: v.string(), url: v.string() })),
  handler: async (ctx, { room }) => {
    if (!(await decide(ctx, room)).allowed) return [];
    const rows = await ctx.db.query("images")
      .withIndex("by_room", (q) => q.eq("room", room)).take(IMAGES_MAX);
    const images = await Promise.all(rows.map(async ({ key, mimeType, storageId }) => {
      const url = await ctx.storage.getUrl(storageId);
      return url === null ? null : { key, mimeType, url };
    }));
    return images.filter((image) => image !== null);
  },
});

/** With the page its pictures go. */
export async function removeImages(ctx: MutationCtx, room: string): Promise<void> {
  const rows = await ctx.db.query("images")
    .withIndex("by_room", (q) => q.eq("room", room)).take(IMAGES_MAX);
  for (const row of rows) {
    await ctx.storage.delete(row.storageId);
    await ctx.db.delete(row._id);
  }
}

async function requireWriter(ctx: MutationCtx, room: string): Promise<void> {
  const decision = await decide(ctx, room);
  if (!decision.allowed || decision.permission !== "write") {
    throw new ConvexError("Not allowed in this document");
  }
}
