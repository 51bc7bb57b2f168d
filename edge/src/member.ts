// Who is in a room, and what its socket keeps of it while the object sleeps.
import { Flag } from "./core.ts";
import { sameBytes } from "./bytes.ts";
import { addressOf, bytesOf } from "./frames.ts";
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
  opening: string;
  wasAsked: boolean;
  /** What the room keeps of it, presence first; null: too large, it is asked for its presence when the object wakes. */
  presence: Uint8Array | null;
}

const ATTACHMENT_BYTES_MAX = 16_000;
const FRAME_BYTES = 512; // of the attachment beside what is counted
const NOTHING = new Uint8Array(0);
const NO_PRESENCE = Uint8Array.of(0);

export class Member {
  /** Messages that wait are for those who were in when they were made. */
  since = 0;
  /** When something was last sent to it alone, and when it last began to send a message in chunks. */
  collectingSince = 0;
  presence: Uint8Array | null = NO_PRESENCE;
  /** Its first message may be one that does not lead into this room (Kind.OTHER). */
  hasSpoken = false;
  /** For a fresh token, because its session is over. */
  wasAsked = false;
  /** Where what is said to all finds it: Core.wire. */
  wire = 0;
  /** What each of its messages begins with; nothing but of Hocuspocus. */
  readonly address: Uint8Array;

  constructor(readonly socket: WebSocket, readonly number: number, public flags: number, readonly party: string,
    readonly room: string, public decision: Decision | null, public token: string, public until: number, readonly opening = "") {
    this.address = opening === "" ? NOTHING : addressOf(bytesOf(opening));
  }

  static of(socket: WebSocket): Member | null {
    const kept = socket.deserializeAttachment() as Kept | null;
    if (kept === null || typeof kept.number !== "number") return null;
    const member = new Member(socket, kept.number, kept.flags, kept.party, kept.room, kept.decision, kept.token, kept.until, kept.opening);
    member.wasAsked = kept.wasAsked;
    member.presence = kept.presence;
    return member;
  }

  keep(): void {
    const { number, room, party, flags, decision, token, until, opening, wasAsked } = this;
    const strings = token.length + room.length + party.length + opening.length + JSON.stringify(decision).length;
    const room_left = ATTACHMENT_BYTES_MAX - FRAME_BYTES - 2 * strings;
    if (this.presence !== null && this.presence.byteLength > room_left) this.presence = null;
    const kept: Kept = { number, room, party, flags, decision, token, until, opening, wasAsked, presence: this.presence };
    this.socket.serializeAttachment(kept);
  }

  keepState(state: Uint8Array): void {
    if (this.presence !== null && sameBytes(this.presence, state)) return;
    this.presence = state;
    this.keep();
  }

  get isNamed(): boolean { return (this.flags & Flag.NAMED) !== 0; }
  /** It has announced nothing, so it sends no signs of life of its own either. */
  get isSilent(): boolean { return this.presence !== null && this.presence[0] === 0; }
  /** A client of Hocuspocus: its socket ends in the Worker, and what it is said has the document's address. */
  get hasDesk(): boolean { return this.opening !== ""; }
  get user(): string { return this.decision?.userId ?? ""; }

  /** A message of the host's own making, of a dialect without addresses. */
  say(...bytes: number[]): void { this.send(Uint8Array.of(...this.address, ...bytes)); }

  send(message: Uint8Array | string): void {
    try { this.socket.send(message); } catch { /* it is closing: its end is on the way */ }
  }

  close(code: number, reason: string): void {
    try { this.socket.close(code, reason); } catch { /* it is closed */ }
  }
}
