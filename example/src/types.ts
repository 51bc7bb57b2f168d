import type { FunctionReturnType } from "convex/server";
import type { api } from "../convex/_generated/api";

export type Me = NonNullable<FunctionReturnType<typeof api.users.me>>;
export type WorkspaceRow = FunctionReturnType<typeof api.workspaces.list>[number];
export type Page = FunctionReturnType<typeof api.documents.list>[number];
export type Member = FunctionReturnType<typeof api.workspaces.members>[number];
export type Role = Member["role"];

export const nameOf = (me: { name: string | null; email: string | null }): string =>
  me.name || me.email || "Somebody";
