// Who is let into which room, with the real providers and tickets: docs/access.md.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { BINARY, Client, EDGE, WebSocket, Y, check, families, nativeOnly, sleep, startServer, temporary, until } from './support.mjs'
import { COLLAB_SECRET, ISSUER, api, familyNames, knock, now, sendsPk, startTicketServer, ticket, wire } from './access-support.mjs'

const CONTENT = 'content-that-only-members-may-see'
const config = (...parts) => {
  const file = path.join(temporary(), 'partyd.json')
  fs.writeFileSync(file, JSON.stringify(Object.assign({}, ...parts)))
  return file
}
const table = { rooms: { 'doc-*': {}, 'workspace-*': { store: 'none' }, 'small-*': { 'message-bytes-max': 2000 }, 'open-*': { auth: 'none' }, 'doc-flat-*': { 'presence-identity': '{userId,username}' }, 'doc-said-*': { 'presence-identity': 'off' } } }

let server, author
const servers = [] // all that ever ran here: their output is searched at the end
const start = async options => { const s = await startTicketServer(options); servers.push(s); return s }
const tokens = new Set()
const mint = (...args) => { const t = ticket(...args); tokens.add(t); return t }

before(async () => {
  server = await start({ args: ['--config', config(table), '--log-level', 'debug'] })
  author = new Client(server, 'y-websocket 3', 'doc-1', 'main', { params: { token: mint('doc-1', 'write', { sub: 'author', name: 'Author' }) } })
  await author.synced()
  author.text.insert(0, CONTENT)
  author.awareness.setLocalStateField('user', { name: 'somebody', color: 'red' })
})
after(async () => { author.end(); for (const s of servers) await s.stop() })

const enter = async (family, room, perm, claims, s = server) => {
  const client = new Client(s, family, room, 'main', { params: { token: mint(room, perm, claims) } })
  await client.synced()
  return client
}
/** Runs with console.warn collected: providers say there that they were denied. */
async function warnings (run) {
  const said = [], warn = console.warn
  console.warn = (...args) => said.push(args.join(' '))
  try { await run() } finally { console.warn = warn }
  return said.filter(line => line.includes('Permission denied'))
}

for (const family of familyNames) {
  test(`D7: ${family}: a ticket in the query lets in`, async () => {
    const client = await enter(family, 'doc-1', 'write')
    await until('the content', () => client.text.toString().includes(CONTENT))
    client.end()
  })

  test(`D15: ${family}: a reader sees all, changes nothing, is told, and has presence`, async () => {
    const said = await warnings(async () => {
      const room = `doc-read-${family.replaceAll(' ', '-')}`
      const writer = await enter(family, room, 'write', { sub: 'writer' })
      const reader = await enter(family, room, 'read', { sub: 'reader' })
      writer.text.insert(0, 'mine')
      await until('the reader to see it', () => reader.text.toString() === 'mine')
      reader.text.insert(0, 'forbidden')
      reader.text.insert(0, 'again')
      reader.awareness.setLocalStateField('user', { name: 'r' })
      await until('presence of the reader', () => writer.seesUser(reader)?.id === 'reader')
      // A whole new connection offers what it has in step 2.
      reader.provider.destroy()
      reader.provider = families[family](server, room, reader.doc, 'main', { params: { token: mint(room, 'read') } })
      await reader.synced()
      writer.text.insert(4, '!')
      await until('the reader to go on', () => reader.text.toString().endsWith('mine!'))
      assert.equal(writer.text.toString(), 'mine!')
      reader.end(); writer.end()
      const again = await enter(family, room, 'read')
      assert.equal(again.text.toString(), 'mine!')
      again.end()
    })
    assert.ok(said.length >= 1 && said.length <= 2, `told ${said.length} times`) // once a connection
    assert.match(said[0], /permission denied: read-only/)
  })

  test(`D16: ${family}: nobody can say to be somebody else`, async () => {
    const ann = await enter(family, 'doc-who', 'write', { sub: 'ann', name: 'Ann' })
    const eve = await enter(family, 'doc-who', 'read', { sub: 'eve', name: 'Eve' })
    eve.awareness.setLocalState({ user: { id: 'ann', name: 'Ann', color: 'red', avatar: 'x' }, cursor: [1] })
    await until('the presence', () => ann.awareness.getStates().get(eve.id)?.cursor !== undefined)
    assert.deepEqual(ann.awareness.getStates().get(eve.id), { user: { id: 'eve', name: 'Eve', color: 'red', avatar: 'x' }, cursor: [1] })
    eve.awareness.setLocalStateField('user', 'ann')
    await until('the next one', () => ann.seesUser(eve)?.avatar === undefined)
    assert.equal(ann.seesUser(eve).id, 'eve')
    ann.end(); eve.end()
  })

  test(`D16: ${family}: who somebody is stands where the table of rooms says`, async () => {
    const said = { userId: 'ann', username: 'Ann', color: 'red', user: { id: 'ann' } }
    for (const [room, told] of [['doc-flat-1', { ...said, userId: 'eve', username: 'Eve' }], ['doc-said-1', said]]) {
      const ann = await enter(family, room, 'write', { sub: 'ann', name: 'Ann' })
      const eve = await enter(family, room, 'read', { sub: 'eve', name: 'Eve' })
      eve.awareness.setLocalState(said)
      await until('the presence', () => ann.awareness.getStates().get(eve.id)?.color !== undefined)
      assert.deepEqual(ann.awareness.getStates().get(eve.id), told)
      ann.end(); eve.end()
    }
  })
}

