// src/access/decision.ts
var decision = (reason, why, more = {}) => ({ reason, permission: "none", userId: "", name: "", color: "", expiresAt: 0, remembered: false, ...more, why });
var granted = (d) => d.reason === "allowed" && d.permission !== "none";
var WORDS = {
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
  rights_changed: { status: 401, code: 4501, word: "rights_changed", text: "come again with a fresh token" }
};
var refusalOf = (d) => d.reason === "allowed" ? "forbidden" : d.reason;

// src/access/json.ts
var DEPTH_MAX = 128;
function strictObject(bytes) {
  let text2, value;
  try {
    text2 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text2);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return isStrict(text2) ? value : null;
}
function isStrict(text2) {
  const names = [];
  let wantsName = false;
  for (let i = 0; i < text2.length; i++) {
    const c = text2[i];
    if (c === "{" || c === "[") {
      names.push(c === "{" ? /* @__PURE__ */ new Set() : null);
      wantsName = c === "{";
      if (names.length > DEPTH_MAX) return false;
    } else if (c === "}" || c === "]") {
      names.pop();
      wantsName = false;
    } else if (c === ",") {
      wantsName = names[names.length - 1] !== null;
    } else if (c === '"') {
      let end = i + 1;
      while (text2[end] !== '"') end += text2[end] === "\\" ? 2 : 1;
      const string = JSON.parse(text2.slice(i, end + 1));
      if (string.includes("\0") || /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(string)) return false;
      if (wantsName) {
        const known = names[names.length - 1];
        if (known.has(string)) return false;
        known.add(string);
        wantsName = false;
      }
      i = end;
    }
  }
  return true;
}

