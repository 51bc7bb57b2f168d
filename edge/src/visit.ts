// What the Worker tells the object about somebody who comes, in one header. Requests reach an object through
// its Worker only, which takes the header of that name away from what comes from outside.
import type { Decision } from "./access/decision.ts";
import type { Ticket } from "./store.ts";

export interface Visit {
  party: string;
  room: string;
  hasPk: boolean;
  /** The subprotocol that the answer selects; empty: none. */
  protocol: string;
  /** null: nobody decides here, presence is what the client says. */
  decision: Decision | null;
  /** Milliseconds since 1970: what the decision says was so then. */
  decidedAt: number;
  /** Of whom can be asked again (rule D22); empty: nobody. */
  token: string;
  ticket?: Ticket;
  /** Of Hocuspocus: the frame that asks for the document, in Latin-1 (frames.ts). */
  opening?: string;
  call?: Call;
}

/** What the Worker says on a socket of Hocuspocus, as text: somebody who is in has been decided about anew. */
export type Renewal = Pick<Visit, "decision" | "decidedAt" | "token" | "ticket">;

export type Call =
  | { kind: "room" }
  | { kind: "kick"; user: string | null; code: number; reason: string }
  | { kind: "recheck" }
  | { kind: "state" }
  | { kind: "delete"; graceMs: number; now: boolean }
  | { kind: "undelete" }
  /** The body of the request is an update. */
  | { kind: "import"; how: "new" | "replace" | "merge" }
  | { kind: "bookmark" }
  /** Of the object that knows whose copies fail. */
  | { kind: "ledger"; tell: { room: string; why: string | null } | null }
  | { kind: "rewind"; at: number; bookmark: string };

const HEADER = "X-Partyd-Visit";

export function visitRequest(request: Request | null, visit: Visit, body?: Uint8Array): Request {
  const headers = new Headers(request?.headers);
  headers.set(HEADER, encodeURIComponent(JSON.stringify(visit)));
  return new Request("https://room/", body === undefined ? { headers } : { headers, method: "PUT", body });
}

export function visitOf(request: Request): Visit | null {
  const text = request.headers.get(HEADER);
  return text === null ? null : JSON.parse(decodeURIComponent(text)) as Visit;
}
