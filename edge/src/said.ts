// An update that no client brings: of the application, or of a copy elsewhere.
import { type Core, Ev, Flag, Kind, type RoomRecord, textOf } from "./core.ts";

/** One update as somebody who may write says it; a text says why the room does not take it. */
export function said(core: Core, member: number, update: Uint8Array, carryOut: (record: RoomRecord) => void): string | null {
  const now = Date.now();
  let why: string | null = null;
  const step = (event: number, flags: number, bytes: Uint8Array): void => {
    for (const record of core.records(core.step(event, member, flags, bytes, now))) {
      if (record.member === member && record.kind === Kind.IGNORED) why = textOf(record.bytes);
      else if (record.member === member && record.kind === Kind.CLOSE) why = textOf(record.bytes);
      else if (record.member !== member) carryOut(record);
    }
  };
  step(Ev.JOIN, Flag.WRITER, new Uint8Array(0));
  step(Ev.BINARY, 0, updateFrame(update));
  step(Ev.LEAVE, 0, new Uint8Array(0));
  return why;
}

const updateFrame = (update: Uint8Array): Uint8Array => {
  const length: number[] = [];
  for (let n = update.byteLength; ; n = Math.floor(n / 128)) {
    length.push(n > 127 ? (n % 128) | 128 : n);
    if (n <= 127) break;
  }
  const frame = new Uint8Array(2 + length.length + update.byteLength);
  frame.set([0, 2, ...length]);
  frame.set(update, 2 + length.length);
  return frame;
};
