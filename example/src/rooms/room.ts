// One room: its document, its presence, and what is true about its connection. No React here.
import { HocuspocusProvider, type HocuspocusProviderWebsocket } from "@hocuspocus/provider";
import * as Y from "yjs";
import type { Me } from "../types";
import { nameOf } from "../types";

/** What `collab:ticket` answers. */
export type TicketAnswer = { allowed: true; ticket: string } | { allowed: false; reason: string };

export type RoomState = {
  /** refused: no way in, see `reason`; the others speak for themselves. */
  connection: "connecting" | "connected" | "offline" | "refused";
  reason: string | null;
  /** null until the server has said it. */
  permission: "read" | "write" | null;
  /** The document has been complete once: it may be shown. */
  loaded: boolean;
  /** The server has everything, and has it on disk. */
  saved: boolean;
  /** Something was changed here that the server is not known to have, and may still take. */
  unsent: boolean;
};

const BEGINNING: RoomState = { connection: "connecting", reason: null, permission: null, loaded: false, saved: false, unsent: false };
/** A ticket that the server did not take: it was used up, or too old. Then another one may do. */
const TICKET_PROBLEM = /^token_|^unauthenticated$/;
const AGAIN_MS = 2000;

export class Room {
  readonly doc = new Y.Doc();
  readonly provider: HocuspocusProvider;
  state = BEGINNING;
  /** Pictures on their way: not saved before they are there. */
  private uploads = 0;
  /** Since the server last had everything, something was changed here. */
  private changed = false;
  private asking: Promise<TicketAnswer> | null = null;
  private again: ReturnType<typeof setTimeout> | undefined;
  private readonly listeners = new Set<() => void>();
  private readonly onStatus = () => this.look();

  constructor(
    readonly name: string,
    private readonly socket: HocuspocusProviderWebsocket,
    private readonly getTicket: () => Promise<TicketAnswer>,
    me: Me,
  ) {
    this.provider = new HocuspocusProvider({
      websocketProvider: socket, name, document: this.doc, token: () => this.ticket(),
      onAuthenticated: ({ scope }) => this.set({ reason: null, permission: scope === "readonly" ? "read" : "write" }),
      onAuthenticationFailed: ({ reason }) => this.refused(reason),
      onSynced: () => this.look(),
      onUnsyncedChanges: () => this.look(),
    });
    // The server puts the name and color of whom it knows in their place; this is for ourselves.
    this.introduce(me);
    this.doc.on("update", (_update: Uint8Array, origin: unknown) => {
      if (origin === this.provider) return;
      this.changed = true;
      this.look();
    });
    this.socket.on("status", this.onStatus);
    window.addEventListener("offline", this.onStatus);
    window.addEventListener("online", this.onStatus);
    this.provider.attach();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  getState = (): RoomState => this.state;

  /** Others see who is here, again after `hide`. */
  introduce(me: Me): void {
    const awareness = this.provider.awareness!;
    awareness.setLocalState({ ...awareness.getLocalState(), user: { id: me.id, name: nameOf(me), color: me.color } });
  }
  hide(): void {
    this.provider.awareness!.setLocalState(null);
  }

  /** Counts as unsaved until `work` is done. */
  async uploading<T>(work: Promise<T>): Promise<T> {
    this.uploads++;
    this.look();
    try {
      return await work;
    } finally {
      this.uploads--;
      this.look();
    }
  }

  /** Tries once more to get in. */
  retry(): void {
    clearTimeout(this.again);
    this.set({ reason: null });
    void this.provider.sendToken().then(() => this.provider.startSync());
  }

  destroy(): void {
    clearTimeout(this.again);
    this.socket.off("status", this.onStatus);
    window.removeEventListener("offline", this.onStatus);
    window.removeEventListener("online", this.onStatus);
    // The provider says goodbye. On a socket that is not open yet (4.8) that waits for the first answer, and would
    // come behind what the next room of this name says: it would be the one that is closed.
    if (this.socket.webSocket?.readyState !== WebSocket.OPEN) this.socket.configuration.providerMap.delete(this.name);
    this.provider.destroy();
    this.doc.destroy();
    this.listeners.clear();
  }

  /** Asked by the provider at each connect. A ticket is good for one. */
  private async ticket(): Promise<string> {
    // While Convex is away this waits for it, and further connects wait for the same answer.
    this.asking ??= this.getTicket().finally(() => { this.asking = null; });
    const answer = await this.asking;
    if (answer.allowed) return answer.ticket;
    this.set({ reason: answer.reason });
    return "";
  }
  private refused(reason: string): void {
    if (TICKET_PROBLEM.test(reason) && this.state.reason === null) {
      this.again = setTimeout(() => this.retry(), AGAIN_MS);
      this.look();
    } else if (!TICKET_PROBLEM.test(reason)) this.set({ reason });
  }
  private look(): void {
    this.set({});
  }
  private set(change: Partial<RoomState>): void {
    const { provider, socket } = this;
    const next = { ...this.state, ...change };
    // A browser that has lost its network says so at once; its socket may take ten seconds to notice.
    const inside = provider.isAuthenticated && provider.isSynced && socket.status === "connected" && navigator.onLine;
    next.connection = next.reason !== null ? "refused"
      : inside ? "connected"
      : socket.status === "disconnected" || !navigator.onLine ? "offline"
      : "connecting";
    next.loaded ||= inside;
    next.saved = inside && provider.unsyncedChanges === 0 && this.uploads === 0;
    this.changed &&= !(inside && provider.unsyncedChanges === 0);
    next.unsent = (this.changed || this.uploads > 0) && next.connection !== "refused" && next.permission === "write";
    const same = (Object.keys(next) as (keyof RoomState)[]).every((key) => next[key] === this.state[key]);
    if (same) return;
    this.state = next;
    this.listeners.forEach((listener) => listener());
  }
}
