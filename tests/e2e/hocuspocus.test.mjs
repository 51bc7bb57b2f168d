// What only Hocuspocus has: many documents on a socket, what is saved, application text. docs/protocol.md
// P40... Everything that all families have in common is in providers.test.mjs and idle.test.mjs.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client, EDGE, sleep, startServer, until } from './support.mjs'
import { auth, frame, libraries, openDocument, openSocket, speak } from './hocuspocus-support.mjs'

const VERSIONS = Object.keys(libraries)
let server
before(async () => { server = await startServer() })
after(async () => { await server.stop() })

const text = document => document.getText('text')
const says = provider => text(provider.document).toString()
const userSeen = (provider, other) => provider.awareness.getStates().get(other.document.clientID)?.user
const synced = (...providers) => until('sync', () => providers.every(p => p.isSynced))

for (const version of VERSIONS) describe(version, () => {
  const room = what => `${version.replace(' ', '-')}-${what}`
  const ends = []
  const open = (url = server.url, options) => { const s = openSocket(version, url, options); ends.push(() => s.destroy()); return s }
  const visit = (socket, name, options) => { const p = openDocument(version, socket, name, { token: 'x', ...options }); ends.unshift(() => p.destroy()); return p }
  const cleanUp = () => { for (const end of ends.splice(0)) end() }

  test('P43: documents of one socket open and close on their own', async () => {
    const socket = open()
    const [a, b, c] = ['a', 'b', 'c'].map(name => visit(socket, room(`many-${name}`), version === 'hocuspocus 2' ? { preserveConnection: true } : {}))
    const others = ['a', 'b', 'c'].map(name => new Client(server, 'y-websocket 3', room(`many-${name}`)))
    await synced(a, b, c)
    ;[a, b, c].forEach((p, n) => { text(p.document).insert(0, `t${n}`); p.awareness.setLocalStateField('user', `u${n}`) })
    await until('each text in its own room', () => others.every((o, n) => o.text.toString() === `t${n}`))
    await until('each presence in its own room', () => others.every((o, n) => o.awareness.getStates().get([a, b, c][n].document.clientID)?.user === `u${n}`))
    b.destroy()
    await until('its presence to go', () => !others[1].awareness.getStates().has(b.document.clientID))
    others[0].text.insert(0, 'still '); others[1].text.insert(0, 'still '); others[2].text.insert(0, 'still ')
    await until('the others to go on', () => says(a) === 'still t0' && says(c) === 'still t2')
    assert.equal(says(b), 't1')
    const again = visit(socket, room('many-b'))
    await synced(again)
    await until('the text of the document that is open again', () => says(again) === 'still t1')
    for (const o of others) o.end()
    cleanUp()
  })

  test('P41: a name is a room for all families, whatever it holds', async () => {
    const names = [['a b', 'a b'], ['ä:ö', 'ä:ö'], [`${room('x')}@1,2=3`, `${room('x')}@1,2=3`], ['a/b', 'a%2Fb'], ['50%', '50%25']]
    for (const [name, path] of names) {
      const p = visit(open(), name)
      const other = new Client(server, 'y-websocket 3', path)
      await synced(p)
      text(p.document).insert(0, version)
      await until(`"${name}" to be in the room of "${path}"`, () => other.text.toString().includes(version))
      other.end()
      cleanUp()
    }
  })

  test('R42: stateless text goes to all, the sender included', async () => {
    const heard = []
    const [a, b] = [0, 1].map(n => visit(open(), room('stateless'), { onStateless: ({ payload }) => heard.push(`${n}:${payload}`) }))
    await synced(a, b)
    const other = new Client(server, 'y-websocket 3', room('stateless'))
    await other.synced()
    a.sendStateless('{"ä":1}')
    await until('both to hear it', () => heard.length === 2)
    assert.deepEqual(heard.sort(), ['0:{"ä":1}', '1:{"ä":1}'])
    other.end()
    cleanUp()
  })

  test('P50: presence is back within 200 ms of a reconnect, both ways, twice', async () => {
    const [a, b] = [0, 1].map(() => visit(open(), room('presence')))
    await synced(a, b)
    a.awareness.setLocalStateField('user', 'ann')
    b.awareness.setLocalStateField('user', 'bob')
    await until('to see each other', () => userSeen(a, b) === 'bob' && userSeen(b, a) === 'ann')
    for (let i = 0; i < 2; i++) {
      const opened = new Promise(resolve => a.configuration.websocketProvider.on('open', () => resolve(Date.now())))
      let gone = false
      b.awareness.on('change', ({ removed }) => { gone ||= removed.includes(a.document.clientID) })
      a.configuration.websocketProvider.webSocket.terminate()
      // At the edge both ways are separate: the new socket may be in before the old one is out, and then nobody goes.
      if (EDGE === undefined) await until('to be gone', () => gone, 1000)
      const at = await opened
      await until('to see each other again', () => userSeen(a, b) === 'bob' && userSeen(b, a) === 'ann', 3000)
      assert.ok(Date.now() - at < 200, `it took ${Date.now() - at} ms`)
      a.awareness.setLocalStateField('n', i)
      await until('later changes', () => b.awareness.getStates().get(a.document.clientID)?.n === i, 500)
      assert.equal(userSeen(b, a), 'ann')
    }
    cleanUp()
  })

  test('P50: no broadcast is lost after a reconnect', async () => {
    const [a, b] = [0, 1].map(() => visit(open(), room('lost')))
    await synced(a, b)
    for (let i = 0; i < 3; i++) {
      const lost = new Promise(resolve => a.configuration.websocketProvider.on('close', resolve))
      a.configuration.websocketProvider.webSocket.terminate()
      await lost
      text(a.document).insert(0, 'offline ')
      text(b.document).insert(0, 'meanwhile ')
      await until('both texts on both sides', () => a.isSynced && says(a) === says(b) && says(a).length === (i + 1) * 18 + i * 5, 4000)
      await sleep(50) // the old socket is long gone by now
      text(b.document).insert(0, 'later')
      await until('what comes later', () => says(a).startsWith('later'), 1000)
    }
    await until('all to be saved', () => a.unsyncedChanges <= 0 && b.unsyncedChanges <= 0)
    cleanUp()
  })

  test('P50: an empty close frame is answered at once', async () => {
    const socket = open()
    const p = visit(socket, room('close'))
    await synced(p)
    const ws = socket.webSocket
    const closed = new Promise(resolve => ws.once('close', resolve))
    const at = Date.now()
    socket.disconnect() // sends a close frame without a code
    await closed
    assert.ok(Date.now() - at < 500, `it took ${Date.now() - at} ms`)
    cleanUp()
  })

  test('P50: what is written while offline is saved and arrives, also across a restart', async () => {
    const own = await startServer()
    const [a, b] = [0, 1].map(() => visit(open(own.url), room('restart')))
    await synced(a, b)
    text(a.document).insert(0, 'before ')
    await until('the text', () => says(b) === 'before ')
    await until('it to be saved', () => a.unsyncedChanges === 0)
    await own.stop('SIGKILL')
    await until('the loss', () => !a.isSynced && !b.isSynced)
    text(a.document).insert(0, 'a '); text(b.document).insert(0, 'b ')
    const again = await startServer({ port: own.port, data: own.data })
    await until('both to be in again', () => a.isSynced && b.isSynced, 8000)
    await until('both texts on both sides', () => says(a) === says(b) && says(a).length === 11)
    await until('all to be saved', () => a.unsyncedChanges <= 0 && b.unsyncedChanges <= 0)
    cleanUp()
    await again.stop()
  })

  test('P46: one document too many is refused, the others go on', async () => {
    const few = await startServer({ args: ['--socket-documents-max', '2'] })
    const socket = open(few.url)
    const refused = []
    const [a, b] = ['a', 'b'].map(name => visit(socket, room(name)))
    await synced(a, b)
    const c = visit(socket, room('c'), { preserveConnection: true, onAuthenticationFailed: ({ reason }) => refused.push(reason) })
    await until('a refusal', () => refused.length > 0)
    assert.equal(refused[0], 'too_many_documents')
    assert.equal(c.isSynced, false)
    text(a.document).insert(0, 'x')
    await until('the others to be saved', () => a.unsyncedChanges === 0)
    assert.equal(socket.status, 'connected')
    cleanUp()
    await few.stop()
  })
})

