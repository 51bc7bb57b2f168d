// Who is let into which document of a Hocuspocus socket, and how a no is told: docs/access.md D40...
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fs from 'node:fs'
import { generateKeyPairSync, sign } from 'node:crypto'
import http from 'node:http'
import path from 'node:path'
import { Client, Y, sleep, startServer, temporary, until } from './support.mjs'
import { COLLAB_SECRET, ISSUER, api, now, startTicketServer, ticket, wire } from './access-support.mjs'
import { Hocuspocus, auth, frame, libraries, openDocument, openSocket, speak } from './hocuspocus-support.mjs'

const VERSIONS = Object.keys(libraries)
const CONTENT = 'content-that-only-members-may-see'
const table = { rooms: { 'doc-*': {}, 'workspace-*': { store: 'none' }, 'small-*': { 'message-bytes-max': 2000 }, 'open-*': { auth: 'none' } } }

let server, author
const servers = []
const tokens = new Set()
const mint = (...args) => { const t = ticket(...args); tokens.add(t); return t }
before(async () => {
  const file = path.join(temporary(), 'partyd.json')
  fs.writeFileSync(file, JSON.stringify(table))
  server = await startTicketServer({ args: ['--config', file, '--log-level', 'debug'] })
  servers.push(server)
  author = new Client(server, 'y-websocket 3', 'doc-1', 'main', { params: { token: mint('doc-1', 'write', { sub: 'author', name: 'Author' }) } })
  await author.synced()
  author.text.insert(0, CONTENT)
  author.awareness.setLocalStateField('user', { name: 'somebody', color: 'red' })
})
after(async () => { author.end(); for (const s of servers) await s.stop() })

/** A client of one document; `told` has each refusal, `scopes` each permission, `closes` each close code. */
class Guest extends Client {
  constructor (s, version, room, token, options = {}) {
    const told = [], scopes = []
    super(s, version, room, 'main', {
      params: { get token () { return typeof token === 'function' ? token() : token } },
      onAuthenticationFailed: ({ reason }) => told.push(reason),
      onAuthenticated: event => scopes.push(event?.scope ?? this.provider.provider.authorizedScope),
      ...options
    })
    Object.assign(this, { told, scopes, closes: [] })
    this.provider.on('connection-close', event => this.closes.push(event.code))
  }

  get says () { return this.text.toString() }
  get unsaved () { return this.provider.unsaved }
}
const enter = async (version, room, perm, claims, s = server) => {
  const guest = new Guest(s, version, room, () => mint(room, perm, claims))
  await guest.synced()
  return guest
}
const damaged = t => t.slice(0, -3) + (t.endsWith('AAA') ? 'BBB' : 'AAA')
// For good: told to the document. `again`: the socket closes with this code, and each try has a new token.
const causes = {
  'no token': { room: 'doc-1', token: () => '', word: 'token_missing' },
  'a damaged token': { room: 'doc-1', token: () => damaged(mint('doc-1')), word: 'token_invalid' },
  'an expired token': { room: 'doc-1', token: () => mint('doc-1', 'write', { exp: now() - 120 }), word: 'token_expired', again: 4501 },
  'a token for another document': { room: 'doc-1', token: () => mint('doc-2'), word: /^(token_invalid|forbidden)$/ },
  'no right': { room: 'doc-1', token: () => mint('doc-1', 'none'), word: 'forbidden' },
  'no entry in the table': { room: 'secret-1', token: () => mint('secret-1'), word: 'unknown_room' },
  'no name of a room': { room: 'doc\n1', token: () => mint('doc-1'), word: 'bad_room' }
}

