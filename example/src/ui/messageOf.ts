import { ConvexError } from "convex/values";

/** What a person may read of an error: the functions say it with ConvexError. */
export const messageOf = (error: unknown): string =>
  error instanceof ConvexError && typeof error.data === "string" ? error.data : "That did not work.";
