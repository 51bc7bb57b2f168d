// Made from the settings of the server by tools/npm-types.mjs; do not edit.

/** partyd.json */
export interface PartydConfig {
  $schema?: string
  /** address to listen on; default 127.0.0.1 */
  host?: string
  /** port to listen on (1 to 65535); default 1999 */
  port?: number
  /** directory of the store; made if missing; default .partyd */
  data?: string
  /** allow an address that others can reach, without access control; default false */
  open?: boolean
  /** lines below are not written; default info */
  'log-level'?: 'debug' | 'info' | 'warn' | 'error'
  /** form of log lines, on stderr; default text */
  'log-format'?: 'text' | 'json'
  /** one WebSocket message; a larger one closes its socket with 1009 (1024 to 1073741824); default 67108864 */
  'message-bytes-max'?: number
  /** answers waiting for one connection that does not read them; beyond it is ended (65536 to 4294967296); default 67108864 */
  'outbox-bytes-max'?: number
  /** output waiting for one connection; beyond it is sent no updates, and what it missed later (4096 to 1073741824); default 262144 */
  'window-bytes'?: number
  /** a document larger than this is sent in parts of this size (4096 to 1073741824); default 262144 */
  'sync-part-bytes'?: number
  /** an empty room leaves memory after this time (0 to 86400000); default 30000 */
  'room-idle-ms'?: number
  /** strict: what others see is on disk; relaxed: others may see it earlier; default strict */
  durability?: 'strict' | 'relaxed'
  /** one more path for Hocuspocus providers, besides / and /parties/:party */
  'hocuspocus-path'?: string
  /** documents that a Hocuspocus provider may have open on one socket (1 to 65536); default 256 */
  'socket-documents-max'?: number
  /** connections of the process; fewer if it may open fewer files (16 to 16777216); default 65536 */
  'connections-max'?: number
  /** connections that nobody has let into a room yet (16 to 16777216); default 8192 */
  'handshakes-max'?: number
  /** a request has to be complete within (100 to 600000); default 10000 */
  'handshake-ms'?: number
  /** connections taken in a second; others wait in the kernel (0 to 1000000); default 2000 */
  'connects-per-s'?: number
  /** rooms in memory; others are refused meanwhile (1 to 16777216); default 100000 */
  'rooms-max'?: number
  /** connections of one address (1 to 16777216); default 4096 */
  'address-connections-max'?: number
  /** of these: that nobody has let into a room yet (1 to 16777216); default 1024 */
  'address-handshakes-max'?: number
  /** rooms in memory that one address has brought there (1 to 16777216); default 10000 */
  'address-rooms-max'?: number
  /** requests for a room of one address (0 to 1000000); default 100 */
  'address-connects-per-s'?: number
  /** messages of one address; beyond it is read more slowly (0 to 100000000); default 100000 */
  'address-messages-per-s'?: number
  /** bytes of one address; beyond it is read more slowly (0 to 1099511627776); default 67108864 */
  'address-bytes-per-s'?: number
  /** messages of one connection; beyond it is read more slowly (0 to 100000000); default 2000 */
  'connection-messages-per-s'?: number
  /** bytes of one connection; beyond it is read more slowly (0 to 1099511627776); default 16777216 */
  'connection-bytes-per-s'?: number
  /** connections in one room; the table of rooms may say other numbers (1 to 100000); default 10000 */
  'room-connections-max'?: number
  /** messages into one room; beyond who sends is read more slowly (0 to 100000000); default 100000 */
  'room-messages-per-s'?: number
  /** bytes into one room; beyond who sends is read more slowly (0 to 1099511627776); default 67108864 */
  'room-bytes-per-s'?: number
  /** memory of the document in one room; the table of rooms may say other numbers (1024 to 2147483648); default 536870912 */
  'document-bytes-max'?: number
  /** one presence state; a larger one is ignored (64 to 16777216); default 65536 */
  'presence-bytes-max'?: number
  /** presence of one connection is told on so often, the newest (1 to 1000000); default 60 */
  'presence-updates-per-s'?: number
  /** client ids with presence of one connection (1 to 16777216); default 64 */
  'presence-clients-max'?: number
  /** where presence says who somebody is, as it was decided; default user{id,name,color} */
  'presence-identity'?: string
  /** addresses and ranges, comma separated, that may say for whom they ask; also loopback, private; default loopback */
  'trusted-proxies'?: string
  /** where they say it; the other one is not read; default x-forwarded-for */
  'proxy-header'?: 'x-forwarded-for' | 'forwarded'
  /** who may read /metrics: who has the token, who connects from this machine, everybody; default loopback */
  metrics?: 'off' | 'token' | 'loopback' | 'open'
  /** permessage-deflate for clients that offer it; a number: zlib's level, on is 1; default on */
  compression?: 'off' | 'on' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9'
  /** smaller messages are sent as they are (0 to 1073741824); default 1024 */
  'compression-bytes-min'?: number
  /** who decides who may enter a room; default none */
  auth?: 'none' | 'ticket' | 'convex' | 'jwt' | 'hook'
  /** ticket: public keys of tickets, JSON or an address, in place of a secret */
  'ticket-jwks'?: string
  /** jwt, convex: who may have issued a token, comma separated; default CONVEX_SITE_URL */
  issuers?: string
  /** jwt, convex: address of the key set, or one for each issuer; default: where each has it */
  'jwks-url'?: string
  /** jwt, convex: the key set as JSON */
  jwks?: string
  /** a token must be for one of these, comma separated; default convex, of tickets partyd */
  audience?: string
  /** convex: address of the deployment */
  'convex-url'?: string
  /** convex: address of its HTTP actions */
  'convex-site-url'?: string
  /** convex: query that decides; default collab:authorize */
  'convex-function'?: string
  /** jwt: claim that maps patterns of rooms to permissions; default rooms */
  'jwt-rooms-claim'?: string
  /** hook: address that is asked to decide */
  'hook-url'?: string
  /** convex, hook: questions at the same time (1 to 1024); default 16 */
  'backend-calls-max'?: number
  /** convex, hook: an answer has to come within (100 to 60000); default 5000 */
  'backend-timeout-ms'?: number
  /** convex, hook: a decision holds for others with the same token (1 to 3600000); default 10000 */
  'remember-ms'?: number
  /** convex, hook: while nobody answers, an older decision holds (0 to 86400000); default 300000 */
  'stale-ms'?: number
  /** browsers may come from these, comma separated, https://*.example.com too; default any */
  origins?: string
  /** name of a cookie that may hold the token */
  cookie?: string
  /** a connection has to come again and be decided anew after this time; 0: never (0 to 31536000000); default 0 */
  'max-session-ms'?: number
  /** where backups go, comma separated: convex, directory:PATH, s3:BUCKET/PREFIX */
  backup?: string | { [name: string]: SinkConfig }
  /** rooms in memory for backups at the same time (1 to 64); default 4 */
  'backup-copies-max'?: number
  /** at the end, time to back up what is not yet (0 to 3600000); default 10000 */
  'backup-drain-ms'?: number
  /** what holds for which rooms: a room name, or a prefix and *; see docs/access.md */
  rooms?: { [name: string]: RoomConfig }
}
/** What holds for the rooms of a pattern. */
export interface RoomConfig {
  /** snapshot, history: every update is kept too, or none: presence only */
  store?: 'snapshot' | 'history' | 'none'
  /** default: as the setting auth says, or none: open to everybody */
  auth?: 'default' | 'none'
  /** false keeps deleted content, for version histories */
  gc?: boolean
  /** one message; default: the setting of that name (1024 to 1073741824) */
  'message-bytes-max'?: number
  /** memory of the document; default: the setting of that name (1024 to 2147483648) */
  'document-bytes-max'?: number
  /** updates kept with store history; 0: no limit; default 100000 (0 to any) */
  'history-updates-max'?: number
  /** bytes kept with store history; 0: no limit; default 64 MiB (0 to 1099511627776) */
  'history-bytes-max'?: number
  /** days kept with store history; 0: no limit; default 30 (0 to 36500) */
  'history-days-max'?: number
  /** connections in one room; default: the setting room-connections-max (1 to 100000) */
  'connections-max'?: number
  /** where presence says who somebody is; default: the setting of that name */
  'presence-identity'?: string
  /** names of the sinks that get copies, or none; default: all */
  backup?: 'none' | string[]
}
/** Where backups go. */
export type SinkConfig = {
  kind: 'convex'
  /** (0 to 86400000) */
  'idle-ms'?: number
  /** (0 to 86400000) */
  'max-age-ms'?: number
} | {
  kind: 'directory'
  path?: string
  /** (0 to 86400000) */
  'idle-ms'?: number
  /** (0 to 86400000) */
  'max-age-ms'?: number
} | {
  kind: 's3'
  bucket?: string
  prefix?: string
  endpoint?: string
  region?: string
  /** (0 to 3600000) */
  'pack-ms'?: number
  /** (0 to 3650) */
  'keep-days'?: number
  /** (0 to 86400000) */
  'idle-ms'?: number
  /** (0 to 86400000) */
  'max-age-ms'?: number
}
