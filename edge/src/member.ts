// Who is in a room, and what its socket keeps of it while the object sleeps.
import { Flag } from "./core.ts";
import type { Decision } from "./access/decision.ts";

/** What stands in the attachment of a socket, 16,384 bytes at most. */
interface Kept {
  number: number;
  room: string;
  party: string;
  flags: number;
  decision: Decision | null;
  token: string;
  until: number;
  /** Its presence; null: too large, it is asked for it when the object wakes. */
  presence: Uint8Array | null;
}

const ATTACHMENT_BYTES_MAX = 16_000;
const FRAME_BYTES = 512; // of the attachment beside what is counted
const NO_PRESENCE = Uint8Array.of(0);

export class Member {
  /** Messages that wait are for those who were in when they were made. */
  since = 0;
  /** When something was last sent to it alone, and when it last began to send a message in chunks. */
  collectingSince = 0;
  presence: Uint8Array | null = NO_PRESENCE;

  constructor(readonly socket: WebSocket, readonly number: number, readonly flags: number, readonly party: string,
    readonly room: string, readonly decision: Decision | null, readonly token: string, readonly until: number) {}

  static of(socket: WebSocket): Member | null {
    const kept = socket.deserializeAttachment() as Kept | null;
    if (kept === null || typeof kept.number !== "number") return null;
    const member = new Member(socket, kept.number, kept.flags, kept.party, kept.room, kept.decision, kept.token, kept.until);
    member.presence = kept.presence;
    return member;
  }

  keep(): void {
    const { number, room, party, flags, decision, token, until } = this;
    const strings = token.length + room.length + party.length + JSON.stringify(decision).length;
    const room_left = ATTACHMENT_BYTES_MAX - FRAME_BYTES - 2 * strings;
    if (this.presence !== null && this.presence.byteLength > room_left) this.presence = null;
    const kept: Kept = { number, room, party, flags, decision, token, until, presence: this.presence };
    this.socket.serializeAttachment(kept);
  }

  get isNamed(): boolean { return (this.flags & Flag.NAMED) !== 0; }
  /** It has announced nothing, so it sends no signs of life of its own either. */
  get isSilent(): boolean { return this.presence !== null && this.presence[0] === 0; }
  get user(): string { return this.decision?.userId ?? ""; }

  send(message: Uint8Array | string): void {
    try { this.socket.send(message); } catch { /* it is closing: its end is on the way */ }
  }

  close(code: number, reason: string): void {
    try { this.socket.close(code, reason); } catch { /* it is closed */ }
  }
}
