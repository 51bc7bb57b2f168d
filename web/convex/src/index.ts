/**
 * What a Convex backend needs to work with partyd: room tickets, and the signature of requests
 * between the two, both ways. Runs in Convex's default runtime (queries, mutations, actions, HTTP
 * actions), in Node 18 and later and in browsers; needs only Web Crypto.
 */
export { parseRoom, ROOM_NAME_MAX } from "./room.js";
export type { Room } from "./room.js";
export { signTicket, TICKET_SECONDS } from "./ticket.js";
export type { Permission, TicketKey, TicketOptions } from "./ticket.js";
export { CLOCK_SKEW_SECONDS, sha256Hex, signRequest, verifyBody, verifyRequest } from "./signature.js";
export type { Refusal, RequestToSign, SignatureHeaders, VerifyOptions } from "./signature.js";
export { partyd, PartydError } from "./server.js";
export type { KickOptions, PartydServer, RoomInfo } from "./server.js";