// src/log.ts
var LEVELS = ["debug", "info", "warn", "error"];
var least = 1;
function logFrom(level) {
  const at = LEVELS.indexOf(level);
  if (at >= 0) least = at;
}
function log(level, what, fields = {}) {
  if (LEVELS.indexOf(level) < least) return;
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${typeof value === "number" ? value : JSON.stringify(value)}`);
  console.log(`${level.padEnd(5)} ${what}${rest.join("")}`);
}

// src/access/keys.ts
var ALGS = ["RS256", "PS256", "ES256", "EdDSA"];
var SET_BYTES_MAX = 65536;
var SET_KEYS_MAX = 64;
var KID_MAX = 256;
var ALGS_OF = { RSA: ["RS256", "PS256"], EC: ["ES256"], OKP: ["EdDSA"] };
var SMALL_ORDER = /* @__PURE__ */ new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
]);
var bytesOf = (value) => typeof value === "string" && value !== "" ? base64url(value) : null;
var hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
var bits = (bytes) => {
  const at = bytes.findIndex((b) => b !== 0);
  return at < 0 ? 0 : (bytes.length - at) * 8 - Math.clz32(bytes[at]) + 24;
};
function rsaOk(jwk) {
  const n = bytesOf(jwk.n), e = bytesOf(jwk.e);
  if (n === null || e === null || n.length > 513 || e.length > 8) return false;
  const size = bits(n);
  if (size < 2048 || size > 4096 || (n[n.length - 1] & 1) === 0) return false;
  return bits(e) >= 2 && bits(e) < 33 && (e[e.length - 1] & 1) === 1;
}
function pointOk(jwk) {
  const x = bytesOf(jwk.x), y = bytesOf(jwk.y);
  return jwk.crv === "P-256" && x?.length === 32 && y?.length === 32;
}
function ed25519Ok(jwk) {
  const x = bytesOf(jwk.x);
  if (jwk.crv !== "Ed25519" || x?.length !== 32) return false;
  const cleared = x.slice();
  cleared[31] &= 127;
  return !SMALL_ORDER.has(hex(cleared));
}
function keyOf(jwk) {
  if (typeof jwk !== "object" || jwk === null) return null;
  const j = jwk;
  if (j.use !== void 0 && j.use !== "sig") return null;
  if (j.key_ops !== void 0 && !(Array.isArray(j.key_ops) && (j.key_ops.length === 0 || j.key_ops.includes("verify")))) return null;
  if (j.kid !== void 0 && (typeof j.kid !== "string" || j.kid.length > KID_MAX)) return null;
  const kind = j.kty;
  if (kind !== "RSA" && kind !== "EC" && kind !== "OKP") return null;
  if (!{ RSA: rsaOk, EC: pointOk, OKP: ed25519Ok }[kind](j)) return null;
  const alg = j.alg ?? null;
  if (alg !== null && !ALGS_OF[kind].includes(alg)) return null;
  const bare = { RSA: { kty: "RSA", n: j.n, e: j.e }, EC: { kty: "EC", crv: j.crv, x: j.x, y: j.y }, OKP: { kty: "OKP", crv: j.crv, x: j.x } }[kind];
  return { kind, kid: j.kid ?? null, alg, jwk: bare, imported: /* @__PURE__ */ new Map() };
}
function keysOf(text2) {
  const bytes = new TextEncoder().encode(text2);
  if (bytes.length > SET_BYTES_MAX) return null;
  const keys = strictObject(bytes)?.keys;
  if (!Array.isArray(keys)) return null;
  return keys.map(keyOf).filter((key) => key !== null).slice(0, SET_KEYS_MAX);
}
var PARAMETERS = {
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  PS256: { name: "RSA-PSS", hash: "SHA-256", saltLength: 32 },
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  EdDSA: { name: "Ed25519" }
};
var keyFits = (key, alg) => key.alg === null ? ALGS_OF[key.kind].includes(alg) : key.alg === alg;
async function signedBy(key, alg, signature, signed) {
  try {
    let imported = key.imported.get(alg);
    if (imported === void 0) {
      imported = crypto.subtle.importKey("jwk", key.jwk, PARAMETERS[alg], false, ["verify"]);
      key.imported.set(alg, imported);
    }
    return await crypto.subtle.verify(PARAMETERS[alg], await imported, signature, signed);
  } catch {
    return false;
  }
}
var USED_MS = 5 * 6e4;
var RENEWED_MS = 60 * 6e4;
var LAST_GOOD_MS = 24 * 60 * 6e4;
var AGAIN_MS = 3e4;
var RETRY_MS = 1e3;
var KeySet = class {
  constructor(url, text2, timeoutMs) {
    this.url = url;
    this.timeoutMs = timeoutMs;
    if (text2 !== null) this.#keys = keysOf(text2) ?? [];
  }
  #keys = null;
  #fetchedAt = -Infinity;
  #triedAt = -Infinity;
  #running = null;
  failed = false;
  async get() {
    if (this.url === null) return this.#keys;
    const age = Date.now() - this.#fetchedAt;
    if (age > RENEWED_MS) await this.#fetch(RETRY_MS);
    else if (age > USED_MS) void this.#fetch(RETRY_MS);
    return Date.now() - this.#fetchedAt <= LAST_GOOD_MS ? this.#keys : null;
  }
  /** For a token that none of them verifies; true: they are newer now. */
  async renew() {
    const before = this.#fetchedAt;
    if (this.url !== null) await this.#fetch(AGAIN_MS);
    return this.#fetchedAt !== before;
  }
  #fetch(pauseMs) {
    if (this.#running !== null) return this.#running;
    if (Date.now() - this.#triedAt < pauseMs) return Promise.resolve();
    this.#triedAt = Date.now();
    this.#running = this.#ask().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }
  async #ask() {
    try {
      const answer = await fetch(this.url, { redirect: "manual", signal: AbortSignal.timeout(this.timeoutMs) });
      const keys = answer.status === 200 ? keysOf(await answer.text()) : null;
      if (keys === null) throw new Error(`status ${answer.status}`);
      this.#keys = keys;
      this.#fetchedAt = Date.now();
      this.failed = false;
    } catch (error) {
      this.failed = true;
      log("warn", "who may enter cannot be decided", { what: "a key set cannot be fetched", detail: String(error) });
    }
  }
};

// src/access/token.ts
var TOKEN_MAX = 8192;
var TRIES_MAX = 8;
var EXP_SKEW = 30;
var NBF_SKEW = 60;
var TICKET_LIFE = 3600;
var PATTERNS_MAX = 512;
var TEXT_MAX = 256;
var CONVEX_SUB = /^([A-Za-z0-9]{24,})\|[A-Za-z0-9]{24,}$/;
var encoder = new TextEncoder();
var byteLength = (text2) => encoder.encode(text2).length;
var hasControls = (text2) => /[\0-\x1f\x7f]/.test(text2);
function base64url(text2) {
  if (!/^[A-Za-z0-9_-]+$/.test(text2) || text2.length % 4 === 1) return null;
  const binary = atob(text2.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (c) => c.charCodeAt(0));
  const again = btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return again === text2 ? bytes : null;
}
function tokenRead(text2) {
  if (text2.length > TOKEN_MAX) return "the token is longer than 8,192 bytes";
  const parts = text2.split(".");
  const signature = base64url(parts[2] ?? "");
  if (parts.length !== 3 || signature === null) return "the token is not three parts of base64url";
  const [header, claims] = [parts[0], parts[1]].map((part) => {
    const bytes = base64url(part);
    return bytes === null ? null : strictObject(bytes);
  });
  if (header == null) return "the token's header or payload is no JSON object in base64url";
  const { alg, kid } = header;
  if (typeof alg !== "string" || !(alg === "HS256" || ALGS.includes(alg))) return "the token's algorithm is none of RS256, PS256, ES256, EdDSA and HS256";
  if ("crit" in header) return "the token has critical extensions";
  if (kid !== void 0 && typeof kid !== "string") return "the token's key id is no string";
  if (claims == null) return "the token's header or payload is no JSON object in base64url";
  return { alg, kid: kid ?? null, claims, signature, signed: encoder.encode(`${parts[0]}.${parts[1]}`) };
}
async function signedBySecret(token, secrets) {
  if (token.alg !== "HS256" || token.signature.length !== 32) return false;
  let ok = false;
  for (const secret of secrets) {
    const key = await crypto.subtle.importKey("raw", encoder.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
    if (await crypto.subtle.verify("HMAC", key, token.signature, token.signed)) ok = true;
  }
  return ok;
}
var L = 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3edn;
var N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
var big = (bytes) => BigInt(`0x${Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("")}`);
function formOk(token) {
  const s = token.signature;
  if (token.alg === "ES256") {
    if (s.length !== 64) return false;
    const [r, t] = [big(s.subarray(0, 32)), big(s.subarray(32))];
    return r > 0n && r < N && t > 0n && t < N;
  }
  if (token.alg === "EdDSA") return s.length === 64 && big(s.slice(32).reverse()) < L;
  return true;
}
async function signedBySet(token, keys) {
  const alg = token.alg;
  if (alg === "HS256" || !formOk(token)) return false;
  const byKid = token.kid !== null && keys.some((key) => key.kid === token.kid);
  const fitting = keys.filter((key) => (!byKid || key.kid === token.kid) && keyFits(key, alg)).slice(0, TRIES_MAX);
  for (const key of fitting) if (await signedBy(key, alg, token.signature, token.signed)) return true;
  return false;
}
var bareIssuer = (issuer) => issuer.replace(/^https:\/\//, "").replace(/\/+$/, "");
var issuerOf = (claims, issuers) => {
  const { iss } = claims;
  return typeof iss !== "string" || bareIssuer(iss) === "" ? -1 : issuers.findIndex((one) => bareIssuer(one) === bareIssuer(iss));
};
var isDate = (value) => typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
var notBeforeOk = (value, now) => value === void 0 || isDate(value) && Math.trunc(value) <= now + NBF_SKEW;
var isPermission = (value) => value === "none" || value === "read" || value === "comment" || value === "write";
function audienceOk(aud, audience) {
  if (audience.length === 1 && audience[0] === "*") return true;
  if (!Array.isArray(aud)) return typeof aud === "string" && audience.includes(aud);
  return aud.every((item) => typeof item === "string") && aud.some((item) => audience.includes(item));
}
function shortName(name) {
  if (typeof name !== "string") return "";
  const { read: read3 } = encoder.encodeInto(name, new Uint8Array(TEXT_MAX));
  return name.slice(0, read3);
}
var bad = (why) => decision("token_invalid", why);
function claimsRead(claims, audience, now) {
  if (!audienceOk(claims.aud, audience)) return bad("the token is for another audience");
  if (!isDate(claims.exp)) return bad("the token has no usable exp");
  if (!notBeforeOk(claims.nbf, now) || !notBeforeOk(claims.iat, now)) return bad("the token is from the future, or nbf or iat is broken");
  const { sub } = claims;
  if (typeof sub !== "string" || sub === "" || byteLength(sub) > TEXT_MAX || hasControls(sub)) return bad("the token's sub is missing, empty or too long");
  const exp = Math.trunc(claims.exp);
  const who = { userId: CONVEX_SUB.exec(sub)?.[1] ?? sub, name: shortName(claims.name), expiresAt: exp };
  if (now > exp + EXP_SKEW) return decision("token_expired", "the token's time is over", who);
  return decision("allowed", "the token is good", who);
}
function ticketRead(claims, room, now, d) {
  const { jti, perm } = claims;
  if (jti !== void 0 && (typeof jti !== "string" || jti === "")) return bad("the ticket's jti is no text");
  if (typeof claims.room !== "string" || !isPermission(perm)) return bad("the ticket has no room or no permission");
  if (d.expiresAt > now + TICKET_LIFE + NBF_SKEW) return bad("the ticket lives longer than an hour");
  const who = { ...d, permission: "none" };
  if (claims.room !== room) return { ...who, reason: "forbidden", why: "the ticket is for another room" };
  if (perm === "none") return { ...who, reason: "forbidden", why: "the ticket gives no permission" };
  return { ...d, reason: "allowed", permission: perm, why: "by ticket" };
}
function weight(pattern, room) {
  if (!pattern.endsWith("*")) return pattern === room ? room.length + 1 : -1;
  return room.startsWith(pattern.slice(0, -1)) ? pattern.length - 1 : -1;
}
function roomsRead(claims, settings, room, d) {
  const rooms = claims[settings.roomsClaim];
  const no = (reason, why) => ({ ...d, reason, why, permission: "none" });
  if (!Object.hasOwn(claims, settings.roomsClaim)) return no("forbidden", "the token names no rooms");
  if (typeof rooms !== "object" || rooms === null || Array.isArray(rooms) || Object.keys(rooms).length > PATTERNS_MAX) {
    return no("token_invalid", "the token's rooms are no object, or too many");
  }
  let best = -1, permission = "none";
  for (const [pattern, right] of Object.entries(rooms)) {
    const star = pattern.indexOf("*");
    if (pattern === "" || star >= 0 && star !== pattern.length - 1 || !isPermission(right)) {
      return no("token_invalid", "the token's rooms hold a broken pattern or right");
    }
    const w = weight(pattern, room);
    if (w > best) {
      best = w;
      permission = right;
    }
  }
  if (best < 0 || permission === "none") return no("forbidden", "the token gives no right to this room");
  return { ...d, reason: "allowed", permission, why: "by the token's rooms" };
}

// src/access/signature.ts
var SKEW_S = 300;
var VALUES_MAX = 8;
var encoder2 = new TextEncoder();
var hex2 = (buffer) => Array.from(new Uint8Array(buffer), (b) => b.toString(16).padStart(2, "0")).join("");
var sha256 = async (body) => hex2(await crypto.subtle.digest("SHA-256", body));
var hmacKey = (secret) => crypto.subtle.importKey("raw", encoder2.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
async function signedHeaders(method, path, room, seq, body, secret) {
  const timestamp = String(Math.floor(Date.now() / 1e3));
  const hash = await sha256(body);
  const text2 = [method, path, timestamp, room, seq, hash].join("\n");
  const signature = hex2(await crypto.subtle.sign("HMAC", await hmacKey(secret), encoder2.encode(text2)));
  return { "X-Collab-Timestamp": timestamp, "X-Collab-Sha256": hash, "X-Collab-Signature": `v1=${signature}` };
}
function bytesOf2(value) {
  if (!/^v1=[0-9a-f]{64}$/.test(value)) return null;
  return Uint8Array.from(value.slice(3).match(/../g), (pair) => parseInt(pair, 16));
}
async function isSigned(s, body, secrets, nowS) {
  const given = s.signature.split(",").slice(0, VALUES_MAX).map((value) => bytesOf2(value.trim())).filter((value) => value !== null);
  if (!/^\d{1,15}$/.test(s.timestamp) || Math.abs(nowS - Number(s.timestamp)) > SKEW_S) return false;
  if ([s.method, s.path, s.room, s.seq, s.hash].some(hasControls)) return false;
  const text2 = encoder2.encode([s.method, s.path, s.timestamp, s.room, s.seq, s.hash].join("\n"));
  let ok = false;
  for (const secret of secrets) {
    const key = await hmacKey(secret);
    for (const value of given) if (await crypto.subtle.verify("HMAC", key, value, text2)) ok = true;
  }
  if (!ok) return false;
  return s.hash === "" && s.method === "GET" && body.length === 0 || s.hash === await sha256(body);
}
function requestIsSigned(request2, path, room, body, secrets) {
  const header = (name) => request2.headers.get(name) ?? "";
  return isSigned({
    method: request2.method,
    path,
    room,
    seq: "",
    timestamp: header("X-Collab-Timestamp"),
    hash: header("X-Collab-Sha256"),
    signature: header("X-Collab-Signature")
  }, body, secrets, Math.floor(Date.now() / 1e3));
}

// src/visit.ts
var HEADER = "X-Partyd-Visit";
function visitRequest(request2, visit) {
  const headers = new Headers(request2?.headers);
  headers.set(HEADER, encodeURIComponent(JSON.stringify(visit)));
  return new Request("https://room/", { headers });
}
function visitOf(request2) {
  const text2 = request2.headers.get(HEADER);
  return text2 === null ? null : JSON.parse(decodeURIComponent(text2));
}

// src/api.ts
var BODY_BYTES_MAX = 65536;
var REASON_BYTES_MAX = 123;
var problem = (status, code, message) => Response.json({ code, message }, { status });
async function api(request2, url, env, settings) {
  const [, , kind, room, what, more] = url.pathname.split("/");
  if (kind !== "rooms" || room === void 0 || room === "" || more !== void 0 || ![void 0, "kick", "recheck", "snapshot"].includes(what)) {
    return problem(404, "not_found", "see docs/access.md for what is served here");
  }
  const isPost2 = what === "kick" || what === "recheck";
  if (request2.method !== (isPost2 ? "POST" : "GET")) return problem(405, "bad_method", isPost2 ? "use POST" : "use GET");
  const length = request2.headers.get("Content-Length");
  if (request2.headers.has("Transfer-Encoding") && length === null) return problem(411, "no_length", "send a Content-Length, not chunks");
  if (Number(length ?? 0) > BODY_BYTES_MAX) return problem(413, "too_large", "a body has 64 KiB at most");
  const body = new Uint8Array(await request2.arrayBuffer());
  if (body.byteLength > BODY_BYTES_MAX) return problem(413, "too_large", "a body has 64 KiB at most");
  if (!await requestIsSigned(request2, url.pathname, room, body, settings.collabSecrets)) {
    return problem(401, "bad_signature", "sign the request with COLLAB_SECRET, which both sides must have");
  }
  const call = what === "kick" ? kickOf(body) : { kind: what === void 0 ? "room" : what === "snapshot" ? "state" : "recheck" };
  if (typeof call === "string") return problem(400, "bad_body", call);
  return onParties(env, settings, url, room, call);
}
function kickOf(body) {
  let json;
  try {
    json = JSON.parse(new TextDecoder().decode(body));
  } catch {
    return "the body is no JSON object";
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) return "the body is no JSON object";
  const { userId = null, all = false, code = 4403, reason = "kicked", ...rest } = json;
  if (Object.keys(rest).length > 0 || typeof all !== "boolean" || typeof reason !== "string" || !Number.isInteger(code)) {
    return 'it takes {"userId"?, "all"?, "code"?, "reason"?} and nothing else';
  }
  if (userId !== null && typeof userId !== "string") return "userId is text";
  if (userId === null !== all) return 'say either a userId or "all": true';
  if (code < 4e3 || code > 4999) return "code is a close code from 4000 to 4999";
  return { kind: "kick", user: userId, code, reason: cut(reason) };
}
function cut(text2) {
  const bytes = new Uint8Array(REASON_BYTES_MAX);
  return text2.slice(0, new TextEncoder().encodeInto(text2, bytes).read);
}
var isPost = (call) => call.kind === "kick" || call.kind === "recheck";
async function onParties(env, settings, url, room, call) {
  const named = url.searchParams.get("party");
  const answers = await Promise.all((named === null || isPost(call) ? settings.parties : [named]).map((party) => {
    const visit = { party, room, hasPk: false, protocol: "", decision: null, decidedAt: 0, token: "", call };
    return env.ROOM.get(env.ROOM.idFromName(`${party}/${room}`)).fetch(visitRequest(null, visit));
  }));
  if (call.kind === "state") return answers[0];
  if (call.kind === "room") return together(answers);
  let sum = 0;
  for (const answer of answers) sum += Object.values(await answer.json())[0] ?? 0;
  log("info", call.kind === "kick" ? "kicked" : "rechecked", { room, connections: sum });
  return Response.json({ [call.kind === "kick" ? "kicked" : "rechecked"]: sum });
}
async function together(answers) {
  const all = { connections: 0, users: [] };
  for (const answer of answers) {
    const one = await answer.json();
    all.connections += one.connections;
    for (const user of one.users) {
      const known = all.users.find((other) => other.userId === user.userId);
      if (known === void 0) all.users.push(user);
      else known.connections += user.connections;
    }
  }
  return Response.json(all);
}

// src/bytes.ts
function joined(parts) {
  if (parts.length === 1) return parts[0];
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

// src/access/app.ts
var TTL_MAX = 6e4;
var ANSWER_BYTES_MAX = 65536;
var COLOR_MAX = 32;
var unusable = (why) => ({ kind: "unusable", why });
async function askApp(settings, room, token, known) {
  for (let attempt = 0; ; attempt++) {
    let answer;
    try {
      answer = await request(settings, room, token);
    } catch {
      if (attempt === 0) {
        await pause();
        continue;
      }
      return { kind: "down" };
    }
    if (answer.status >= 500 && attempt === 0) {
      await pause();
      continue;
    }
    return read(settings, answer, token, known);
  }
}
var pause = () => new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 200));
async function request(settings, room, token) {
  const isHook = settings.auth === "hook";
  const url = isHook ? settings.hookUrl : `${settings.convexUrl}/api/query`;
  const content = isHook ? { room, token: token === "" ? null : token } : { path: settings.convexFunction, args: { room }, format: "json" };
  const body = new TextEncoder().encode(JSON.stringify(content));
  const headers = { "Content-Type": "application/json" };
  if (isHook) Object.assign(headers, await signedHeaders("POST", new URL(url).pathname, room, "", body, settings.collabSecrets[0]));
  else if (token !== "") headers.Authorization = `Bearer ${token}`;
  return fetch(url, { method: "POST", body, headers, redirect: "manual", signal: AbortSignal.timeout(settings.backendTimeoutMs) });
}
async function read(settings, answer, token, known) {
  const { status } = answer;
  if (status === 408 || status === 429 || status >= 500) return { kind: "down" };
  if (settings.auth === "convex" && status === 401) {
    return { kind: "decided", decision: notAccepted(token, known), ttlMs: null };
  }
  if (status !== 200) return unusable(`the application answered ${status}`);
  const bytes = await bodyOf(answer);
  if (bytes === null) return unusable("the application's answer is too large, or was cut off");
  const json = strictObject(bytes);
  if (json === null) return unusable("the application's answer is no JSON object");
  if (settings.auth === "hook") return valueRead(json, token, known);
  const { status: outcome, value } = json;
  if (outcome !== "success" || typeof value !== "object" || value === null) return unusable("the application's function has failed");
  return valueRead(value, token, known);
}
async function bodyOf(answer) {
  const parts = [];
  let length = 0;
  try {
    for await (const part of answer.body ?? []) {
      length += part.byteLength;
      if (length > ANSWER_BYTES_MAX) return null;
      parts.push(part);
    }
  } catch {
    return null;
  }
  return joined(parts);
}
function notAccepted(token, known) {
  if (token === "") return decision("token_missing", "Convex wants to know who this is");
  const isOver2 = known.expiresAt !== 0 && known.expiresAt <= Date.now() / 1e3;
  return decision(isOver2 ? "token_expired" : "token_invalid", "Convex does not accept the token");
}
var isMs = (value) => value == null || typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
function valueRead(value, token, known) {
  const { allowed, permission, userId, name, color, reason, ttlMs, expiresAt } = value;
  if (typeof allowed !== "boolean") return unusable("allowed is not true or false");
  if (!isMs(ttlMs) || !isMs(expiresAt)) return unusable("ttlMs or expiresAt is no number of milliseconds");
  const ttl = ttlMs == null ? null : Math.min(ttlMs, TTL_MAX);
  const d = { ...known };
  if (expiresAt != null) {
    const ends = Math.trunc(expiresAt / 1e3);
    if (d.expiresAt === 0 || ends < d.expiresAt) d.expiresAt = ends;
  }
  const decided = (made) => ({ kind: "decided", decision: made, ttlMs: ttl });
  if (!allowed) return decided(refusal(reason, token, d));
  if (typeof userId === "string") {
    if (userId === "" || byteLength(userId) > TEXT_MAX || hasControls(userId)) return unusable("userId is no text of 1 to 256 bytes");
    d.userId = userId;
  } else if (userId != null) {
    return unusable("userId is no text of 1 to 256 bytes");
  }
  if (typeof name === "string") d.name = shortName(name);
  d.color = typeof color === "string" && byteLength(color) <= COLOR_MAX ? color : "";
  if (!isPermission(permission)) return unusable("permission is none of none, read, comment, write");
  if (permission === "none") return decided({ ...d, reason: "forbidden", permission: "none", why: "the application gives no right to this room" });
  return decided({ ...d, reason: "allowed", permission, why: "by the application" });
}
function refusal(reason, token, d) {
  const no = (r, why) => ({ ...d, reason: r, permission: "none", why });
  switch (reason) {
    case "bad_room":
      return no("bad_room", "the application cannot read this room name");
    case "not_found":
      return no("not_found", "the application knows no such document");
    case "unauthenticated":
      return no(token === "" ? "token_missing" : "token_invalid", "the application wants to know who this is");
    default:
      return no("forbidden", "the application gives no right to this room");
  }
}

// src/access/decide.ts
var ROOM_BYTES_MAX = 1024;
var CACHE_MAX = 16384;
var EXP_SKEW2 = 30;
async function decide(settings, room, token, fresh) {
  const decidedAt = Date.now();
  const is = (d2) => ({ decision: d2, decidedAt });
  if (room === "" || byteLength(room) > ROOM_BYTES_MAX || hasControls(room)) return is(decision("bad_room", "the room's name is too long or holds control characters"));
  if (settings.auth === "hook") {
    const ok = token.length <= TOKEN_MAX && /^[\x20-\x7e]*$/.test(token);
    return ok ? ask(settings, room, token, decision("allowed", ""), fresh) : is(decision("token_invalid", "the token is too long, or not printable ASCII"));
  }
  if (token === "") {
    const missing = decision("token_missing", "there is no token");
    return settings.auth === "convex" ? ask(settings, room, token, missing, fresh) : is(missing);
  }
  const parts = tokenRead(token);
  if (typeof parts === "string") return is(decision("token_invalid", parts));
  const now = Math.floor(decidedAt / 1e3);
  const d = await judge(settings, parts, room, now);
  if (settings.auth === "convex" && d.reason === "allowed") return ask(settings, room, token, d, fresh);
  if (settings.auth !== "ticket") return is(d);
  const made = is({ ...d, expiresAt: 0 });
  const { jti, iss } = parts.claims;
  if (d.reason !== "allowed" || typeof jti !== "string") return made;
  const id = await sha256(new TextEncoder().encode(JSON.stringify([typeof iss === "string" ? iss : null, jti])));
  return { ...made, ticket: { id: id.slice(0, 32), until: d.expiresAt + EXP_SKEW2 } };
}
async function judge(settings, token, room, now) {
  const issuer = issuerOf(token.claims, settings.issuers);
  if (issuer < 0 && settings.issuers.length > 0) return decision("token_invalid", "the token is from another issuer");
  const signature = await signatureOf(settings, token, issuer);
  if (signature !== null) return signature;
  const basic = claimsRead(token.claims, settings.audience, now);
  if (basic.reason !== "allowed" && basic.reason !== "token_expired") return basic;
  let d = basic;
  if (settings.auth === "ticket") d = ticketRead(token.claims, room, now, basic);
  if (settings.auth === "jwt") d = roomsRead(token.claims, settings, room, basic);
  const otherwise = d.reason !== "token_invalid" && d.reason !== "forbidden";
  return basic.reason === "token_expired" && otherwise ? { ...d, reason: "token_expired", permission: "none", why: basic.why } : d;
}
async function signatureOf(settings, token, issuer) {
  const no = decision("token_invalid", "no key of the issuer verifies the token");
  const nobody = decision("unavailable", "the issuer's key set cannot be asked now");
  if (token.alg === "HS256") {
    return settings.auth === "ticket" && await signedBySecret(token, settings.ticketSecrets) ? null : no;
  }
  const sets = keySets(settings);
  const set = sets[sets.length === 1 || issuer < 0 ? 0 : issuer];
  if (set === void 0) return no;
  let keys = await set.get();
  if (keys === null) return nobody;
  if (await signedBySet(token, keys)) return null;
  if (await set.renew()) {
    keys = await set.get();
    if (keys !== null && await signedBySet(token, keys)) return null;
  }
  return set.failed ? nobody : no;
}
var SETS = /* @__PURE__ */ new WeakMap();
function keySets(settings) {
  let sets = SETS.get(settings);
  if (sets === void 0) SETS.set(settings, sets = keySetsMake(settings));
  return sets;
}
function keySetsMake(settings) {
  const { auth, ticketJwks, jwks, jwksUrl, issuers, backendTimeoutMs: ms } = settings;
  if (auth === "ticket") {
    if (ticketJwks === "") return [];
    return [ticketJwks.trimStart().startsWith("{") ? new KeySet(null, ticketJwks, ms) : new KeySet(ticketJwks, null, ms)];
  }
  if (jwks !== "") return [new KeySet(null, jwks, ms)];
  if (jwksUrl.length === 1) return [new KeySet(jwksUrl[0], null, ms)];
  return issuers.map((one, i) => {
    const given = jwksUrl[i] ?? "";
    if (given !== "") return new KeySet(given, null, ms);
    const base = (one.includes("://") ? one : `https://${one}`).replace(/\/+$/, "");
    return new KeySet(`${base}/.well-known/jwks.json`, null, ms);
  });
}
var cache = /* @__PURE__ */ new Map();
var running = /* @__PURE__ */ new Map();
async function ask(settings, room, token, known, fresh) {
  const key = await sha256(new TextEncoder().encode(JSON.stringify([settings.auth, settings.hookUrl, settings.convexUrl, room, token])));
  const now = Date.now();
  const seen = cache.get(key);
  if (!fresh && seen !== void 0 && seen.freshUntil > now && !isOver(seen.decision, now)) return { decision: { ...seen.decision, remembered: true }, decidedAt: seen.decidedAt };
  const others = fresh ? void 0 : running.get(key);
  if (others !== void 0) return others;
  const made = askOnce(settings, room, token, known, key).finally(() => {
    if (running.get(key) === made) running.delete(key);
  });
  running.set(key, made);
  return made;
}
var isOver = (d, now) => d.expiresAt !== 0 && d.expiresAt * 1e3 <= now;
async function askOnce(settings, room, token, known, key) {
  const decidedAt = Date.now();
  const answer = await askApp(settings, room, token, known);
  if (answer.kind === "decided") {
    remember(settings, key, answer.decision, answer.ttlMs, decidedAt);
    return { decision: answer.decision, decidedAt };
  }
  if (answer.kind === "unusable") {
    log("warn", "who may enter cannot be decided", { what: "the application's answer cannot be used", detail: answer.why });
    return { decision: decision("unavailable", "the application's answer cannot be used"), decidedAt };
  }
  const seen = cache.get(key);
  const now = Date.now();
  if (seen !== void 0 && seen.staleUntil > now && !isOver(seen.decision, now)) return { decision: { ...seen.decision, remembered: true }, decidedAt: seen.decidedAt };
  return { decision: decision("unavailable", "the application cannot be asked, and nothing is known"), decidedAt };
}
function remember(settings, key, d, ttlMs, now) {
  const freshMs = ttlMs ?? (d.reason === "allowed" ? settings.rememberMs : settings.rememberMs / 5);
  cache.delete(key);
  cache.set(key, { decision: d, decidedAt: now, freshUntil: now + freshMs, staleUntil: now + Math.max(freshMs, settings.staleMs) });
  if (cache.size > CACHE_MAX) cache.delete(cache.keys().next().value);
}

