// What the collaboration server tells: who came and went, what changed. Each event once.
import { v } from "convex/values";
import { internalMutation } from "./_generated/server";
import { findRoom, TABLES } from "./access";

const KEPT_MS = 30 * 86_400_000;
const SWEPT_AT_ONCE = 1000;

export const record = internalMutation({
  args: {
    events: v.array(v.object({
      id: v.string(), type: v.string(), room: v.string(), at: v.number(), node: v.string(), data: v.any(),
    })),
  },
  returns: v.object({ accepted: v.number(), duplicates: v.number() }),
  handler: async (ctx, { events }) => {
    let accepted = 0;
    for (const { id, ...event } of events) {
      // Delivered at least once: so a retry may bring what is here already.
      const known = await ctx.db.query("events")
        .withIndex("by_event", (q) => q.eq("eventId", id)).first();
      if (known !== null) continue;
      await ctx.db.insert("events", { eventId: id, ...event });
      accepted++;
      if (event.type === "doc.changed") {
        const found = await findRoom(ctx, event.room);
        if (found === null || found === "bad_room" || found.type === "workspace") continue;
        const page = event.room.slice(event.room.indexOf("-") + 1);
        const pageId = ctx.db.normalizeId(TABLES[found.type], page)!;
        const before = (await ctx.db.get(pageId))?.changedAt ?? 0;
        if (event.at > before) await ctx.db.patch(pageId, { changedAt: event.at });
      }
    }
    return { accepted, duplicates: events.length - accepted };
  },
});

/** Deletes what is older than a month. Run once a day by crons.ts. */
export const sweep = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    const old = await ctx.db.query("events")
      .withIndex("by_creation_time", (q) => q.lt("_creationTime", Date.now() - KEPT_MS))
      .take(SWEPT_AT_ONCE);
    for (const row of old) await ctx.db.delete(row._id);
    return null;
  },
});