for (const version of VERSIONS) describe(version, () => {
  const room = what => `doc-${what}-${version.replace(' ', '-')}`

  test('D40: a ticket in the token frame lets in; who writes is told so', async () => {
    const guest = await enter(version, 'doc-1', 'write', { sub: 'ann' })
    await until('the content', () => guest.says.includes(CONTENT))
    assert.deepEqual(guest.scopes, ['read-write'])
    guest.end()
  })

  test('D40: without one in the frame, the token of the request holds', async () => {
    const guest = new Hocuspocus(version, `${server.url}/?token=${mint(room('query'))}`, room('query'), new Y.Doc())
    await until('sync', () => guest.synced)
    guest.destroy()
  })

  test('D43: a reader sees all, has presence, changes nothing, and nothing of it is saved', async () => {
    const writer = new Client(server, 'y-websocket 3', room('read'), 'main', { params: { token: mint(room('read'), 'write', { sub: 'writer' }) } })
    await writer.synced()
    for (const perm of ['read', 'comment']) {
      writer.text.delete(0, writer.text.length)
      writer.text.insert(0, 'mine')
      const reader = await enter(version, room('read'), perm, { sub: 'reader' })
      await until('the reader to see it', () => reader.says === 'mine')
      assert.deepEqual(reader.scopes, ['readonly'])
      await until('all that it has to be saved', () => reader.unsaved <= 0)
      reader.awareness.setLocalStateField('user', { name: 'r' })
      await until('presence of the reader', () => writer.seesUser(reader)?.id === 'reader')
      reader.text.insert(0, 'forbidden')
      reader.text.delete(2, 3)
      reader.provider.provider.sendStateless('x')
      await sleep(150)
      assert.equal(reader.unsaved, 2) // never acknowledged
      // A whole new connection offers what it has in step 2.
      reader.provider.destroy()
      const again = new Guest(server, version, room('read'), () => mint(room('read'), perm, { sub: 'reader' }))
      Y.applyUpdate(again.doc, Y.encodeStateAsUpdate(reader.doc))
      await again.synced()
      await sleep(150)
      assert.ok(again.unsaved >= 1, `${again.unsaved} unsaved`)
      assert.equal(writer.text.toString(), 'mine')
      reader.doc.destroy(); again.end()
    }
    writer.end()
  })

  test('D16: nobody can say to be somebody else', async () => {
    const ann = await enter(version, room('who'), 'write', { sub: 'ann', name: 'Ann' })
    const eve = await enter(version, room('who'), 'read', { sub: 'eve', name: 'Eve' })
    eve.awareness.setLocalState({ user: { id: 'ann', name: 'Ann', color: 'red' }, cursor: [1] })
    await until('the presence', () => ann.awareness.getStates().get(eve.id)?.cursor !== undefined)
    assert.deepEqual(ann.awareness.getStates().get(eve.id), { user: { id: 'eve', name: 'Eve', color: 'red' }, cursor: [1] })
    ann.end(); eve.end()
  })

  test('D41: no refusal brings more than three attempts in five seconds, nor a byte of a document', { timeout: 20000 }, async () => {
    await Promise.all(Object.entries(causes).map(async ([cause, c]) => {
      const w = await wire(server)
      const guest = new Guest(w, version, c.room, c.token)
      await sleep(5000 - (Date.now() - w.start))
      const name = `${version}, ${cause}: ${w.attempts.join(' ')}; told ${guest.told}; closed ${guest.closes}`
      assert.ok(w.attempts.length <= (c.again ? 3 : 1), name)
      if (c.again) {
        assert.ok(w.attempts.length >= 2, name)
        assert.ok(guest.closes.length > 0 && guest.closes.every(code => code === c.again), name)
        assert.deepEqual(guest.told, [], name)
      } else {
        assert.equal(guest.told.length, 1, name)
        assert.match(guest.told[0], typeof c.word === 'string' ? new RegExp(`^${c.word}$`) : c.word, name)
      }
      // After each 101 there is one frame, and it says no.
      for (const answer of w.received.map(parts => Buffer.concat(parts).toString('latin1')).filter(Boolean)) {
        const body = answer.split('\r\n\r\n').slice(1).join('')
        const [no, ...rest] = c.again ? [Buffer.from([0x88, c.word.length + 2, c.again >> 8, c.again & 255]).toString('latin1') + c.word]
          : [frame(c.room, 2, 1, guest.told[0] ?? '').toString('latin1')]
        assert.deepEqual(rest, [])
        // Provider 3 connects twice at once when it comes back (see D42), and closes one of the two; that is answered if it comes first.
        if (version === 'hocuspocus 3' && c.again && body === '\x88\0') continue
        if (body !== '') assert.ok(c.again ? body === no : body.startsWith(String.fromCharCode(0x82, no.length) + no) && body.length <= no.length + 6, `${name}: ${JSON.stringify(body)}`)
      }
      const bytes = w.bytes().toString('latin1')
      assert.ok(!bytes.includes(CONTENT) && !bytes.includes('Author'), name)
      assert.equal(guest.text.length, 0)
      guest.end(); w.close()
    }))
  })

  test('D42: an expired token is replaced by a fresh one, and then it is in', async () => {
    let asked = 0
    const guest = new Guest(server, version, room('fresh'), () => asked++ === 0 ? mint(room('fresh'), 'write', { exp: now() - 120 }) : mint(room('fresh')))
    await until('to be in', () => guest.provider.synced, 8000)
    assert.deepEqual([guest.closes, guest.told], [[4501], []])
    // Provider 3 that is closed before it heard anything connects twice, by its retry and by its close, in the same millisecond; if
    // one is open before the other begins, on a busy machine, it gives that up and asks for one more token.
    assert.ok(asked === 2 || (asked === 3 && version === 'hocuspocus 3'), `asked ${asked} times`)
    guest.end()
  })

  test('D42: where another document goes on, a fresh token is asked for on the socket', async () => {
    const socket = openSocket(version, server.url)
    let closes = 0, asked = 0
    socket.on('close', () => closes++)
    const a = openDocument(version, socket, room('multi-a'), { token: () => mint(room('multi-a')) })
    await until('the first to be in', () => a.isSynced)
    const told = []
    const b = openDocument(version, socket, room('multi-b'), {
      token: () => asked++ === 0 ? mint(room('multi-b'), 'write', { exp: now() - 120 }) : mint(room('multi-b')),
      preserveConnection: true,
      onAuthenticationFailed: ({ reason }) => told.push(reason)
    })
    if (version === 'hocuspocus 2') { // it does not know the question
      await until('it to be told', () => told.length > 0, 15000)
      assert.deepEqual(told, ['token_expired'])
    } else {
      await until('the second to be in', () => b.isSynced, 8000)
      b.document.getText('text').insert(0, 'x')
      await until('it to be saved', () => b.unsyncedChanges === 0)
      assert.equal(asked, 2)
    }
    a.document.getText('text').insert(0, 'x')
    await until('the first to go on', () => a.unsyncedChanges === 0)
    assert.equal(closes, 0)
    a.destroy(); b.destroy(); socket.destroy()
  })

  test('D41: one document of a socket is refused, the other goes on with its own permission', async () => {
    const socket = openSocket(version, server.url)
    const told = []
    const options = { preserveConnection: true, onAuthenticationFailed: ({ reason }) => told.push(reason) }
    const a = openDocument(version, socket, room('own'), { ...options, token: mint(room('own')) })
    const b = openDocument(version, socket, 'doc-1', { ...options, token: mint('doc-1', 'none') })
    const c = openDocument(version, socket, room('own-2'), { ...options, token: mint(room('own-2'), 'read') })
    await until('those who may', () => a.isSynced && c.isSynced)
    await until('the one who may not', () => told.length > 0)
    assert.deepEqual(told, ['forbidden'])
    assert.equal(b.document.getText('text').length, 0)
    assert.deepEqual([a.authorizedScope, b.authorizedScope, c.authorizedScope], ['read-write', undefined, 'readonly'])
    a.document.getText('text').insert(0, 'x'); c.document.getText('text').insert(0, 'x')
    await until('what may be saved to be', () => a.unsyncedChanges === 0)
    assert.ok(c.unsyncedChanges >= 1)
    assert.equal(socket.status, 'connected')
    for (const p of [a, b, c]) p.destroy()
    socket.destroy()
  })

  test('D45: kick ends one document for good, and the socket goes on', async () => {
    const socket = openSocket(version, server.url)
    const told = []
    const a = openDocument(version, socket, room('kick-a'), { token: mint(room('kick-a')), preserveConnection: true, onAuthenticationFailed: ({ reason }) => told.push(reason) })
    const b = openDocument(version, socket, room('kick-b'), { token: mint(room('kick-b')) })
    await until('both to be in', () => a.isSynced && b.isSynced)
    const other = await enter('hocuspocus 3', room('kick-a'), 'write', { sub: 'other' })
    const { body } = await api(server, 'POST', `/api/rooms/${room('kick-a')}/kick`, { userId: 'ann', reason: 'out' })
    assert.deepEqual(body, { kicked: 1 })
    await until('to be told', () => told.length > 0)
    assert.deepEqual(told, ['out'])
    other.text.insert(0, 'secret')
    b.document.getText('text').insert(0, 'x')
    await until('the other document to go on', () => b.unsyncedChanges === 0)
    await sleep(100)
    assert.equal(a.document.getText('text').toString(), '')
    a.destroy(); b.destroy(); socket.destroy(); other.end()
  })

  test('D22: with tickets, recheck has everybody come with a fresh one', async () => {
    let asked = 0
    const guest = new Guest(server, version, room('recheck'), () => { asked++; return mint(room('recheck')) })
    await guest.synced()
    assert.deepEqual((await api(server, 'POST', `/api/rooms/${room('recheck')}/recheck`, {})).body, { rechecked: 1 })
    await until('the close', () => guest.closes.length > 0)
    assert.deepEqual(guest.closes, [4501])
    await until('to be in again', () => guest.provider.synced && asked === 2, 5000)
    guest.end()
  })

  test('D4: a workspace is presence only, and says so', async () => {
    const a = await enter(version, 'workspace-1', 'write', { sub: 'a' })
    const b = await enter(version, 'workspace-1', 'write', { sub: 'b' })
    assert.deepEqual(a.scopes, ['readonly'])
    a.text.insert(0, 'no')
    a.awareness.setLocalStateField('cursor', 1)
    await until('presence', () => b.awareness.getStates().get(a.id)?.cursor === 1)
    assert.equal(b.says, '')
    assert.ok(a.unsaved >= 1)
    a.end(); b.end()
  })
})