// src/credentials.ts
var items = (list2, separator) => list2.split(separator).map((item) => item.trim());
var isBearer = (item) => /^bearer\./i.test(item);
function valueIn(list2, separator, name) {
  const found = items(list2, separator).find((item) => item.startsWith(`${name}=`) && item.length > name.length + 1);
  return found === void 0 ? "" : found.slice(name.length + 1);
}
var decoded = (text2) => text2.replace(/%([0-9a-f]{2})/gi, (_, hex3) => String.fromCharCode(parseInt(hex3, 16)));
function tokenOf(request2, url, cookie) {
  const header = /^bearer (.*)$/i.exec(request2.headers.get("Authorization") ?? "")?.[1]?.trim() ?? "";
  if (header !== "") return header;
  const protocol = items(request2.headers.get("Sec-WebSocket-Protocol") ?? "", ",").find(isBearer);
  if (protocol !== void 0 && protocol.length > 7) return protocol.slice(7);
  const query = valueIn(url.search.slice(1), "&", "token");
  if (query !== "") return decoded(query);
  return cookie === "" ? "" : valueIn(request2.headers.get("Cookie") ?? "", ";", cookie);
}
function protocolOf(offered) {
  return items(offered, ",").find((item) => /^[\x21-\x7e]+$/.test(item) && !isBearer(item)) ?? "";
}
function originOk(origin, list2) {
  if (list2 === "" || origin === "") return true;
  const from = origin.toLowerCase();
  return items(list2.toLowerCase(), ",").some((item) => {
    const star = item.indexOf("*");
    if (star < 0) return from === item;
    const [front, tail] = [item.slice(0, star), item.slice(star + 1)];
    const labels = from.slice(front.length, from.length - tail.length);
    return from.startsWith(front) && from.endsWith(tail) && from.length > front.length + tail.length && /^[a-z0-9.-]+$/.test(labels);
  });
}

