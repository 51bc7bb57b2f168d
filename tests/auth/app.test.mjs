// The application behind access: Convex's query API and the hook, and requests it signs itself.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { after, before, test } from 'node:test'
import { ed25519, hex, hmac, jwkOf, mint, now, sha256, signers, startDriver, startServer } from './support.mjs'

const SECRET = crypto.randomBytes(32).toString('hex')
const pair = ed25519()
const ISSUER = 'https://app.convex.site'
const token = (more = {}) => mint({ alg: 'EdDSA' }, { iss: ISSUER, aud: 'convex', sub: 'user1|s', name: 'Token', exp: now() + 1000, jti: crypto.randomUUID(), ...more }, signers.EdDSA(pair.privateKey))
const yes = (more = {}) => ({ status: 'success', value: { allowed: true, permission: 'write', userId: 'u1', ...more } })
const no = reason => ({ status: 'success', value: { allowed: false, permission: 'none', reason } })

let driver, server, answer, asked
before(async () => {
  driver = startDriver()
  server = await startServer((request, body) => {
    asked.push({ method: request.method, url: request.url, headers: request.headers, body: body.toString() })
    return typeof answer === 'function' ? answer(request, body) : { body: answer }
  })
})
after(async () => { const status = await driver.end(); await server.end(); assert.equal(status, 0) })
const open = async (first, more = {}) => {
  answer = first
  asked = []
  driver.troubles.length = 0
  await driver.open({ mode: 'convex', convex_url: server.url, issuers: ISSUER, jwks: JSON.stringify({ keys: [jwkOf(pair.publicKey)] }), ...more })
}
const openHook = (first, more = {}) => open(first, { mode: 'hook', hook_url: `${server.url}/api/authorize?x=1`, secret: SECRET, ...more })

test('A13 Convex is asked as the user, and its answer decides', async () => {
  await open(yes({ name: 'Ada', color: '#ff0000', permission: 'comment' }))
  const t = token()
  const a = await driver.decide(t, 'doc-é')
  assert.deepEqual([a.reason, a.permission, a.user, a.name, a.color, a.remembered], ['ALLOWED', 'comment', 'u1', 'Ada', '#ff0000', false])
  assert.ok(Math.abs(a.expires - now() - 1000) < 3)
  const [q] = asked
  assert.deepEqual([q.method, q.url, q.headers['content-type'], q.headers.authorization], ['POST', '/api/query', 'application/json', `Bearer ${t}`])
  assert.deepEqual(JSON.parse(q.body), { path: 'collab:authorize', args: { room: 'doc-é' }, format: 'json' })
  await open(yes({ userId: null, name: null }), { convex_function: 'team/rooms:may' })
  const b = await driver.decide(token())
  assert.deepEqual([b.reason, b.user, b.name], ['ALLOWED', 'user1|s', 'Token'])
  assert.equal(JSON.parse(asked[0].body).path, 'team/rooms:may')
})

test('A13 without a token Convex is asked about nobody', async () => {
  await open(yes({ userId: null, permission: 'read' }))
  const a = await driver.decide('', 'doc-public')
  assert.deepEqual([a.reason, a.permission, a.user], ['ALLOWED', 'read', ''])
  assert.equal(asked[0].headers.authorization, undefined)
  answer = no('unauthenticated')
  assert.equal((await driver.decide('', 'doc-2')).reason, 'TOKEN_MISSING')
})

test('A13 a token that does not verify never reaches Convex', async () => {
  await open(yes())
  for (const bad of ['x', token({ aud: 'x' }), token({ iss: 'https://evil.example' }), token().slice(0, -4) + 'AAAA']) assert.equal((await driver.decide(bad)).reason, 'TOKEN_BAD')
  assert.equal((await driver.decide(token({ exp: now() - 40 }))).reason, 'TOKEN_EXPIRED')
  assert.equal(asked.length, 0)
})

