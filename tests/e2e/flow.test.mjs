// Who does not take what it is sent, and documents that are too large for one message.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { BINARY, Client, WebSocket, Y, families, same, sleep, startServer, until } from './support.mjs'
import { openDocument, openSocket } from './hocuspocus-support.mjs'

let server
before(async () => { server = await startServer({ args: ['--window-bytes', '65536', '--sync-part-bytes', '32768', '--room-idle-ms', '600000'] }) })
after(async () => { await server.stop() })

// With address checks freed memory is kept aside for a while: its size says nothing.
const countsMemory = !BINARY.includes('asan')
const rssMiB = () => Number(fs.readFileSync(`/proc/${server.child.pid}/statm`, 'utf8').split(' ')[1]) * 4096 / 2 ** 20
const pauseReading = ws => ws._socket.pause()
const resumeReading = ws => ws._socket.resume()

/** Frames of a room as they come, for whoever wants to look at them. */
class Raw {
  constructor (room) {
    this.frames = []
    this.closed = undefined
    this.ws = new WebSocket(`${server.url}/${room}`)
    this.ws.on('message', data => this.frames.push(data))
    this.ws.on('close', code => { this.closed = code })
    this.opened = new Promise((resolve, reject) => this.ws.once('open', resolve).once('error', reject))
  }

  bytes (from = 0) { return this.frames.slice(from).reduce((sum, f) => sum + f.length, 0) }
  sync (from = 0) { return this.frames.slice(from).filter(f => f[0] === 0) }
  step1 (doc) { this.send(0, 0, doc === undefined ? new Uint8Array([0]) : Y.encodeStateVector(doc)) }
  step2 (doc) { this.send(0, 1, Y.encodeStateAsUpdate(doc)) }
  send (type, step, bytes) {
    const head = [type, step]
    let len = bytes.length
    for (; len > 127; len = Math.floor(len / 128)) head.push(len % 128 + 128)
    head.push(len)
    this.ws.send(Buffer.concat([Buffer.from(head), bytes]))
  }

  end () { this.ws.terminate() }
}

const payload = frame => {
  let at = 2
  while (frame[at++] > 127);
  return frame.subarray(at)
}

