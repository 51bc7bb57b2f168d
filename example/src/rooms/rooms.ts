// All rooms of a page, on one WebSocket. A room that is left stays open until the server has what was changed in it: without
// a network that is later, and who goes to another page meanwhile loses nothing. No React here.
import type { HocuspocusProviderWebsocket } from "@hocuspocus/provider";
import type { Me } from "../types";
import { Room, type TicketAnswer } from "./room";

type Entry = { room: Room; users: number; unsubscribe: () => void };

export class Rooms {
  private readonly entries = new Map<string, Entry>();
  private readonly listeners = new Set<() => void>();
  private left: readonly string[] = [];
  /** Null while there are no rooms. */
  private socket: HocuspocusProviderWebsocket | null = null;

  constructor(private readonly openSocket: () => HocuspocusProviderWebsocket) {
    window.addEventListener("offline", this.disconnect);
    window.addEventListener("online", this.connect);
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  /** The names of rooms that nobody looks at and that the server lacks changes of. */
  getLeft = (): readonly string[] => this.left;

  /** Whether something would be lost with this window. */
  hasUnsent(): boolean {
    return [...this.entries.values()].some(({ room }) => room.state.unsent);
  }

  /** For each call one of `leave`. */
  enter(name: string, getTicket: () => Promise<TicketAnswer>, me: Me): Room {
    const old = this.entries.get(name);
    if (old !== undefined && old.room.state.connection !== "refused") {
      old.users++;
      old.room.introduce(me);
      this.look();
      return old.room;
    }
    if (old !== undefined) this.close(old);
    const socket = this.socket ?? this.openSocket();
    const room = new Room(name, socket, getTicket, me);
    const entry: Entry = { room, users: 1, unsubscribe: room.subscribe(() => { this.closeIfDone(entry); this.look(); }) };
    this.entries.set(name, entry);
    if (this.socket === null) {
      this.socket = socket;
      this.connect();
    }
    return room;
  }

  /** Not at once: editors write down their last change when they go, and in development React leaves and enters again. */
  leave(room: Room): void {
    setTimeout(() => {
      const entry = this.entries.get(room.name);
      if (entry?.room !== room || --entry.users > 0) return;
      room.hide();
      this.closeIfDone(entry);
      this.look();
    });
  }

  destroy(): void {
    for (const entry of [...this.entries.values()]) this.close(entry);
    window.removeEventListener("beforeunload", ask);
    window.removeEventListener("offline", this.disconnect);
    window.removeEventListener("online", this.connect);
  }

  private readonly connect = () => void this.socket?.connect();
  /** A browser that has lost its network may take minutes to tell the socket, and the socket as long to close: until then it would
   * not connect anew. So it is said to be closed here and now, to the rooms as well: they forget who was here. */
  private readonly disconnect = () => {
    this.socket?.disconnect();
    if (this.socket?.webSocket) this.socket["emit"]("close", { event: { code: 4408, reason: "offline" } });
  };

  private closeIfDone(entry: Entry): void {
    if (entry.users === 0 && !entry.room.state.unsent) this.close(entry);
  }
  private close({ room, unsubscribe }: Entry): void {
    unsubscribe();
    if (this.entries.get(room.name)?.room === room) this.entries.delete(room.name);
    room.destroy();
    if (this.entries.size > 0) return;
    this.socket?.destroy();
    this.socket = null;
  }
  private look(): void {
    if (this.hasUnsent()) window.addEventListener("beforeunload", ask);
    else window.removeEventListener("beforeunload", ask);
    const left = [...this.entries.values()].filter(({ users, room }) => users === 0 && room.state.unsent).map(({ room }) => room.name);
    if (left.join() === this.left.join()) return;
    this.left = left;
    this.listeners.forEach((listener) => listener());
  }
}

/** Before a window is closed that has changes which are nowhere else. */
const ask = (event: Event) => event.preventDefault();
