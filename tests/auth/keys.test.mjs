// Key sets fetched over HTTP: found, kept, renewed and swapped under way.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ed25519, jwkOf, mint, now, rsa, signers, startDriver, startServer } from './support.mjs'

const claims = (iss, more = {}) => ({ iss, aud: 'convex', sub: 'user1', exp: now() + 200000, rooms: { '*': 'write' }, ...more })
const tokenOf = (pair, iss, header = {}) => mint({ alg: 'EdDSA', ...header }, claims(iss), signers.EdDSA(pair.privateKey))
const setOf = (...pairs) => ({ body: { keys: pairs.map(p => jwkOf(p.publicKey)) } })

let driver, server, answer, hits
const one = ed25519()
const two = ed25519()
before(async () => {
  driver = startDriver()
  server = await startServer(request => { hits.push(request.url); return typeof answer === 'function' ? answer(request) : answer })
})
after(async () => { const status = await driver.end(); await server.end(); assert.equal(status, 0) })
const open = async (first, more = {}) => {
  answer = first
  hits = []
  driver.troubles.length = 0
  await driver.open({ mode: 'jwt', issuers: server.url, ...more })
}
const reason = async token => (await driver.decide(token)).reason

test('A12 the set is found beside the issuer, once for all who wait', async () => {
  await open(() => new Promise(resolve => setTimeout(resolve, 50, setOf(one))))
  const token = tokenOf(one, server.url)
  const all = await Promise.all(Array.from({ length: 50 }, (_, i) => driver.decide(token, `doc-${i % 7}`)))
  assert.ok(all.every(a => a.reason === 'ALLOWED'))
  assert.deepEqual(hits, ['/.well-known/jwks.json'])
})

test('A12 an unknown key asks for newer ones, at most once in 30 s', async () => {
  await open(setOf(one))
  assert.equal(await reason(tokenOf(one, server.url)), 'ALLOWED')
  assert.equal(await reason(tokenOf(two, server.url)), 'TOKEN_BAD')
  assert.equal(hits.length, 1, 'within 30 s of the first fetch nothing is fetched')
  answer = setOf(two) // swapped under way, no ids
  for (let i = 0; i < 20; i++) assert.equal(await reason(tokenOf(two, server.url)), 'TOKEN_BAD')
  assert.equal(hits.length, 1)
  await driver.advance(30001)
  assert.equal(await reason(tokenOf(two, server.url)), 'ALLOWED')
  assert.equal(await reason(tokenOf(one, server.url)), 'TOKEN_BAD', 'the old key is gone')
  assert.equal(hits.length, 2)
  await driver.advance(30001)
  const storm = await Promise.all(Array.from({ length: 100 }, () => driver.decide(tokenOf(ed25519(), server.url))))
  assert.ok(storm.every(a => a.reason === 'TOKEN_BAD'))
  assert.equal(hits.length, 3, 'a storm of unknown keys costs one fetch')
})

test('A12 a failed signature under a known id asks for newer ones too', async () => {
  await open({ body: { keys: [jwkOf(one.publicKey, { kid: 'k' })] } })
  assert.equal(await reason(tokenOf(one, server.url, { kid: 'k' })), 'ALLOWED')
  answer = { body: { keys: [jwkOf(two.publicKey, { kid: 'k' })] } }
  await driver.advance(30001)
  assert.equal(await reason(tokenOf(two, server.url, { kid: 'k' })), 'ALLOWED')
})

test('A12 while the address is down the last good set is used, for a day', async () => {
  await open(setOf(one))
  const token = tokenOf(one, server.url)
  assert.equal(await reason(token), 'ALLOWED')
  for (const bad of [{ status: 500, body: '' }, { body: 'no JSON' }, { body: { keys: 7 } }, { body: [] }, { body: 'x'.repeat(70000) }, { status: 302, headers: { location: '/elsewhere' }, body: '' }, { status: 204 }]) {
    answer = bad
    await driver.advance(2 * 3600 * 1000) // old: asked for first
    assert.equal(await reason(token), 'ALLOWED', JSON.stringify(bad).slice(0, 60))
    assert.equal(await reason(tokenOf(two, server.url)), 'UNAVAILABLE', 'perhaps it is a new key: who knows')
  }
  assert.ok(driver.troubles.length > 0)
  assert.ok(!hits.includes('/elsewhere'))
  await driver.advance(11 * 3600 * 1000)
  assert.equal(await reason(token), 'UNAVAILABLE', 'after 24 h it is too old')
  answer = setOf(one)
  await driver.advance(1001)
  assert.equal(await reason(token), 'ALLOWED')
})