test('A13 every answer of Convex has its meaning', async () => {
  await open(yes())
  const rows = [
    [yes({ permission: 'none' }), 'FORBIDDEN'], [no('forbidden'), 'FORBIDDEN'], [no(null), 'FORBIDDEN'], [no('whatever'), 'FORBIDDEN'], [no('not_found'), 'NOT_FOUND'], [no('bad_room'), 'ROOM_BAD'], [no('unauthenticated'), 'TOKEN_BAD'],
    [{ status: 'error', errorMessage: '[Request ID: 1] Server Error' }, 'UNAVAILABLE'], [yes({ allowed: 'true' }), 'UNAVAILABLE'], [yes({ allowed: 1 }), 'UNAVAILABLE'], [yes({ allowed: undefined }), 'UNAVAILABLE'],
    [yes({ permission: 'admin' }), 'UNAVAILABLE'], [yes({ permission: null }), 'UNAVAILABLE'], [yes({ userId: 7 }), 'UNAVAILABLE'], [yes({ userId: '' }), 'UNAVAILABLE'], [yes({ userId: 'x'.repeat(257) }), 'UNAVAILABLE'], [yes({ userId: 'a\0b' }), 'UNAVAILABLE'],
    [yes({ ttlMs: -1 }), 'UNAVAILABLE'], [yes({ ttlMs: '5' }), 'UNAVAILABLE'], [{ status: 'success' }, 'UNAVAILABLE'], [{ status: 'success', value: null }, 'UNAVAILABLE'], [{ value: { allowed: true, permission: 'write' } }, 'UNAVAILABLE'], [{ allowed: true, permission: 'write' }, 'UNAVAILABLE'],
    ['[]', 'UNAVAILABLE'], ['', 'UNAVAILABLE'], ['{"status":"success","value":{"allowed":false,"allowed":true,"permission":"write"}}', 'UNAVAILABLE'], ['x'.repeat(70000), 'UNAVAILABLE'],
    [yes({ color: 'x'.repeat(40), name: 'n'.repeat(400), avatarUrl: 'https://x', extra: { deep: [1] } }), 'ALLOWED']
  ]
  for (const [body, want] of rows) {
    answer = body
    const got = await driver.decide(token())
    assert.equal(got.reason, want, JSON.stringify(body).slice(0, 100))
    assert.equal(got.permission === 'none', want !== 'ALLOWED')
    assert.equal(got.color, '')
  }
  const statuses = [[400, 'UNAVAILABLE'], [403, 'UNAVAILABLE'], [404, 'UNAVAILABLE'], [415, 'UNAVAILABLE'], [301, 'UNAVAILABLE'], [204, 'UNAVAILABLE'], [408, 'UNAVAILABLE'], [429, 'UNAVAILABLE'], [500, 'UNAVAILABLE'], [503, 'UNAVAILABLE'], [560, 'UNAVAILABLE'], [401, 'TOKEN_BAD']]
  for (const [status, want] of statuses) {
    answer = () => ({ status, body: status === 204 ? undefined : JSON.stringify(yes()) })
    assert.equal((await driver.decide(token())).reason, want, String(status))
  }
  assert.equal((await driver.decide('', 'doc-9')).reason, 'TOKEN_MISSING')
  // Between its end and ours a token is asked about; Convex is stricter.
  assert.equal((await driver.decide(token({ exp: now() - 10 }))).reason, 'TOKEN_EXPIRED')
  assert.ok(!JSON.stringify(driver.troubles).includes('eyJ'), 'no token in what is reported')
})

test('A14 a hook is asked by a signed request', async () => {
  await openHook({ allowed: true, permission: 'read', userId: 'h1', expiresAt: (now() + 500) * 1000 })
  const a = await driver.decide('opaque session/=+ token', 'doc-é')
  assert.deepEqual([a.reason, a.permission, a.user], ['ALLOWED', 'read', 'h1'])
  assert.ok(Math.abs(a.expires - now() - 500) < 3)
  const [q] = asked
  assert.deepEqual(JSON.parse(q.body), { room: 'doc-é', token: 'opaque session/=+ token' })
  assert.deepEqual([q.method, q.url, q.headers['content-type'], q.headers.authorization], ['POST', '/api/authorize?x=1', 'application/json', undefined])
  const stamp = q.headers['x-collab-timestamp']
  assert.ok(Math.abs(stamp - now()) < 5)
  assert.equal(q.headers['x-collab-sha256'], sha256(q.body))
  const mac = hmac(SECRET, ['POST', '/api/authorize', stamp, 'doc-é', '', sha256(q.body)].join('\n'))
  assert.equal(q.headers['x-collab-signature'], `v1=${hex(mac)}`)
  answer = { allowed: true, permission: 'write' }
  assert.deepEqual([(await driver.decide('', 'doc-2')).reason, JSON.parse(asked[1].body).token], ['ALLOWED', null])
})

