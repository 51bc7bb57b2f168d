// What an application's backend decides, and what becomes of it at the door: docs/access.md.
import assert from 'node:assert/strict'
import http from 'node:http'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { Client, EDGE, WebSocket, nativeOnly, sleep, startServer, until } from './support.mjs'
import { COLLAB_SECRET, api, familyNames, knock, sendsPk, wire } from './access-support.mjs'

// The backend: users by token, what it says of each, and when.
const users = new Map()
const asked = []
let backend, server
const allow = (userId, permission = 'write') => ({ allowed: true, permission, userId, name: userId.toUpperCase() })
const refuse = reason => ({ allowed: false, permission: 'none', userId: null, name: null, reason })
const startBackend = () => new Promise(resolve => {
  backend = http.createServer((request, response) => {
    let body = ''
    request.on('data', chunk => { body += chunk }).on('end', async () => {
      const { token } = JSON.parse(body)
      asked.push(token)
      const says = await users.get(token)?.()
      if (says === undefined) return response.writeHead(500).end('{}')
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ ttlMs: 1, ...says }))
    })
  }).listen(0, '127.0.0.1', () => resolve(backend.address().port))
})
const startHookServer = (args = []) => startServer({
  args: ['--auth', 'hook', '--hook-url', `http://127.0.0.1:${backend.address().port}/authorize`, ...args],
  env: { COLLAB_SECRET }
})
before(async () => { await startBackend(); server = await startHookServer() })
after(async () => { await server.stop(); backend.closeAllConnections(); backend.close() })

const health = async s => await (await fetch(`${s.http}/health`)).json()
const causes = {
  forbidden: { status: 403, code: 4403, reason: 'forbidden', says: () => refuse('forbidden') },
  gone: { status: 404, code: 4404, reason: 'not_found', says: () => refuse('not_found') },
  unreadable: { status: 400, code: 4400, reason: 'bad_room', says: () => refuse('bad_room') },
  down: { status: 503, code: 4503, reason: 'unavailable', says: () => undefined }
}
for (const [token, { says }] of Object.entries(causes)) users.set(token, says)

test('D12: what the backend says becomes a status or a code; D14: no family comes too often', async () => {
  await Promise.all(Object.entries(causes).flatMap(([token, c]) => familyNames.map(async family => {
    const ws = knock(server, 'doc-1', token, { query: sendsPk(family) ? '_pk=x' : '' })
    const answer = await ws.refused
    if (sendsPk(family)) {
      assert.equal(answer.status, c.status)
      assert.ok(answer.body.startsWith(`${c.reason}: `), answer.body)
    } else {
      assert.deepEqual(answer, { code: c.code, reason: c.reason })
    }
    const w = await wire(server)
    const client = new Client(w, family, 'doc-1', 'main', { params: { token } })
    await sleep(5000 - (Date.now() - w.start))
    assert.ok(w.attempts.length >= 1 && w.attempts.length <= 3, `${family}, ${token}: ${w.attempts.join(' ')}`)
    client.end(); w.close()
  })))
})

test('D10: while it is decided nobody is in and nothing is loaded; the answer 101 comes after it', async () => {
  let decide
  users.set('slow', () => new Promise(resolve => { decide = resolve }))
  users.set('ann', () => allow('ann'))
  const ann = knock(server, 'doc-other', 'ann')
  await ann.opened
  const before = await health(server)
  const slow = knock(server, 'doc-slow', 'slow')
  let opened = false
  slow.opened.then(() => { opened = true })
  await until('the question', () => asked.includes('slow'))
  await sleep(300)
  assert.equal(opened, false)
  assert.equal((await health(server)).rooms, before.rooms)
  assert.deepEqual((await api(server, 'GET', '/api/rooms/doc-slow')).body, { connections: 0, users: [], stored: null })
  decide(allow('slow'))
  await slow.opened
  await until('its step 1', () => slow.messages.length > 0)
  assert.deepEqual((await api(server, 'GET', '/api/rooms/doc-slow')).body.users, [{ userId: 'slow', permission: 'write', connections: 1 }])
  slow.close(); ann.close()
})

