// The few frames of Hocuspocus that the Worker reads or says itself (P40 to P49 of docs/protocol.md): those about
// who is let into which document. All others go to the room as they are.

export const ADDRESS_BYTES_MAX = 640;
const VERSION_BYTES_MAX = 32; // of a provider, as it says itself
const TYPE = { SYNC: 0, AUTH: 2, CLOSE: 7, PING: 9, PONG: 10 } as const;

export type Frame =
  | { kind: "life" }
  | { kind: "broken" }
  | { kind: "foreign" }
  | { kind: "token"; address: Uint8Array; token: string; version: string }
  | { kind: "close"; address: Uint8Array }
  | { kind: "message"; address: Uint8Array; asks: boolean };

class Reader {
  at = 0;
  failed = false;
  constructor(readonly bytes: Uint8Array) {}

  uint(): number {
    let value = 0;
    for (let shift = 0; shift <= 28; shift += 7) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) break;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    this.failed = true;
    return 0;
  }

  take(): Uint8Array {
    const length = this.uint(), from = this.at;
    if (this.failed || length > this.bytes.byteLength - from) this.failed = true;
    else this.at += length;
    return this.bytes.subarray(from, this.failed ? from : this.at);
  }

  get isDone(): boolean { return this.at >= this.bytes.byteLength; }
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export function frameOf(bytes: Uint8Array): Frame {
  if (bytes.byteLength === 1 && (bytes[0] === TYPE.PING || bytes[0] === TYPE.PONG)) return { kind: "life" };
  const r = new Reader(bytes), address = r.take(), type = r.uint();
  if (r.failed) return { kind: "broken" };
  // A client of another dialect, or one that would ask for this for ever.
  if (address.byteLength === 0 || address.byteLength > ADDRESS_BYTES_MAX) return { kind: "foreign" };
  if (type === TYPE.CLOSE) return { kind: "close", address };
  if (type !== TYPE.AUTH) return { kind: "message", address, asks: type === TYPE.SYNC && r.uint() === 0 && !r.failed };
  const kind = r.uint(), token = r.take();
  if (r.failed || kind !== 0) return { kind: "broken" };
  const version = r.isDone ? new Uint8Array(0) : r.take();
  return { kind: "token", address, token: decoder.decode(token), version: decoder.decode(version.subarray(0, VERSION_BYTES_MAX)) };
}

function text(value: string | Uint8Array): number[] {
  const bytes = typeof value === "string" ? encoder.encode(value) : value, out: number[] = [];
  let n = bytes.byteLength;
  for (; n > 127; n >>>= 7) out.push((n & 127) | 128);
  return [...out, n, ...bytes];
}

export const refusedFrame = (address: Uint8Array, why: string): Uint8Array => Uint8Array.of(...text(address), TYPE.AUTH, 1, ...text(why));
export const questionFrame = (address: Uint8Array): Uint8Array => Uint8Array.of(...text(address), TYPE.AUTH, 0);
/** What asks the room for a document: the client's own frame without its token, in Latin-1. */
export const openingOf = (address: Uint8Array, version: string): string => String.fromCharCode(...text(address), TYPE.AUTH, 0, 0, ...(version === "" ? [] : text(version)));

/** Latin-1 back to bytes. */
export const bytesOf = (latin: string): Uint8Array => Uint8Array.from(latin, c => c.charCodeAt(0));
/** The address that an opening begins with, with its length in front. */
export function addressOf(opening: Uint8Array): Uint8Array {
  const r = new Reader(opening);
  r.take();
  return opening.subarray(0, r.at);
}
