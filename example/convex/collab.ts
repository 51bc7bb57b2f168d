// What the collaboration server and its clients ask: may this user enter this room?
import { partyd, signTicket } from "@partyd/convex";
import { v } from "convex/values";
import { internalAction, mutation, query } from "./_generated/server";
import { colorOf, decide } from "./access";

const reason = v.union(
  v.literal("bad_room"), v.literal("not_found"), v.literal("unauthenticated"), v.literal("forbidden"));

/**
 * Asked by the server, as the user, at every connect (`auth = convex`). A field `ttlMs` would say
 * how long the server may remember the answer; without it that is the server's setting.
 */
export const authorize = query({
  args: { room: v.string() },
  returns: v.object({
    allowed: v.boolean(),
    permission: v.union(v.literal("none"), v.literal("read"), v.literal("write")),
    userId: v.union(v.string(), v.null()),
    name: v.union(v.string(), v.null()),
    color: v.union(v.string(), v.null()),
    avatarUrl: v.union(v.string(), v.null()),
    reason: v.union(reason, v.null()),
  }),
  handler: async (ctx, { room }) => {
    const decision = await decide(ctx, room);
    if (!decision.allowed) {
      return {
        allowed: false, permission: "none" as const, userId: decision.userId,
        name: null, color: null, avatarUrl: null, reason: decision.reason,
      };
    }
    const { user, permission } = decision;
    return {
      allowed: true, permission, userId: user._id, name: user.name ?? null,
      color: colorOf(user._id), avatarUrl: user.image ?? null, reason: null,
    };
  },
});

/** Asked by the client before every connect (`auth = ticket`). A mutation: queries are cached. */
export const ticket = mutation({
  args: { room: v.string() },
  returns: v.union(
    v.object({
      allowed: v.literal(true),
      permission: v.union(v.literal("read"), v.literal("write")),
      ticket: v.string(),
      expiresAt: v.number(),
    }),
    v.object({ allowed: v.literal(false), reason }),
  ),
  handler: async (ctx, { room }) => {
    const decision = await decide(ctx, room);
    if (!decision.allowed) return { allowed: false as const, reason: decision.reason };
    const { user, permission } = decision;
    const signed = await signTicket({
      key: secret(), issuer: process.env.CONVEX_SITE_URL!, userId: user._id, room, permission,
      name: user.name ?? null, color: colorOf(user._id),
    });
    return { allowed: true as const, permission, ...signed };
  },
});

/** Scheduled by mutations that take a right away and do not want to wait for the next connect. */
export const kick = internalAction({
  args: {
    rooms: v.array(v.string()),
    userId: v.optional(v.string()),
    reason: v.string(),
    /** How the connections are closed; for good unless given. */
    code: v.optional(v.number()),
  },
  returns: v.null(),
  handler: async (_ctx, { rooms, userId, reason, code }) => {
    const server = serverOrNull();
    const whom = userId === undefined ? { all: true } : { userId };
    const how = code === undefined ? { reason } : { reason, code };
    for (const room of server === null ? [] : rooms) await server!.kick(room, { ...whom, ...how });
    return null;
  },
});

/** Scheduled when a document was deleted. */
export const removeRoom = internalAction({
  args: { room: v.string() },
  returns: v.null(),
  handler: async (_ctx, { room }) => {
    await serverOrNull()?.remove(room);
    return null;
  },
});

function secret(): string {
  const value = process.env.COLLAB_SECRET;
  if (!value) throw new Error("Set COLLAB_SECRET: npx convex env set COLLAB_SECRET <secret>");
  return value;
}

/** Without PARTYD_URL rights are taken away at the next connect only. */
function serverOrNull() {
  const url = process.env.PARTYD_URL;
  return url ? partyd({ url, secret: secret() }) : null;
}