// src/refuse.ts
var HOLD_MS = 1800;
async function refuse(refusal2, hasPk, protocol) {
  const words = WORDS[refusal2];
  await new Promise((resolve) => setTimeout(resolve, HOLD_MS));
  if (words.byHttp === true || hasPk) {
    const headers2 = { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", ...words.status === 401 && { "WWW-Authenticate": "Bearer" } };
    return new Response(`${words.word}: ${words.text}
`, { status: words.status, headers: headers2 });
  }
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.close(words.code, words.word);
  const headers = protocol === "" ? void 0 : { "Sec-WebSocket-Protocol": protocol };
  return new Response(null, { status: 101, webSocket: client, ...headers && { headers } });
}

// src/route.ts
var ROOM_BYTES_MAX2 = 512;
var CONTROL = /%([01][0-9a-f]|7f)|[\0-\x1f\x7f]/i;
function routeOf(url) {
  const [first, ...rest] = url.pathname.slice(1).split("/");
  let party = "main", room;
  if (first === "parties") {
    [party, room] = [rest[0] ?? "", rest[1]];
    if (!/^[a-z0-9_-]{1,64}$/.test(party)) return { kind: "none" };
  } else if (first === "party") {
    room = rest[0];
  } else if (rest.length === 0) {
    room = first;
  }
  if (room === void 0 || room === "") return { kind: "none" };
  const bad2 = room.length > ROOM_BYTES_MAX2 || CONTROL.test(room);
  return { kind: bad2 ? "bad" : "room", party, room, hasPk: url.searchParams.has("_pk") };
}

// src/settings.ts
var SettingsError = class extends Error {
};
var MESSAGE_BYTES_MAX = 32 << 20;
var KNOWN = /* @__PURE__ */ new Map();
function settingsOf(env) {
  let settings = KNOWN.get(env);
  if (settings === void 0) KNOWN.set(env, settings = read2(env));
  return settings;
}
var list = (text2) => text2.split(",").map((item) => item.trim()).filter((item) => item !== "");
function read2(env) {
  const text2 = (name, initial = "") => {
    const value = env[name];
    return typeof value === "string" && value !== "" ? value : initial;
  };
  const number = (name, initial, min, max) => {
    const given = text2(name);
    if (given === "") return initial;
    const value = Number(given);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new SettingsError(`${name}: '${given}' is no value; it takes a whole number from ${min} to ${max}`);
    }
    return value;
  };
  const auth = text2("PARTYD_AUTH", "none");
  if (!["none", "ticket", "convex", "jwt", "hook"].includes(auth)) {
    throw new SettingsError(`PARTYD_AUTH: '${auth}' is none of none, ticket, convex, jwt, hook`);
  }
  const messageBytesMax = Math.min(number("PARTYD_MESSAGE_BYTES_MAX", MESSAGE_BYTES_MAX, 1024, 1 << 30), MESSAGE_BYTES_MAX);
  const site = text2("CONVEX_SITE_URL");
  const settings = {
    auth,
    ticketSecrets: list(text2("PARTYD_TICKET_SECRET")),
    ticketJwks: text2("PARTYD_TICKET_JWKS"),
    issuers: list(text2("PARTYD_ISSUERS", site)),
    jwksUrl: text2("PARTYD_JWKS_URL") === "" ? [] : text2("PARTYD_JWKS_URL").split(",").map((url) => url.trim()),
    // empty: where it usually is
    jwks: text2("PARTYD_JWKS"),
    audience: list(text2("PARTYD_AUDIENCE", auth === "ticket" ? "partyd" : "convex")),
    convexUrl: text2("CONVEX_URL").replace(/\/+$/, ""),
    convexFunction: text2("PARTYD_CONVEX_FUNCTION", "collab:authorize"),
    roomsClaim: text2("PARTYD_JWT_ROOMS_CLAIM", "rooms"),
    hookUrl: text2("PARTYD_HOOK_URL"),
    collabSecrets: list(text2("COLLAB_SECRET")),
    backendTimeoutMs: number("PARTYD_BACKEND_TIMEOUT_MS", 5e3, 100, 6e4),
    rememberMs: number("PARTYD_REMEMBER_MS", 1e4, 1, 36e5),
    staleMs: number("PARTYD_STALE_MS", 3e5, 0, 864e5),
    origins: text2("PARTYD_ORIGINS"),
    cookie: text2("PARTYD_COOKIE"),
    maxSessionMs: number("PARTYD_MAX_SESSION_MS", 0, 0, 31536e6),
    messageBytesMax,
    journalMs: number("PARTYD_JOURNAL_MS", 100, 0, 1e4),
    journalAloneMs: number("PARTYD_JOURNAL_ALONE_MS", 1e3, 0, 6e4),
    parties: list(text2("PARTYD_PARTIES", "main")),
    rooms: null,
    logLevel: text2("PARTYD_LOG_LEVEL", "info")
  };
  settings.rooms = roomsOf(text2("PARTYD_ROOMS"), settings);
  check(settings);
  return settings;
}
function check(s) {
  const need = (ok, what) => {
    if (!ok) throw new SettingsError(what);
  };
  if (s.auth === "ticket") {
    need(s.ticketSecrets.length > 0 || s.ticketJwks !== "", "PARTYD_AUTH=ticket needs PARTYD_TICKET_SECRET or PARTYD_TICKET_JWKS");
    need(s.ticketSecrets.every((secret) => secret.length >= 32), "PARTYD_TICKET_SECRET: a secret has 32 bytes or more");
  }
  if (s.auth === "convex") need(s.convexUrl !== "", "PARTYD_AUTH=convex needs CONVEX_URL");
  if (s.auth === "convex" || s.auth === "jwt") need(s.issuers.length > 0, "PARTYD_ISSUERS or CONVEX_SITE_URL has to name who issues tokens");
  if (s.auth === "hook") need(s.hookUrl !== "" && s.collabSecrets.length > 0, "PARTYD_AUTH=hook needs PARTYD_HOOK_URL and COLLAB_SECRET");
  need(s.cookie === "" || s.origins !== "", "PARTYD_COOKIE needs PARTYD_ORIGINS");
}
function roomsOf(json, s) {
  if (json === "") return null;
  let table;
  try {
    table = JSON.parse(json);
  } catch {
    throw new SettingsError("PARTYD_ROOMS is no JSON");
  }
  if (typeof table !== "object" || table === null || Array.isArray(table)) throw new SettingsError("PARTYD_ROOMS is no object of patterns");
  return new Map(Object.entries(table).map(([pattern, entry]) => [pattern, policyOf(pattern, entry, s)]));
}
function policyOf(pattern, entry, s) {
  const star = pattern.indexOf("*");
  if (star >= 0 && star !== pattern.length - 1) throw new SettingsError(`PARTYD_ROOMS: "${pattern}" has a * that is not at its end`);
  if (typeof entry !== "object" || entry === null) throw new SettingsError(`PARTYD_ROOMS: "${pattern}" is no object`);
  const policy = plain(s);
  for (const [key, value] of Object.entries(entry)) {
    const bad2 = (takes) => {
      throw new SettingsError(`PARTYD_ROOMS: "${pattern}": ${key} takes ${takes}`);
    };
    const choice = (no, yes) => value === yes || (value === no ? false : bad2(`"${yes}" or "${no}"`));
    const bytes = () => Number.isInteger(value) && value >= 1024 ? value : bad2("a number of bytes from 1024");
    switch (key) {
      case "store":
        policy.stored = choice("none", "snapshot");
        break;
      case "auth":
        policy.decided = choice("none", "default");
        break;
      case "gc":
        policy.keepDeleted = typeof value === "boolean" ? !value : bad2("true or false");
        break;
      case "message-bytes-max":
        policy.messageBytesMax = Math.min(bytes(), MESSAGE_BYTES_MAX);
        break;
      case "document-bytes-max":
        policy.documentBytesMax = bytes();
        break;
      default:
        throw new SettingsError(`PARTYD_ROOMS: "${pattern}": there is no key "${key}"; the keys are store, auth, gc, message-bytes-max and document-bytes-max`);
    }
  }
  return policy;
}
function plain(s) {
  return { stored: true, decided: true, keepDeleted: false, messageBytesMax: s.messageBytesMax, documentBytesMax: 0 };
}
function policyFor(s, party, room) {
  if (s.rooms === null) {
    const isWorkspace = s.auth !== "none" && room.startsWith("workspace-");
    return isWorkspace ? { ...plain(s), stored: false } : plain(s);
  }
  let best = null, weight2 = -1;
  for (const [pattern, policy] of s.rooms) {
    const name = pattern.includes("/") ? `${party}/${room}` : room;
    const isOpen = pattern.endsWith("*");
    const fits = isOpen ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
    const w = isOpen ? pattern.length - 1 : name.length + 1;
    if (fits && w > weight2) {
      best = policy;
      weight2 = w;
    }
  }
  return best;
}

