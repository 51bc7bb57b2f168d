// The room in the object's SQLite. Nothing here waits: what one call writes is one commit, and the
// platform lets no message out before that commit is kept.
//
// A row written is what is paid for, and a deletion counts as one. So nothing is deleted: the journal is a
// ring of slots, and a snapshot makes the rows before it void. Rules E3 to E6 of docs/edge.md.
import { joined } from "./bytes.ts";

const SLOTS = 1024;
/** The journal asks for a snapshot when so many slots are taken. */
export const SLOTS_FULL = SLOTS / 2;
const PIECE = 1_500_000; // a row may have 2 MB
const BASE = 0;
const DELTA = 1_000_000; // its pieces have numbers from here on
const SCHEMA = 1;

const TICKETS_MAX = 8192; // in one room at the same time

export interface Ticket {
  id: string;
  /** Seconds since 1970: nobody gets in with it after that. */
  until: number;
}

export interface Loaded {
  base: Uint8Array | null;
  delta: Uint8Array | null;
  rows: Uint8Array[];
}

/** What is known of a room beside its content: one row. */
export interface About {
  epoch: number;
  /** Changes that are no journal rows: deletions, and content that was replaced. */
  changes: number;
  createdAt: number;
  deletedAt: number;
  eraseAt: number;
  status: "ok" | "deleted" | "erased";
}

export interface Stored extends Omit<About, "changes" | "deletedAt" | "eraseAt"> { seq: number; bytes: number; updates: number; deletedAt?: number; eraseAt?: number }

/** Who was sent away and when: what was decided before that does not count. user: null, everybody. */
export interface Kick { user: string | null; at: number }

/** What Convex has, and whether others were told that copying fails. */
export interface Copied { epoch: number; seq: number; isFailing?: boolean }

/** What is stored cannot be read: never to be taken for an empty room. */
export class StoreError extends Error {}

const NEW: About = { epoch: 1, changes: 0, createdAt: 0, deletedAt: 0, eraseAt: 0, status: "ok" };

type Head = { total: number; through: number; of: number };

export class Store {
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  #isOpen = false;
  #isBegun = false; // something of a document is here, and about it
  #about: About | null | undefined; // as it is stored; undefined: not read yet
  #last = 0; // number of the last journal row
  #through = 0; // rows up to here are in a snapshot
  #base = 0; // counts whole snapshots
  #pieces = new Map<number, number>(); // how many there are, by the number of the first