test('P52: on the path of a room the first frame tells; a setting names one more path', async () => {
  const own = await startServer({ args: ['--hocuspocus-path', '/collab/v1'] })
  for (const version of VERSIONS) {
    for (const path of ['/anything', '/parties/main/anything', '/collab/v1', '/parties/main']) {
      const socket = openSocket(version, own.url + path)
      const p = openDocument(version, socket, 'doc-p52', { token: 'x' })
      const other = new Client(own, 'y-websocket 3', 'doc-p52')
      await synced(p)
      text(p.document).insert(0, version)
      await until(`${version} at ${path} to be in`, () => other.text.toString().startsWith(version))
      await until('it to be saved', () => p.unsyncedChanges === 0)
      p.destroy(); socket.destroy(); other.end()
    }
  }
  await own.stop()
})

test('P48: two providers of one document on one socket, told apart by their ids', async () => {
  const socket = openSocket('hocuspocus 4', server.url)
  const [a, b] = [0, 1].map(() => openDocument('hocuspocus 4', socket, 'session-aware', { sessionAwareness: true, token: 'x' }))
  const other = openDocument('hocuspocus 3', openSocket('hocuspocus 3', server.url), 'session-aware', { token: 'x' })
  await synced(a, b, other)
  text(a.document).insert(0, 'one ')
  text(other.document).insert(0, 'two ')
  await until('all to have all', () => [a, b, other].every(p => says(p).length === 8))
  a.awareness.setLocalStateField('user', 'ann')
  await until('presence', () => userSeen(b, a) === 'ann' && userSeen(other, a) === 'ann')
  a.destroy()
  await until('its end', () => !b.awareness.getStates().has(a.document.clientID))
  text(b.document).insert(0, 'still ')
  await until('the other to go on', () => says(other) === says(b))
  b.destroy(); other.destroy(); socket.destroy(); other.configuration.websocketProvider.destroy()
})

test('P51: a socket that never asks is closed after 10 s', { timeout: 30000 }, async () => {
  const ws = speak(server.url)
  await ws.opened
  const at = Date.now()
  const beat = setInterval(() => ws.send(Buffer.from([10])), 1000) // signs of life do not help
  assert.deepEqual(await ws.closed, { code: 4408, reason: 'no document is open on this socket' })
  clearInterval(beat)
  assert.ok(Date.now() - at >= 9500 && Date.now() - at < 12000)
})

test('P44: a y-websocket client without a room is sent away for good', async () => {
  const ws = speak(server.url)
  await ws.opened
  ws.send(Buffer.from([0, 0, 1, 0]))
  assert.equal((await ws.closed).code, 4400)
})

test('P44: a socket survives nonsense', async () => {
  const ws = speak(server.url)
  await ws.opened
  ws.send(auth('nonsense'))
  for (const m of [Buffer.from([0xff]), Buffer.from([]), frame('nonsense', 0, 9), frame('nonsense', 64), frame('other', 7), 'text']) ws.send(m)
  ws.send(frame('nonsense', 0, 0, 1, 0))
  await until('its answers', () => ws.received.some(m => m.equals(frame('nonsense', 0, 1, 2, 0, 0))))
  ws.close()
})
