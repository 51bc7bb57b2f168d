// The Durable Object: one room, its sockets and its storage.
//
//   socket -> webSocketMessage() -> core.step() -> records -> sockets, store
//
// What a record says may leave at once, or is gated: then it waits here until the journal row that it speaks
// of is written, and after that the platform's output gate keeps it until the row is kept. Rows are not
// written one for each update: an update that comes soon after a row waits, so that several share one and are relayed as one
// (rules E3, E4). What has to wait anyway is not looked at before its time (E24). Everything a socket needs after a sleep is in its attachment (E7).
import { DurableObject } from "cloudflare:workers";
import type { Copy } from "./backup.ts";
import { onCall } from "./calls.ts";
import { ALL, ALL_LAST, Core, CoreError, Ev, Flag, Kind, joinBytes, textOf, type RoomRecord } from "./core.ts";
import { WORDS, type Decision, type Refusal } from "./access/decision.ts";
import { Member } from "./member.ts";
import { policyFor, settingsOf, type Env, type Policy, type Settings } from "./settings.ts";
import { Store } from "./store.ts";
import { Alarm } from "./alarm.ts";
import { Desk, UNREADABLE } from "./desk.ts";
import { bytesOf } from "./frames.ts";
import { Keeper } from "./keeper.ts";
import { Kicks } from "./kicks.ts";
import { tell } from "./ledger.ts";
import { log } from "./log.ts";
import { Pace, type Deeds } from "./pace.ts";
import { bookmarkOfNow, rewind, type Moment } from "./rewind.ts";
import { said } from "./said.ts";
import { type Renewal, type Visit, visitOf } from "./visit.ts";

/** Below the 15 s in which stock clients repeat their presence: each repetition is answered. */
const KEEPALIVE_MS = 12_000;
const SILENT_MS = 20_000; // who repeats nothing is sent something this often
const KEEP_MS = 1000; // attachments are written this often at most
const COMPACT_IDLE_MS = 30_000;
const GAP_MS = 5000;
const REFUSE_MS = 1500;
const TOO_LARGE = 1009; // of close codes
const COLLECT_MS = 60_000; // between two parts of a message in chunks
const TOKEN_MS = 10_000; // for a token that was asked for
const ANSWER_MS = 50; // for an answer to be on its way before the object ends
const GRACE_MS = 30 * 86_400_000; // of what was deleted elsewhere
const EMPTY_UPDATE = [1, 1, 0] as const; // presence of nobody: a message that nobody reacts to
const SYNC = 0, UPDATE = 2, PRESENCE = 1; // what a message begins with, behind an address of Hocuspocus
const QUERY = 3;
const QUESTION = [2, 0] as const; // of Hocuspocus: send a token
const NOTHING = new Uint8Array(0);

const flagsOf = (decision: Decision | null): number => decision === null ? Flag.WRITER : Flag.NAMED | (decision.permission === "write" ? Flag.WRITER : 0);

interface Waiting { to: number; message: Uint8Array | string; no: number }