describe('who does not read', () => {
  for (const family of ['y-websocket 3', 'hocuspocus 4']) {
    test(`H50 ${family}: 50 type, one does not read; nothing piles up, and then it has everything`, async () => {
      const room = `slow-${family.replaceAll(' ', '-')}`
      const [slow, writer, watcher] = [family, family, 'y-websocket 3'].map(f => new Client(server, f, room))
      await Promise.all([slow, writer, watcher].map(c => c.synced()))
      const typists = []
      for (let i = 0; i < 50; i++) {
        const doc = new Y.Doc()
        const raw = new Raw(room)
        await raw.opened
        doc.on('update', update => raw.send(0, 2, update))
        typists.push({ doc, raw })
      }
      let warm
      pauseReading(slow.provider.ws)
      // What is overwritten costs the document nothing, and a queue all of it: 10 MB, and then 20 more.
      for (let n = 0; n < 300; n++) {
        writer.doc.getMap('map').set('big', String.fromCharCode(97 + n % 26).repeat(100_000))
        if (n % 8 === 0) typists.forEach((t, i) => t.doc.getText('text').insert(0, `${i} ${n}; `))
        if (n % 4 !== 0) continue
        writer.doc.getMap('map').set('n', n)
        await until('it to arrive', () => watcher.doc.getMap('map').get('n') === n, 20000)
        if (n === 100) warm = rssMiB()
      }
      writer.awareness.setLocalStateField('user', 'the last one')
      const typed = typists.reduce((sum, t) => sum + t.doc.getText('text').length, 0)
      const late = new Client(server, family, room)
      await late.synced()
      await until('the others to have all', () => late.doc.getMap('map').get('big')?.[0] === 'n' && [late, writer].every(c => c.text.length === typed), 20000)
      assert.ok(!countsMemory || rssMiB() - warm < 10, `the server grew by ${rssMiB() - warm} MiB`)
      assert.notEqual(slow.doc.getMap('map').get('big')?.[0], 'n', 'the slow one was not slow')
      resumeReading(slow.provider.ws)
      await until('the slow one to have all', () => same(slow, writer), 20000)
      await until('presence of the last moment', () => slow.seesUser(writer) === 'the last one')
      writer.text.insert(0, 'live again ')
      await until('it to be live again', () => slow.text.toString().startsWith('live again'))
      typists.forEach(t => t.raw.end())
      for (const c of [slow, writer, watcher, late]) c.end()
    })
  }

  test('H50 hocuspocus 4: a socket with several documents is caught up in each of them', async () => {
    const socket = openSocket('hocuspocus 4', server.url)
    const names = ['slow-many-a', 'slow-many-b', 'slow-many-c']
    const docs = names.map(name => openDocument('hocuspocus 4', socket, name, { document: new Y.Doc() }))
    await until('all to be open', () => docs.every(d => d.isSynced))
    const writers = names.map(name => new Client(server, 'hocuspocus 4', name))
    await Promise.all(writers.map(w => w.synced()))
    pauseReading(socket.webSocket)
    for (let n = 0; n < 200; n++) {
      writers.forEach((w, i) => w.doc.getMap('map').set(`k${n % 3}`, `${i} ${n} `.repeat(4000)))
      if (n % 10 === 0) await sleep(2)
    }
    const late = await Promise.all(names.map(async name => { const c = new Client(server, 'y-websocket 3', name); await c.synced(); return c }))
    resumeReading(socket.webSocket)
    for (let i = 0; i < names.length; i++) {
      await until(`${names[i]} to be the same`, () => same({ doc: docs[i].document }, writers[i]), 20000)
    }
    docs.forEach(d => d.destroy())
    socket.destroy()
    for (const c of [...writers, ...late]) c.end()
  })

  test('H50 deletes that it has missed are all there, however they came', async () => {
    const [slow, writer] = [new Client(server, 'y-websocket 3', 'slow-deletes'), new Client(server, 'y-websocket 3', 'slow-deletes')]
    await Promise.all([slow.synced(), writer.synced()])
    for (let n = 0; n < 300; n++) writer.text.insert(0, `word${n} `)
    await until('both to be the same', () => same(slow, writer) && slow.text.length > 2000)
    pauseReading(slow.provider.ws)
    for (let n = 0; n < 60; n++) {
      writer.doc.getMap('map').set('big', String(n).repeat(20000))
      writer.text.delete(n * 7, 3)
      if (n % 5 === 0) await sleep(3)
    }
    await sleep(100)
    resumeReading(slow.provider.ws)
    await until('both to be the same', () => same(slow, writer), 10000)
    slow.end(); writer.end()
  })
})