test('D10: who goes while it is decided is let go; a decision that does not come is a refusal', nativeOnly('/health speaks of no connection; edge/access.test.mjs waits for the refusal'), async () => {
  const patient = await startHookServer(['--backend-timeout-ms', '60000'])
  users.set('never', () => new Promise(() => {}))
  const gone = knock(patient, 'doc-1', 'never')
  await until('the question', () => asked.includes('never'))
  gone.terminate()
  await until('it to be let go', async () => (await health(patient)).connections === 1)
  const start = Date.now()
  assert.deepEqual(await knock(patient, 'doc-2', 'never').refused, { code: 4503, reason: 'unavailable' })
  assert.ok(Date.now() - start > 9000 && Date.now() - start < 25000)
  assert.equal((await health(patient)).rooms, 0)
  await patient.stop()
})

test('D10: who sends too much before it is let in is told so, and its decision comes to nothing', nativeOnly('the platform holds what comes early'), async () => {
  let decide
  users.set('eager', () => new Promise(resolve => { decide = resolve }))
  let answer = ''
  const socket = net.connect(server.port, '127.0.0.1', () => {
    socket.write('GET /doc-eager?token=eager HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n')
  })
  socket.on('data', chunk => { answer += chunk }).on('error', () => {})
  await until('the question', () => asked.includes('eager'))
  socket.write(Buffer.alloc(300000))
  await until('the end', () => socket.destroyed || answer.includes('400'))
  decide(allow('eager'))
  await sleep(300)
  assert.ok(!answer.includes('101'), answer)
  assert.equal((await api(server, 'GET', '/api/rooms/doc-eager')).body.connections, 0)
  socket.destroy()
})

test('D19: who is in stays in when its rights end; the next connect is decided anew', async () => {
  let says = allow('bob')
  users.set('bob', () => says)
  const room = 'doc-lazy'
  const bob = new Client(server, 'y-websocket 3', room, 'main', { params: { token: 'bob' } })
  await bob.synced()
  says = refuse('forbidden')
  await sleep(50)
  bob.text.insert(0, 'still in')
  const reader = new Client(server, 'y-websocket 3', room, 'main', { params: { token: 'ann' } })
  users.set('ann', () => allow('ann'))
  await until('the edit', () => reader.text.toString() === 'still in')
  assert.equal((await knock(server, room, 'bob').refused).code, 4403)
  bob.end(); reader.end()
})

test('D21: whoever is being decided about at a kick is decided about anew', async () => {
  const answers = []
  users.set('eve', () => new Promise(resolve => answers.push(resolve)))
  const eve = knock(server, 'doc-kick', 'eve')
  await until('the question', () => answers.length === 1)
  await api(server, 'POST', '/api/rooms/doc-kick/kick', { userId: 'eve' })
  if (EDGE !== undefined) answers[0](allow('eve')) // a Worker that waits cannot be told of the kick
  await until('the second question', () => answers.length === 2)
  answers[0](allow('eve')) // what was read before the application took the right away
  answers[1](refuse('forbidden'))
  assert.equal((await eve.refused).code, 4403)
  assert.deepEqual(eve.messages, [])
})

test('D22: recheck asks again: gone, changed, as before, and nobody answers', async () => {
  const room = 'doc-recheck'
  const says = { gone: allow('gone'), changed: allow('changed'), same: allow('same'), lost: allow('lost') }
  const sockets = {}
  for (const name of Object.keys(says)) {
    users.set(`t-${name}`, () => says[name])
    sockets[name] = knock(server, room, `t-${name}`)
    await sockets[name].opened
  }
  await sleep(20)
  says.gone = refuse('forbidden')
  says.changed = allow('changed', 'read')
  says.lost = undefined
  assert.deepEqual((await api(server, 'POST', `/api/rooms/${room}/recheck`)).body, { rechecked: 4 })
  assert.deepEqual(await sockets.gone.refused, { code: 4403, reason: 'forbidden' })
  assert.deepEqual(await sockets.changed.refused, { code: 4501, reason: 'rights_changed' })
  await sleep(1500)
  for (const name of ['same', 'lost']) {
    assert.equal(sockets[name].readyState, WebSocket.OPEN, name)
    sockets[name].close()
  }
  const back = knock(server, room, 't-changed')
  await back.opened
  assert.deepEqual((await api(server, 'GET', `/api/rooms/${room}`)).body.users.find(u => u.userId === 'changed')?.permission, 'read')
  back.close()
})
