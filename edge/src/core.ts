// One room in wasm: events in, records out. The layout is that of edge/abi/abi.h.
import { KEY_MAX, type Naming } from "./naming.ts";
import wasm from "./room.wasm";

export const Ev = {
  OPEN: 0, LOAD_BASE: 1, LOAD_DELTA: 2, LOAD_ROW: 3, JOIN: 4, RESUME: 5, LEAVE: 6, TEXT: 7, BINARY: 8,
  TICK: 9, TIMER: 10, COMPACT: 11, ROW: 12, PRESENCE: 13, STATE: 14, VECTOR: 15, RIGHT: 16, MANY: 17,
} as const;
export const Flag = { WRITER: 1, NAMED: 2, SPEAKS_TEXT: 4, HOCUSPOCUS: 8 } as const;
export const Kind = { SEND: 0, CLOSE: 1, SNAPSHOT: 2, IGNORED: 3, BYTES: 4, OTHER: 5 } as const;
export const ALL = 0xffffffff;
export const ALL_LAST = 0xfffffffd;

/** Words of struct abi_box and struct abi_record. */
const Box = { IN: 0, IN_CAP: 1, OUT: 2, ROW_BYTES: 4, ROW_UPDATES: 5, WANTS_TICK: 6, IS_DIRTY: 7, HAS_GAP: 8, COLLECTING: 9, WIRE: 10, TAKEN: 11, DUE: 12 } as const;
const RECORD_WORDS = 8;
const POSTED_HEAD = 8; // bytes of struct abi_posted
const POSTED_MAX = 64 * 1024; // the inbox has so much at least

export interface CoreOptions {
  messageBytesMax: number;
  documentBytesMax: number;
  keepaliveMs: number;
  compactUpdates: number;
  compactBytes: number;
  compactIdleMs: number;
  keepDeleted: boolean;
  presenceOnly: boolean;
  joinsRelays: boolean;
  presenceBytesMax: number;
  presenceClientsMax: number;
  presenceUpdatesPerS: number;
  /** Where presence says who somebody is: the object, and the keys of id, name and color in it. */
  naming: Naming;
}

export interface RoomRecord {
  kind: number;
  member: number;
  gated: boolean;
  number: number;
  /** A copy, whoever it is for. */
  bytes: Uint8Array;
}

interface Exports {
  memory: WebAssembly.Memory;
  abi_box(): number;
  abi_reserve(length: number): number;
  abi_step(event: number, member: number, flags: number, length: number, now: number): number;
}

/** The room is broken: the instance is to be thrown away and the room loaded anew. */
export class CoreError extends Error {}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const NOTHING = new Uint8Array(0);

export class Core {
  readonly #x: Exports;
  readonly #box: number;
  #bytes: Uint8Array = NOTHING;
  #words: Uint32Array = new Uint32Array(0);
  #dues: Float64Array = new Float64Array(0); // one: asked for after each event
  #posted = 0; // bytes of the inbox that hold posted messages
  #taken = 0; // of these

  constructor(options: CoreOptions) {
    this.#x = new WebAssembly.Instance(wasm, {}).exports as unknown as Exports;
    this.#box = this.#x.abi_box() >> 2;
    const o = options;
    const words = [o.messageBytesMax, o.documentBytesMax, o.keepaliveMs, o.compactUpdates, o.compactBytes,
      o.compactIdleMs, Number(o.keepDeleted), Number(o.presenceOnly), Number(o.joinsRelays),
      o.presenceBytesMax, o.presenceClientsMax, o.presenceUpdatesPerS];
    const bytes = new Uint8Array(words.length * 4 + o.naming.length * KEY_MAX);
    bytes.set(new Uint8Array(new Uint32Array(words).buffer));
    o.naming.forEach((key, i) => bytes.set(encoder.encode(key), words.length * 4 + i * KEY_MAX));
    this.step(Ev.OPEN, 0, 0, bytes, 0);
  }

  /** Memory may have grown: a view of the old buffer is empty then. */
  #look(): void {
    if (this.#bytes.buffer === this.#x.memory.buffer) return;
    this.#bytes = new Uint8Array(this.#x.memory.buffer);
    this.#words = new Uint32Array(this.#x.memory.buffer);
    this.#dues = new Float64Array(this.#x.memory.buffer, (this.#box + Box.DUE) << 2, 1);
  }

  #word(at: number): number { return this.#words[this.#box + at]!; }

  #reserve(length: number): void {
    const has = this.#word(Box.IN_CAP);
    // A large message leaves a large inbox behind, which the next one gives back.
    if (length <= has && has <= 1 << 17) return;
    if (this.#x.abi_reserve(length) < 0) throw new CoreError("out of memory");
    this.#look();
  }

