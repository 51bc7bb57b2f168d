// What is decided about somebody who wants into a room: docs/access.md, docs/security.md.

export type Permission = "none" | "read" | "comment" | "write";
export type Reason = "allowed" | "token_missing" | "token_invalid" | "token_expired" | "forbidden" | "not_found" | "bad_room" | "unavailable";

export interface Decision {
  reason: Reason;
  permission: Permission;
  userId: string;
  name: string;
  color: string;
  /** Seconds since 1970; 0: never. */
  expiresAt: number;
  why: string;
  remembered: boolean;
}

export const decision = (reason: Reason, why: string, more: Partial<Decision> = {}): Decision =>
  ({ reason, permission: "none", userId: "", name: "", color: "", expiresAt: 0, remembered: false, ...more, why });

export const granted = (d: Decision): boolean => d.reason === "allowed" && d.permission !== "none";

/** Why somebody is not let in, or is asked to go: rule D12. */
export type Refusal = Exclude<Reason, "allowed"> | "unknown_room" | "bad_name" | "bad_origin" | "session_over" | "rights_changed" | "room_full";

interface Words { status: number; code: number; word: string; text: string; byHttp?: true }

export const WORDS: Record<Refusal, Words> = {
  token_missing: { status: 401, code: 4401, word: "token_missing", text: "no token was presented" },
  token_invalid: { status: 401, code: 4401, word: "token_invalid", text: "the token is not valid here" },
  token_expired: { status: 401, code: 4501, word: "token_expired", text: "come again with a fresh token" },
  forbidden: { status: 403, code: 4403, word: "forbidden", text: "this user may not enter this room" },
  not_found: { status: 404, code: 4404, word: "not_found", text: "there is no such document" },
  bad_room: { status: 400, code: 4400, word: "bad_room", text: "this is no name of a room" },
  unavailable: { status: 503, code: 4503, word: "unavailable", text: "nobody can decide at the moment, try again later" },
  unknown_room: { status: 400, code: 4400, word: "unknown_room", text: "the table of rooms has no entry for this name" },
  bad_name: { status: 400, code: 4400, word: "bad_room", text: "this room name is too long or holds control characters", byHttp: true },
  bad_origin: { status: 403, code: 4403, word: "bad_origin", text: "pages of this origin are not let in", byHttp: true },
  session_over: { status: 401, code: 4501, word: "session_over", text: "come again with a fresh token" },
  room_full: { status: 503, code: 4503, word: "room_full", text: "this room has as many connections as it may have, try again later" },
  rights_changed: { status: 401, code: 4501, word: "rights_changed", text: "come again with a fresh token" },
};

export const refusalOf = (d: Decision): Refusal => d.reason === "allowed" ? "forbidden" : d.reason;
