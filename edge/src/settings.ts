// Settings from the environment of the Worker: the names are those of the native server, in capitals and
// with PARTYD_ in front. The table of rooms is in PARTYD_ROOMS as JSON. docs/edge.md, docs/access.md.

import { NAMING_TAKES, namingOf, type Naming } from "./naming.ts";

export type Mode = "none" | "ticket" | "convex" | "jwt" | "hook";

export interface Env {
  ROOM: DurableObjectNamespace;
  [name: string]: unknown;
}

export interface Policy {
  stored: boolean;
  decided: boolean;
  keepDeleted: boolean;
  messageBytesMax: number;
  documentBytesMax: number;
  backed: boolean;
  connectionsMax: number;
  naming: Naming;
}

export interface Settings {
  auth: Mode;
  ticketSecrets: string[];
  ticketJwks: string;
  issuers: string[];
  jwksUrl: string[];
  jwks: string;
  audience: string[];
  convexUrl: string;
  convexFunction: string;
  roomsClaim: string;
  hookUrl: string;
  collabSecrets: string[];
  backendTimeoutMs: number;
  rememberMs: number;
  staleMs: number;
  origins: string;
  cookie: string;
  maxSessionMs: number;
  messageBytesMax: number;
  documentBytesMax: number;
  connectionsMax: number;
  presenceBytesMax: number;
  presenceClientsMax: number;
  presenceUpdatesPerS: number;
  presenceIdentity: Naming;
  journalMs: number;
  journalBusyMs: number;
  journalAloneMs: number;
  parties: string[];
  socketDocumentsMax: number;
  hocuspocusPath: string;
  backup: boolean;
  convexSite: string;
  backupIdleMs: number;
  backupMaxAgeMs: number;
  rooms: Map<string, Policy> | null;
  logLevel: string;
}

export class SettingsError extends Error {}

const MESSAGE_BYTES_MAX = 32 << 20; // the platform's own
const DOCUMENT_BYTES_MAX = 64 << 20; // an isolate has 128 MB for the document, its encodings and messages
const SOCKETS_MAX = 32_768; // the platform's, of one object

const KNOWN = new Map<Env, Settings>();

export function settingsOf(env: Env): Settings {
  let settings = KNOWN.get(env);
  if (settings === undefined) KNOWN.set(env, settings = read(env));
  return settings;
}

const list = (text: string): string[] => text.split(",").map(item => item.trim()).filter(item => item !== "");