// src/room.ts
import { DurableObject } from "cloudflare:workers";

// src/calls.ts
async function onCall(room, visit) {
  const call = visit.call;
  switch (call.kind) {
    case "room":
      return Response.json(describe(room));
    case "kick":
      return Response.json({ kicked: kick(room, call.user, call.code, call.reason) });
    case "recheck":
      return Response.json({ rechecked: await recheck(room, visit) });
    case "state": {
      const state = room.document(visit);
      return state === null ? new Response("this room cannot be read\n", { status: 500 }) : new Response(state);
    }
  }
}
function describe(room) {
  const users = /* @__PURE__ */ new Map();
  let connections = 0;
  for (const member of room.members) {
    connections++;
    if (member.user === "") continue;
    const user = users.get(member.user) ?? { userId: member.user, permission: member.decision.permission, connections: 0 };
    user.connections++;
    users.set(member.user, user);
  }
  return { connections, users: [...users.values()] };
}
function kick(room, user, code, reason) {
  let count = 0;
  room.forgetDecisions(user);
  for (const member of room.members) {
    if (user !== null && member.user !== user) continue;
    count++;
    room.close(member, code, reason);
  }
  return count;
}
async function recheck(room, visit) {
  const all = [...room.members].filter((member) => member.decision !== null);
  room.forgetDecisions(null);
  const { auth } = room.settings;
  await Promise.all(all.map(async (member) => {
    if (auth === "ticket") room.sendAway(member, "session_over");
    else if (auth === "jwt") sendAwayIfOver(room, member);
    else await askAgain(room, member, visit.room);
  }));
  return all.length;
}
function sendAwayIfOver(room, member) {
  const end = member.decision.expiresAt;
  if (end !== 0 && end <= Date.now() / 1e3) room.sendAway(member, "token_expired");
}
async function askAgain(room, member, name) {
  const { decision: decision2 } = await decide(room.settings, name, member.token, true);
  if (decision2.reason === "unavailable") return;
  if (![...room.members].includes(member)) return;
  if (granted(decision2)) {
    if (decision2.permission !== member.decision.permission) room.sendAway(member, "rights_changed");
  } else {
    const refusal2 = refusalOf(decision2);
    room.sendAway(member, refusal2.startsWith("token_") ? "token_expired" : refusal2);
  }
}

