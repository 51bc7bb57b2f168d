// The object's one alarm: by() asks for it, rang() says that it has come. Setting it costs a row, so an
// alarm that is early enough stays as it is; who it was not for asks again when it rings.

export class Alarm {
  readonly #storage: DurableObjectStorage;
  #at: number | null = null;
  #isKnown = false; // after a sleep nobody remembers
  #wanted = Infinity;

  constructor(storage: DurableObjectStorage) { this.#storage = storage; }

  by(when: number): void {
    if (this.#isKnown) {
      this.#set(when);
      return;
    }
    const isAsking = this.#wanted < Infinity;
    this.#wanted = Math.min(this.#wanted, when);
    if (!isAsking) void this.#ask();
  }

  async #ask(): Promise<void> {
    const at = await this.#storage.getAlarm();
    if (!this.#isKnown) this.#at = at;
    this.#isKnown = true;
    this.#set(this.#wanted);
    this.#wanted = Infinity;
  }

  #set(when: number): void {
    if (this.#at !== null && this.#at <= when) return;
    this.#at = when;
    void this.#storage.setAlarm(when);
  }

  rang(): void {
    this.#isKnown = true;
    this.#at = null;
  }
}