describe('large documents', () => {
  /** A document of many structs by many clients, with much that is deleted. */
  const large = () => {
    const doc = new Y.Doc({ gc: true })
    for (let c = 0; c < 20; c++) {
      const other = new Y.Doc()
      Y.applyUpdate(other, Y.encodeStateAsUpdate(doc))
      const text = other.getText('text')
      for (let n = 0; n < 100; n++) text.insert(Math.floor(text.length * ((n * 37 % 100) / 100)), `${c}:${n} `.repeat(50))
      for (let n = 0; n < 50; n++) text.delete(n * 20, 3)
      Y.applyUpdate(doc, Y.encodeStateAsUpdate(other, Y.encodeStateVector(doc)))
    }
    return doc
  }

  test('H51 come in small messages, each of them whole; who joins meanwhile shares them', async () => {
    const source = large()
    const size = Y.encodeStateAsUpdate(source).length
    const first = new Raw('large')
    await first.opened
    first.step2(source)
    await until('its echo', () => first.sync().length > 1)
    const joiners = Array.from({ length: 30 }, () => new Raw('large'))
    await Promise.all(joiners.map(j => j.opened))
    await until('STEP1', () => joiners.every(j => j.frames.length > 0))
    joiners.forEach(j => j.step1())
    await until('the answers', () => joiners.every(j => j.sync().some(f => f[1] === 1)), 20000)
    for (const joiner of joiners) {
      const doc = new Y.Doc()
      const parts = joiner.sync().slice(1)
      assert.ok(parts.length > size / 32768 * 0.8, `${parts.length} parts of ${size} bytes`)
      // Only the last one has the deletes.
      assert.ok(parts.slice(0, -1).every(f => f.length < 36000), `a part of ${Math.max(...parts.map(f => f.length))} bytes`)
      assert.deepEqual(parts.map(f => f[1]), [...parts.slice(1).map(() => 2), 1])
      for (const part of parts) {
        Y.applyUpdate(doc, payload(part))
        assert.equal(doc.store.pendingStructs, null)
      }
      assert.equal(doc.getText('text').toString(), source.getText('text').toString())
    }
    joiners.forEach(j => j.end())
    first.end()
  })

  test('H51 what is typed while somebody is being sent a document arrives too', async () => {
    const source = large()
    const writer = new Client(server, 'y-websocket 3', 'large-typed')
    await writer.synced()
    Y.applyUpdate(writer.doc, Y.encodeStateAsUpdate(source))
    await sleep(300)
    const joiners = []
    for (let n = 0; n < 12; n++) {
      joiners.push(new Client(server, Object.keys(families)[n % 7], 'large-typed'))
      writer.text.insert(n * 100, `typed ${n} `)
      writer.text.delete(n * 50, 5)
      await sleep(2)
    }
    for (const j of joiners) await until('sync', () => j.provider.synced, 20000)
    for (const j of joiners) await until('the joiner to have all', () => same(j, writer))
    for (const c of [writer, ...joiners]) c.end()
  })

  test('H52 who has everything is sent a few bytes, however much was deleted', async () => {
    const doc = new Y.Doc()
    const text = doc.getText('text')
    text.insert(0, 'abcdefghij'.repeat(3000))
    for (let n = 0; n < 8000; n++) text.delete(n * 2, 1)
    assert.ok(Y.encodeStateAsUpdate(doc).length > 40000)
    const writer = new Raw('deletes')
    await writer.opened
    writer.step2(doc)
    writer.step1(doc)
    await until('its own answer', () => writer.sync().some(f => f[1] === 1))
    const again = new Raw('deletes')
    await again.opened
    again.step1(doc)
    await until('STEP1', () => again.frames.length > 0)
    again.step2(doc)
    await until('the answer', () => again.sync().some(f => f[1] === 1))
    assert.ok(again.bytes() < 64, `${again.bytes()} bytes`)
    // Who lacks a delete is sent that one.
    text.delete(5, 1)
    writer.send(0, 2, Y.encodeStateAsUpdate(doc, Y.encodeStateVector(doc)))
    const old = new Raw('deletes')
    await old.opened
    const before = new Y.Doc()
    Y.applyUpdate(before, payload(writer.sync().at(-1)))
    old.step1(doc)
    await sleep(50)
    assert.ok(old.sync().every(f => f[1] !== 1), 'it did not wait for what the client has')
    old.step2(new Y.Doc())
    await until('the answer', () => old.sync().some(f => f[1] === 1))
    assert.ok(old.bytes() > 16000, `${old.bytes()} bytes`)
    // Who never says what it has is answered all the same.
    const silent = new Raw('deletes')
    await silent.opened
    silent.step1(doc)
    await until('the answer', () => silent.sync().some(f => f[1] === 1), 4000)
    assert.ok(silent.bytes() > 16000)
    for (const c of [writer, again, old, silent]) c.end()
  })
})