const damaged = t => t.slice(0, -3) + (t.endsWith('AAA') ? 'BBB' : 'AAA')
const causes = {
  'no token': { room: 'doc-1', token: () => undefined, status: 401, code: 4401, reason: 'token_missing' },
  'a damaged token': { room: 'doc-1', token: () => damaged(mint('doc-1')), status: 401, code: 4401, reason: 'token_invalid' },
  'an expired token': { room: 'doc-1', token: () => mint('doc-1', 'write', { exp: now() - 120 }), status: 401, code: 4501, reason: 'token_expired' },
  'no entry in the table': { room: 'secret-1', token: () => mint('secret-1'), status: 400, code: 4400, reason: 'unknown_room' }
}

test('D13: who sends _pk is told each cause by its status, others by its code', async () => {
  await Promise.all(Object.entries(causes).flatMap(([cause, c]) => [
    (async () => {
      const ws = knock(server, c.room, c.token(), { query: '_pk=x' })
      const { status, body } = await ws.refused
      assert.equal(status, c.status, cause)
      assert.match(body, new RegExp(`^${c.reason}: `))
    })(),
    (async () => {
      const ws = knock(server, c.room, c.token())
      assert.deepEqual(await ws.refused, { code: c.code, reason: c.reason }, cause)
      assert.deepEqual(ws.messages, [])
    })()
  ]))
})

test('D12: a room that a ticket is not for is refused', async () => {
  const answer = await knock(server, 'doc-1', mint('doc-2')).refused
  assert.ok([4401, 4403].includes(answer.code), JSON.stringify(answer))
})

