// A socket of Hocuspocus, on which documents are asked for one by one: rules D40 to D45, P40 to P51.
//
//   client's socket -> Desk -> one Seat for each document -> a socket of its own into the room's object
//
// An object is one room, so the socket ends here, in the Worker, which reads addresses and tokens only. Between it
// and the rooms there are sockets that hibernate; what is in and out of a room is the room's affair, "saved" too.
// docs/decisions/0160.
import { decide } from "./access/decide.ts";
import { decision as refused, granted, refusalOf, WORDS, type Decision, type Refusal } from "./access/decision.ts";
import { frameOf, openingOf, questionFrame, refusedFrame } from "./frames.ts";
import { audit, log } from "./log.ts";
import { roomOfName } from "./route.ts";
import { policyFor, type Env, type Settings } from "./settings.ts";
import { visitRequest, type Renewal, type Visit } from "./visit.ts";

const HOLD_MS = 1800; // a refusal waits
const DECIDE_MS = 10_000;
const DECIDE_TIMES = 3; // if somebody is sent away while it is decided
const FIRST_MS = 10_000; // a socket that never asks for a document
const OUTSIDE_MS = 60_000; // one on which none is in
const AWAITED_MS = 10_000; // a token that was asked for
const TOKENS_ASKED_MAX = 8;
const HELD_BYTES_MAX = 1 << 20; // for all documents of a socket together
const HELD_COST = 16;
const OUTSIDE = 4408;

type State = "deciding" | "held" | "refused" | "awaited" | "loading" | "in" | "gone";

export interface Caller { settings: Settings; env: Env; party: string; token: string; peer: string }

export class Desk {
  readonly #seats = new Map<string, Seat>();
  readonly #since = Date.now();
  #hasAsked = false;
  #patience: ReturnType<typeof setTimeout> | null = null;
  #isOver = false;
  heldBytes = 0;

  constructor(readonly socket: WebSocket, readonly caller: Caller) { this.wait(); }

