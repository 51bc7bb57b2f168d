// The package @partyd/convex by itself: what its users cannot see through the functions.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { test } from 'node:test'
import './support.mjs' // the globals
import { parseRoom, partyd, PartydError, signRequest, signTicket, verifyBody, verifyRequest } from '../../web/convex/dist/index.js'
import { roomTickets } from '../../web/convex/dist/client.js'
import { signed, sleep } from './support.mjs'

test('C3 a ticket signed with a private key can be checked with the public one', async () => {
  const { privateKey, publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key = { ...privateKey.export({ format: 'jwk' }), kid: 'k1' }
  const { ticket } = await signTicket({ key, issuer: 'https://x', userId: 'u', room: 'doc-1', permission: 'read' })
  const [header, payload, signature] = ticket.split('.')
  assert.deepEqual(JSON.parse(Buffer.from(header, 'base64url')), { alg: 'ES256', typ: 'room+jwt', kid: 'k1' })
  assert.ok(crypto.verify('sha256', `${header}.${payload}`, { key: publicKey, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')))
  const rsa = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })
  await assert.rejects(signTicket({ key: rsa, issuer: 'https://x', userId: 'u', room: 'doc-1', permission: 'read' }), /P-256/)
  await assert.rejects(signTicket({ key: '', issuer: 'https://x', userId: 'u', room: 'doc-1', permission: 'read' }), /secret is empty/)
})

test('C3 names of other alphabets survive, absent ones are absent', async () => {
  const options = { key: 'k', issuer: 'https://x', userId: 'u', room: 'doc-1', permission: 'write' }
  const claims = async more => JSON.parse(Buffer.from((await signTicket({ ...options, ...more })).ticket.split('.')[1], 'base64url'))
  assert.equal((await claims({ name: 'Žofie 🦊' })).name, 'Žofie 🦊')
  assert.equal('name' in await claims({ name: null }), false)
  assert.equal((await claims({ seconds: 5, now: 10_999 })).exp, 15)
})

test('C1 room names', () => {
  const types = ['doc', 'diagram']
  assert.deepEqual(parseRoom('doc-j57abc', types), { type: 'doc', id: 'j57abc' })
  assert.deepEqual(parseRoom('diagram-10000diagrams', types), { type: 'diagram', id: '10000diagrams' })
  for (const name of ['', '-', 'doc', 'doc-', 'docs-1', 'Doc-1', ' doc-1', 'doc-1-2', 'doc-ä', 'doc-a/b', 'doc-%41', `doc-${'a'.repeat(125)}`]) {
    assert.equal(parseRoom(name, types), null, name)
  }
})

test('C6 what one side signs the other takes; both sides of the contract agree', async () => {
  const request = { method: 'POST', path: '/collab/backup', room: 'doc-1', seq: 7, body: 'bytes', now: 1_700_000_000_000 }
  const headers = await signRequest('secret', request)
  assert.deepEqual(headers, signed({ ...request, secret: 'secret', at: request.now }))
  const received = { method: 'post', url: 'https://any.host/collab/backup?room=doc-1', headers: new Headers(headers) }
  const check = (secret, more = {}) => verifyRequest(received, { secret, room: 'doc-1', seq: '7', now: request.now, ...more })
  const verified = await check('secret')
  assert.equal(verified.ok, true)
  assert.equal((await verifyBody(verified, 'bytes')).ok, true)
  assert.deepEqual(await verifyBody(verified, 'byteS'), { ok: false, status: 400, code: 'sha_mismatch' })
  assert.equal((await check('new, secret')).ok, true)
  assert.equal((await check('secret2')).ok, false)
  assert.equal((await check('')).ok, false)
  assert.deepEqual(await check('secret', { now: request.now + 301_000 }), { ok: false, status: 401, code: 'stale_timestamp' })
  const both = await signRequest('new,secret', request)
  assert.equal(both['X-Collab-Signature'].split(',').length, 2)
  assert.equal((await verifyRequest({ ...received, headers: new Headers(both) }, { secret: 'secret', room: 'doc-1', seq: 7, now: request.now })).ok, true)
  await assert.rejects(signRequest(' , ', request), /secret is empty/)
})

test('C10 a server that is not there, or says no, is an error that names it', async () => {
  const server = partyd({ url: 'http://127.0.0.1:1', secret: 's', timeoutMs: 1000 })
  await assert.rejects(server.kick('doc-1', { all: true }), error => error instanceof PartydError && error.status === 0 && /127\.0\.0\.1:1/.test(error.message))
  const no = partyd({ url: 'http://x', secret: 's', fetch: async () => new Response('', { status: 401 }) })
  await assert.rejects(no.info('doc-1'), error => error.status === 401 && /GET \/api\/rooms\/doc-1/.test(error.message))
})

/** Notes what is done to it; fails every connect. */
class Provider {
  listeners = {}
  shouldConnect = false
  connects = []
  on (event, listener) { this.listeners[event] = listener }
  off (event) { delete this.listeners[event] }
  connect () { this.shouldConnect = true; this.connects.push(this.tickets.params.token) }
  disconnect () { this.shouldConnect = false }
}
const withTickets = (answer) => {
  const provider = new Provider()
  provider.tickets = roomTickets(answer)
  return provider
}

test('C31 tickets: what ends, what is tried again, what stays ended', async () => {
  let n = 0
  const provider = withTickets(async () => ({ allowed: true, ticket: `t${++n}`, permission: 'read' }))
  const refusals = []
  const errors = []
  provider.tickets.connect(provider, { onRefused: reason => refusals.push(reason), onError: error => errors.push(error.message) })
  await sleep(10)
  assert.deepEqual(provider.connects, ['t1'])
  for (const code of [1006, 4501, 4401, 1013]) {
    const before = provider.connects.length
    provider.listeners['connection-close']({ code })
    for (let i = 0; i < 200 && provider.connects.length === before; i++) await sleep(10)
    assert.equal(provider.connects.length, before + 1, `after ${code}`)
  }
  assert.equal(new Set(provider.connects).size, 5)
  provider.listeners['connection-close'](null) // the user's disconnect()
  await sleep(50)
  assert.equal(provider.connects.length, 5)
  provider.listeners['connection-close']({ code: 4403 })
  await sleep(10)
  assert.deepEqual(refusals, ['closed_4403'])
  assert.equal(errors.length, 1, 'after 4401')
  assert.match(errors[0], /refused a fresh ticket/)
  assert.deepEqual(Object.keys(provider.listeners), [])
})

test('C31 tickets: a stop while a ticket is on its way connects nobody', async () => {
  let answer
  const provider = withTickets(() => new Promise(resolve => { answer = resolve }))
  const stop = provider.tickets.connect(provider)
  stop()
  answer({ allowed: true, ticket: 't', permission: 'read' })
  await sleep(10)
  assert.deepEqual(provider.connects, [])
})