test('D14: no family makes more than three attempts in five seconds, and none gets a byte of a document', async () => {
  const cases = familyNames.flatMap(family => Object.entries(causes).map(([cause, c]) => ({ family, cause, ...c })))
  await Promise.all(cases.map(async c => {
    const w = await wire(server)
    const t = c.token()
    const client = new Client(w, c.family, c.room, 'main', { params: t === undefined ? {} : { token: t } })
    let closed = 0
    client.provider.on('closed', () => closed++)
    await sleep(5000 - (Date.now() - w.start))
    const name = `${c.family}, ${c.cause}: ${w.attempts.join(' ')}`
    assert.ok(w.attempts.length >= 1 && w.attempts.length <= 3, name)
    if (c.family === 'y-websocket 3' && c.code < 4500) assert.equal(w.attempts.length, 1, name)
    if (c.family === 'y-websocket 3') assert.equal(closed, c.code < 4500 ? 1 : 0, name)
    client.end()
    w.close()
    const bytes = w.bytes().toString('latin1')
    assert.ok(!bytes.includes(CONTENT) && !bytes.includes('Author'), name)
    for (const answer of w.received.map(parts => Buffer.concat(parts).toString('latin1')).filter(Boolean)) {
      const [head, ...rest] = answer.split('\r\n\r\n')
      const body = rest.join('\r\n\r\n')
      if (sendsPk(c.family)) {
        assert.match(head, new RegExp(`^HTTP/1.1 ${c.status} `), name)
        // The runtime writes head and body apart, and a client that has seen the head may be gone.
        assert.ok(body.startsWith(`${c.reason}: `) || (EDGE !== undefined && body === ''), name)
      } else {
        // After the 101 one frame: a close with code and reason.
        assert.match(head, /^HTTP\/1.1 101 /, name)
        const close = Buffer.concat([Buffer.from([0x88, c.reason.length + 2, c.code >> 8, c.code & 255]), Buffer.from(c.reason)])
        assert.equal(body, close.toString('latin1'), name)
      }
    }
    assert.equal(client.text.length, 0)
  }))
})

test('D14: beyond a number of waiting connections the answer comes at once', nativeOnly('connections are the platform\'s'), async () => {
  // A process that may open few files: an eighth of them may wait.
  const few = await start({ files: 64 })
  const opened = Array.from({ length: 20 }, () => ({ at: Date.now(), ws: knock(few, 'doc-1') }))
  const took = await Promise.all(opened.map(async ({ at, ws }) => { const a = await ws.refused; return { ms: Date.now() - at, status: a.status, code: a.code } }))
  assert.equal(took.filter(t => t.code === 4401 && t.ms >= 1500).length, 8, JSON.stringify(took))
  assert.equal(took.filter(t => t.status === 401).length, 12, JSON.stringify(took))
})

test('D10: a refused client leaves no trace of a room, and no room is loaded for it', nativeOnly('/health speaks of no room; edge/access.test.mjs looks at the storage'), async () => {
  const quiet = await start({ args: ['--room-idle-ms', '600000'] })
  const rooms = async () => (await (await fetch(`${quiet.http}/health`)).json()).rooms
  await knock(quiet, 'doc-1', damaged(mint('doc-1'))).refused
  assert.equal(await rooms(), 0)
  const ws = knock(quiet, 'doc-1', mint('doc-1'))
  await ws.opened
  await until('its step 1', () => ws.messages.length > 0)
  assert.equal(await rooms(), 1)
  ws.close()
})

test('D15: step 2, update and chunks of a reader change nothing', async () => {
  const source = new Y.Doc()
  source.getText('text').insert(0, 'forbidden')
  const update = Y.encodeStateAsUpdate(source)
  const writer = await enter('y-websocket 3', 'doc-paths', 'write')
  const ws = knock(server, 'doc-paths', mint('doc-paths', 'comment'), { query: '_pk=x' })
  await ws.opened
  const denied = () => ws.messages.filter(m => Buffer.isBuffer(m) && m[0] === 2)
  const frame = kind => Buffer.concat([Buffer.from([0, kind, update.length]), update])
  ws.send(Buffer.from([0, 1, 2, 0, 0])) // an empty step 2 is no attempt
  await sleep(100)
  assert.equal(denied().length, 0)
  const whole = frame(2)
  const marker = type => `y-pk-batch#${JSON.stringify({ id: 'x', type, size: whole.length, count: 2 })}`
  ws.send(marker('start')); ws.send(whole.subarray(0, 5)); ws.send(whole.subarray(5)); ws.send(marker('end'))
  ws.send(frame(1))
  ws.send(whole)
  await until('to be told', () => denied().length > 0)
  await sleep(200)
  assert.deepEqual(denied().map(m => m.subarray(3).toString()), ['permission denied: read-only'])
  assert.equal(writer.text.toString(), '')
  assert.equal(Y.encodeStateVector(writer.doc).length, 1)
  ws.close(); writer.end()
})