test('A12 no set at all is unavailable, and tried again after a second', async () => {
  await open({ status: 503, body: '' })
  const token = tokenOf(one, server.url)
  assert.equal(await reason(token), 'UNAVAILABLE')
  assert.equal(await reason(token), 'UNAVAILABLE')
  assert.equal(hits.length, 1)
  answer = setOf(one)
  await driver.advance(1001)
  assert.equal(await reason(token), 'ALLOWED')
  assert.equal(hits.length, 2)
})

test('A12 a set is renewed in passing, and an empty one is the truth', async () => {
  await open(setOf(one))
  const token = tokenOf(one, server.url)
  assert.equal(await reason(token), 'ALLOWED')
  answer = { body: { keys: [] } }
  await driver.advance(5 * 60 * 1000 + 1)
  assert.equal(await reason(token), 'ALLOWED', 'not waited for')
  for (let i = 0; i < 100 && hits.length < 2; i++) await new Promise(resolve => setTimeout(resolve, 10))
  assert.equal(hits.length, 2)
  for (let i = 0; i < 100 && await reason(token) === 'ALLOWED'; i++) await new Promise(resolve => setTimeout(resolve, 10))
  assert.equal(await reason(token), 'TOKEN_BAD')
})

test('A12 each issuer has its own keys', async () => {
  const other = await startServer(() => setOf(two))
  const shared = rsa()
  try {
    await open(setOf(one), { issuers: `${server.url},${other.url}` })
    assert.equal(await reason(tokenOf(one, server.url)), 'ALLOWED')
    assert.equal(await reason(tokenOf(two, other.url)), 'ALLOWED')
    assert.equal(await reason(tokenOf(two, server.url)), 'TOKEN_BAD', 'a key of one issuer does not sign for another')
    assert.equal(await reason(tokenOf(one, other.url)), 'TOKEN_BAD')
    assert.equal(await reason(tokenOf(one, 'https://evil.example')), 'TOKEN_BAD')
    await open(setOf(one), { issuers: `${server.url},https://b.example`, jwks_url: `,${server.url}/b.json` })
    assert.equal(await reason(tokenOf(one, 'https://b.example')), 'ALLOWED')
    assert.equal(await reason(tokenOf(one, server.url)), 'ALLOWED')
    assert.deepEqual(hits, ['/b.json', '/.well-known/jwks.json'])
    answer = { body: { keys: [jwkOf(shared.publicKey)] } }
    await open(answer, { issuers: 'https://a.example,https://b.example', jwks_url: `${server.url}/all.json` })
    for (const iss of ['https://a.example', 'https://b.example']) {
      assert.equal(await reason(mint({ alg: 'RS256' }, claims(iss), signers.RS256(shared.privateKey))), 'ALLOWED')
    }
    assert.deepEqual(hits, ['/all.json'])
  } finally { await other.end() }
})

test('A12 tickets by a key set at an address', async () => {
  await open(setOf(one), { mode: 'ticket', ticket_jwks: `${server.url}/tickets.json`, issuers: '' })
  const ticket = mint({ alg: 'EdDSA' }, { aud: 'partyd', sub: 'u', room: 'doc-1', perm: 'read', exp: now() + 60, jti: 'a' }, signers.EdDSA(one.privateKey))
  // Two at the same time: it is good for one of them, although both wait for the keys.
  const both = await Promise.all([driver.decide(ticket), driver.decide(ticket)])
  assert.deepEqual(both.map(a => a.reason).sort(), ['ALLOWED', 'TOKEN_BAD'])
  assert.deepEqual(hits, ['/tickets.json'])
})

test('A12 an address where nobody answers is unavailable at once', async () => {
  const gone = await startServer(() => ({}))
  await gone.end()
  await open(setOf(one), { issuers: gone.url })
  assert.equal(await reason(tokenOf(one, gone.url)), 'UNAVAILABLE')
})
