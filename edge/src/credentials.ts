// Where a token stands in a request, and where a browser comes from: rules D7, D8, H9.

const items = (list: string, separator: string): string[] => list.split(separator).map(item => item.trim());
const isBearer = (item: string): boolean => /^bearer\./i.test(item);

function valueIn(list: string, separator: string, name: string): string {
  const found = items(list, separator).find(item => item.startsWith(`${name}=`) && item.length > name.length + 1);
  return found === undefined ? "" : found.slice(name.length + 1);
}

const decoded = (text: string): string => text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));

/** The first of these that is there: header, subprotocol, query, cookie. */
export function tokenOf(request: Request, url: URL, cookie: string): string {
  const header = /^bearer (.*)$/i.exec(request.headers.get("Authorization") ?? "")?.[1]?.trim() ?? "";
  if (header !== "") return header;
  const protocol = items(request.headers.get("Sec-WebSocket-Protocol") ?? "", ",").find(isBearer);
  if (protocol !== undefined && protocol.length > 7) return protocol.slice(7);
  const query = valueIn(url.search.slice(1), "&", "token");
  if (query !== "") return decoded(query);
  return cookie === "" ? "" : valueIn(request.headers.get("Cookie") ?? "", ";", cookie);
}

/** The first offered subprotocol that is no token; empty: there is none. */
export function protocolOf(offered: string): string {
  return items(offered, ",").find(item => /^[\x21-\x7e]+$/.test(item) && !isBearer(item)) ?? "";
}

/** Rule D8; no origin at all is no browser. */
export function originOk(origin: string, list: string): boolean {
  if (list === "" || origin === "") return true;
  const from = origin.toLowerCase();
  return items(list.toLowerCase(), ",").some(item => {
    const star = item.indexOf("*");
    if (star < 0) return from === item;
    const [front, tail] = [item.slice(0, star), item.slice(star + 1)];
    const labels = from.slice(front.length, from.length - tail.length);
    return from.startsWith(front) && from.endsWith(tail) && from.length > front.length + tail.length && /^[a-z0-9.-]+$/.test(labels);
  });
}