test('D4: a workspace is presence only: updates refused, nothing stored', async () => {
  const s = await start({ args: ['--config', config(table)] })
  const said = await warnings(async () => {
    const a = await enter('y-websocket 3', 'workspace-1', 'write', { sub: 'a' }, s)
    const b = await enter('y-partykit', 'workspace-1', 'write', { sub: 'b' }, s)
    a.text.insert(0, 'no')
    a.awareness.setLocalStateField('cursor', 1)
    await until('presence', () => b.awareness.getStates().get(a.id)?.cursor === 1)
    assert.equal(b.text.toString(), '')
    a.end(); b.end()
  })
  assert.equal(said.length, 1)
  assert.match(said[0], /this room holds presence only/)
  await sleep(200)
  await s.stop()
  assert.match(check(s.data).stdout, /^ok: 0 rooms/)
})

test('D4: a room with auth none is open to everybody, and everybody says who he is', async () => {
  const client = new Client(server, 'y-websocket 3', 'open-1')
  await client.synced()
  const other = new Client(server, 'y-partykit', 'open-1')
  await other.synced()
  client.awareness.setLocalStateField('user', { id: 'as I like' })
  await until('presence', () => other.seesUser(client)?.id === 'as I like')
  client.end(); other.end()
})

test('D5: a room has a message limit of its own, in one piece and in chunks', async () => {
  const closed = async (room, send, ms = 500) => {
    const ws = knock(server, room, mint(room), { query: '_pk=x' })
    await ws.opened
    send(ws)
    return await Promise.race([ws.refused, sleep(ms)])
  }
  assert.equal((await closed('small-1', ws => ws.send(Buffer.alloc(3000)), 5000)).code, 1009)
  assert.equal((await closed('small-1', ws => ws.send('y-pk-batch#{"id":"x","type":"start","size":3000,"count":2}'), 5000)).code, 1009)
  assert.equal(await closed('small-1', ws => ws.send(Buffer.alloc(1500))), undefined)
  assert.equal(await closed('doc-1', ws => ws.send(Buffer.alloc(3000))), undefined)
})

test('D7: a token may stand in a header, a subprotocol or a cookie, and is never selected', async () => {
  const s = await start({ args: ['--cookie', 'session', '--origins', 'https://app.test'] })
  const inside = async options => { const ws = knock(s, 'doc-1', undefined, options); const ok = await Promise.race([ws.opened, ws.refused]); const { protocol } = ws; ws.close(); return [ok, protocol] }
  assert.deepEqual(await inside({ headers: { Authorization: `Bearer ${mint('doc-1')}` } }), [true, ''])
  assert.deepEqual(await inside({ protocols: [`bearer.${mint('doc-1')}`, 'partyd'] }), [true, 'partyd'])
  assert.deepEqual(await inside({ headers: { Cookie: `a=b; session=${mint('doc-1')}`, Origin: 'https://app.test' } }), [true, ''])
  const alone = await inside({ protocols: [`bearer.${mint('doc-1')}`] })
  assert.equal(alone[0].status, 400)
  const provider = new Client(s, 'y-websocket 3', 'doc-1', 'main', { protocols: ['partyd', `bearer.${mint('doc-1')}`] })
  await provider.synced()
  provider.end()
})

test('D8: browsers of other origins are refused', async () => {
  const s = await start({ args: ['--origins', 'https://app.test,https://*.preview.test'] })
  const answer = Origin => knock(s, 'doc-1', mint('doc-1'), { headers: { Origin } })
  const evil = answer('https://evil.test')
  for (const good of ['https://app.test', 'https://a.preview.test']) { const ws = answer(good); await ws.opened; ws.close() }
  const { status, body } = await Promise.race([evil.refused, evil.opened])
  assert.equal(status, 403)
  assert.match(body, /^bad_origin: /)
})