  onMessage(data: ArrayBuffer | string): void {
    if (typeof data === "string" || this.#isOver) return; // no message of this dialect
    const bytes = new Uint8Array(data), frame = frameOf(bytes);
    if (frame.kind === "foreign") { this.close(4400, "bad_room"); return; }
    if (frame.kind === "life" || frame.kind === "broken") return;
    const key = String.fromCharCode(...frame.address), seat = this.#seats.get(key);
    if (frame.kind === "close") {
      seat?.leave();
      this.#seats.delete(key);
      this.wait();
    } else if (frame.kind === "token") {
      (seat ?? this.#open(key, frame.address, frame.version))?.ask(frame.token);
    } else if (seat !== undefined) {
      seat.take(bytes);
    } else if (frame.asks) {
      const opened = this.#open(key, frame.address, "");
      opened?.ask("");
      opened?.take(bytes);
    }
  }

  #open(key: string, address: Uint8Array, version: string): Seat | undefined {
    if (this.#seats.size >= this.caller.settings.socketDocumentsMax) {
      this.send(refusedFrame(address, "too_many_documents"));
      return undefined;
    }
    const seat = new Seat(this, address.slice(), version);
    this.#seats.set(key, seat);
    if (!this.#hasAsked) { this.#hasAsked = true; this.#calm(); this.wait(); }
    return seat;
  }

  get hasInside(): boolean { return [...this.#seats.values()].some(seat => seat.isInside); }

  /** Ends a socket on which no document is in for too long. */
  wait(): void {
    if (this.hasInside) { this.#calm(); return; }
    if (this.#patience !== null || this.#isOver) return;
    const ms = this.#hasAsked ? OUTSIDE_MS : FIRST_MS - (Date.now() - this.#since);
    this.#patience = setTimeout(() => this.close(OUTSIDE, "no document is open on this socket"), ms);
  }

  #calm(): void {
    if (this.#patience !== null) clearTimeout(this.#patience);
    this.#patience = null;
  }

  send(bytes: Uint8Array | ArrayBuffer): void { try { this.socket.send(bytes); } catch { /* it is closing */ } }

  close(code: number, reason: string): void {
    this.end();
    try { this.socket.close(code, reason); } catch { /* it is closed */ }
  }

  /** The client has gone, or goes: its documents are left. */
  end(): void {
    this.#isOver = true;
    this.#calm();
    for (const seat of this.#seats.values()) seat.leave();
    this.#seats.clear();
  }
}

/** One document on the socket. */
class Seat {
  #state: State = "deciding";
  readonly #room: string;
  #inner: WebSocket | null = null;
  #held: Uint8Array[] = [];
  #newer: string | null = null; // a token that came while another one was decided
  #isBusy = false; // one question at a time
  #tokensAsked = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(readonly desk: Desk, readonly address: Uint8Array, readonly version: string) {
    const nul = address.indexOf(0);
    this.#room = roomOfName(nul < 0 ? address : address.subarray(0, nul));
  }

  get isInside(): boolean { return this.#state === "loading" || this.#state === "in"; }
  get #isIn(): boolean { return this.#state === "in"; }
  get #isGone(): boolean { return this.#state === "gone"; }

  /** What is said before it is in is kept, in order. */
  take(bytes: Uint8Array): void {
    if (this.#state === "in") {
      try { this.#inner!.send(bytes); } catch { /* its end is on the way */ }
      return;
    }
    const cost = bytes.byteLength + HELD_COST;
    if (this.desk.heldBytes + cost > HELD_BYTES_MAX) { this.desk.close(4205, "too much was said before it was let in"); return; }
    this.desk.heldBytes += cost;
    this.#held.push(bytes);
  }

  #heldTake(): Uint8Array[] {
    const held = this.#held;
    for (const bytes of held) this.desk.heldBytes -= bytes.byteLength + HELD_COST;
    this.#held = [];
    return held;
  }

  ask(given: string): void {
    const token = given === "" ? this.desk.caller.token : given;
    if (this.#state === "loading") return;
    // Guesses are not answered any faster for being many.
    if (this.#isBusy || this.#state === "held") this.#newer = token;
    else void this.#decide(token);
  }

  leave(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#state = "gone";
    this.#heldTake();
    try { this.#inner?.close(1000); } catch { /* it is closed */ }
    this.#inner = null;
  }

  // ---- deciding --------------------------------------------------------------------------------

  async #decide(token: string): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#state !== "in") this.#state = "deciding";
    this.#isBusy = true;
    try {
      await this.#decideOnce(token);
    } catch (error) {
      log("error", "a decision failed", { why: String(error) });
      if (!this.#isGone) this.#refuse("unavailable", null);
    }
    this.#isBusy = false;
    if (this.#isIn) this.#decideNewer();
  }

  #decideNewer(): boolean {
    const token = this.#newer;
    this.#newer = null;
    if (token === null || this.#isGone) return false;
    void this.#decide(token);
    return true;
  }

  async #decideOnce(token: string): Promise<void> {
    const { settings, party } = this.desk.caller;
    if (this.#room === "") { this.#refuse("bad_name", null); return; }
    const policy = policyFor(settings, party, this.#room);
    if (policy === null) { this.#refuse("unknown_room", null); return; }
    const visit: Visit = { party, room: this.#room, hasPk: false, protocol: "", decision: null, decidedAt: 0, token: "", opening: openingOf(this.address, this.version) };
    if (settings.auth === "none" || !policy.decided) {
      if (this.#state === "in") this.#renew({ decision: null, decidedAt: 0, token: "" });
      else if (await this.#enter(visit) !== "in") this.#refuse("unavailable", null);
      return;
    }
    const asks = settings.auth === "convex" || settings.auth === "hook";
    for (let times = 0, fresh = false; times < DECIDE_TIMES; times++, fresh = true) {
      const asked = Date.now();
      const late = new Promise<null>(resolve => setTimeout(() => resolve(null), DECIDE_MS));
      const made = await Promise.race([decide(settings, this.#room, token, fresh), late]);
      if (this.#isGone) return;
      const d = made?.decision ?? refused("unavailable", "the decision did not come in time");
      const rest = { decision: d, decidedAt: made?.decidedAt ?? asked, token: asks ? token : "", ...(made?.ticket !== undefined && { ticket: made.ticket }) };
      if (this.#state === "in") {
        this.#audit(granted(d), d);
        if (granted(d)) this.#renew(rest);
        else if (d.reason !== "unavailable") this.#sentAway(WORDS[refusalOf(d)].code, WORDS[refusalOf(d)].word);
        return;
      }
      if (!granted(d)) { this.#refuse(refusalOf(d), d); return; }
      const answer = await this.#enter({ ...visit, ...rest });
      if (this.#isGone) return;
      if (answer === "in") { this.#audit(true, d); return; }
      if (answer !== "again") { this.#refuse(answer, d); return; }
      this.#state = "deciding"; // somebody was sent away meanwhile
    }
    this.#refuse("unavailable", null);
  }

  #audit(isGranted: boolean, d: Decision | null, why = d?.why ?? ""): void {
    const { party, peer } = this.desk.caller;
    audit(isGranted, { room: `${party}/${this.#room}`, client: "hocuspocus", peer }, d ?? refused("forbidden", why));
  }

  async #enter(visit: Visit): Promise<"in" | "again" | Refusal> {
    const { env } = this.desk.caller;
    this.#state = "loading";
    this.desk.wait();
    const request = new Request("https://room/", { headers: { Upgrade: "websocket" } });
    const answer = await env.ROOM.get(env.ROOM.idFromName(`${visit.party}/${visit.room}`)).fetch(visitRequest(request, visit));
    const inner = answer.webSocket;
    if (this.#isGone) { inner?.accept(); inner?.close(1000); return "in"; }
    if (answer.status === 409) return "again";
    if (answer.status === 410) return "token_invalid";
    if (answer.status === 404) return "not_found";
    if (answer.status === 423) return "room_full";
    if (inner === null) return "unavailable";
    this.#inner = inner;
    inner.accept();
    inner.binaryType = "arraybuffer";
    inner.addEventListener("message", ({ data }) => { if (typeof data !== "string") this.desk.send(data as ArrayBuffer); });
    inner.addEventListener("close", ({ code, reason }) => this.#ended(inner, code, reason));
    inner.addEventListener("error", () => this.#ended(inner, 1006, ""));
    this.#state = "in";
    this.#tokensAsked = 0;
    for (const bytes of this.#heldTake()) this.take(bytes);
    return "in";
  }

  /** Who is in has sent another token: the room knows who was in, and judges. */
  #renew(renewal: Renewal): void {
    try { this.#inner?.send(JSON.stringify(renewal)); } catch { /* its end is on the way */ }
  }

  // ---- refusing --------------------------------------------------------------------------------

  #refuse(refusal: Refusal, d: Decision | null): void {
    this.#audit(false, d, WORDS[refusal].text);
    this.#state = "held";
    this.desk.wait();
    this.#timer = setTimeout(() => this.#tell(refusal, false), HOLD_MS);
  }

  #tell(refusal: Refusal, wasAwaited: boolean): void {
    this.#state = "refused";
    if (this.#decideNewer()) return;
    const { code, word } = WORDS[refusal];
    const comesAgain = code >= 4500;
    if (comesAgain && !this.desk.hasInside) {
      this.desk.close(code, word);
    } else if (!comesAgain || wasAwaited || this.#tokensAsked === TOKENS_ASKED_MAX) {
      this.desk.send(refusedFrame(this.address, word));
    } else {
      this.#tokensAsked++;
      this.#state = "awaited";
      this.#timer = setTimeout(() => this.#tell(refusal, true), AWAITED_MS);
      this.desk.send(questionFrame(this.address));
    }
  }

  /** The room has ended this session: for good, then its document is told; or not, then all begin anew. */
  #ended(inner: WebSocket, code: number, reason: string): void {
    if (this.#inner !== inner || this.#isGone) return;
    try { inner.close(1000); } catch { /* answered */ }
    this.#sentAway(code, reason);
  }

  #sentAway(code: number, reason: string): void {
    const isUnreadable = code === 1011 && reason === UNREADABLE;
    if (!isUnreadable && (code < 4400 || code >= 4500)) {
      this.desk.close(code === 1005 || code === 1006 ? 1012 : code, reason);
      return;
    }
    try { this.#inner?.close(1000); } catch { /* it is closed */ }
    this.#inner = null;
    this.#state = "refused";
    this.desk.wait();
    this.desk.send(refusedFrame(this.address, isUnreadable ? "unreadable" : reason));
  }
}

/** What a room says that cannot be read. */
export const UNREADABLE = "this room cannot be read";
