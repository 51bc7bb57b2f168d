// Which room a path names: rules H2 and H8. Names are the raw, percent-encoded segment.

export type Route =
  | { kind: "room" | "bad" | "many"; party: string; room: string; hasPk: boolean }
  | { kind: "none" };

const ROOM_BYTES_MAX = 512;
const CONTROL = /%([01][0-9a-f]|7f)|[\0-\x1f\x7f]/i;

export function routeOf(url: URL, hocuspocusPath: string): Route {
  const [first, ...rest] = url.pathname.slice(1).split("/");
  let party = "main", room: string | undefined;
  const hasPk = url.searchParams.has("_pk"), many = (of: string): Route => ({ kind: "many", party: of, room: "", hasPk });
  if (!hasPk && (url.pathname === "/" || url.pathname === hocuspocusPath)) return many(party);
  if (first === "parties") {
    [party, room] = [rest[0] ?? "", rest[1]];
    if (!/^[a-z0-9_-]{1,64}$/.test(party)) return { kind: "none" };
    if (!hasPk && (rest.length === 1 || (rest.length === 2 && room === ""))) return many(party);
  } else if (first === "party") {
    room = rest[0];
  } else if (rest.length === 0) {
    room = first;
  }
  if (room === undefined || room === "") return { kind: "none" };
  const bad = room.length > ROOM_BYTES_MAX || CONTROL.test(room);
  return { kind: bad ? "bad" : "room", party, room, hasPk };
}

const PLAIN = /[^\0-\x20\x7f-\uffff"#%/<>?\\^`{}]/;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The room of a document whose name stands in no URL (P41); empty: that is no name of a room. */
export function roomOfName(name: Uint8Array): string {
  try { utf8.decode(name); } catch { return ""; }
  let room = "";
  for (const byte of name) {
    if (byte < 0x20 || byte === 0x7f) return "";
    const char = String.fromCharCode(byte);
    room += PLAIN.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return room.length > ROOM_BYTES_MAX ? "" : room;
}
