// How soon what happens in a room is told: presence with the next tick, updates with the next journal row (rules E3, E25).
import type { Settings } from "./settings.ts";

const TICK_MS = 40, TICK_MS_MAX = 100; // presence leaves this often at most
const TICK_EACH_MS = 8; // for each who is in: a tick is a message to each, and an answer of each
const SPREAD = 1.15; // from one row to the next
const ROW_BYTES_MAX = 256 * 1024; // does not wait for more
const SOON_MS = 3000; // what the room wants later than this an event or an alarm brings
const PAUSE_MS = 1000; // without a row: what comes then does not wait long

/** What of a room may be due: struct abi_box says so after each event. */
export interface Due {
  readonly wantsTick: boolean;
  readonly rowBytes: number;
  /** When its timer is; Infinity: never. */
  readonly due: number;
}

/** What is done about it. */
export interface Deeds {
  timer(): void;
  tick(): void;
  row(): void;
}

export class Pace {
  readonly #settings: Settings;
  #tickedAt = 0;
  #wroteAt = 0;
  #busyMs = 0; // how long updates wait while several go on editing; 0: nobody has yet

  constructor(settings: Settings) { this.#settings = settings; }

  /** Of the last row; 0: none since the object is awake. */
  get wroteAt(): number { return this.#wroteAt; }

  /** When the next tick may be, with so many in the room. */
  tickAt(members: number): number { return this.#tickedAt + Math.min(Math.max(TICK_MS, members * TICK_EACH_MS), TICK_MS_MAX); }

  /** When the next row may be, in whole milliseconds as the clock has them. Whoever is alone has nobody waiting for what it writes. */
  rowAt(members: number): number {
    const { journalMs, journalAloneMs } = this.#settings;
    return this.#wroteAt + (members <= 1 ? journalAloneMs : Math.ceil(Math.max(this.#busyMs, journalMs)));
  }

  /** Does what is due, and says when the next of it is; Infinity: nothing is waited for. The clock goes on meanwhile: a time
   * that has come by then is another turn, at once. */
  turn(room: Due, members: number, now: number, deeds: Deeds): number {
    if (room.due <= now) deeds.timer();
    if (room.wantsTick && this.tickAt(members) <= now) {
      this.#tickedAt = now;
      deeds.tick();
    }
    if (room.rowBytes >= ROW_BYTES_MAX || (room.rowBytes > 0 && this.rowAt(members) <= now)) deeds.row();
    let next = room.due <= now + SOON_MS ? room.due : Infinity; // later ones are the alarm's, or the next event's
    if (room.wantsTick) next = Math.min(next, this.tickAt(members));
    if (room.rowBytes > 0) next = Math.min(next, this.rowAt(members));
    return next;
  }

  /** Rows grow apart while somebody goes on editing, and after a pause begin as close as they were. */
  wrote(now: number): void {
    const { journalMs, journalBusyMs } = this.#settings;
    this.#busyMs = now - this.#wroteAt > PAUSE_MS ? 0 : Math.min(Math.max(this.#busyMs, journalMs) * SPREAD, journalBusyMs);
    this.#wroteAt = now;
  }
}
