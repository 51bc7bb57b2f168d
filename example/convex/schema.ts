// Workspaces with members, the documents in them, and what the collaboration server leaves here.
import { authTables } from "@convex-dev/auth/server";
import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

/** owner: everything; editor: reads and writes; viewer: reads. */
export const role = v.union(v.literal("owner"), v.literal("editor"), v.literal("viewer"));

const page = {
  workspaceId: v.id("workspaces"),
  title: v.string(),
  createdBy: v.id("users"),
  /** Milliseconds since 1970 of the last change that the server told about. */
  changedAt: v.optional(v.number()),
};

/** One whole state of a room: its bytes are in file storage. */
const backup = {
  room: v.string(),
  /** Counts lives of the room's store at the server; (epoch, seq) orders backups. */
  epoch: v.number(),
  seq: v.number(),
  /** Lower-case hex. */
  sha256: v.string(),
  /** Bytes. */
  size: v.number(),
  format: v.union(v.literal("yjs-v1"), v.literal("yjs-v2")),
  /** State vector, base64. */
  sv: v.optional(v.string()),
  /** Which server it came from. */
  server: v.optional(v.string()),
  storageId: v.id("_storage"),
};

export default defineSchema({
  ...authTables,

  workspaces: defineTable({ name: v.string(), createdBy: v.id("users") }),

  members: defineTable({ workspaceId: v.id("workspaces"), userId: v.id("users"), role })
    .index("by_workspace_user", ["workspaceId", "userId"])
    .index("by_user", ["userId"]),

  documents: defineTable(page).index("by_workspace", ["workspaceId"]),
  diagrams: defineTable(page).index("by_workspace", ["workspaceId"]),

  /** Pictures in documents and diagrams, by the key that the room holds. */
  images: defineTable({
    room: v.string(),
    key: v.string(),
    storageId: v.id("_storage"),
    mimeType: v.string(),
  }).index("by_room", ["room"]),

  backups: defineTable(backup).index("by_room", ["room", "epoch", "seq"]),

  /** Rooms that a server has deleted, while their document is still here: their backups are not given out. */
  erased: defineTable({
    room: v.string(),
    epoch: v.number(),
    seq: v.number(),
    /** Which server said so: what it sends under a later epoch is of a room that was brought back. */
    server: v.optional(v.string()),
  })
    .index("by_room", ["room"]),

  /** Large backups that were begun: should the commit never come, the file is found by its hash. */
  uploads: defineTable({ room: v.string(), sha256: v.string(), size: v.number() })
    .index("by_room", ["room"]),

  /** What the server told, each id once. */
  events: defineTable({
    eventId: v.string(),
    type: v.string(),
    room: v.string(),
    /** Milliseconds since 1970, the server's clock. */
    at: v.number(),
    node: v.string(),
    data: v.any(),
  })
    .index("by_event", ["eventId"])
    .index("by_room", ["room", "at"]),
});
