/** Room names: `<type>-<id>`, the id being a document id of the Convex table that the type names. */

/** Characters; partyd itself takes 512 bytes, Convex ids need far less than this. */
export const ROOM_NAME_MAX = 128;

export type Room<Type extends string> = { type: Type; id: string };

/**
 * Splits a room name, or gives null if it is none of the given types.
 * The id is not looked up: pass it to `ctx.db.normalizeId(table, id)`, which refuses foreign ids.
 */
export function parseRoom<Type extends string>(
  name: string,
  types: readonly Type[],
): Room<Type> | null {
  if (name.length > ROOM_NAME_MAX) return null;
  const at = name.indexOf("-");
  const type = types.find((known) => known === name.slice(0, at));
  const id = name.slice(at + 1);
  if (at < 1 || type === undefined || !/^[A-Za-z0-9_]+$/.test(id)) return null;
  return { type, id };
}
