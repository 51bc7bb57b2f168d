// Which room a path names: rules H2 and H8. Names are the raw, percent-encoded segment.

export type Route =
  | { kind: "room" | "bad"; party: string; room: string; hasPk: boolean }
  | { kind: "none" };

const ROOM_BYTES_MAX = 512;
const CONTROL = /%([01][0-9a-f]|7f)|[\0-\x1f\x7f]/i;

export function routeOf(url: URL): Route {
  const [first, ...rest] = url.pathname.slice(1).split("/");
  let party = "main", room: string | undefined;
  if (first === "parties") {
    [party, room] = [rest[0] ?? "", rest[1]];
    if (!/^[a-z0-9_-]{1,64}$/.test(party)) return { kind: "none" };
  } else if (first === "party") {
    room = rest[0];
  } else if (rest.length === 0) {
    room = first;
  }
  if (room === undefined || room === "") return { kind: "none" };
  const bad = room.length > ROOM_BYTES_MAX || CONTROL.test(room);
  return { kind: bad ? "bad" : "room", party, room, hasPk: url.searchParams.has("_pk") };
}