function read(env: Env): Settings {
  const text = (name: string, initial = ""): string => {
    const value = env[name];
    return typeof value === "string" && value !== "" ? value : initial;
  };
  const number = (name: string, initial: number, min: number, max: number): number => {
    const given = text(name);
    if (given === "") return initial;
    const value = Number(given);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new SettingsError(`${name}: '${given}' is no value; it takes a whole number from ${min} to ${max}`);
    }
    return value;
  };
  const naming = (name: string, initial: string): Naming => {
    const value = namingOf(text(name, initial));
    if (value === null) throw new SettingsError(`${name}: '${text(name)}' is no value; it takes ${NAMING_TAKES}`);
    return value;
  };
  const auth = text("PARTYD_AUTH", "none");
  if (!["none", "ticket", "convex", "jwt", "hook"].includes(auth)) {
    throw new SettingsError(`PARTYD_AUTH: '${auth}' is none of none, ticket, convex, jwt, hook`);
  }
  if (!["", "convex"].includes(text("PARTYD_BACKUP"))) throw new SettingsError(`PARTYD_BACKUP: '${text("PARTYD_BACKUP")}' is no sink here; it takes convex`);
  const messageBytesMax = Math.min(number("PARTYD_MESSAGE_BYTES_MAX", MESSAGE_BYTES_MAX, 1024, 1 << 30), MESSAGE_BYTES_MAX);
  const site = text("CONVEX_SITE_URL");
  const settings: Settings = {
    auth: auth as Mode,
    ticketSecrets: list(text("PARTYD_TICKET_SECRET")),
    ticketJwks: text("PARTYD_TICKET_JWKS"),
    issuers: list(text("PARTYD_ISSUERS", site)),
    jwksUrl: text("PARTYD_JWKS_URL") === "" ? [] : text("PARTYD_JWKS_URL").split(",").map(url => url.trim()), // empty: where it usually is
    jwks: text("PARTYD_JWKS"),
    audience: list(text("PARTYD_AUDIENCE", auth === "ticket" ? "partyd" : "convex")),
    convexUrl: text("CONVEX_URL").replace(/\/+$/, ""),
    convexFunction: text("PARTYD_CONVEX_FUNCTION", "collab:authorize"),
    roomsClaim: text("PARTYD_JWT_ROOMS_CLAIM", "rooms"),
    hookUrl: text("PARTYD_HOOK_URL"),
    collabSecrets: list(text("COLLAB_SECRET")),
    backendTimeoutMs: number("PARTYD_BACKEND_TIMEOUT_MS", 5000, 100, 60000),
    rememberMs: number("PARTYD_REMEMBER_MS", 10000, 1, 3600000),
    staleMs: number("PARTYD_STALE_MS", 300000, 0, 86400000),
    origins: text("PARTYD_ORIGINS"),
    cookie: text("PARTYD_COOKIE"),
    maxSessionMs: number("PARTYD_MAX_SESSION_MS", 0, 0, 31536000000),
    messageBytesMax,
    documentBytesMax: number("PARTYD_DOCUMENT_BYTES_MAX", DOCUMENT_BYTES_MAX, 1024, 2 ** 31),
    connectionsMax: number("PARTYD_ROOM_CONNECTIONS_MAX", 10_000, 1, SOCKETS_MAX),
    presenceBytesMax: number("PARTYD_PRESENCE_BYTES_MAX", 65_536, 64, 1 << 24),
    presenceClientsMax: number("PARTYD_PRESENCE_CLIENTS_MAX", 64, 1, 1 << 24),
    presenceIdentity: naming("PARTYD_PRESENCE_IDENTITY", "user{id,name,color}"),
    presenceUpdatesPerS: number("PARTYD_PRESENCE_UPDATES_PER_S", 60, 1, 1_000_000),
    journalMs: number("PARTYD_JOURNAL_MS", 100, 0, 10000),
    journalBusyMs: number("PARTYD_JOURNAL_BUSY_MS", 350, 0, 10000),
    journalAloneMs: number("PARTYD_JOURNAL_ALONE_MS", 1000, 0, 60000),
    parties: list(text("PARTYD_PARTIES", "main")),
    socketDocumentsMax: number("PARTYD_SOCKET_DOCUMENTS_MAX", 256, 1, 65536),
    hocuspocusPath: text("PARTYD_HOCUSPOCUS_PATH"),
    backup: text("PARTYD_BACKUP") === "convex",
    convexSite: site,
    backupIdleMs: number("PARTYD_BACKUP_IDLE_MS", 10_000, 0, 86_400_000),
    backupMaxAgeMs: number("PARTYD_BACKUP_MAX_AGE_MS", 60_000, 0, 86_400_000),
    rooms: null,
    logLevel: text("PARTYD_LOG_LEVEL", "info"),
  };
  settings.rooms = roomsOf(env["PARTYD_ROOMS"], settings);
  check(settings);
  return settings;
}

function check(s: Settings): void {
  const need = (ok: boolean, what: string): void => { if (!ok) throw new SettingsError(what); };
  if (s.auth === "ticket") {
    need(s.ticketSecrets.length > 0 || s.ticketJwks !== "", "PARTYD_AUTH=ticket needs PARTYD_TICKET_SECRET or PARTYD_TICKET_JWKS");
    need(s.ticketSecrets.every(secret => secret.length >= 32), "PARTYD_TICKET_SECRET: a secret has 32 bytes or more");
  }
  if (s.auth === "convex") need(s.convexUrl !== "", "PARTYD_AUTH=convex needs CONVEX_URL");
  if (s.auth === "convex" || s.auth === "jwt") need(s.issuers.length > 0, "PARTYD_ISSUERS or CONVEX_SITE_URL has to name who issues tokens");
  if (s.auth === "hook") need(s.hookUrl !== "" && s.collabSecrets.length > 0, "PARTYD_AUTH=hook needs PARTYD_HOOK_URL and COLLAB_SECRET");
  need(!s.backup || (s.convexSite !== "" && s.collabSecrets.length > 0), "PARTYD_BACKUP=convex needs CONVEX_SITE_URL and COLLAB_SECRET");
  need(s.cookie === "" || s.origins !== "", "PARTYD_COOKIE needs PARTYD_ORIGINS");
}

