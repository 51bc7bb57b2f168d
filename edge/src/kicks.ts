// Who was sent away lately: decisions from before that do not count any more, wherever they were remembered.
import type { Settings } from "./settings.ts";
import type { Kick, Store } from "./store.ts";
import type { Renewal } from "./visit.ts";

const KICKS_MAX = 256; // that still count
const UNDER_WAY_MS = 60_000; // a decision that was being made meanwhile

export class Kicks {
  readonly #settings: Settings;
  readonly #store: Store;
  #kept: Kick[] | null = null; // as stored; null: not read yet

  constructor(settings: Settings, store: Store) {
    this.#settings = settings;
    this.#store = store;
  }

  get #all(): Kick[] { return this.#kept ??= this.#store.kicks; }

  hit({ decision, decidedAt }: Renewal): boolean {
    const user = decision?.userId ?? "";
    return decision !== null && this.#all.some(kick => kick.at >= decidedAt && (kick.user === null || kick.user === user));
  }

  /** user: null for everybody. */
  add(room: string, user: string | null): void {
    const { rememberMs, staleMs } = this.#settings, now = Date.now();
    const still = this.#all.filter(kick => kick.at > now - Math.max(rememberMs, staleMs, UNDER_WAY_MS) && kick.user !== user);
    // Too many to tell apart: then all are decided about anew.
    this.#kept = user === null || still.length >= KICKS_MAX ? [{ user: null, at: now }] : [...still, { user, at: now }];
    this.#store.keepKicks(room, this.#kept);
  }
}