test('D6: serve does not start without access control, and has no page', nativeOnly('it is deployed, not started'), async () => {
  const run = (env, ...args) => spawnSync(BINARY, ['serve', '--data', temporary(), '--port', '1', ...args], { encoding: 'utf8', env: { ...process.env, ...env }, timeout: 30000 })
  const none = run({})
  assert.equal(none.status, 2)
  assert.match(none.stderr, /serve needs access control; set PARTYD_AUTH.*--open/)
  assert.equal(run({ PARTYD_AUTH: 'ticket' }).status, 2) // no key
  const s = await start({ command: 'serve', args: ['--host', '127.0.0.1'] })
  assert.equal((await fetch(s.http)).status, 404)
  const ws = knock(s, 'doc-1', mint('doc-1'))
  await ws.opened
  ws.close()
  await until('its lines', () => /^\{"time":/.test(s.log))
})

test('D11: each decision is one line that says who, where, what and why', nativeOnly('its lines have no peer address and no duration; edge/access.test.mjs has them'), async () => {
  const s = await start()
  const ws = knock(s, 'doc-audit', mint('doc-audit', 'read', { sub: 'ann' }))
  await ws.opened
  await knock(s, 'doc-audit', undefined, { query: '_pk=x' }).refused
  ws.close()
  const lines = s.log.split('\n').filter(line => line.includes('access '))
  assert.equal(lines.length, 2, s.log)
  assert.match(lines[0], /info +access granted room="main\/doc-audit" user="ann" permission="read" why=".+" took_us=\d+ remembered="no" client="other" peer="127.0.0.1"/)
  assert.match(lines[1], /info +access refused room="main\/doc-audit" user="" permission="none" why=".+" took_us=\d+ remembered="no" client="partykit"/)
})

test('D11: a flood of refusals is no flood of lines', nativeOnly('the platform samples logs'), async () => {
  const s = await start()
  const sockets = Array.from({ length: 400 }, () => knock(s, 'doc-1', undefined, { query: '_pk=x' }))
  await Promise.all(sockets.map(ws => ws.refused))
  await until('the count', () => s.log.includes('more access refused than is logged'))
  const lines = s.log.split('\n').filter(line => line.includes('access refused room'))
  const left = [...s.log.matchAll(/lines_left_out=(\d+)/g)].reduce((sum, m) => sum + Number(m[1]), 0)
  assert.equal(lines.length + left, 400)
  assert.ok(left > 0)
})

test('D19: a session outlives its token; with a longest session it has to come again', async () => {
  const s = await start({ args: ['--max-session-ms', '2000'] })
  const over = now() + 7 // a skew of 30 s is allowed
  const short = await enter('y-websocket 3', 'doc-1', 'write', { exp: over - 30 }, server)
  let asked = 0
  const codes = []
  const params = { get token () { asked++; return mint('doc-1') } }
  const limited = new Client(s, 'y-websocket 3', 'doc-1', 'main', { params })
  limited.provider.on('connection-close', event => codes.push(event?.code))
  await limited.synced()
  await until('the end of the session', () => codes.length > 0, 5000)
  assert.deepEqual(codes, [4501])
  await limited.synced()
  assert.ok(asked >= 2)
  limited.end()
  await until('the end of the token', () => now() > over, 10000)
  short.text.insert(0, 'still here ')
  await until('the edit', () => author.text.toString().includes('still here'))
  short.end()
})

test('D21: kick ends the connections of a user, or all, with code and reason', async () => {
  const room = 'doc-kick'
  const [ann, ann2, bob] = ['ann', 'ann', 'bob'].map(sub => knock(server, room, mint(room, 'write', { sub })))
  const elsewhere = knock(server, 'doc-kick2', mint('doc-kick2', 'write', { sub: 'ann' }))
  await Promise.all([ann, ann2, bob, elsewhere].map(ws => ws.opened))
  assert.deepEqual(await api(server, 'POST', `/api/rooms/${room}/kick`, { userId: 'ann', reason: 'no longer a member' }), { status: 200, body: { kicked: 2 } })
  for (const ws of [ann, ann2]) assert.deepEqual(await ws.refused, { code: 4403, reason: 'no longer a member' })
  const { body } = await api(server, 'GET', `/api/rooms/${room}`)
  assert.deepEqual([body.connections, body.users], [1, [{ userId: 'bob', permission: 'write', connections: 1 }]])
  assert.deepEqual(await api(server, 'POST', `/api/rooms/${room}/kick`, { all: true, code: 4404, reason: 'ä'.repeat(100) }), { status: 200, body: { kicked: 1 } })
  assert.deepEqual(await bob.refused, { code: 4404, reason: 'ä'.repeat(61) })
  assert.equal(elsewhere.readyState, WebSocket.OPEN)
  elsewhere.close()
  for (const bad of [{}, { all: false }, { userId: 'a', all: true }, { userId: 1 }, { all: true, code: 1000 }, { all: true, extra: 1 }, [], 'x']) {
    assert.equal((await api(server, 'POST', `/api/rooms/${room}/kick`, bad)).status, 400, JSON.stringify(bad))
  }
})

test('D21: a kicked provider of each family does not come back in', async () => {
  for (const family of familyNames) {
    const room = `doc-kicked-${familyNames.indexOf(family)}`
    const w = await wire(server)
    const client = await enter(family, room, 'write', { sub: 'ann' }, w) // its ticket is used up
    await api(server, 'POST', `/api/rooms/${room}/kick`, { userId: 'ann', reason: 'bye' })
    await sleep(1000)
    assert.equal(client.provider.synced, false)
    assert.ok(w.attempts.length <= 2, `${family}: ${w.attempts}`)
    assert.deepEqual((await api(server, 'GET', `/api/rooms/${room}`)).body.connections, 0)
    client.end(); w.close()
  }
})

test('D22: with tickets, recheck has everybody in the room come with a fresh one', async () => {
  const room = 'doc-recheck'
  const guests = ['ann', 'bob'].map(sub => knock(server, room, mint(room, 'write', { sub })))
  const elsewhere = knock(server, 'doc-recheck2', mint('doc-recheck2'))
  await Promise.all([...guests, elsewhere].map(ws => ws.opened))
  assert.deepEqual(await api(server, 'POST', `/api/rooms/${room}/recheck`), { status: 200, body: { rechecked: 2 } })
  for (const ws of guests) assert.deepEqual(await ws.refused, { code: 4501, reason: 'session_over' })
  assert.equal(elsewhere.readyState, WebSocket.OPEN)
  elsewhere.close()
})

test('D22: with jwt, recheck closes who has come with a token whose time is over, and nobody else', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const s = await startServer({ env: { PARTYD_AUTH: 'jwt', PARTYD_ISSUERS: ISSUER, PARTYD_JWKS: JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] }), COLLAB_SECRET } })
  servers.push(s)
  const room = 'doc-recheck'
  const base64 = value => Buffer.from(JSON.stringify(value)).toString('base64url')
  const token = (sub, exp) => {
    const text = `${base64({ alg: 'EdDSA' })}.${base64({ iss: ISSUER, aud: 'convex', sub, exp, rooms: { 'doc-*': 'write' } })}`
    return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`
  }
  const over = knock(s, room, token('over', now() - 10)) // a skew of 30 s is allowed
  const good = knock(s, room, token('good', now() + 60))
  await Promise.all([over.opened, good.opened])
  assert.deepEqual(await api(s, 'POST', `/api/rooms/${room}/recheck`), { status: 200, body: { rechecked: 2 } })
  assert.deepEqual(await over.refused, { code: 4501, reason: 'token_expired' })
  assert.equal(good.readyState, WebSocket.OPEN)
  good.close()
})

test('D23: a room that nobody is in has no connections', async () => {
  assert.deepEqual(await api(server, 'GET', '/api/rooms/doc-nobody'), { status: 200, body: { connections: 0, users: [], stored: null } })
})

test('D24: DELETE ends connections for good, undelete brings the room back', async () => {
  const room = 'doc-delete'
  const ann = new Client(server, 'y-websocket 3', room, 'main', { params: { token: mint(room, 'write', { sub: 'ann' }) } })
  await ann.synced()
  ann.text.insert(0, 'kept')
  await sleep(100)
  const codes = []
  ann.provider.on('connection-close', event => codes.push(event?.code))
  const before = (await api(server, 'GET', `/api/rooms/${room}`)).body
  for (const bad of [{ party: 1 }, { graceMs: -1 }, { graceMs: 'x' }, { else: 1 }, []]) {
    assert.equal((await api(server, 'DELETE', `/api/rooms/${room}`, bad)).status, 400, JSON.stringify(bad))
  }
  assert.equal((await api(server, 'DELETE', `/api/rooms/${room}`, undefined, { secret: 'wrong-secret-wrong-secret-wrong-secret' })).status, 401)
  assert.equal((await api(server, 'DELETE', '/api/rooms/doc-never')).status, 404)
  const gone = await api(server, 'DELETE', `/api/rooms/${room}`, { graceMs: 60000 })
  assert.deepEqual([gone.status, gone.body.connections, gone.body.seq > before.stored.seq], [200, 1, true])
  await until('the close', () => codes.includes(4404))
  const deleted = (await api(server, 'GET', `/api/rooms/${room}`)).body.stored
  assert.equal(deleted.status, 'deleted')
  assert.ok(Math.abs(deleted.eraseAt - deleted.deletedAt - 60000) < 5000, JSON.stringify(deleted))
  const late = knock(server, room, mint(room, 'write', { sub: 'bob' }))
  assert.equal((await late.refused).code, 4404)
  ann.end()
  assert.equal((await api(server, 'POST', `/api/rooms/${room}/undelete`)).status, 200)
  const bob = new Client(server, 'y-websocket 3', room, 'main', { params: { token: mint(room, 'write', { sub: 'bob' }) } })
  await bob.synced()
  assert.equal(bob.text.toString(), 'kept')
  assert.equal((await api(server, 'DELETE', `/api/rooms/${room}`, { now: true })).status, 200)
  await until('it to be erased', async () => (await api(server, 'GET', `/api/rooms/${room}`)).body.stored.status === 'erased', 20000)
  assert.equal((await api(server, 'POST', `/api/rooms/${room}/undelete`)).status, 404)
  bob.end()
})

test('D25: GET tells what is stored', async () => {
  const room = 'doc-stored'
  assert.equal((await api(server, 'GET', `/api/rooms/${room}`)).body.stored, null)
  const ann = new Client(server, 'y-websocket 3', room, 'main', { params: { token: mint(room, 'write', { sub: 'ann' }) } })
  await ann.synced()
  ann.text.insert(0, 'kept')
  await sleep(100)
  const { connections, stored } = (await api(server, 'GET', `/api/rooms/${room}`)).body
  assert.deepEqual([connections, stored.status, stored.connections, stored.room], [1, 'ok', 1, `main/${room}`])
  assert.ok(stored.epoch >= 1 && stored.seq > 0 && stored.bytes > 0 && stored.updates > 0 && stored.changedAt > Date.now() - 60000, JSON.stringify(stored))
  ann.text.insert(0, 'more')
  await until('it to count', async () => (await api(server, 'GET', `/api/rooms/${room}`)).body.stored.seq > stored.seq)
  ann.end()
})

test('D20: the API answers signed requests only, with bounded bodies', async () => {
  const target = '/api/rooms/doc-1'
  assert.equal((await fetch(server.http + target)).status, 401)
  assert.equal((await api(server, 'GET', target, undefined, { secret: 'wrong-secret-wrong-secret-wrong-secret' })).status, 401)
  assert.equal((await api(server, 'GET', target, undefined, { timestamp: now() - 1000 })).status, 401)
  assert.equal((await api(server, 'POST', target, {})).status, 405)
  assert.equal((await api(server, 'GET', `${target}/kick`)).status, 405)
  assert.equal((await api(server, 'GET', '/api/rooms/doc-1/nothing')).status, 404)
  assert.equal((await api(server, 'GET', '/api/else')).status, 404)
  assert.equal((await api(server, 'POST', `${target}/kick`, { all: true, reason: 'x'.repeat(70000) })).status, 413)
  assert.equal((await api(server, 'POST', `${target}/kick`, { userId: 'nobody', reason: 'x'.repeat(60000) })).status, 200)
  const chunked = await new Promise((resolve, reject) => {
    const request = http.request(`${server.http}${target}/kick`, { method: 'POST', headers: { 'Transfer-Encoding': 'chunked' } }, resolve)
    request.on('error', reject)
    request.end('{}')
  })
  assert.equal(chunked.statusCode, 411)
  chunked.resume()
  // The platform reads bodies.
  const waiting = EDGE !== undefined ? undefined : await new Promise((resolve, reject) => {
    const request = http.request(`${server.http}${target}/kick`, { method: 'POST', headers: { Expect: '100-continue', 'Content-Length': 2 } })
    request.on('continue', () => { request.end('{}') }).on('response', resolve).on('error', reject)
    request.flushHeaders()
  })
  if (waiting !== undefined) assert.equal(waiting.statusCode, 401)
  waiting?.resume()
  const open = await startServer() // no COLLAB_SECRET: nobody can sign
  assert.equal((await api(open, 'GET', target)).status, 401)
  await open.stop()
})

test('D1: the table says which rooms keep what was deleted', async () => {
  const data = temporary(), file = config({ rooms: { 'kept-*': { gc: false }, '*': {} } })
  const start = () => startServer({ data, args: ['--config', file] })
  let s = await start()
  for (const room of ['kept-1', 'other-1']) {
    const writer = new Client(s, 'y-websocket 3', room)
    await writer.synced()
    writer.text.insert(0, 'what-was-deleted')
    writer.text.delete(0, 16)
    writer.text.insert(0, 'new')
    await sleep(100)
    writer.end()
  }
  for (const when of ['while it runs', 'after a restart']) {
    for (const [room, keeps] of [['kept-1', true], ['other-1', false]]) {
      const reader = new Client(s, 'y-websocket 3', room)
      reader.doc.gc = false
      await reader.synced()
      await until('the text', () => reader.text.toString() === 'new')
      assert.equal(Buffer.from(Y.encodeStateAsUpdate(reader.doc)).includes('what-was-deleted'), keeps, `${room} ${when}`)
      reader.end()
    }
    await s.stop()
    if (when === 'while it runs') s = await start()
  }
})

test('D9: no token is in any output, also not percent-encoded', async () => {
  const sneaky = mint('doc-1', 'write', { sub: 'sneaky' })
  const encoded = [...sneaky].map(c => `%${c.charCodeAt(0).toString(16)}`).join('')
  const ws = knock(server, 'doc-1', encoded)
  await ws.opened // decoded it is a good one
  ws.close()
  await fetch(`${server.http}/nothing/here?token=${sneaky}`).then(async r => assert.ok(!(await r.text()).includes(sneaky)))
  await knock(server, 'a/b/c', sneaky).refused
  await sleep(100)
  const output = servers.map(s => s.log + s.out).join('\n')
  assert.ok(output.length > 1000 && tokens.size > 30)
  for (const t of tokens) for (const part of [...t.split('.').slice(1), encoded]) assert.ok(!output.includes(part), 'a token is in the output')
  for (const secret of ['ticket-secret-of', 'collab-secret-of']) assert.ok(!output.includes(secret))
})