// src/core.ts
import wasm from "./room.wasm";
var Ev = {
  OPEN: 0,
  LOAD_BASE: 1,
  LOAD_DELTA: 2,
  LOAD_ROW: 3,
  JOIN: 4,
  RESUME: 5,
  LEAVE: 6,
  TEXT: 7,
  BINARY: 8,
  TICK: 9,
  TIMER: 10,
  COMPACT: 11,
  ROW: 12,
  PRESENCE: 13,
  STATE: 14,
  VECTOR: 15
};
var Flag = { WRITER: 1, NAMED: 2, SPEAKS_TEXT: 4 };
var Kind = { SEND: 0, CLOSE: 1, SNAPSHOT: 2, IGNORED: 3, BYTES: 4 };
var ALL = 4294967295;
var Box = { IN: 0, IN_CAP: 1, OUT: 2, ROW_BYTES: 4, ROW_UPDATES: 5, WANTS_TICK: 6, IS_DIRTY: 7, HAS_GAP: 8, COLLECTING: 9, DUE: 10 };
var RECORD_WORDS = 8;
var CoreError = class extends Error {
};
var encoder3 = new TextEncoder();
var decoder = new TextDecoder();
var NOTHING = new Uint8Array(0);
var Core = class {
  #x;
  #box;
  #bytes = NOTHING;
  #words = new Uint32Array(0);
  constructor(options) {
    this.#x = new WebAssembly.Instance(wasm, {}).exports;
    this.#box = this.#x.abi_box() >> 2;
    const o = options;
    const words = [
      o.messageBytesMax,
      o.documentBytesMax,
      o.keepaliveMs,
      o.compactUpdates,
      o.compactBytes,
      o.compactIdleMs,
      Number(o.keepDeleted),
      Number(o.presenceOnly),
      Number(o.joinsRelays)
    ];
    this.step(Ev.OPEN, 0, 0, new Uint8Array(new Uint32Array(words).buffer), 0);
  }
  /** Memory may have grown: a view of the old buffer is empty then. */
  #look() {
    if (this.#bytes.buffer === this.#x.memory.buffer) return;
    this.#bytes = new Uint8Array(this.#x.memory.buffer);
    this.#words = new Uint32Array(this.#x.memory.buffer);
  }
  #word(at) {
    return this.#words[this.#box + at];
  }
  #reserve(length) {
    const has = this.#word(Box.IN_CAP);
    if (length <= has && has <= 1 << 17) return;
    if (this.#x.abi_reserve(length) < 0) throw new CoreError("out of memory");
    this.#look();
  }
  /** One event; the records are to be taken with records() before the next one. */
  step(event, member, flags, payload, now) {
    this.#look();
    let length;
    if (typeof payload === "string") {
      this.#reserve(payload.length * 3);
      const at = this.#word(Box.IN);
      length = encoder3.encodeInto(payload, this.#bytes.subarray(at, at + payload.length * 3)).written;
    } else {
      length = payload.byteLength;
      this.#reserve(length);
      if (length > 0) this.#bytes.set(payload, this.#word(Box.IN));
    }
    const count = this.#x.abi_step(event, member, flags, length, now);
    this.#look();
    if (count < 0) throw new CoreError(`the room says ${count} to event ${event}`);
    return count;
  }
  records(count) {
    const list2 = [];
    let at = this.#word(Box.OUT) >> 2;
    for (let i = 0; i < count; i++, at += RECORD_WORDS) {
      const w = this.#words;
      const [head, headLength, body, bodyLength] = [w[at + 4], w[at + 5], w[at + 6], w[at + 7]];
      let bytes;
      if (headLength === 0) {
        bytes = this.#bytes.slice(body, body + bodyLength);
      } else {
        bytes = new Uint8Array(headLength + bodyLength);
        bytes.set(this.#bytes.subarray(head, head + headLength));
        bytes.set(this.#bytes.subarray(body, body + bodyLength), headLength);
      }
      list2.push({ kind: w[at], member: w[at + 1], gated: w[at + 2] !== 0, number: w[at + 3], bytes });
    }
    return list2;
  }
  /** What an event of the last group of Ev gives. */
  ask(event, member = 0) {
    return this.records(this.step(event, member, 0, NOTHING, 0))[0]?.bytes ?? NOTHING;
  }
  get rowBytes() {
    return this.#word(Box.ROW_BYTES);
  }
  get wantsTick() {
    return this.#word(Box.WANTS_TICK) !== 0;
  }
  get isDirty() {
    return this.#word(Box.IS_DIRTY) !== 0;
  }
  get hasGap() {
    return this.#word(Box.HAS_GAP) !== 0;
  }
  /** The member that spoke last has sent a part of a message, and the rest is to come. */
  get isCollecting() {
    return this.#word(Box.COLLECTING) !== 0;
  }
  get memoryBytes() {
    return this.#x.memory.buffer.byteLength;
  }
  get due() {
    return new Float64Array(this.#x.memory.buffer, this.#box + Box.DUE << 2, 1)[0];
  }
};
function identityBytes(...parts) {
  const out = [];
  for (const part of parts) {
    const bytes = encoder3.encode(part);
    for (let n = bytes.length; ; n >>>= 7) {
      out.push(n > 127 ? n & 127 | 128 : n);
      if (n <= 127) break;
    }
    out.push(...bytes);
  }
  return Uint8Array.from(out);
}
var textOf = (bytes) => decoder.decode(bytes);

// src/member.ts
var ATTACHMENT_BYTES_MAX = 16e3;
var FRAME_BYTES = 512;
var NO_PRESENCE = Uint8Array.of(0);
var Member = class _Member {
  constructor(socket, number, flags, party, room, decision2, token, until) {
    this.socket = socket;
    this.number = number;
    this.flags = flags;
    this.party = party;
    this.room = room;
    this.decision = decision2;
    this.token = token;
    this.until = until;
  }
  /** Messages that wait are for those who were in when they were made. */
  since = 0;
  /** When something was last sent to it alone, and when it last began to send a message in chunks. */
  collectingSince = 0;
  presence = NO_PRESENCE;
  static of(socket) {
    const kept = socket.deserializeAttachment();
    if (kept === null || typeof kept.number !== "number") return null;
    const member = new _Member(socket, kept.number, kept.flags, kept.party, kept.room, kept.decision, kept.token, kept.until);
    member.presence = kept.presence;
    return member;
  }
  keep() {
    const { number, room, party, flags, decision: decision2, token, until } = this;
    const strings = token.length + room.length + party.length + JSON.stringify(decision2).length;
    const room_left = ATTACHMENT_BYTES_MAX - FRAME_BYTES - 2 * strings;
    if (this.presence !== null && this.presence.byteLength > room_left) this.presence = null;
    const kept = { number, room, party, flags, decision: decision2, token, until, presence: this.presence };
    this.socket.serializeAttachment(kept);
  }
  get isNamed() {
    return (this.flags & Flag.NAMED) !== 0;
  }
  /** It has announced nothing, so it sends no signs of life of its own either. */
  get isSilent() {
    return this.presence !== null && this.presence[0] === 0;
  }
  get user() {
    return this.decision?.userId ?? "";
  }
  send(message) {
    try {
      this.socket.send(message);
    } catch {
    }
  }
  close(code, reason) {
    try {
      this.socket.close(code, reason);
    } catch {
    }
  }
};

// src/store.ts
var SLOTS = 1024;
var SLOTS_FULL = SLOTS / 2;
var PIECE = 15e5;
var BASE = 0;
var DELTA = 1e6;
var SCHEMA = 1;
var TICKETS_MAX = 8192;
var StoreError = class extends Error {
};
var Store = class {
  #storage;
  #sql;
  #isOpen = false;
  #last = 0;
  // number of the last journal row
  #through = 0;
  // rows up to here are in a snapshot
  #base = 0;
  // counts whole snapshots
  #pieces = /* @__PURE__ */ new Map();
  // how many there are, by the number of the first
  /** Since the object is awake, as the platform counts and bills them. */
  rowsWritten = 0;
  constructor(storage) {
    this.#storage = storage;
    this.#sql = storage.sql;
  }
  /** True if there is anything of a room. Does not create the tables. */
  exists() {
    return this.#isOpen || this.#sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'meta'").toArray().length > 0;
  }
  get meta() {
    if (!this.exists()) return { name: void 0 };
    const row = this.#sql.exec("SELECT v FROM meta WHERE k = 'name'").toArray()[0];
    return { name: row === void 0 ? void 0 : String(row.v) };
  }
  get liveRows() {
    return this.#last - this.#through;
  }
  get isFull() {
    return this.liveRows >= SLOTS_FULL;
  }
  /** Makes the tables with the first thing to be stored: who only looks in leaves nothing behind. */
  #open(name) {
    if (this.#isOpen) return;
    this.#sql.exec("CREATE TABLE IF NOT EXISTS meta (k TEXT PRIMARY KEY, v) WITHOUT ROWID");
    this.#sql.exec("CREATE TABLE IF NOT EXISTS journal (slot INTEGER PRIMARY KEY, no INTEGER, more INTEGER, data BLOB)");
    this.#sql.exec("CREATE TABLE IF NOT EXISTS snapshot (piece INTEGER PRIMARY KEY, base INTEGER, total INTEGER, through INTEGER, data BLOB)");
    this.#write("INSERT OR REPLACE INTO meta VALUES ('schema', ?), ('name', ?)", SCHEMA, name);
    this.#isOpen = true;
  }
  /** True if something is in no snapshot; without loading anything. */
  hasLiveRows() {
    if (!this.exists()) return false;
    return this.#sql.exec(
      "SELECT 1 FROM journal WHERE no > (SELECT COALESCE(MAX(through), 0) FROM snapshot) LIMIT 1"
    ).toArray().length > 0;
  }
  /** A ticket is good once. All that are still good stand in one row. */
  useTicket(name, ticket, now) {
    this.#open(name);
    const row = this.#sql.exec("SELECT v FROM meta WHERE k = 'tickets'").toArray()[0];
    const used = (row === void 0 ? [] : JSON.parse(String(row.v))).filter((one) => one.until > now);
    if (used.some((one) => one.id === ticket.id)) return "seen";
    if (used.length >= TICKETS_MAX) return "full";
    used.push(ticket);
    this.#write("INSERT OR REPLACE INTO meta VALUES ('tickets', ?)", JSON.stringify(used));
    return "new";
  }
  load() {
    const nothing = { base: null, delta: null, rows: [] };
    this.#last = this.#through = this.#base = 0;
    if (!this.exists()) return nothing;
    const schema = this.#sql.exec("SELECT v FROM meta WHERE k = 'schema'").one().v;
    if (schema !== SCHEMA) throw new StoreError(`this room was stored by a newer partyd (schema ${schema}, this one knows ${SCHEMA})`);
    this.#isOpen = true;
    const base = this.#snapshot(BASE, null);
    this.#base = base?.head.of ?? 0;
    const delta = this.#snapshot(DELTA, this.#base);
    this.#through = Math.max(base?.head.through ?? 0, delta?.head.through ?? 0);
    const rows = this.#rows();
    return { base: base?.data ?? null, delta: delta?.data ?? null, rows };
  }
  /** of: the whole snapshot that it must belong to; one of an older is void. */
  #snapshot(first, of) {
    const rows = this.#sql.exec(
      "SELECT piece, base, total, through, data FROM snapshot WHERE piece >= ? AND piece < ? ORDER BY piece",
      first,
      first + DELTA
    );
    let head = null, data = new Uint8Array(0), at = 0, piece = first;
    for (const row of rows) {
      if (row.piece === first) {
        head = { total: row.total, through: row.through, of: row.base };
        if (of !== null && head.of !== of) break;
        data = new Uint8Array(row.total);
      }
      if (head === null || row.piece !== piece) throw new StoreError("a piece of a snapshot is missing");
      if (at === head.total) break;
      if (row.base !== head.of || row.through !== head.through || at + row.data.byteLength > head.total) {
        throw new StoreError("a piece of a snapshot is of another one");
      }
      data.set(new Uint8Array(row.data), at);
      at += row.data.byteLength;
      piece++;
    }
    this.#pieces.set(first, piece - first);
    if (head === null || of !== null && head.of !== of) return null;
    if (at !== head.total) throw new StoreError("a snapshot is too short");
    return { head, data };
  }
  /** What no snapshot covers, oldest first; rows that had to be cut are whole again. */
  #rows() {
    const list2 = [];
    let parts = [];
    this.#last = this.#through;
    for (const row of this.#sql.exec(
      "SELECT no, more, data FROM journal WHERE no > ? ORDER BY no",
      this.#through
    )) {
      if (row.no !== ++this.#last) throw new StoreError(`journal row ${this.#last} is missing`);
      parts.push(new Uint8Array(row.data));
      if (row.more !== 0) continue;
      list2.push(joined(parts));
      parts = [];
    }
    if (parts.length > 0) throw new StoreError("the end of a journal row is missing");
    return list2;
  }
  append(name, row) {
    const pieces = Math.max(1, Math.ceil(row.byteLength / PIECE));
    if (this.liveRows + pieces > SLOTS) throw new StoreError("the journal is full");
    this.#together(() => {
      this.#open(name);
      for (let i = 0; i < pieces; i++) {
        const no = this.#last + 1 + i;
        this.#write(
          "INSERT INTO journal VALUES (?, ?, ?, ?) ON CONFLICT (slot) DO UPDATE SET no = excluded.no, more = excluded.more, data = excluded.data",
          no % SLOTS,
          no,
          i + 1 < pieces ? 1 : 0,
          row.subarray(i * PIECE, (i + 1) * PIECE)
        );
      }
    });
    this.#last += pieces;
  }
  /** Replaces what is stored: all rows so far, and whatever was to become the next one. */
  snapshot(name, whole, data) {
    const first = whole ? BASE : DELTA;
    const of = whole ? this.#base + 1 : this.#base;
    const pieces = Math.max(1, Math.ceil(data.byteLength / PIECE));
    this.#together(() => {
      this.#open(name);
      for (let i = 0; i < pieces; i++) {
        this.#write(
          "INSERT INTO snapshot VALUES (?, ?, ?, ?, ?) ON CONFLICT (piece) DO UPDATE SET base = excluded.base, total = excluded.total, through = excluded.through, data = excluded.data",
          first + i,
          of,
          data.byteLength,
          this.#last,
          data.subarray(i * PIECE, (i + 1) * PIECE)
        );
      }
      if (pieces < (this.#pieces.get(first) ?? 0)) {
        this.#write("DELETE FROM snapshot WHERE piece >= ? AND piece < ?", first + pieces, first + DELTA);
      }
    });
    this.#base = of;
    this.#through = this.#last;
    this.#pieces.set(first, pieces);
  }
  #write(statement, ...values) {
    this.rowsWritten += this.#sql.exec(statement, ...values).rowsWritten;
  }
  /** All or nothing, also if one of them fails. */
  #together(write) {
    const wasOpen = this.#isOpen;
    try {
      this.#storage.transactionSync(write);
    } catch (error) {
      this.#isOpen = wasOpen;
      throw error;
    }
  }
};

// src/alarm.ts
var Alarm = class {
  #storage;
  #at = null;
  #isKnown = false;
  // after a sleep nobody remembers
  #wanted = Infinity;
  constructor(storage) {
    this.#storage = storage;
  }
  by(when) {
    if (this.#isKnown) {
      this.#set(when);
      return;
    }
    const isAsking = this.#wanted < Infinity;
    this.#wanted = Math.min(this.#wanted, when);
    if (!isAsking) void this.#ask();
  }
  async #ask() {
    const at = await this.#storage.getAlarm();
    if (!this.#isKnown) this.#at = at;
    this.#isKnown = true;
    this.#set(this.#wanted);
    this.#wanted = Infinity;
  }
  #set(when) {
    if (this.#at !== null && this.#at <= when) return;
    this.#at = when;
    void this.#storage.setAlarm(when);
  }
  rang() {
    this.#isKnown = true;
    this.#at = null;
  }
};

