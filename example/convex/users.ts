// The signed-in user, for the client.
import { v } from "convex/values";
import { mutation, query } from "./_generated/server";
import { colorOf, currentUser, requireUser } from "./access";

export const me = query({
  args: {},
  handler: async (ctx) => {
    const user = await currentUser(ctx);
    return user && { id: user._id, name: user.name ?? null, email: user.email ?? null, color: colorOf(user._id) };
  },
});

export const setName = mutation({
  args: { name: v.string() },
  returns: v.null(),
  handler: async (ctx, { name }) => {
    const user = await requireUser(ctx);
    await ctx.db.patch(user._id, { name: name.trim().slice(0, 64) });
    return null;
  },
});
