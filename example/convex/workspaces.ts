// Workspaces and who is in them.
import { ConvexError, v } from "convex/values";
import { internal } from "./_generated/api";
import type { Id } from "./_generated/dataModel";
import { mutation, query, type MutationCtx } from "./_generated/server";
import { currentUser, requireRole, requireUser, roleIn } from "./access";
import { role } from "./schema";

/** The close code after which clients come back, with a fresh ticket. */
const COME_AGAIN = 4501;

export const create = mutation({
  args: { name: v.string() },
  returns: v.id("workspaces"),
  handler: async (ctx, { name }) => {
    const user = await requireUser(ctx);
    const workspaceId = await ctx.db.insert("workspaces", { name, createdBy: user._id });
    await ctx.db.insert("members", { workspaceId, userId: user._id, role: "owner" });
    return workspaceId;
  },
});

/** The signed-in user's workspaces; none for nobody. */
export const list = query({
  args: {},
  handler: async (ctx) => {
    const user = await currentUser(ctx);
    if (user === null) return [];
    const memberships = await ctx.db
      .query("members").withIndex("by_user", (q) => q.eq("userId", user._id)).collect();
    const rows = await Promise.all(memberships.map(async (m) => {
      const workspace = await ctx.db.get(m.workspaceId);
      return workspace && { _id: workspace._id, name: workspace.name, role: m.role };
    }));
    return rows.filter((row) => row !== null);
  },
});

export const members = query({
  args: { workspaceId: v.id("workspaces") },
  handler: async (ctx, { workspaceId }) => {
    await requireRole(ctx, workspaceId, "owner", "editor", "viewer");
    const rows = await ctx.db
      .query("members").withIndex("by_workspace_user", (q) => q.eq("workspaceId", workspaceId))
      .collect();
    return await Promise.all(rows.map(async ({ userId, role }) => {
      const user = await ctx.db.get(userId);
      return { userId, role, name: user?.name ?? null, email: user?.email ?? null };
    }));
  },
});

/**
 * Gives a user a role, by id or by e-mail address; changes it if there is one. A changed role counts
 * from the next connect; `endSessions` makes the user's open documents connect anew now.
 */
export const setMember = mutation({
  args: {
    workspaceId: v.id("workspaces"),
    user: v.union(v.object({ id: v.id("users") }), v.object({ email: v.string() })),
    role,
    endSessions: v.optional(v.boolean()),
  },
  returns: v.id("users"),
  handler: async (ctx, { workspaceId, user, role, endSessions }) => {
    await requireRole(ctx, workspaceId, "owner");
    const userId = "id" in user ? user.id : await userByEmail(ctx, user.email);
    if (userId === null || (await ctx.db.get(userId)) === null) throw new ConvexError("No such user");
    const existing = await member(ctx, workspaceId, userId);
    if (existing === null) await ctx.db.insert("members", { workspaceId, userId, role });
    else {
      if (existing.role === "owner" && role !== "owner") await keepAnOwner(ctx, workspaceId);
      await ctx.db.patch(existing._id, { role });
      if (endSessions) {
        await ctx.scheduler.runAfter(0, internal.collab.kick, {
          rooms: await roomsOf(ctx, workspaceId), userId, reason: "rights have changed",
          code: COME_AGAIN,
        });
      }
    }
    return userId;
  },
});

/**
 * Removes a member; everybody may remove themselves. Open documents stay open until the next
 * connect, unless `endSessions` asks the collaboration server to close them now.
 */
export const removeMember = mutation({
  args: {
    workspaceId: v.id("workspaces"),
    userId: v.id("users"),
    endSessions: v.optional(v.boolean()),
  },
  returns: v.null(),
  handler: async (ctx, { workspaceId, userId, endSessions }) => {
    const user = await requireUser(ctx);
    if (user._id !== userId && (await roleIn(ctx, workspaceId, user._id)) !== "owner") {
      throw new Error("Not allowed in this workspace");
    }
    const row = await member(ctx, workspaceId, userId);
    if (row === null) return null;
    if (row.role === "owner") await keepAnOwner(ctx, workspaceId);
    await ctx.db.delete(row._id);
    if (endSessions) {
      const rooms = await roomsOf(ctx, workspaceId);
      await ctx.scheduler.runAfter(0, internal.collab.kick, {
        rooms, userId, reason: "no longer a member",
      });
    }
    return null;
  },
});

async function member(ctx: MutationCtx, workspaceId: Id<"workspaces">, userId: Id<"users">) {
  return await ctx.db.query("members")
    .withIndex("by_workspace_user", (q) => q.eq("workspaceId", workspaceId).eq("userId", userId))
    .unique();
}

async function userByEmail(ctx: MutationCtx, email: string) {
  const user = await ctx.db.query("users")
    .withIndex("email", (q) => q.eq("email", email.trim().toLowerCase())).first();
  return user?._id ?? null;
}

/** Throws if the workspace has one owner only. */
async function keepAnOwner(ctx: MutationCtx, workspaceId: Id<"workspaces">) {
  const rows = await ctx.db.query("members")
    .withIndex("by_workspace_user", (q) => q.eq("workspaceId", workspaceId)).collect();
  if (rows.filter((row) => row.role === "owner").length < 2) {
    throw new ConvexError("A workspace keeps one owner");
  }
}

async function roomsOf(ctx: MutationCtx, workspaceId: Id<"workspaces">): Promise<string[]> {
  const rooms = [`workspace-${workspaceId}`];
  for (const [table, type] of [["documents", "doc"], ["diagrams", "diagram"]] as const) {
    const rows = await ctx.db.query(table)
      .withIndex("by_workspace", (q) => q.eq("workspaceId", workspaceId)).collect();
    rooms.push(...rows.map((row) => `${type}-${row._id}`));
  }
  return rooms;
}