  /** Puts a member's binary message into the inbox, to be worked off together with others; false: it has no place. */
  post(member: number, message: Uint8Array): boolean {
    const length = message.byteLength, end = this.#posted + POSTED_HEAD + ((length + 3) & ~3);
    if (end > POSTED_MAX) return false;
    if (this.#posted === 0) this.#reserve(POSTED_MAX);
    const at = this.#word(Box.IN) + this.#posted;
    this.#words[at >> 2] = member;
    this.#words[(at >> 2) + 1] = length;
    this.#bytes.set(message, at + POSTED_HEAD);
    this.#posted = end;
    return true;
  }

  get hasPosted(): boolean { return this.#posted > 0; }

  /** Works off what was posted, or the first of it: to be called until nothing is left. */
  takePosted(now: number): RoomRecord[] {
    const count = this.#x.abi_step(Ev.MANY, 0, this.#taken, this.#posted, now);
    this.#look();
    if (count < 0) throw new CoreError(`the room says ${count} to what was posted`);
    this.#taken = this.#word(Box.TAKEN);
    if (this.#taken >= this.#posted) this.#taken = this.#posted = 0;
    return this.records(count);
  }

  /** One event; the records are to be taken with records() before the next one. */
  step(event: number, member: number, flags: number, payload: Uint8Array | string, now: number): number {
    if (this.hasPosted) throw new CoreError("what was posted comes first");
    this.#look();
    let length: number;
    if (typeof payload === "string") {
      this.#reserve(payload.length * 3);
      const at = this.#word(Box.IN);
      length = encoder.encodeInto(payload, this.#bytes.subarray(at, at + payload.length * 3)).written;
    } else {
      length = payload.byteLength;
      this.#reserve(length);
      if (length > 0) this.#bytes.set(payload, this.#word(Box.IN));
    }
    const count = this.#x.abi_step(event, member, flags, length, now);
    this.#look();
    if (count < 0) throw new CoreError(`the room says ${count} to event ${event}`);
    return count;
  }

  records(count: number): RoomRecord[] {
    const list: RoomRecord[] = [];
    let at = this.#word(Box.OUT) >> 2;
    for (let i = 0; i < count; i++, at += RECORD_WORDS) {
      const w = this.#words;
      const [head, headLength, body, bodyLength] = [w[at + 4]!, w[at + 5]!, w[at + 6]!, w[at + 7]!];
      let bytes: Uint8Array;
      if (headLength === 0) {
        bytes = this.#bytes.slice(body, body + bodyLength);
      } else {
        bytes = new Uint8Array(headLength + bodyLength);
        bytes.set(this.#bytes.subarray(head, head + headLength));
        bytes.set(this.#bytes.subarray(body, body + bodyLength), headLength);
      }
      list.push({ kind: w[at]!, member: w[at + 1]!, gated: w[at + 2] !== 0, number: w[at + 3]!, bytes });
    }
    return list;
  }

  /** What an event of the last group of Ev gives. */
  ask(event: number, member = 0): Uint8Array {
    return this.records(this.step(event, member, 0, NOTHING, 0))[0]?.bytes ?? NOTHING;
  }

  get rowBytes(): number { return this.#word(Box.ROW_BYTES); }
  get wantsTick(): boolean { return this.#word(Box.WANTS_TICK) !== 0; }
  get isDirty(): boolean { return this.#word(Box.IS_DIRTY) !== 0; }
  get hasGap(): boolean { return this.#word(Box.HAS_GAP) !== 0; }
  /** The member that spoke last has sent a part of a message, and the rest is to come. */
  get isCollecting(): boolean { return this.#word(Box.COLLECTING) !== 0; }
  /** Of who came last: ALL - wire is where what is said to all finds it. */
  get wire(): number { return this.#word(Box.WIRE); }
  get memoryBytes(): number { return this.#x.memory.buffer.byteLength; }
  get due(): number { return this.#dues[0]!; }
}

/** Identity, and the frame that asks for a document, as JOIN takes them. */
export function joinBytes(...parts: (string | Uint8Array)[]): Uint8Array {
  const out: number[] = [];
  for (const part of parts) {
    const bytes = typeof part === "string" ? encoder.encode(part) : part;
    for (let n = bytes.length; ; n >>>= 7) {
      out.push(n > 127 ? (n & 127) | 128 : n);
      if (n <= 127) break;
    }
    out.push(...bytes);
  }
  return Uint8Array.from(out);
}

export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);
