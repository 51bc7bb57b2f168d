// The object's one alarm: by() asks for it, rang() says that it has come. Setting it costs a row, so an
// alarm that is early enough stays as it is; who it was not for asks again when it rings. What is asked for at
// one moment is set once, as the earliest of it.

const SOON_MS = 5;

export class Alarm {
  readonly #storage: DurableObjectStorage;
  #at: number | null = null;
  #isKnown = false; // after a sleep nobody remembers
  #wanted = Infinity;
  #setting: Promise<void> | null = null;

  /** Since the object is awake: each time that it is set. */
  rowsWritten = 0;

  constructor(storage: DurableObjectStorage) { this.#storage = storage; }

  by(when: number): void {
    if (this.#isKnown && this.#at !== null && this.#at <= when) return;
    this.#wanted = Math.min(this.#wanted, when);
    this.#setting ??= this.#set();
  }

  async #set(): Promise<void> {
    const at = await this.#storage.getAlarm();
    this.#at = at;
    this.#isKnown = true;
    this.#setting = null;
    // The platform cuts off what is less than a millisecond, and loses an alarm that is set for the time of the one
    // that is ringing.
    const when = Math.ceil(Math.max(this.#wanted, Date.now() + SOON_MS));
    this.#wanted = Infinity;
    if (this.#at !== null && this.#at <= when) return;
    this.#at = when;
    this.rowsWritten++;
    await this.#storage.setAlarm(when);
  }

  rang(): void {
    this.#isKnown = true;
    this.#at = null;
  }
}
