// Who may do what: plain functions, used by everything else in this folder.
import { parseRoom } from "@partyd/convex";
import type { Doc, Id } from "./_generated/dataModel";
import type { MutationCtx, QueryCtx } from "./_generated/server";

type Ctx = QueryCtx | MutationCtx;
export type Role = Doc<"members">["role"];

/** The types of rooms and the table each one's ids are of. */
export const TABLES = { doc: "documents", diagram: "diagrams", workspace: "workspaces" } as const;
export type RoomType = keyof typeof TABLES;
export const ROOM_TYPES = Object.keys(TABLES) as RoomType[];

export type Reason = "bad_room" | "not_found" | "unauthenticated" | "forbidden";
export type Decision =
  | { allowed: true; permission: "read" | "write"; user: Doc<"users"> }
  | { allowed: false; reason: Reason; userId: Id<"users"> | null };

/**
 * The user who is signed in, or null. A token outlives its session by up to an hour: so the session
 * is looked at too, and whoever has signed out, or was signed out, is nobody at once.
 */
export async function currentUser(ctx: Ctx): Promise<Doc<"users"> | null> {
  const identity = await ctx.auth.getUserIdentity();
  if (identity === null) return null;
  const [user = "", session = ""] = identity.subject.split("|");
  const userId = ctx.db.normalizeId("users", user);
  const sessionId = ctx.db.normalizeId("authSessions", session);
  if (userId === null || sessionId === null) return null;
  const row = await ctx.db.get(sessionId);
  if (row === null || row.userId !== userId || row.expirationTime <= Date.now()) return null;
  return await ctx.db.get(userId);
}

/** Like currentUser(), for functions that only signed-in users call. Throws. */
export async function requireUser(ctx: Ctx): Promise<Doc<"users">> {
  const user = await currentUser(ctx);
  if (user === null) throw new Error("Not signed in");
  return user;
}

export async function roleIn(
  ctx: Ctx, workspaceId: Id<"workspaces">, userId: Id<"users">,
): Promise<Role | null> {
  const member = await ctx.db
    .query("members")
    .withIndex("by_workspace_user", (q) => q.eq("workspaceId", workspaceId).eq("userId", userId))
    .unique();
  return member?.role ?? null;
}

/** Throws unless the signed-in user has one of the roles; gives the user. */
export async function requireRole(
  ctx: Ctx, workspaceId: Id<"workspaces">, ...roles: Role[]
): Promise<Doc<"users">> {
  const user = await requireUser(ctx);
  const role = await roleIn(ctx, workspaceId, user._id);
  if (role === null || !roles.includes(role)) throw new Error("Not allowed in this workspace");
  return user;
}

/** What a room name stands for: null when there is no such room, "bad_room" when it is no name. */
export async function findRoom(
  ctx: Ctx, room: string,
): Promise<"bad_room" | null | { type: RoomType; workspaceId: Id<"workspaces"> }> {
  const parsed = parseRoom(room, ROOM_TYPES);
  if (parsed === null) return "bad_room";
  // An id of another table, and what is no id at all, normalizes to null.
  if (parsed.type === "workspace") {
    const id = ctx.db.normalizeId("workspaces", parsed.id);
    return id !== null && (await ctx.db.get(id)) ? { type: "workspace", workspaceId: id } : null;
  }
  const id = ctx.db.normalizeId(TABLES[parsed.type], parsed.id);
  const page = id === null ? null : await ctx.db.get(id);
  return page === null ? null : { type: parsed.type, workspaceId: page.workspaceId };
}

/** The one decision about rooms. Never throws for a no. */
export async function decide(ctx: Ctx, room: string): Promise<Decision> {
  const found = await findRoom(ctx, room);
  if (found === "bad_room") return { allowed: false, reason: "bad_room", userId: null };
  const user = await currentUser(ctx);
  if (user === null) return { allowed: false, reason: "unauthenticated", userId: null };
  if (found === null) return { allowed: false, reason: "not_found", userId: user._id };
  const role = await roleIn(ctx, found.workspaceId, user._id);
  if (role === null) return { allowed: false, reason: "forbidden", userId: user._id };
  // A workspace's room has presence only, so nobody writes there.
  const writes = role !== "viewer" && found.type !== "workspace";
  return { allowed: true, permission: writes ? "write" : "read", user };
}

const COLORS = ["#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#808000"];

/** The same user has the same color everywhere. */
export function colorOf(userId: string): string {
  let sum = 0;
  for (const letter of userId) sum = (sum * 31 + letter.charCodeAt(0)) >>> 0;
  return COLORS[sum % COLORS.length]!;
}
