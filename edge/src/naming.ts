// Under which keys presence says who somebody is, as PARTYD_PRESENCE_IDENTITY and the table of rooms say it: the same
// texts as natively, "user{id,name,color}", "{userId,username}", "user{,name}", "off" (rule D16 of docs/access.md).

/** Object, and the keys of id, name and color in it. "": the state itself, or what is not written. */
export type Naming = readonly [string, string, string, string];

/** Bytes of a key in struct abi_opts, with its NUL. */
export const KEY_MAX = 32;
export const NAMING_TAKES = "off, or keys as in user{id,name,color}";

const KEY = "([\\w$-]{0,31})";
const FORM = new RegExp(`^${KEY}\\{${KEY}(?:,${KEY}(?:,${KEY})?)?\\}$`);

/** null: the text is none, or names a key twice. */
export function namingOf(text: string): Naming | null {
  if (text === "off") return ["", "", "", ""];
  const found = FORM.exec(text);
  if (found === null) return null;
  const [object, ...keys] = found.slice(1).map(key => key ?? "") as [string, string, string, string];
  const written = keys.filter(key => key !== "");
  return new Set(written).size === written.length ? [object, ...keys as [string, string, string]] : null;
}