const asks = (...tokens) => tokens.map(t => auth('doc-1', t))
const open = async (url, ...frames) => {
  const ws = speak(url)
  await ws.opened
  for (const f of frames) ws.send(f)
  return ws
}

test('D40: whoever came in by the room of its path is decided about anew for each document', async () => {
  const room = `/doc-path?token=${mint('doc-path')}`
  const ws = await open(server.url + room, auth('doc-1', 'nonsense'), frame('doc-1', 0, 0, 1, 0))
  await until('a refusal', () => ws.received.some(m => m.equals(frame('doc-1', 2, 1, 'token_invalid'))), 4000)
  assert.ok(!ws.received.some(m => m.includes(CONTENT)))
  assert.equal((await api(server, 'GET', '/api/rooms/doc-path')).body.connections, 0)
  ws.close()
})

test('D41: guesses are not answered faster for being many', async () => {
  const ws = await open(server.url, ...asks('a', 'b', 'c', 'd', 'e'))
  await sleep(4500)
  assert.equal(ws.received.length, 1) // 1.8 s for the first, 1.8 s for the last; those between are forgotten
  ws.close()
})

test('D42: a newer token that comes while a refusal waits is decided in its place', async () => {
  const ws = await open(server.url, auth('doc-1', 'nonsense'), frame('doc-1', 0, 0, 1, 0), auth('doc-1', mint('doc-1')))
  await until('to be in', () => ws.received.some(m => m.equals(frame('doc-1', 2, 2, 'read-write'))), 4000)
  await until('what it asked for before', () => ws.received.some(m => m.includes(CONTENT)))
  assert.ok(!ws.received.some(m => m.equals(frame('doc-1', 2, 1, 'token_invalid'))))
  ws.close()
})