test('A14 a hook answers by its body alone', async () => {
  await openHook('')
  const rows = [[{ allowed: false, reason: 'not_found' }, 'NOT_FOUND'], [{ allowed: false }, 'FORBIDDEN'], [yes(), 'UNAVAILABLE'], [{ permission: 'write' }, 'UNAVAILABLE'], [{ allowed: true, permission: 'write', expiresAt: 'soon' }, 'UNAVAILABLE']]
  let n = 0
  for (const [body, want] of rows) { answer = body; assert.equal((await driver.decide(`t${n++}`)).reason, want) }
  for (const status of [401, 403, 404, 201]) {
    answer = () => ({ status, body: { allowed: true, permission: 'write' } })
    assert.equal((await driver.decide(`t${n++}`)).reason, 'UNAVAILABLE', String(status))
  }
  for (const bad of ['a\nb', 'a\0', 'é', Buffer.from([0xff]), 'x'.repeat(8193)]) assert.equal((await driver.decide(bad)).reason, 'TOKEN_BAD')
})

test('A20 requests of the application are signed', async () => {
  const old = crypto.randomBytes(32).toString('hex')
  await driver.open({ mode: 'none', secret: `${SECRET},${old}` })
  const at = 1700000000
  const sign = (f, secret) => hex(hmac(secret, [f.method, f.path, f.timestamp, f.room, f.seq, f.sha256].join('\n')))
  const good = { method: 'POST', path: '/api/rooms/doc-1/kick', timestamp: String(at), room: 'doc-1', seq: '', sha256: sha256('{"all":true}'), body: '{"all":true}' }
  const ok = async (fields, signature, nowAt = at) => (await driver.ask({ do: 'signature', ...fields, body: hex(fields.body), signature: signature ?? `v1=${sign(fields, SECRET)}`, now: nowAt })).ok
  const mac = sign(good, SECRET)
  for (const [name, signature] of [['one', `v1=${mac}`], ['by the old secret', `v1=${sign(good, old)}`], ['two values', `v1=${'0'.repeat(64)},v1=${mac}`], ['with a blank', `v1=${'0'.repeat(64)}, v1=${mac}`], ['beside a later version', `v2=xyz,v1=${mac}`]]) assert.ok(await ok(good, signature), name)
  for (const t of [at - 300, at + 300]) assert.ok(await ok(good, undefined, t), String(t))
  const get = { ...good, method: 'GET', sha256: '', body: '' }
  assert.ok(await ok(get))
  assert.ok(await ok({ ...get, sha256: sha256('') }))
  for (const [name, signature] of [['nothing', ''], ['no version', mac], ['another version', `v2=${mac}`], ['capitals', `v1=${mac.toUpperCase()}`], ['half', `v1=${mac.slice(0, 32)}`], ['longer', `v1=${mac}00`], ['by nobody', `v1=${sign(good, 'x'.repeat(32))}`], ['by an empty secret', `v1=${sign(good, '')}`], ['one bit', `v1=${mac.slice(0, -1)}${mac.endsWith('0') ? '1' : '0'}`],
    ['the ninth value', `${'v1=00,'.repeat(8)}v1=${mac}`]]) assert.ok(!await ok(good, signature), name)
  for (const t of [at - 301, at + 301, 0]) assert.ok(!await ok(good, undefined, t), String(t))
  for (const timestamp of ['', 'now', '-1', `${at}.0`, ` ${at}`, `+${at}`, '99999999999999999999']) assert.ok(!await ok({ ...good, timestamp }), `timestamp ${timestamp}`)
  for (const more of [{ method: 'PUT' }, { path: '/api/rooms/doc-2/kick' }, { room: 'doc-2' }, { seq: '1' }, { timestamp: String(at + 1) }]) assert.ok(!await ok({ ...good, ...more }, `v1=${mac}`), JSON.stringify(more))
  assert.ok(!await ok({ ...good, body: '{"all":false}' }), 'another body')
  assert.ok(!await ok({ ...good, sha256: good.sha256.toUpperCase() }), 'hash in capitals')
  assert.ok(!await ok({ ...good, sha256: '' }), 'no hash for a POST')
  assert.ok(!await ok({ ...get, body: 'x' }), 'no hash and a body')
  // The same text divided into other fields.
  assert.ok(!await ok({ ...good, path: '/api', timestamp: String(at), room: `x\n${good.room}` }), 'a line break in a field')
  await driver.open({ mode: 'none' })
  assert.ok(!await ok(good), 'no secret configured')
  assert.ok(!await ok(good, `v1=${sign(good, '')}`), 'no secret configured, signed with none')
})