export class Room extends DurableObject<Env> {
  readonly #settings: Settings;
  readonly store: Store;
  readonly #alarm: Alarm;
  readonly #members = new Map<WebSocket, Member>();
  readonly #seats: (Member | undefined)[] = [];
  /** Sockets of this room's path on which documents are asked for one by one. */
  readonly #desks = new Map<WebSocket, Desk>();
  #keeper: Keeper | null = null; // of backups, once it is known which room this is
  #other: Member | null = null; // the first message of this one asks for a document
  #core: Core | null = null;
  #of: { party: string; room: string } | null = null; // which room this is, once somebody has said it
  #waiting: Waiting[] = [];
  #made = 0; // messages for all so far
  readonly #pace: Pace;
  #silentAt = 0; // when silent ones were last sent something
  #turn: ReturnType<typeof setTimeout> | null = null;
  #turnAt = 0;
  #keep: ReturnType<typeof setTimeout> | null = null;
  #policyOf: { party: string; room: string; policy: Policy | null } | null = null;
  #hold: ReturnType<typeof setTimeout> | null = null;
  readonly #kicks: Kicks;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#settings = settingsOf(env);
    this.store = new Store(ctx.storage);
    this.#alarm = new Alarm(ctx.storage);
    this.#pace = new Pace(this.#settings);
    this.#kicks = new Kicks(this.#settings, this.store);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    for (const socket of ctx.getWebSockets()) {
      const member = Member.of(socket);
      if (member === null) {
        try { socket.close(1012, "the desk has gone, please reconnect"); } catch { /* it is closing */ }
        continue;
      }
      this.#members.set(socket, member);
      this.#seats[member.number] = member;
      this.#of = member;
    }
  }

  // ---- somebody comes ----------------------------------------------------------------------------

  override async fetch(request: Request): Promise<Response> {
    const visit = visitOf(request);
    if (visit === null) return new Response("This object is reached through its Worker.\n", { status: 403 });
    const begins = await this.#begins(visit);
    if (begins !== "ready") return new Response(null, { status: begins === "gone" ? 404 : 503 });
    if (visit.call !== undefined) return onCall(this, visit, new Uint8Array(await request.arrayBuffer()));
    if (this.isDeleted) return new Response(null, { status: 404 });
    if (this.#kicks.hit(visit)) return new Response(null, { status: 409 });
    if (this.#members.size >= (this.#policy(visit)?.connectionsMax ?? Infinity)) return new Response(null, { status: 423 });
    const use = this.#useTicket(visit, visit);
    if (use !== "new") return new Response(null, { status: use === "seen" ? 410 : 429 });
    const { 0: client, 1: server } = new WebSocketPair();
    const headers = visit.protocol === "" ? undefined : { "Sec-WebSocket-Protocol": visit.protocol };
    if (this.#policy(visit) === null || !this.#load(visit)) this.#refuse(server);
    else this.#join(server, visit);
    return new Response(null, { status: 101, webSocket: client, ...(headers && { headers }) });
  }

  /** Content from elsewhere comes before anybody does. */
  #begins(visit: Visit): Promise<"ready" | "gone" | "unavailable"> | "ready" {
    const kind = visit.call?.kind;
    if (kind !== undefined && kind !== "state" && kind !== "import") return "ready";
    return this.#keeperOf(visit)?.ready() ?? "ready";
  }

  #keeperOf(of: { party: string; room: string }): Keeper | null {
    const policy = this.#policy(of);
    if (policy === null || !policy.backed || !policy.stored) return null;
    this.#keeper ??= new Keeper(this.#settings, {
      store: this.store,
      wake: when => this.#alarm.by(when),
      copy: () => this.#copy(of),
      merge: update => this.merge(of, update) === null && (this.#guarded(() => this.#flush()), this.#core !== null),
      replace: update => this.replace(of, update),
      tell: why => tell(this.env, `${of.party}/${of.room}`, why),
      gone: () => { this.letGo(4404, "the document was deleted"); this.store.change({ status: "deleted", deletedAt: Date.now(), eraseAt: Date.now() + GRACE_MS }); },
    }, { party: of.party, room: of.room });
    return this.#keeper;
  }

  #flush(): void {
    this.#catchUp();
    if (this.#core !== null && this.#core.rowBytes > 0) this.#row();
  }

  /** All that is confirmed, under the numbers that the store has. */
  #copy(of: { party: string; room: string }): Copy | null {
    if (!this.#load(of)) return null;
    this.#guarded(() => this.#flush());
    const stored = this.store.stored();
    if (this.#core === null || stored === null) return null;
    return { epoch: stored.epoch, seq: stored.seq, bytes: this.#core.ask(Ev.STATE), vector: this.#core.ask(Ev.VECTOR) };
  }

  #useTicket(of: { party: string; room: string }, { ticket }: Renewal): "new" | "seen" | "full" {
    return ticket === undefined ? "new" : this.store.useTicket(`${of.party}/${of.room}`, ticket, Date.now() / 1000);
  }

  /** Asked for with each message, and all of them are for one room. */
  #policy({ party, room }: { party: string; room: string }): Policy | null {
    let last = this.#policyOf;
    if (last === null || last.room !== room || last.party !== party) last = this.#policyOf = { party, room, policy: policyFor(this.#settings, party, room) };
    return last.policy;
  }

  /** The room cannot be read: to come back at once would not help. */
  #refuse(socket: WebSocket): void {
    socket.accept();
    setTimeout(() => { try { socket.close(1011, UNREADABLE); } catch { /* it has gone */ } }, REFUSE_MS);
  }

  #join(socket: WebSocket, visit: Visit): void {
    let number = this.#seats.findIndex(seat => seat === undefined);
    if (number < 0) number = this.#seats.length;
    const { decision } = visit, opening = visit.opening ?? "";
    const flags = flagsOf(decision) | (visit.hasPk ? Flag.SPEAKS_TEXT : 0) | (opening === "" ? 0 : Flag.HOCUSPOCUS);
    const until = this.#endOf(decision);
    const member = new Member(socket, number, flags, visit.party, visit.room, decision, visit.token, until, opening);
    this.ctx.acceptWebSocket(socket);
    member.since = this.#made;
    member.keep();
    this.#members.set(socket, member);
    this.#seats[number] = member;
    this.#event(Ev.JOIN, member, this.#introduction(member), flags);
    if (this.#core !== null) member.wire = this.#core.wire;
    this.#alarm.by(Date.now() + SILENT_MS);
    if (until > 0) this.#alarm.by(until);
  }

  /** When its session is over; 0: never. */
  #endOf(decision: Decision | null): number {
    const session = this.#settings.maxSessionMs;
    // All come back at once after a restart, and must not all end at once.
    return session === 0 || decision === null ? 0 : Date.now() + session * (1 - Math.random() / 10);
  }

  #introduction({ decision, opening }: Member): Uint8Array {
    const identity = decision === null ? [] : [decision.userId, decision.name, decision.color];
    return joinBytes(...identity, ...(opening === "" ? [] : [bytesOf(opening)]));
  }

  // ---- Hocuspocus: somebody is decided about while it is in (D44) --------------------------------

  /** The Worker says so: text of a client never comes here. */
  #renew(member: Member, renewal: Renewal): void {
    const { decision } = renewal;
    const isStale = this.#kicks.hit(renewal) || this.#useTicket(member, renewal) !== "new";
    if (isStale) { this.sendAway(member, "token_invalid"); return; }
    if ((decision?.userId ?? "") !== member.user) { this.sendAway(member, "rights_changed"); return; }
    member.token = renewal.token;
    member.until = this.#endOf(decision);
    member.wasAsked = false;
    if (member.until > 0) this.#alarm.by(member.until);
    this.changeRight(member, decision);
  }

  changeRight(member: Member, decision: Decision | null): void {
    member.decision = decision;
    member.flags = (member.flags & ~Flag.WRITER) | flagsOf(decision);
    member.keep();
    this.#event(Ev.RIGHT, member, NOTHING, member.flags);
  }

  #sessionOver(member: Member): void {
    if (!member.hasDesk || member.wasAsked) { this.sendAway(member, "session_over"); return; }
    member.wasAsked = true;
    member.until = Date.now() + TOKEN_MS;
    member.keep();
    this.#alarm.by(member.until);
    member.say(...QUESTION);
  }

  // ---- the room in memory ------------------------------------------------------------------------

  /** The room, loaded if it is not; false: it cannot be read, which was logged. */
  #load(of: { party: string; room: string }): boolean {
    if (this.#core !== null) return true;
    this.#of = { party: of.party, room: of.room };
    const policy = this.#policy(of);
    if (policy === null) return false;
    const core = this.#coreOf(policy);
    try {
      if (policy.stored) this.#feed(core);
      this.#resume(core);
    } catch (error) {
      log("error", "room refused", { room: `${of.party}/${of.room}`, why: String(error) });
      return false;
    }
    this.#core = core;
    log("debug", "room loaded", { room: this.#name, members: this.#members.size, memory_bytes: core.memoryBytes });
    return true;
  }

  #coreOf(policy: Policy): Core {
    return new Core({
      messageBytesMax: policy.messageBytesMax, documentBytesMax: policy.documentBytesMax, keepaliveMs: KEEPALIVE_MS,
      compactUpdates: 512, compactBytes: 0, compactIdleMs: 3_600_000, // idle: by alarm
      keepDeleted: policy.keepDeleted, presenceOnly: !policy.stored, joinsRelays: true,
      presenceBytesMax: this.#settings.presenceBytesMax, presenceClientsMax: this.#settings.presenceClientsMax,
      presenceUpdatesPerS: this.#settings.presenceUpdatesPerS, naming: policy.naming,
    });
  }

  #feed(core: Core): void {
    const now = Date.now();
    const { base, delta, rows } = this.store.load();
    if (base !== null) core.step(Ev.LOAD_BASE, 0, 0, base, now);
    if (delta !== null) core.step(Ev.LOAD_DELTA, 0, 0, delta, now);
    for (const row of rows) core.step(Ev.LOAD_ROW, 0, 0, row, now);
  }

  /** Those whose sockets have outlived the room in memory. */
  #resume(core: Core): void {
    const now = Date.now();
    for (const member of this.#members.values()) {
      const identity = this.#introduction(member), presence = member.presence ?? Uint8Array.of(0);
      const payload = new Uint8Array(identity.byteLength + presence.byteLength);
      payload.set(identity);
      payload.set(presence, identity.byteLength);
      core.step(Ev.RESUME, member.number, member.flags, payload, now);
      member.wire = core.wire;
      if (member.presence === null) member.say(QUERY);
    }
  }

  get #anyone(): Member | undefined { return this.#members.values().next().value; }
  get #name(): string { return this.#of === null ? "" : `${this.#of.party}/${this.#of.room}`; }

  /** Something went wrong that is no client's fault: all go, and come back to what is stored. */
  #fail(code: number, reason: string, error: unknown): void {
    log("error", "room failed, dropped from memory", { room: this.#name, error: String(error) });
    this.#waiting = [];
    this.#core = null;
    for (const timer of [this.#turn, this.#keep, this.#hold]) if (timer !== null) clearTimeout(timer);
    this.#turn = this.#keep = this.#hold = null;
    this.#seats.length = 0;
    const members = [...this.#members.values()];
    this.#members.clear();
    for (const member of members) member.close(code, reason);
  }

  // ---- events ------------------------------------------------------------------------------------

  override webSocketMessage(socket: WebSocket, message: ArrayBuffer | string): void {
    const member = this.#members.get(socket);
    if (member === undefined) {
      this.#desks.get(socket)?.onMessage(message);
      return;
    }
    if (member.hasDesk) {
      if (typeof message === "string") this.#renew(member, JSON.parse(message) as Renewal);
      else this.#binary(member, message);
      return;
    }
    const limit = this.#policy(member)?.messageBytesMax ?? 0;
    const size = typeof message === "string" ? message.length : message.byteLength;
    if (size > limit) {
      this.#turnAway(member, "message too large");
    } else if (typeof message === "string") {
      this.#event(Ev.TEXT, member, message);
    } else {
      this.#binary(member, message);
    }
  }

  /** It would come back at once and say the same again (L8). */
  #turnAway(member: Member, why: string): void {
    this.#leave(member);
    setTimeout(() => member.close(TOO_LARGE, why), REFUSE_MS);
  }

  #binary(member: Member, message: ArrayBuffer): void {
    const bytes = new Uint8Array(message), when = this.#waitsUntil(member, bytes);
    if (when > Date.now() && this.#core!.post(member.number, bytes)) {
      this.#actAt(when);
      return;
    }
    this.#event(Ev.BINARY, member, bytes);
    member.hasSpoken = true;
    if (this.#other === member) this.#sitDown(member, message);
  }

  /** When somebody will hear of it: presence leaves with a tick, an update with a row. 0: at once, or nobody knows. */
  #waitsUntil(member: Member, message: Uint8Array): number {
    if (this.#core === null || !member.hasSpoken || member.collectingSince > 0) return 0;
    const at = member.address.byteLength, kind = message[at];
    if (kind === PRESENCE) return this.#tickAt;
    const isUpdate = kind === SYNC && message[at + 1] === UPDATE && (member.flags & Flag.WRITER) !== 0;
    return isUpdate ? this.#rowAt : 0;
  }

  /** A client of Hocuspocus on the path of a room: it is not in for being there (D40), and each document is decided
   * by itself. Such a desk keeps the object awake: a path without a room does not. */
  #sitDown(member: Member, first: ArrayBuffer): void {
    this.#other = null;
    this.#leave(member);
    const { socket, party } = member;
    socket.serializeAttachment(null);
    const desk = new Desk(socket, { settings: this.#settings, env: this.env, party, token: "", peer: "" });
    this.#desks.set(socket, desk);
    desk.onMessage(first);
  }

  override webSocketClose(socket: WebSocket, code: number, reason: string): void {
    // 1005 and 1006 say that there was no code; they may not be sent.
    try { if (code === 1005 || code === 1006) socket.close(); else socket.close(code, reason); } catch { /* answered */ }
    this.#goes(socket);
  }

  override webSocketError(socket: WebSocket): void { this.#goes(socket); }

  #goes(socket: WebSocket): void {
    const member = this.#members.get(socket);
    if (member !== undefined) this.#leave(member);
    this.#desks.get(socket)?.end();
    this.#desks.delete(socket);
  }

  /** It is out of the room; its socket is the caller's business. */
  #leave(member: Member): void {
    const loaded = this.#load(member);
    this.#members.delete(member.socket);
    this.#seats[member.number] = undefined;
    if (loaded) this.#event(Ev.LEAVE, member, NOTHING);
  }

  #event(event: number, member: Member, payload: Uint8Array | string, flags = 0): void {
    if (!this.#load(member)) {
      this.#fail(1011, UNREADABLE, "it could not be loaded");
      return;
    }
    this.#guarded(() => {
      this.#step(event, member.number, payload, flags);
      if (event === Ev.TEXT || event === Ev.BINARY) this.#collect(member);
      this.#after();
    });
  }

  /** What was put aside (E24) comes before whatever happens now. */
  #catchUp(): void {
    while (this.#core?.hasPosted === true) for (const record of this.#core.takePosted(Date.now())) this.#carryOut(record);
  }

  #step(event: number, member: number, payload: Uint8Array | string = NOTHING, flags = 0): void {
    this.#catchUp();
    const core = this.#core!;
    const count = core.step(event, member, flags, payload, Date.now());
    if (count > 0) for (const record of core.records(count)) this.#carryOut(record);
  }

  #carryOut(record: RoomRecord): void {
    switch (record.kind) {
      case Kind.SEND: {
        const message = record.number === 1 ? textOf(record.bytes) : record.bytes;
        const waiting = { to: record.member, message, no: ++this.#made };
        if (record.gated) this.#waiting.push(waiting);
        else this.#send(waiting);
        break;
      }
      case Kind.SNAPSHOT:
        this.store.snapshot(this.#name, record.number === 1, record.bytes, record.gated);
        if (record.gated && this.#of !== null) this.#keeperOf(this.#of)?.touched(Date.now());
        log("debug", "room compacted", { room: this.#name, bytes: record.bytes.byteLength, memory_bytes: this.#core!.memoryBytes, rows_written: this.store.rowsWritten + this.#alarm.rowsWritten });
        this.#release();
        break;
      case Kind.CLOSE: {
        const member = this.#seats[record.member];
        if (member === undefined) break;
        const why = textOf(record.bytes), isTooLarge = record.number === TOO_LARGE;
        queueMicrotask(() => {
          if (!this.#members.has(member.socket)) return;
          if (isTooLarge) this.#turnAway(member, why);
          else this.#leave(member);
        });
        if (!isTooLarge) member.close(record.number, why);
        break;
      }
      case Kind.OTHER:
        this.#other = this.#seats[record.member] ?? null;
        break;
      case Kind.IGNORED:
        log("debug", "message ignored", { why: textOf(record.bytes) });
        break;
    }
  }

  #send({ to, message, no }: Waiting): void {
    if (to < ALL_LAST) {
      this.#seats[to]?.send(message);
      return;
    }
    const wire = ALL - to;
    for (const member of this.#members.values()) if (member.wire === wire && member.since < no) member.send(message);
  }

  /** What is stored now may be told. */
  #release(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const one of waiting) this.#send(one);
  }

  // ---- turns -------------------------------------------------------------------------------------

  readonly #deeds: Deeds = {
    timer: () => { this.#step(Ev.TIMER, 0); },
    tick: () => { this.#step(Ev.TICK, 0); },
    row: () => { this.#row(); },
  };

  get #tickAt(): number { return this.#pace.tickAt(this.#members.size); }
  get #rowAt(): number { return this.#pace.rowAt(this.#members.size); }

  /** After each event: what is due is done, and what is not is planned. */
  #after(): void {
    const core = this.#core!, now = Date.now();
    const next = this.#pace.turn(core, this.#members.size, now, this.#deeds);
    if (next < Infinity) this.#actAt(next);
    if (core.hasGap) this.#alarm.by(now + GAP_MS);
    this.#keepSoon();
  }

  #actAt(when: number): void {
    if (this.#turn !== null && this.#turnAt <= when) return;
    if (this.#turn !== null) clearTimeout(this.#turn);
    this.#turnAt = when;
    this.#turn = setTimeout(() => {
      this.#turn = null;
      if (this.#core === null) return;
      this.#guarded(() => {
        this.#catchUp();
        this.#after();
      });
    }, Math.max(0, when - Date.now()));
  }

  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (error instanceof CoreError || error instanceof WebAssembly.RuntimeError) this.#fail(1011, "room failed, please reconnect", error);
      else this.#fail(1013, "the store has failed, please reconnect", error);
    }
  }

  /** One journal row of all that waits for one. */
  #row(): void {
    const core = this.#core!;
    if (this.store.isFull) {
      this.#step(Ev.COMPACT, 0);
    } else {
      const [row, ...relays] = core.records(core.step(Ev.ROW, 0, 0, NOTHING, Date.now()));
      this.store.append(this.#name, row!.bytes);
      for (const relay of relays) this.#carryOut(relay);
      this.#release();
    }
    const now = Date.now();
    this.#pace.wrote(now);
    this.#alarm.by(now + COMPACT_IDLE_MS);
    if (this.#of !== null) this.#keeperOf(this.#of)?.touched(now);
  }

  // ---- what outlives a sleep ---------------------------------------------------------------------

  /** Not of who has spoken alone: others, and the room itself, change what is known of a member. */
  #keepSoon(): void {
    this.#keep ??= setTimeout(() => {
      this.#keep = null;
      this.#guarded(() => this.#keepAll());
    }, KEEP_MS);
  }

  #keepAll(): void {
    this.#catchUp();
    const core = this.#core;
    if (core === null) return;
    for (const member of this.#members.values()) member.keepState(core.ask(Ev.PRESENCE, member.number));
  }

  /** Parts of a message are nowhere but in memory: the object stays awake for the rest of it. */
  #collect(member: Member): void {
    member.collectingSince = this.#core?.isCollecting === true ? Date.now() : 0;
    if (member.collectingSince === 0 || this.#hold !== null) return;
    const hold = (): void => {
      const since = Math.max(0, ...[...this.#members.values()].map(m => m.collectingSince));
      this.#hold = since + COLLECT_MS > Date.now() ? setTimeout(hold, 5000) : null;
    };
    hold();
  }

  // ---- alarm -------------------------------------------------------------------------------------

  override async alarm(): Promise<void> {
    this.#alarm.rang();
    const now = Date.now();
    for (const member of [...this.#members.values()]) {
      if (member.until > 0 && member.until <= now) this.#sessionOver(member);
      else if (member.until > 0) this.#alarm.by(member.until);
    }
    if (this.#silentAt + SILENT_MS <= now + 500) this.#keepSilentOnes(now);
    this.#erase(now);
    this.#compactIdle(now);
    if (this.#core?.hasGap === true && this.#anyone !== undefined) {
      this.#guarded(() => { this.#step(Ev.TIMER, 0); this.#after(); });
    }
    const of = this.#of ?? this.#stored();
    if (of !== null) await this.#keeperOf(of)?.alarm(now);
  }

  /** Stock clients close a socket on which no message came for 30 s. Nothing has to be loaded for that. */
  #keepSilentOnes(now: number): void {
    const silent = [...this.#members.values()].filter(member => member.isSilent);
    this.#silentAt = now;
    for (const member of silent) member.say(...EMPTY_UPDATE);
    if (silent.length > 0) this.#alarm.by(now + SILENT_MS);
  }

  #compactIdle(now: number): void {
    const idleAt = this.#pace.wroteAt + COMPACT_IDLE_MS;
    if (idleAt > now + 500) {
      if (this.#core?.isDirty === true) this.#alarm.by(idleAt);
      return;
    }
    const of = this.#of ?? this.#stored();
    if (of === null || (this.#core === null && !this.store.hasLiveRows())) return;
    if (this.#load(of)) this.#guarded(() => this.#step(Ev.COMPACT, 0));
  }

  #stored(): { party: string; room: string } | null {
    const name = this.store.meta.name;
    if (name === undefined) return null;
    const slash = name.indexOf("/");
    return { party: name.slice(0, slash), room: name.slice(slash + 1) };
  }

  #erase(now: number): void {
    const stored = this.store.stored();
    if (stored?.status !== "deleted" || stored.eraseAt === undefined) return;
    if (stored.eraseAt <= now) this.store.change({ status: "erased" });
    else this.#alarm.by(stored.eraseAt);
  }

  // ---- for calls of the application (calls.ts) ---------------------------------------------------

  get members(): Iterable<Member> { return [...this.#members.values()]; }
  get settings(): Settings { return this.#settings; }
  get sql(): SqlStorage { return this.ctx.storage.sql; }
  /** undefined: nothing of it is copied. */
  backupOf(of: { party: string; room: string }): "saved" | "waiting" | "under way" | undefined { return this.#keeperOf(of)?.state; }

  sendAway(member: Member, refusal: Refusal): void {
    log("info", "session ended", { user: member.user, why: WORDS[refusal].word });
    this.close(member, WORDS[refusal].code, WORDS[refusal].word);
  }

  close(member: Member, code: number, reason: string): void {
    this.#leave(member);
    member.close(code, reason);
  }

  /** Whoever is being decided about at this moment is to be decided about anew. */
  forgetDecisions(of: { party: string; room: string }, user: string | null): void {
    this.#kicks.add(`${of.party}/${of.room}`, user);
  }

  /** The whole document; null: it cannot be read. */
  document(of: { party: string; room: string }): Uint8Array | null {
    if (!this.#load(of)) return null;
    this.#guarded(() => this.#catchUp());
    return this.#core?.ask(Ev.STATE) ?? null;
  }

  /** Deleted or erased: nobody gets in (D24). */
  get isDeleted(): boolean { return (this.store.about()?.status ?? "ok") !== "ok"; }
  /** Of the last row, as far as this object has been awake for it; 0: unknown. */
  get changedAt(): number { return this.#pace.wroteAt; }

  /** Ends all connections; what they had to say is stored. */
  letGo(code: number, reason: string): number {
    const all = [...this.#members.values()];
    this.#guarded(() => this.#flush());
    for (const member of all) this.close(member, code, reason);
    this.#core = null;
    this.#waiting = [];
    return all.length;
  }

  eraseLater(of: { party: string; room: string }): void {
    this.#of = { party: of.party, room: of.room };
    this.#erase(Date.now());
  }

  /** What an update does, into this room; a text says why not. */
  merge(of: { party: string; room: string }, update: Uint8Array): string | null {
    if (!this.#load(of)) return UNREADABLE;
    this.#guarded(() => this.#catchUp());
    if (this.#core === null) return UNREADABLE;
    const why = said(this.#core, this.#seats.length, update, record => this.#carryOut(record));
    this.#guarded(() => this.#after());
    return why;
  }

  /** The room has this content from now on. */
  replace(of: { party: string; room: string }, update: Uint8Array): string | null {
    const policy = this.#policy(of);
    if (policy === null || !policy.stored) return "nothing is stored of a room of this name";
    const core = this.#coreOf({ ...policy, stored: true });
    let base: RoomRecord | undefined; // made when the last one leaves
    const keep = (record: RoomRecord): void => { if (record.kind === Kind.SNAPSHOT) base = record; };
    const why = said(core, 0, update, keep) ?? (core.hasGap ? "the update is not whole: it builds on what is not in it" : null);
    if (why !== null) return why;
    if (base === undefined) core.records(core.step(Ev.COMPACT, 0, 0, NOTHING, Date.now())).forEach(keep);
    if (base === undefined) return "the update is empty";
    this.letGo(1012, "the content was replaced, please reconnect");
    this.store.replace(`${of.party}/${of.room}`, base.bytes);
    this.store.change({ status: "ok", deletedAt: 0, eraseAt: 0 });
    return null;
  }

  bookmark(): Promise<string> { return bookmarkOfNow(this.ctx.storage); }

  /** Back to a moment: the object begins anew from there. */
  rewind(to: Moment): Promise<{ bookmark: string; undo: string }> {
    return rewind(this.ctx.storage, to, () => this.letGo(1012, "the room goes back in time, please reconnect"),
      () => setTimeout(() => this.ctx.abort("the room goes back in time"), ANSWER_MS));
  }
}