test('D42: who was refused may ask again on the same socket', async () => {
  const ws = await open(server.url, auth('doc-1', 'nonsense'), frame('doc-1', 0, 0, 1, 0))
  await until('a refusal', () => ws.received.length === 1, 4000)
  assert.deepEqual(ws.received[0], frame('doc-1', 2, 1, 'token_invalid'))
  ws.send(auth('doc-1', mint('doc-1')))
  await until('the content', () => ws.received.some(m => m.includes(CONTENT)))
  ws.close()
})

test('P46: messages that wait are bounded', async () => {
  const big = Buffer.concat([frame('doc-1', 0, 2), Buffer.from([0x80, 0x80, 0x20]), Buffer.alloc(512 * 1024)])
  const ws = await open(server.url, auth('doc-1', 'nonsense'), big, big, big)
  assert.deepEqual(await ws.closed, { code: 4205, reason: 'too much was said before it was let in' })
})

test('D43: no message of a reader changes the document', async () => {
  const source = new Y.Doc()
  source.getText('text').insert(0, 'forbidden')
  const update = Buffer.from(Y.encodeStateAsUpdate(source))
  const body = Buffer.concat([Buffer.from([update.length]), update])
  const writer = new Client(server, 'y-websocket 3', 'doc-paths', 'main', { params: { token: mint('doc-paths', 'write', { sub: 'w' }) } })
  await writer.synced()
  const ws = await open(server.url, auth('doc-paths', mint('doc-paths', 'read')))
  await until('to be in', () => ws.received.some(m => m.equals(frame('doc-paths', 2, 2, 'readonly'))))
  for (let type = 0; type < 12; type++) {
    for (let sub = 0; sub < 4; sub++) ws.send(frame('doc-paths', type, sub, body))
    if (type !== 7) ws.send(frame('doc-paths', type, body))
  }
  await sleep(300)
  assert.equal(writer.text.toString(), '')
  assert.equal(Y.encodeStateVector(writer.doc).length, 1)
  const statuses = ws.received.filter(m => m[10] === 8).map(m => m[11])
  assert.deepEqual([...new Set(statuses)], [0])
  ws.close(); writer.end()
})

