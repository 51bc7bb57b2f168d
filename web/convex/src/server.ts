/**
 * What the application may ask of a partyd server. Needs `fetch`: in Convex call it from an action
 * (a mutation schedules one).
 */
import { signRequest } from "./signature.js";

export type KickOptions = {
  /** Whose sockets to close; without it `all` must be true. */
  userId?: string;
  all?: boolean;
  /** Close code, 4403 unless given. */
  code?: number;
  reason?: string;
};

export type RoomInfo = {
  connections: number;
  users: { userId: string; permission: string; connections: number }[];
};

export type PartydServer = {
  /** Closes sockets of a room and forgets what was decided about them. */
  kick(room: string, options: KickOptions): Promise<void>;
  /** Asks again for the rights of everybody in the room. */
  recheck(room: string): Promise<void>;
  /** The document is gone: closes its sockets, deletes its data after a time of grace. */
  remove(room: string): Promise<void>;
  info(room: string): Promise<RoomInfo>;
};

/** An answer that is not 2xx, or none (status 0). */
export class PartydError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
    this.name = "PartydError";
  }
}

/**
 * @param options url: where partyd is, e.g. `https://rooms.example.com`; secret: COLLAB_SECRET.
 * All calls throw {@link PartydError}.
 */
export function partyd(options: {
  url: string; secret: string; fetch?: typeof fetch; timeoutMs?: number;
}): PartydServer {
  const base = options.url.replace(/\/+$/, "");
  async function call(method: string, room: string, verb: string, json?: object): Promise<Response> {
    const url = `${base}/api/rooms/${encodeURIComponent(room)}${verb}`;
    const path = new URL(url).pathname;
    const body = json === undefined ? "" : JSON.stringify(json);
    const headers: Record<string, string> = {
      ...(await signRequest(options.secret, { method, path, room, body })),
    };
    if (json !== undefined) headers["Content-Type"] = "application/json";
    let response: Response;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), options.timeoutMs ?? 5000);
    try {
      response = await (options.fetch ?? fetch)(url, {
        method,
        headers,
        ...(json === undefined ? {} : { body }),
        signal: late.signal,
      });
    } catch (error) {
      throw new PartydError(0, `partyd at ${base} cannot be reached: ${String(error)}`);
    } finally {
      clearTimeout(timer);
    }
    if (!response.ok) {
      throw new PartydError(response.status, `partyd answered ${response.status} to ${method} ${path}`);
    }
    return response;
  }
  return {
    async kick(room, what) { await call("POST", room, "/kick", what); },
    async recheck(room) { await call("POST", room, "/recheck", {}); },
    async remove(room) {
      try {
        await call("DELETE", room, "");
      } catch (error) {
        // A server that cannot delete rooms (yet) still ends their connections, for good.
        if (!(error instanceof PartydError) || error.status !== 405) throw error;
        await call("POST", room, "/kick", { all: true, code: 4404, reason: "the document was deleted" });
      }
    },
    async info(room) { return (await (await call("GET", room, "")).json()) as RoomInfo; },
  };
}
