// Documents and diagrams: their names and places. Their contents live in rooms.
import { v } from "convex/values";
import { internal } from "./_generated/api";
import type { Id } from "./_generated/dataModel";
import { mutation, query, type QueryCtx } from "./_generated/server";
import { currentUser, requireRole, roleIn, TABLES } from "./access";
import { removeImages } from "./images";

const type = v.union(v.literal("doc"), v.literal("diagram"));
const pageId = v.union(v.id("documents"), v.id("diagrams"));

export const create = mutation({
  args: { workspaceId: v.id("workspaces"), type, title: v.string() },
  /** `room` is what the client connects to. */
  returns: v.object({ id: pageId, room: v.string() }),
  handler: async (ctx, { workspaceId, type, title }) => {
    const user = await requireRole(ctx, workspaceId, "owner", "editor");
    const page = { workspaceId, title, createdBy: user._id };
    const id = await ctx.db.insert(TABLES[type], page);
    return { id, room: `${type}-${id}` };
  },
});

export const list = query({
  args: { workspaceId: v.id("workspaces") },
  handler: async (ctx, { workspaceId }) => {
    const user = await currentUser(ctx);
    const role = user && (await roleIn(ctx, workspaceId, user._id));
    if (role === null) return [];
    const pages = await Promise.all((["doc", "diagram"] as const).map(async (type) => {
      const rows = await ctx.db.query(TABLES[type])
        .withIndex("by_workspace", (q) => q.eq("workspaceId", workspaceId)).collect();
      return rows.map(({ _id, title, changedAt }) =>
        ({ id: _id as string, type, room: `${type}-${_id}`, title, changedAt: changedAt ?? null }));
    }));
    return pages.flat();
  },
});

export const rename = mutation({
  args: { id: pageId, title: v.string() },
  returns: v.null(),
  handler: async (ctx, { id, title }) => {
    const page = await pageOf(ctx, id);
    await requireRole(ctx, page.workspaceId, "owner", "editor");
    await ctx.db.patch(id, { title });
    return null;
  },
});

/** Deletes the page, its pictures and its backups, and tells the collaboration server to end its room. */
export const remove = mutation({
  args: { id: pageId },
  returns: v.null(),
  handler: async (ctx, { id }) => {
    const page = await pageOf(ctx, id);
    await requireRole(ctx, page.workspaceId, "owner", "editor");
    await ctx.db.delete(id);
    const type = ctx.db.normalizeId("documents", id) === null ? "diagram" : "doc";
    const room = `${type}-${id}`;
    await removeImages(ctx, room);
    await ctx.scheduler.runAfter(0, internal.backups.removeAll, { room });
    await ctx.scheduler.runAfter(0, internal.collab.removeRoom, { room });
    return null;
  },
});

async function pageOf(ctx: QueryCtx, id: Id<"documents"> | Id<"diagrams">) {
  const page = await ctx.db.get(id);
  if (page === null) throw new Error("No such page");
  return page;
}