test('D44: a token of a running session renews it; a bad one ends it', async () => {
  const who = await open(server.url, auth('doc-renew', mint('doc-renew', 'read')))
  const says = (...parts) => who.received.some(m => m.equals(frame('doc-renew', ...parts)))
  await until('to be in', () => says(2, 2, 'readonly'))
  who.send(auth('doc-renew', mint('doc-renew', 'write')))
  await until('the new right', () => says(2, 2, 'read-write'))
  const update = Buffer.from(Y.encodeStateAsUpdate(Object.assign(new Y.Doc(), {})))
  who.send(frame('doc-renew', 0, 1, update.length, update))
  await until('it to be saved', () => says(8, 1))
  who.send(auth('doc-renew', 'nonsense'))
  await until('its end', () => says(2, 1, 'token_invalid'))
  const { body } = await api(server, 'GET', '/api/rooms/doc-renew')
  assert.equal(body.connections, 0)
  who.close()
})

// Provider 2 says its token at the beginning only.
for (const version of VERSIONS.slice(1)) test(`R40: ${version}: what a reader wrote is saved when it may write, and shown to be`, async () => {
  const room = `doc-late-${version.slice(-1)}`
  let perm = 'read'
  const guest = new Guest(server, version, room, () => mint(room, perm))
  await guest.synced()
  await until('the first sync to be saved', () => guest.unsaved === 0)
  for (const letter of 'abc') guest.text.insert(0, letter)
  await sleep(300)
  assert.equal(guest.unsaved, 3)
  perm = 'write'
  await guest.provider.provider.sendToken()
  await until('all to be saved', () => guest.unsaved === 0)
  const reader = await enter(version, room, 'read')
  assert.equal(reader.says, 'cba')
  reader.end(); guest.end()
})

test('D44: at the end of the longest session a fresh token is asked for, and it goes on', async () => {
  const s = await startTicketServer({ args: ['--max-session-ms', '1500'] })
  servers.push(s)
  for (const version of ['hocuspocus 3', 'hocuspocus 4']) {
    let asked = 0
    const guest = new Guest(s, version, 'doc-long', () => { asked++; return mint('doc-long') })
    await guest.synced()
    await until('a second question', () => asked >= 3, 8000)
    assert.deepEqual(guest.closes, [])
    guest.end()
  }
  const ws = await open(s.url, auth('doc-long', mint('doc-long'))) // answers nothing
  assert.equal((await ws.closed).code, 4501)
})