// src/room.ts
var KEEPALIVE_MS = 12e3;
var SILENT_MS = 2e4;
var TICK_MS = 40;
var KEEP_MS = 1e3;
var ROW_BYTES_MAX = 256 * 1024;
var COMPACT_IDLE_MS = 3e4;
var GAP_MS = 5e3;
var REFUSE_MS = 1500;
var COLLECT_MS = 6e4;
var EMPTY_UPDATE = Uint8Array.of(1, 1, 0);
var QUERY = Uint8Array.of(3);
var NOTHING2 = new Uint8Array(0);
var Room = class extends DurableObject {
  #settings;
  #store;
  #alarm;
  #members = /* @__PURE__ */ new Map();
  #seats = [];
  #core = null;
  #of = null;
  // which room this is, once somebody has said it
  #waiting = [];
  #made = 0;
  // messages for all so far
  #rowAt = 0;
  // when the last journal row was written
  #tickAt = 0;
  #silentAt = 0;
  // when silent ones were last sent something
  #turn = null;
  #turnAt = 0;
  #keep = null;
  #hold = null;
  #unkept = /* @__PURE__ */ new Set();
  /** Who was sent away and when: what was decided before that does not count. */
  #kicks = [];
  constructor(ctx, env) {
    super(ctx, env);
    this.#settings = settingsOf(env);
    this.#store = new Store(ctx.storage);
    this.#alarm = new Alarm(ctx.storage);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    for (const socket of ctx.getWebSockets()) {
      const member = Member.of(socket);
      if (member === null) continue;
      this.#members.set(socket, member);
      this.#seats[member.number] = member;
      this.#of = member;
    }
  }
  // ---- somebody comes ----------------------------------------------------------------------------
  async fetch(request2) {
    const visit = visitOf(request2);
    if (visit === null) return new Response("This object is reached through its Worker.\n", { status: 403 });
    if (visit.call !== void 0) return onCall(this, visit);
    if (this.#wasSentAway(visit)) return new Response(null, { status: 409 });
    if (visit.ticket !== void 0) {
      const use = this.#store.useTicket(`${visit.party}/${visit.room}`, visit.ticket, Date.now() / 1e3);
      if (use !== "new") return new Response(null, { status: use === "seen" ? 410 : 429 });
    }
    const { 0: client, 1: server } = new WebSocketPair();
    const headers = visit.protocol === "" ? void 0 : { "Sec-WebSocket-Protocol": visit.protocol };
    if (this.#policy(visit) === null || !this.#load(visit)) this.#refuse(server);
    else this.#join(server, visit);
    return new Response(null, { status: 101, webSocket: client, ...headers && { headers } });
  }
  #wasSentAway(visit) {
    const user = visit.decision?.userId ?? "";
    return visit.decision !== null && this.#kicks.some((kick2) => kick2.at >= visit.decidedAt && (kick2.user === null || kick2.user === user));
  }
  #policy(of) {
    return policyFor(this.#settings, of.party, of.room);
  }
  /** The room cannot be read: to come back at once would not help. */
  #refuse(socket) {
    socket.accept();
    setTimeout(() => {
      try {
        socket.close(1011, "this room cannot be read");
      } catch {
      }
    }, REFUSE_MS);
  }
  #join(socket, visit) {
    let number = this.#seats.findIndex((seat) => seat === void 0);
    if (number < 0) number = this.#seats.length;
    const { decision: decision2 } = visit;
    const writes = decision2 === null || decision2.permission === "write";
    const flags = (writes ? Flag.WRITER : 0) | (decision2 === null ? 0 : Flag.NAMED) | (visit.hasPk ? Flag.SPEAKS_TEXT : 0);
    const session = this.#settings.maxSessionMs;
    const until = session === 0 || decision2 === null ? 0 : Date.now() + session * (1 - Math.random() / 10);
    const member = new Member(socket, number, flags, visit.party, visit.room, decision2, visit.token, until);
    this.ctx.acceptWebSocket(socket);
    member.since = this.#made;
    member.keep();
    this.#members.set(socket, member);
    this.#seats[number] = member;
    this.#event(Ev.JOIN, member, this.#identity(member), flags);
    this.#alarm.by(Date.now() + SILENT_MS);
    if (until > 0) this.#alarm.by(until);
  }
  #identity(member) {
    const { decision: decision2 } = member;
    return decision2 === null ? NOTHING2 : identityBytes(decision2.userId, decision2.name, decision2.color);
  }
  // ---- the room in memory ------------------------------------------------------------------------
  /** The room, loaded if it is not; false: it cannot be read, which was logged. */
  #load(of) {
    if (this.#core !== null) return true;
    this.#of = { party: of.party, room: of.room };
    const policy = this.#policy(of);
    if (policy === null) return false;
    const core = new Core({
      messageBytesMax: policy.messageBytesMax,
      documentBytesMax: policy.documentBytesMax,
      keepaliveMs: KEEPALIVE_MS,
      compactUpdates: 512,
      compactBytes: 0,
      compactIdleMs: 36e5,
      // idle: by alarm
      keepDeleted: policy.keepDeleted,
      presenceOnly: !policy.stored,
      joinsRelays: true
    });
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
  #feed(core) {
    const now = Date.now();
    const { base, delta, rows } = this.#store.load();
    if (base !== null) core.step(Ev.LOAD_BASE, 0, 0, base, now);
    if (delta !== null) core.step(Ev.LOAD_DELTA, 0, 0, delta, now);
    for (const row of rows) core.step(Ev.LOAD_ROW, 0, 0, row, now);
  }
  /** Those whose sockets have outlived the room in memory. */
  #resume(core) {
    const now = Date.now();
    for (const member of this.#members.values()) {
      const identity = this.#identity(member), presence = member.presence ?? Uint8Array.of(0);
      const payload = new Uint8Array(identity.byteLength + presence.byteLength);
      payload.set(identity);
      payload.set(presence, identity.byteLength);
      core.step(Ev.RESUME, member.number, member.flags, payload, now);
      if (member.presence === null) member.send(QUERY);
    }
  }
  get #anyone() {
    return this.#members.values().next().value;
  }
  get #name() {
    return this.#of === null ? "" : `${this.#of.party}/${this.#of.room}`;
  }
  /** Something went wrong that is no client's fault: all go, and come back to what is stored. */
  #fail(code, reason, error) {
    log("error", "room failed, dropped from memory", { room: this.#name, error: String(error) });
    this.#waiting = [];
    this.#core = null;
    this.#unkept.clear();
    for (const timer of [this.#turn, this.#keep, this.#hold]) if (timer !== null) clearTimeout(timer);
    this.#turn = this.#keep = this.#hold = null;
    this.#seats.length = 0;
    const members = [...this.#members.values()];
    this.#members.clear();
    for (const member of members) member.close(code, reason);
  }
  // ---- events ------------------------------------------------------------------------------------
  webSocketMessage(socket, message) {
    const member = this.#members.get(socket);
    if (member === void 0) return;
    const limit = this.#policy(member)?.messageBytesMax ?? 0;
    const size = typeof message === "string" ? message.length : message.byteLength;
    if (size > limit) {
      this.#leave(member);
      member.close(1009, "message too large");
    } else if (typeof message === "string") {
      this.#event(Ev.TEXT, member, message);
    } else {
      const bytes = new Uint8Array(message);
      this.#event(Ev.BINARY, member, bytes);
      if (bytes[0] === 1 || member.collectingSince > 0) this.#keepSoon(member);
    }
  }
  webSocketClose(socket, code, reason) {
    try {
      if (code === 1005 || code === 1006) socket.close();
      else socket.close(code, reason);
    } catch {
    }
    this.#goes(socket);
  }
  webSocketError(socket) {
    this.#goes(socket);
  }
  #goes(socket) {
    const member = this.#members.get(socket);
    if (member !== void 0) this.#leave(member);
  }
  /** It is out of the room; its socket is the caller's business. */
  #leave(member) {
    const loaded = this.#load(member);
    this.#members.delete(member.socket);
    this.#seats[member.number] = void 0;
    this.#unkept.delete(member);
    if (loaded) this.#event(Ev.LEAVE, member, NOTHING2);
  }
  #event(event, member, payload, flags = 0) {
    if (!this.#load(member)) {
      this.#fail(1011, "this room cannot be read", "it could not be loaded");
      return;
    }
    try {
      this.#step(event, member.number, payload, flags);
      if (event === Ev.TEXT || event === Ev.BINARY) this.#collect(member);
      this.#after();
    } catch (error) {
      if (error instanceof CoreError || error instanceof WebAssembly.RuntimeError) this.#fail(1011, "room failed, please reconnect", error);
      else this.#fail(1013, "the store has failed, please reconnect", error);
    }
  }
  #step(event, member, payload = NOTHING2, flags = 0) {
    const core = this.#core;
    const count = core.step(event, member, flags, payload, Date.now());
    if (count > 0) for (const record of core.records(count)) this.#carryOut(record);
  }
  #carryOut(record) {
    switch (record.kind) {
      case Kind.SEND: {
        const message = record.number === 1 ? textOf(record.bytes) : record.bytes;
        const waiting = { to: record.member, message, no: ++this.#made };
        if (record.gated) this.#waiting.push(waiting);
        else this.#send(waiting);
        break;
      }
      case Kind.SNAPSHOT:
        this.#store.snapshot(this.#name, record.number === 1, record.bytes);
        log("debug", "room compacted", { room: this.#name, bytes: record.bytes.byteLength, memory_bytes: this.#core.memoryBytes, rows_written: this.#store.rowsWritten });
        this.#release();
        break;
      case Kind.CLOSE: {
        const member = this.#seats[record.member];
        if (member === void 0) break;
        queueMicrotask(() => {
          if (this.#members.has(member.socket)) this.#leave(member);
        });
        member.close(record.number, textOf(record.bytes));
        break;
      }
      case Kind.IGNORED:
        log("debug", "message ignored", { why: textOf(record.bytes) });
        break;
    }
  }
  #send({ to, message, no }) {
    if (to !== ALL) {
      this.#seats[to]?.send(message);
      return;
    }
    for (const member of this.#members.values()) if (member.since < no) member.send(message);
  }
  /** What is stored now may be told. */
  #release() {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const one of waiting) this.#send(one);
  }
  // ---- turns -------------------------------------------------------------------------------------
  /** Whoever is alone has nobody waiting for what it writes. */
  get #rowMs() {
    return this.#members.size <= 1 ? this.#settings.journalAloneMs : this.#settings.journalMs;
  }
  /** After each event: what may wait is planned, what may not is done. */
  #after() {
    const core = this.#core, now = Date.now();
    let next = Infinity;
    if (core.due <= now) this.#step(Ev.TIMER, 0);
    if (core.wantsTick) next = Math.min(next, this.#tickAt + TICK_MS);
    if (core.rowBytes >= ROW_BYTES_MAX) this.#row();
    else if (core.rowBytes > 0) next = Math.min(next, this.#rowAt + this.#rowMs);
    if (next <= now) this.#act(now);
    else if (next < Infinity) this.#actAt(next);
    if (core.hasGap) this.#alarm.by(now + GAP_MS);
  }
  #act(now) {
    const core = this.#core;
    if (core.wantsTick && this.#tickAt + TICK_MS <= now) {
      this.#tickAt = now;
      this.#step(Ev.TICK, 0);
    }
    if (core.rowBytes > 0 && this.#rowAt + this.#rowMs <= now) this.#row();
  }
  #actAt(when) {
    if (this.#turn !== null && this.#turnAt <= when) return;
    if (this.#turn !== null) clearTimeout(this.#turn);
    this.#turnAt = when;
    this.#turn = setTimeout(() => {
      this.#turn = null;
      if (this.#core !== null) this.#guarded(() => {
        this.#act(Date.now());
        this.#after();
      });
    }, Math.max(0, when - Date.now()));
  }
  #guarded(run) {
    try {
      run();
    } catch (error) {
      this.#fail(error instanceof CoreError ? 1011 : 1013, "please reconnect", error);
    }
  }
  /** One journal row of all that waits for one. */
  #row() {
    const core = this.#core;
    if (this.#store.isFull) {
      this.#step(Ev.COMPACT, 0);
    } else {
      const [row, ...relays] = core.records(core.step(Ev.ROW, 0, 0, NOTHING2, Date.now()));
      this.#store.append(this.#name, row.bytes);
      for (const relay of relays) this.#carryOut(relay);
      this.#release();
    }
    this.#rowAt = Date.now();
    this.#alarm.by(this.#rowAt + COMPACT_IDLE_MS);
  }
  // ---- what outlives a sleep ---------------------------------------------------------------------
  #keepSoon(member) {
    this.#unkept.add(member);
    this.#keep ??= setTimeout(() => {
      this.#keep = null;
      this.#guarded(() => this.#keepAll());
    }, KEEP_MS);
  }
  #keepAll() {
    const core = this.#core;
    if (core === null) return;
    for (const member of this.#unkept) {
      member.presence = core.ask(Ev.PRESENCE, member.number);
      member.keep();
    }
    this.#unkept.clear();
  }
  /** Parts of a message are nowhere but in memory: the object stays awake for the rest of it. */
  #collect(member) {
    member.collectingSince = this.#core?.isCollecting === true ? Date.now() : 0;
    if (member.collectingSince === 0 || this.#hold !== null) return;
    const hold = () => {
      const since = Math.max(0, ...[...this.#members.values()].map((m) => m.collectingSince));
      this.#hold = since + COLLECT_MS > Date.now() ? setTimeout(hold, 5e3) : null;
    };
    hold();
  }
  // ---- alarm -------------------------------------------------------------------------------------
  alarm() {
    this.#alarm.rang();
    const now = Date.now();
    for (const member of [...this.#members.values()]) {
      if (member.until > 0 && member.until <= now) this.sendAway(member, "session_over");
      else if (member.until > 0) this.#alarm.by(member.until);
    }
    if (this.#silentAt + SILENT_MS <= now + 500) this.#keepSilentOnes(now);
    this.#compactIdle(now);
    if (this.#core?.hasGap === true && this.#anyone !== void 0) {
      this.#guarded(() => {
        this.#step(Ev.TIMER, 0);
        this.#after();
      });
    }
  }
  /** Stock clients close a socket on which no message came for 30 s. Nothing has to be loaded for that. */
  #keepSilentOnes(now) {
    const silent = [...this.#members.values()].filter((member) => member.isSilent);
    this.#silentAt = now;
    for (const member of silent) member.send(EMPTY_UPDATE);
    if (silent.length > 0) this.#alarm.by(now + SILENT_MS);
  }
  #compactIdle(now) {
    const idleAt = this.#rowAt + COMPACT_IDLE_MS;
    if (idleAt > now + 500) {
      if (this.#core?.isDirty === true) this.#alarm.by(idleAt);
      return;
    }
    const of = this.#of ?? this.#stored();
    if (of === null || this.#core === null && !this.#store.hasLiveRows()) return;
    if (this.#load(of)) this.#guarded(() => this.#step(Ev.COMPACT, 0));
  }
  #stored() {
    const name = this.#store.meta.name;
    if (name === void 0) return null;
    const slash = name.indexOf("/");
    return { party: name.slice(0, slash), room: name.slice(slash + 1) };
  }
  // ---- for calls of the application (calls.ts) ---------------------------------------------------
  get members() {
    return [...this.#members.values()];
  }
  get settings() {
    return this.#settings;
  }
  sendAway(member, refusal2) {
    log("info", "session ended", { user: member.user, why: WORDS[refusal2].word });
    this.close(member, WORDS[refusal2].code, WORDS[refusal2].word);
  }
  close(member, code, reason) {
    this.#leave(member);
    member.close(code, reason);
  }
  /** Whoever is being decided about at this moment is to be decided about anew. */
  forgetDecisions(user) {
    const now = Date.now();
    this.#kicks = this.#kicks.filter((kick2) => kick2.at > now - COLLECT_MS);
    this.#kicks.push({ user, at: now });
  }
  /** The whole document; null: it cannot be read. */
  document(of) {
    return this.#load(of) ? this.#core.ask(Ev.STATE) : null;
  }
};

// src/index.ts
var NO_ROOM = "There is no room at this path. Rooms are at /parties/:party/:room, /party/:room and /:room.\n";
var KEY = /^[A-Za-z0-9+/]{22}==$/;
var DECIDE_MS = 1e4;
var DECIDE_TIMES = 3;
var text = (status, body, headers = {}) => new Response(body, { status, headers: { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", ...headers } });
async function onRequest(request2, env) {
  const settings = settingsOf(env);
  logFrom(settings.logLevel);
  const url = new URL(request2.url);
  if (url.pathname.startsWith("/api/")) return api(request2, url, env, settings);
  if (request2.method !== "GET") return text(405, "Only GET is answered here.\n", { Allow: "GET" });
  const isUpgrade = request2.headers.get("Upgrade")?.toLowerCase() === "websocket";
  const route = routeOf(url);
  if (!isUpgrade) {
    if (url.pathname === "/health") return Response.json({ status: "ok" });
    if (route.kind === "room") return text(426, "This is a room: connect to it with a WebSocket.\n", { Upgrade: "websocket" });
    return text(route.kind === "bad" ? 400 : 404, NO_ROOM);
  }
  if (route.kind === "none") return text(404, NO_ROOM);
  return knock(request2, url, env, settings, route);
}
async function knock(request2, url, env, settings, route) {
  const offered = request2.headers.get("Sec-WebSocket-Protocol") ?? "";
  const protocol = protocolOf(offered);
  const refuseHere = (refusal2, d = null) => {
    audit(false, request2, route, d ?? decision("forbidden", refusal2));
    return refuse(refusal2, route.hasPk, protocol);
  };
  if (route.kind === "bad") return refuseHere("bad_name");
  if ((request2.headers.get("Sec-WebSocket-Version") ?? "13") !== "13") return text(426, "This is WebSocket version 13.\n", { Upgrade: "websocket", "Sec-WebSocket-Version": "13" });
  if (!KEY.test(request2.headers.get("Sec-WebSocket-Key") ?? "AAAAAAAAAAAAAAAAAAAAAA==")) return text(400, "Sec-WebSocket-Key is missing or is not 16 bytes in base64.\n");
  if (protocol === "" && offered !== "") return text(400, 'Offer a subprotocol beside the token, such as "partyd".\n');
  if (!originOk(request2.headers.get("Origin") ?? "", settings.origins)) return refuseHere("bad_origin");
  const policy = policyFor(settings, route.party, route.room);
  if (policy === null) return refuseHere("unknown_room");
  const token = tokenOf(request2, url, settings.cookie);
  const visit = { party: route.party, room: route.room, hasPk: route.hasPk, protocol, decision: null, decidedAt: 0, token: "" };
  if (settings.auth === "none" || !policy.decided) return enter(request2, env, visit);
  let fresh = false;
  for (let times = 0; times < DECIDE_TIMES; times++) {
    const asked = Date.now();
    const late = new Promise((resolve) => setTimeout(() => resolve(null), DECIDE_MS));
    const made = await Promise.race([decide(settings, route.room, token, fresh), late]);
    const d = made?.decision ?? decision("unavailable", "the decision did not come in time");
    if (!granted(d)) return refuseHere(refusalOf(d), d);
    const asks = settings.auth === "convex" || settings.auth === "hook";
    const answer = await enter(request2, env, {
      ...visit,
      decision: d,
      decidedAt: made?.decidedAt ?? asked,
      token: asks ? token : "",
      ...made?.ticket !== void 0 && { ticket: made.ticket }
    });
    if (answer.status === 410) return refuseHere("token_invalid", decision("token_invalid", "the ticket has been used already"));
    if (answer.status === 429) return refuseHere("unavailable", decision("unavailable", "too many tickets are in use at once"));
    if (answer.status !== 409) {
      audit(true, request2, route, d);
      return answer;
    }
    fresh = true;
  }
  return refuseHere("unavailable");
}
function enter(request2, env, visit) {
  const id = env.ROOM.idFromName(`${visit.party}/${visit.room}`);
  return env.ROOM.get(id).fetch(visitRequest(request2, visit));
}
function audit(isGranted, request2, route, d) {
  log("info", isGranted ? "access granted" : "access refused", {
    room: `${route.party}/${route.room}`,
    user: d.userId,
    permission: d.permission,
    why: d.why,
    remembered: d.remembered ? "yes" : "no",
    client: route.hasPk ? "partykit" : "other",
    peer: request2.headers.get("CF-Connecting-IP") ?? ""
  });
}
var index_default = {
  async fetch(request2, env) {
    try {
      return await onRequest(request2, env);
    } catch (error) {
      if (error instanceof SettingsError) log("error", "a setting cannot be used", { why: error.message });
      else log("error", "a request failed", { why: String(error) });
      return text(503, "The server cannot take connections now; its log says why.\n", { "Retry-After": "5" });
    }
  }
};
export {
  Room,
  index_default as default
};