  /** Since the object is awake, as the platform counts and bills them. */
  rowsWritten = 0;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
  }

  /** True if there is anything of a room. Does not create the tables. */
  exists(): boolean {
    return this.#isOpen || this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'meta'").toArray().length > 0;
  }

  get meta(): { name: string | undefined } {
    if (!this.exists()) return { name: undefined };
    const row = this.#sql.exec("SELECT v FROM meta WHERE k = 'name'").toArray()[0];
    return { name: row === undefined ? undefined : String(row.v) };
  }

  get liveRows(): number { return this.#last - this.#through; }
  get isFull(): boolean { return this.liveRows >= SLOTS_FULL; }

  /** Makes the tables with the first thing to be stored: who only looks in leaves nothing behind. */
  #open(name: string): void {
    if (this.#isOpen) return;
    this.#sql.exec("CREATE TABLE IF NOT EXISTS meta (k TEXT PRIMARY KEY, v) WITHOUT ROWID");
    this.#sql.exec("CREATE TABLE IF NOT EXISTS journal (slot INTEGER PRIMARY KEY, no INTEGER, more INTEGER, data BLOB)");
    this.#sql.exec("CREATE TABLE IF NOT EXISTS snapshot (piece INTEGER PRIMARY KEY, base INTEGER, total INTEGER, through INTEGER, data BLOB)");
    this.#write("INSERT OR REPLACE INTO meta VALUES ('schema', ?), ('name', ?)", SCHEMA, name);
    this.#isOpen = true;
  }

  /** The first content of a room. */
  #begin(name: string): void {
    this.#open(name);
    if (this.#isBegun) return;
    if (this.about() === null) this.#tell({ ...NEW, createdAt: Date.now() });
    this.#isBegun = true;
  }

  /** True if something is in no snapshot; without loading anything. */
  hasLiveRows(): boolean {
    if (!this.exists()) return false;
    return this.#sql.exec(
      "SELECT 1 FROM journal WHERE no > (SELECT COALESCE(MAX(through), 0) FROM snapshot) LIMIT 1").toArray().length > 0;
  }

  /** A ticket is good once. All that are still good stand in one row. */
  useTicket(name: string, ticket: Ticket, now: number): "new" | "seen" | "full" {
    this.#open(name);
    const row = this.#sql.exec("SELECT v FROM meta WHERE k = 'tickets'").toArray()[0];
    const used = (row === undefined ? [] : JSON.parse(String(row.v)) as Ticket[]).filter(one => one.until > now);
    if (used.some(one => one.id === ticket.id)) return "seen";
    if (used.length >= TICKETS_MAX) return "full";
    used.push(ticket);
    this.#write("INSERT OR REPLACE INTO meta VALUES ('tickets', ?)", JSON.stringify(used));
    return "new";
  }

  // ---- deleted, erased, replaced -----------------------------------------------------------------

  /** null: nothing is stored here. */
  about(): About | null {
    if (this.#about === undefined) this.#about = this.#readAbout();
    return this.#about;
  }

  #readAbout(): About | null {
    if (!this.exists()) return null;
    const row = this.#sql.exec("SELECT v FROM meta WHERE k = 'about'").toArray()[0];
    if (row !== undefined) return JSON.parse(String(row.v)) as About;
    // Without it: a room of before there was one, or tickets only.
    return this.#last + this.#count("journal") + this.#count("snapshot") === 0 ? null : NEW;
  }

  #count(table: "journal" | "snapshot"): number { return Number(this.#sql.exec(`SELECT count(*) AS n FROM ${table}`).one().n); }

  #tell(about: About): void {
    this.#write("INSERT OR REPLACE INTO meta VALUES ('about', ?)", JSON.stringify(about));
    this.#about = about;
  }

  stored(): Stored | null {
    const about = this.about();
    if (about === null) return null;
    const { changes, deletedAt, eraseAt, ...rest } = about;
    const s = this.#sql.exec("SELECT COALESCE(MAX(through), 0) AS through, COALESCE(SUM(length(data)), 0) AS bytes FROM snapshot").one();
    const j = this.#sql.exec("SELECT COALESCE(MAX(no), 0) AS last, count(*) AS updates, COALESCE(SUM(length(data)), 0) AS bytes FROM journal WHERE no > ?", s.through).one();
    const seq = Math.max(Number(s.through), Number(j.last)) + changes;
    return { ...rest, seq, bytes: Number(s.bytes) + Number(j.bytes), updates: Number(j.updates), ...(deletedAt > 0 && { deletedAt, eraseAt }) };
  }

  /** What the application has of this room; a row each time. */
  get copied(): Copied {
    const row = this.exists() ? this.#sql.exec("SELECT v FROM meta WHERE k = 'copied'").toArray()[0] : undefined;
    return row === undefined ? { epoch: 0, seq: 0 } : JSON.parse(String(row.v)) as Copied;
  }

  set copied(version: Copied) { this.#write("INSERT OR REPLACE INTO meta VALUES ('copied', ?)", JSON.stringify(version)); }

  get kicks(): Kick[] {
    const row = this.exists() ? this.#sql.exec("SELECT v FROM meta WHERE k = 'kicks'").toArray()[0] : undefined;
    return row === undefined ? [] : JSON.parse(String(row.v)) as Kick[];
  }

  keepKicks(name: string, kicks: Kick[]): void {
    this.#open(name);
    this.#write("INSERT OR REPLACE INTO meta VALUES ('kicks', ?)", JSON.stringify(kicks));
  }

  /** Only what is known about it changes; `next` of an erased one also ends its content. */
  change(next: Partial<About>): void {
    const about = this.about() ?? NEW;
    this.#together(() => {
      this.#tell({ ...about, changes: about.changes + 1, ...next });
      if (next.status !== "erased") return;
      this.#write("DELETE FROM journal");
      this.#write("DELETE FROM snapshot");
    });
  }

  /** Another content, under a new epoch. */
  replace(name: string, data: Uint8Array): void {
    this.load();
    this.#together(() => {
      this.snapshot(name, true, data);
      const about = this.about() ?? NEW;
      this.#tell({ ...about, epoch: about.epoch + 1, changes: about.changes + 1 });
    });
  }

  load(): Loaded {
    const nothing = { base: null, delta: null, rows: [] };
    this.#last = this.#through = this.#base = 0;
    if (!this.exists()) return nothing;
    const schema = this.#sql.exec("SELECT v FROM meta WHERE k = 'schema'").one().v;
    if (schema !== SCHEMA) throw new StoreError(`this room was stored by a newer partyd (schema ${schema}, this one knows ${SCHEMA})`);
    this.#isOpen = true;
    const base = this.#snapshot(BASE, null);
    this.#base = base?.head.of ?? 0;
    const delta = this.#snapshot(DELTA, this.#base);
    this.#through = Math.max(base?.head.through ?? 0, delta?.head.through ?? 0);
    const rows = this.#rows();
    return { base: base?.data ?? null, delta: delta?.data ?? null, rows };
  }

  /** of: the whole snapshot that it must belong to; one of an older is void. */
  #snapshot(first: number, of: number | null): { head: Head; data: Uint8Array } | null {
    const rows = this.#sql.exec<{ piece: number; base: number; total: number; through: number; data: ArrayBuffer }>(
      "SELECT piece, base, total, through, data FROM snapshot WHERE piece >= ? AND piece < ? ORDER BY piece", first, first + DELTA);
    let head: Head | null = null, data = new Uint8Array(0), at = 0, piece = first;
    for (const row of rows) {
      if (row.piece === first) {
        head = { total: row.total, through: row.through, of: row.base };
        if (of !== null && head.of !== of) break;
        data = new Uint8Array(row.total);
      }
      if (head === null || row.piece !== piece) throw new StoreError("a piece of a snapshot is missing");
      if (at === head.total) break; // left over from a longer one
      if (row.base !== head.of || row.through !== head.through || at + row.data.byteLength > head.total) {
        throw new StoreError("a piece of a snapshot is of another one");
      }
      data.set(new Uint8Array(row.data), at);
      at += row.data.byteLength;
      piece++;
    }
    this.#pieces.set(first, piece - first);
    if (head === null || (of !== null && head.of !== of)) return null;
    if (at !== head.total) throw new StoreError("a snapshot is too short");
    return { head, data };
  }

  /** What no snapshot covers, oldest first; rows that had to be cut are whole again. */
  #rows(): Uint8Array[] {
    const list: Uint8Array[] = [];
    let parts: Uint8Array[] = [];
    this.#last = this.#through;
    for (const row of this.#sql.exec<{ no: number; more: number; data: ArrayBuffer }>(
      "SELECT no, more, data FROM journal WHERE no > ? ORDER BY no", this.#through)) {
      if (row.no !== ++this.#last) throw new StoreError(`journal row ${this.#last} is missing`);
      parts.push(new Uint8Array(row.data));
      if (row.more !== 0) continue;
      list.push(joined(parts));
      parts = [];
    }
    if (parts.length > 0) throw new StoreError("the end of a journal row is missing");
    return list;
  }

  append(name: string, row: Uint8Array): void {
    const pieces = Math.max(1, Math.ceil(row.byteLength / PIECE));
    if (this.liveRows + pieces > SLOTS) throw new StoreError("the journal is full");
    this.#together(() => {
      this.#begin(name);
      for (let i = 0; i < pieces; i++) {
        const no = this.#last + 1 + i;
        this.#write(
          "INSERT INTO journal VALUES (?, ?, ?, ?) ON CONFLICT (slot) DO UPDATE SET no = excluded.no, more = excluded.more, data = excluded.data",
          no % SLOTS, no, i + 1 < pieces ? 1 : 0, row.subarray(i * PIECE, (i + 1) * PIECE));
      }
    });
    this.#last += pieces;
  }

  /** Replaces what is stored: all rows so far, and whatever was to become the next one: hasMore, then it counts as one. */
  snapshot(name: string, whole: boolean, data: Uint8Array, hasMore = false): void {
    const first = whole ? BASE : DELTA;
    const of = whole ? this.#base + 1 : this.#base, through = this.#last + Number(hasMore);
    const pieces = Math.max(1, Math.ceil(data.byteLength / PIECE));
    this.#together(() => {
      this.#begin(name);
      for (let i = 0; i < pieces; i++) {
        this.#write(
          "INSERT INTO snapshot VALUES (?, ?, ?, ?, ?) ON CONFLICT (piece) DO UPDATE SET base = excluded.base, total = excluded.total, through = excluded.through, data = excluded.data",
          first + i, of, data.byteLength, through, data.subarray(i * PIECE, (i + 1) * PIECE));
      }
      if (pieces < (this.#pieces.get(first) ?? 0)) {
        this.#write("DELETE FROM snapshot WHERE piece >= ? AND piece < ?", first + pieces, first + DELTA);
      }
    });
    this.#base = of;
    this.#through = this.#last = through;
    this.#pieces.set(first, pieces);
  }

  #write(statement: string, ...values: unknown[]): void {
    this.rowsWritten += this.#sql.exec(statement, ...values).rowsWritten;
  }

  /** All or nothing, also if one of them fails. */
  #together(write: () => void): void {
    const wasOpen = this.#isOpen, wasBegun = this.#isBegun;
    try {
      this.#storage.transactionSync(write);
    } catch (error) {
      this.#isOpen = wasOpen;
      this.#isBegun = wasBegun;
      this.#about = undefined;
      throw error;
    }
  }
}
