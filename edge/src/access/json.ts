// JSON as a token may have it (rule A1): an object in strict UTF-8, no name twice, no NUL, bounded nesting.
// JSON.parse() takes the last of two equal names, others the first: what is ambiguous is refused.

const DEPTH_MAX = 128;

export function strictObject(bytes: Uint8Array): Record<string, unknown> | null {
  let text: string, value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch { return null; }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return isStrict(text) ? value as Record<string, unknown> : null;
}

/** text: valid JSON. */
function isStrict(text: string): boolean {
  const names: (Set<string> | null)[] = []; // of the objects and arrays that are open; null: an array
  let wantsName = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "{" || c === "[") {
      names.push(c === "{" ? new Set() : null);
      wantsName = c === "{";
      if (names.length > DEPTH_MAX) return false;
    } else if (c === "}" || c === "]") {
      names.pop();
      wantsName = false;
    } else if (c === ",") {
      wantsName = names[names.length - 1] !== null;
    } else if (c === '"') {
      let end = i + 1;
      while (text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
      const string = JSON.parse(text.slice(i, end + 1)) as string;
      if (string.includes("\0") || /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(string)) return false;
      if (wantsName) {
        const known = names[names.length - 1]!;
        if (known.has(string)) return false;
        known.add(string);
        wantsName = false;
      }
      i = end;
    }
  }
  return true;
}