test('A21 settings that cannot be used name the setting and the next step', { skip: process.env.AUTHDRIVER?.includes('edge') && 'edge: settings are those of the Worker' }, async () => {
  const keys = JSON.stringify({ keys: [jwkOf(pair.publicKey)] })
  const jwt = { mode: 'jwt', issuers: ISSUER }
  const rows = [
    [{ mode: 'ticket' }, /ticket-secret.*ticket-jwks/], [{ mode: 'ticket', ticket_secret: 'short' }, /ticket-secret: entry 1 .*openssl rand/], [{ mode: 'ticket', ticket_secret: `${SECRET},` }, /ticket-secret: entry 2/], [{ mode: 'ticket', ticket_jwks: 'https:/x' }, /ticket-jwks/], [{ mode: 'ticket', ticket_jwks: 'http://' }, /ticket-jwks/],
    [{ mode: 'convex' }, /convex-url/], [{ mode: 'convex', convex_url: 'ftp://x' }, /convex-url.*https/], [{ mode: 'convex', convex_url: 'x.convex.cloud' }, /convex-url.*https/], [{ mode: 'convex', convex_url: 'http://127.0.0.1:3210' }, /issuers.*CONVEX_SITE_URL/],
    [{ mode: 'jwt' }, /issuers/], [{ ...jwt, jwks: '{' }, /jwks.*keys/], [{ ...jwt, jwks: '{"keys":[]}' }, /jwks.*none of its keys/], [{ ...jwt, jwks: keys, jwks_url: 'https://x' }, /jwks and jwks-url/], [{ ...jwt, jwks_url: 'https://x,https://y' }, /jwks-url has 2 addresses for 1/], [{ ...jwt, jwks_url: 'file:///etc/passwd' }, /jwks-url/],
    [{ ...jwt, issuers: 'https://a,,https://b' }, /issuers has an empty entry/], [{ ...jwt, issuers: Array.from({ length: 17 }, (_, i) => `https://i${i}`).join() }, /issuers has more than 16/], [{ ...jwt, audience: 'a,*' }, /audience/], [{ ...jwt, issuers: 'ftp://x' }, /issuers/],
    [{ mode: 'hook' }, /hook-url/], [{ mode: 'hook', hook_url: 'https://x' }, /secret/], [{ mode: 'hook', hook_url: 'x', secret: SECRET }, /hook-url/], [{ mode: 'none', secret: 'tiny' }, /secret: entry 1/]
  ]
  for (const [opts, want] of rows) {
    const { ok, why } = await driver.ask({ do: 'new', opts })
    assert.ok(!ok && want.test(why), `${JSON.stringify(opts).slice(0, 80)}: ${why}`)
    assert.ok(!why.includes('tiny') && !why.includes('short') && !why.includes(SECRET), 'no secret in an error')
  }
  for (const opts of [{ mode: 'convex', convex_url: 'https://happy-otter-1.convex.cloud/' }, { ...jwt, jwks: keys }, { ...jwt, issuers: 'x.example' }, { mode: 'ticket', ticket_secret: SECRET }]) assert.deepEqual(await driver.ask({ do: 'new', opts }), { ok: true })
})