/** Text, or what wrangler makes of an object among the vars. */
function roomsOf(given: unknown, s: Settings): Map<string, Policy> | null {
  if (given === undefined || given === "") return null;
  let table = given;
  try { if (typeof given === "string") table = JSON.parse(given); } catch { throw new SettingsError("PARTYD_ROOMS is no JSON"); }
  if (typeof table !== "object" || table === null || Array.isArray(table)) throw new SettingsError("PARTYD_ROOMS is no object of patterns");
  return new Map(Object.entries(table).map(([pattern, entry]) => [pattern, policyOf(pattern, entry, s)]));
}

function policyOf(pattern: string, entry: unknown, s: Settings): Policy {
  const star = pattern.indexOf("*");
  if (star >= 0 && star !== pattern.length - 1) throw new SettingsError(`PARTYD_ROOMS: "${pattern}" has a * that is not at its end`);
  if (typeof entry !== "object" || entry === null) throw new SettingsError(`PARTYD_ROOMS: "${pattern}" is no object`);
  const policy = plain(s);
  for (const [key, value] of Object.entries(entry)) {
    const bad = (takes: string): never => { throw new SettingsError(`PARTYD_ROOMS: "${pattern}": ${key} takes ${takes}`); };
    const choice = (no: string, yes: string): boolean => value === yes || (value === no ? false : bad(`"${yes}" or "${no}"`));
    const bytes = (): number => Number.isInteger(value) && (value as number) >= 1024 ? value as number : bad("a number of bytes from 1024");
    switch (key) {
      case "store": policy.stored = choice("none", "snapshot"); break;
      case "auth": policy.decided = choice("none", "default"); break;
      case "gc": policy.keepDeleted = typeof value === "boolean" ? !value : bad("true or false"); break;
      case "message-bytes-max": policy.messageBytesMax = Math.min(bytes(), MESSAGE_BYTES_MAX); break;
      case "backup": policy.backed = policy.backed && (value === "none" ? false : Array.isArray(value) && value.every(one => one === "convex") ? value.length > 0 : bad('"none" or ["convex"]')); break;
      case "document-bytes-max": policy.documentBytesMax = Math.min(bytes(), 2 ** 31); break;
      case "connections-max": policy.connectionsMax = Number.isInteger(value) && (value as number) > 0 && (value as number) <= SOCKETS_MAX ? value as number : bad(`a number up to ${SOCKETS_MAX}`); break;
      case "presence-identity": policy.naming = (typeof value === "string" ? namingOf(value) : null) ?? bad(NAMING_TAKES); break;
      default: throw new SettingsError(`PARTYD_ROOMS: "${pattern}": there is no key "${key}"; the keys are store, auth, backup, gc, connections-max, presence-identity, message-bytes-max and document-bytes-max`);
    }
  }
  return policy;
}

function plain(s: Settings): Policy {
  return { stored: true, decided: true, keepDeleted: false, messageBytesMax: s.messageBytesMax, documentBytesMax: s.documentBytesMax, backed: s.backup, connectionsMax: s.connectionsMax, naming: s.presenceIdentity };
}

/** The policy of a room; null: the table has no entry for it (rules D1, D2). */
export function policyFor(s: Settings, party: string, room: string): Policy | null {
  if (s.rooms === null) {
    const isWorkspace = s.auth !== "none" && room.startsWith("workspace-");
    return isWorkspace ? { ...plain(s), stored: false } : plain(s);
  }
  let best: Policy | null = null, weight = -1;
  for (const [pattern, policy] of s.rooms) {
    const name = pattern.includes("/") ? `${party}/${room}` : room;
    const isOpen = pattern.endsWith("*");
    const fits = isOpen ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
    const w = isOpen ? pattern.length - 1 : name.length + 1;
    if (fits && w > weight) { best = policy; weight = w; }
  }
  return best;
}
