// When a room is copied to the application, and when it is asked for there: rules E20 to E22. By alarm, so that the object
// sleeps meanwhile; what there is to do is told by what is stored, which a sleep does not forget.
import { BackupError, backupName, pull, push, type Copy, type Version } from "./backup.ts";
import { log } from "./log.ts";
import type { Settings } from "./settings.ts";
import type { Store } from "./store.ts";

const RETRY_MS = [1000, 5000, 30_000, 120_000, 300_000, 600_000];

const whyOf = (error: unknown): string => error instanceof Error ? error.message : String(error);

/** What the keeper needs of the room. */
export interface Kept {
  store: Store;
  wake(when: number): void;
  /** All that is confirmed, and the numbers that it has; null: it cannot be read. */
  copy(): Copy | null;
  /** Another history has this; false: it cannot be read. */
  merge(update: Uint8Array): boolean;
  replace(update: Uint8Array): string | null;
  /** To whom it may concern: its copies fail, for this reason; or do not any more (null). */
  tell(why: string | null): Promise<unknown>;
  gone(): void;
}

export class Keeper {
  #since = 0; // first change that may not be copied yet
  #last = 0;
  #failures = 0;
  #retryAt = 0;
  #isBusy = false;
  #hasNever = false; // Convex has not heard of this room
  #asking: Promise<"ready" | "gone" | "unavailable"> | null = null;

  constructor(readonly settings: Settings, readonly kept: Kept, readonly of: { party: string; room: string }) {}

  get #name(): string { return backupName(this.of.party, this.of.room); }

  touched(now: number): void {
    if (this.#since === 0) this.#since = now;
    this.#last = now;
    this.kept.wake(this.#due());
  }

  #due(): number {
    const { backupIdleMs, backupMaxAgeMs } = this.settings;
    return Math.max(this.#retryAt, Math.min(this.#last + backupIdleMs, this.#since + backupMaxAgeMs));
  }

  /** What is stored is not what Convex has. */
  get #isDue(): boolean {
    const stored = this.kept.store.stored(), done = this.kept.store.copied;
    return stored !== null && stored.status === "ok" && (done.epoch !== stored.epoch || done.seq !== stored.seq);
  }

  async alarm(now: number): Promise<void> {
    if (this.#isBusy) return;
    if (!this.#isDue) { // a deleted room has no copy to be made
      if (this.kept.store.copied.isFailing === true) await this.#tell(null);
      return;
    }
    if (this.#due() > now) { this.kept.wake(this.#due()); return; }
    this.#isBusy = true;
    try {
      await this.#push();
      this.#failures = this.#retryAt = 0;
      if (this.kept.store.copied.isFailing === true) await this.#tell(null);
    } catch (error) {
      this.#fails(error);
      if (this.kept.store.copied.isFailing !== true) await this.#tell(whyOf(error));
    }
    this.#isBusy = false;
    if (this.#isDue) this.kept.wake(this.#due());
  }

  /** "saved": what is stored here is there as well. */
  get state(): "saved" | "waiting" | "under way" { return this.#isBusy ? "under way" : this.#isDue ? "waiting" : "saved"; }

  /** That it was told is stored, so that the end of it is told too after a sleep. */
  async #tell(why: string | null): Promise<void> {
    const { store } = this.kept;
    try {
      await this.kept.tell(why);
      store.copied = { ...store.copied, isFailing: why !== null };
    } catch (error) {
      log("warn", "whether backups fail cannot be noted", { room: this.#name, why: String(error) });
    }
  }

  #fails(error: unknown): void {
    const wait = RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)]! * (1 + (Math.random() - 0.5) / 2.5);
    this.#retryAt = Date.now() + wait;
    log("warn", "a backup failed", { room: this.#name, why: whyOf(error), again_ms: Math.round(wait) });
  }

  async #push(): Promise<void> {
    for (let times = 0; times < 3; times++) {
      this.#since = 0;
      const copy = this.kept.copy();
      if (copy === null) throw new BackupError("the room cannot be read");
      const pushed = await push(this.settings, this.#name, copy);
      if (pushed.result === "gone") { this.kept.gone(); return; }
      if (pushed.result === "stored") {
        this.kept.store.copied = { ...this.kept.store.copied, epoch: copy.epoch, seq: copy.seq };
        log("debug", "room backed up", { room: this.#name, epoch: copy.epoch, seq: copy.seq, bytes: copy.bytes.byteLength });
        return;
      }
      await this.#reconcile(pushed);
    }
    throw new BackupError("Convex has another history each time");
  }

  /** Two histories of one room: theirs comes into ours, and the whole is newer than both. */
  async #reconcile({ epoch }: Version): Promise<void> {
    const pulled = await pull(this.settings, this.#name);
    if (pulled.result === "gone") { this.kept.gone(); return; }
    if (pulled.result === "found" && !this.kept.merge(pulled.bytes)) throw new BackupError("what Convex has cannot be merged");
    const stored = this.kept.store.stored();
    this.kept.store.change({ epoch: Math.max(stored?.epoch ?? 1, epoch) + 1 });
  }

  // ---- before a room begins ----------------------------------------------------------------------

  /** A room begins empty only if Convex has said that it never heard of it. */
  ready(): Promise<"ready" | "gone" | "unavailable"> | "ready" {
    if (this.#hasNever || this.kept.store.about() !== null) return "ready";
    this.#asking ??= this.#restore().finally(() => { this.#asking = null; });
    return this.#asking;
  }

  async #restore(): Promise<"ready" | "gone" | "unavailable"> {
    try {
      const pulled = await pull(this.settings, this.#name);
      if (pulled.result === "gone") return "gone";
      if (pulled.result === "never") { this.#hasNever = true; return "ready"; }
      const why = this.kept.replace(pulled.bytes);
      if (why !== null) throw new BackupError(`the backup cannot be taken: ${why}`);
      // What comes from here on is newer than all that Convex has; what is here now it has.
      this.kept.store.change({ epoch: pulled.epoch + 1 });
      const { epoch, seq } = this.kept.store.stored()!;
      this.kept.store.copied = { epoch, seq };
      log("info", "room restored", { room: this.#name, epoch: pulled.epoch, seq: pulled.seq, bytes: pulled.bytes.byteLength });
      return "ready";
    } catch (error) {
      log("error", "a room is not begun: Convex cannot say whether it has it", { room: this.#name, why: whyOf(error) });
      return "unavailable";
    }
  }
}