test('D40: the other modes decide from the token frame too: hook', async () => {
  const seen = []
  const backend = http.createServer((request, response) => {
    let body = ''
    request.on('data', chunk => { body += chunk }).on('end', () => {
      seen.push(JSON.parse(body))
      const { token } = JSON.parse(body), allowed = token === 'good' || token === 'fresh'
      const answer = JSON.stringify({ allowed, permission: allowed ? 'write' : 'none', userId: 'u', reason: allowed ? null : 'not_found' })
      setTimeout(() => response.end(answer), 50) // after all that was sent at once has come
    })
  })
  await new Promise(resolve => backend.listen(0, '127.0.0.1', resolve))
  const s = await startServer({ env: { PARTYD_AUTH: 'hook', PARTYD_HOOK_URL: `http://127.0.0.1:${backend.address().port}/`, COLLAB_SECRET } })
  const good = new Guest(s, 'hocuspocus 4', 'a b/c', 'good')
  const bad = new Guest(s, 'hocuspocus 4', 'doc', 'bad')
  await good.synced()
  await until('the refusal', () => bad.told.length > 0)
  assert.deepEqual(bad.told, ['not_found'])
  assert.deepEqual(seen.map(q => q.room).sort(), ['a%20b%2Fc', 'doc'])
  good.end(); bad.end()
  // Of tokens that come while one is decided the last counts, before it is in and afterwards.
  const ws = await open(s.url, auth('r', 'bad'), auth('r', 'worse'), auth('r', 'good'))
  await until('to be in', () => ws.received.some(m => m.equals(frame('r', 2, 2, 'read-write'))), 4000)
  assert.ok(!seen.some(q => q.token === 'worse'))
  for (const token of ['good', 'fresh', 'worse', 'bad']) ws.send(auth('r', token))
  await until('to be out', () => ws.received.some(m => m.equals(frame('r', 2, 1, 'not_found'))), 4000)
  assert.ok(!seen.some(q => q.token === 'worse'))
  for (const token of ['good', 'x', 'y']) ws.send(auth('r2', token))
  await sleep(20)
  ws.terminate() // while tokens wait
  await s.stop()
  backend.close()
})

test('D40: the other modes decide from the token frame too: jwt', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const jwt = (sub, rooms, exp = now() + 60) => {
    const base64 = value => Buffer.from(JSON.stringify(value)).toString('base64url')
    const text = `${base64({ alg: 'EdDSA' })}.${base64({ iss: ISSUER, aud: 'convex', sub, exp, rooms })}`
    const token = `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`
    tokens.add(token)
    return token
  }
  const s = await startServer({ env: { PARTYD_AUTH: 'jwt', PARTYD_ISSUERS: ISSUER, PARTYD_JWKS: JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] }), COLLAB_SECRET } })
  servers.push(s)
  const rights = { 'doc-*': 'write', 'doc-old-*': 'read' }
  await Promise.all(VERSIONS.map(async version => {
    const room = what => `doc-${what}-${version.replace(' ', '-')}`
    const writer = new Guest(s, version, room('new'), jwt('ann', rights))
    await writer.synced()
    writer.text.insert(0, 'kept')
    await until(`${version}: to be saved`, () => writer.unsaved === 0)
    // The pattern that fits best decides; what it does not allow is not saved.
    const reader = new Guest(s, version, room('old'), jwt('ann', rights))
    await reader.synced()
    assert.equal(reader.scopes.at(-1), 'readonly')
    reader.text.insert(0, 'not kept')
    const stranger = new Guest(s, version, 'diagram-1', jwt('ann', rights))
    await until(`${version}: the refusal`, () => stranger.told.length > 0, 4000)
    assert.deepEqual(stranger.told, ['forbidden'])
    // A token whose time is over is asked for anew; the fresh one lets in.
    const late = new Guest(s, version, room('new'), (made => () => jwt('ben', rights, made++ ? now() + 60 : now() - 120))(0))
    await until(`${version}: a fresh token`, () => late.provider.synced, 8000)
    await until(`${version}: the content`, () => late.says === 'kept')
    const second = new Guest(s, version, room('old'), jwt('ben', { 'doc-*': 'write' }))
    await second.synced()
    assert.equal(second.says, '')
    for (const guest of [writer, reader, stranger, late, second]) guest.end()
  }))
  // The socket's own token (its query) holds for a document that brings none.
  const ws = await open(`${s.url}/?token=${jwt('ann', rights)}`, auth('doc-q', ''))
  await until('to be in', () => ws.received.some(m => m.equals(frame('doc-q', 2, 2, 'read-write'))), 4000)
  ws.terminate()
})

test('D11: each decision is one line, and no token is in any output', async () => {
  await sleep(100)
  const output = servers.map(s => s.log + s.out).join('\n')
  assert.match(output, /access granted room="main\/doc-1" user="ann" permission="write" .*client="hocuspocus"/)
  assert.match(output, /access refused room="main\/doc-1" .*client="hocuspocus"/)
  assert.ok(tokens.size > 30)
  for (const t of tokens) for (const part of t.split('.').slice(1)) assert.ok(!output.includes(part), 'a token is in the output')
})
