// permessage-deflate with the clients' own libraries: docs/server.md H80 to H85.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import http from 'node:http'
import { after, before, describe, test } from 'node:test'
import { BINARY, Client, WebSocket, Y, families, nativeOnly, same, sleep, startServer, until } from './support.mjs'

let server
before(async () => { server = await startServer({ args: ['--room-idle-ms', '600000'] }) })
after(async () => { await server.stop() })

const step1 = new Uint8Array([0, 0, 1, 0])
const varuint = n => n < 128 ? [n] : [n % 128 + 128, ...varuint(Math.floor(n / 128))]
const message = (step, bytes) => Buffer.concat([Buffer.from([0, step, ...varuint(bytes.length)]), bytes])

/** A socket that counts what comes over the wire, and keeps the messages. */
async function open (room, options = {}, s = server) {
  const ws = new WebSocket(`${s.url}/${room}`, options)
  ws.messages = []
  ws.on('message', data => ws.messages.push(data))
  ws.on('error', () => {})
  ws.closed = new Promise(resolve => ws.once('close', resolve))
  await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject))
  ws.wire = () => ws._socket.bytesRead
  return ws
}

function textOf (bytes) {
  const doc = new Y.Doc()
  let words = ''
  for (let i = 0; words.length < bytes; i++) words += `paragraph ${i} of a document that people wrote; `
  doc.getText('text').insert(0, words)
  return doc
}

async function fill (room, bytes, s = server) {
  const ws = await open(room, {}, s)
  const doc = textOf(bytes)
  ws.send(message(1, Y.encodeStateAsUpdate(doc)))
  await until('the document to be there', () => ws.messages.some(m => m[0] === 0 && m[1] === 2))
  ws.terminate()
  return doc
}

const has = (ws, doc) => {
  const mine = new Y.Doc()
  for (const m of ws.messages) {
    if (m[0] !== 0 || m[1] === 0) continue
    let at = 2
    while (m[at++] > 127);
    Y.applyUpdate(mine, m.subarray(at))
  }
  return mine.getText('text').toString() === doc.getText('text').toString()
}

describe('permessage-deflate', nativeOnly('compression is the platform\'s there'), () => {
  const offers = {
    'as a browser does': [true, {}],
    'with context takeover given up by itself': [{ serverNoContextTakeover: true, clientNoContextTakeover: true }, {}],
    'with a window of its own': [{ clientMaxWindowBits: 10 }, {}],
    'with the largest window of ours': [{ serverMaxWindowBits: 15 }, {}],
    'for every message, however small': [{ threshold: 0 }, {}]
  }
  for (const [name, [perMessageDeflate, more]] of Object.entries(offers)) {
    test(`H80 ws offers ${name}: it is taken, and a large document is small on the wire`, async () => {
      const room = `offer-${Object.keys(offers).indexOf(name)}`
      const doc = await fill(room, 300_000)
      const ws = await open(room, { perMessageDeflate, ...more })
      assert.equal(ws.extensions, 'permessage-deflate')
      ws.send(step1)
      await until('the document', () => has(ws, doc))
      assert.ok(ws.wire() < 100_000, `${ws.wire()} bytes`)
      // And in the other direction, in fragments too.
      const other = await open(room, { perMessageDeflate: false })
      const more1 = textOf(50_000)
      const bytes = message(2, Y.encodeStateAsUpdate(more1))
      ws.send(bytes.subarray(0, 20_000), { fin: false, compress: true })
      ws.send(bytes.subarray(20_000), { fin: true, compress: true })
      await until('the other to have it', () => other.messages.some(m => m.length > 50_000 && m.equals(bytes)))
      ws.terminate()
      other.terminate()
    })
  }

  for (const [name, perMessageDeflate] of [['not at all', false], ['with a window that is too small', { serverMaxWindowBits: 10 }]]) {
    test(`H80 ws offers it ${name}: the connection is as without`, async () => {
      const room = `declined-${perMessageDeflate === false}`
      const doc = await fill(room, 300_000)
      const ws = await open(room, { perMessageDeflate })
      assert.equal(ws.extensions, '')
      ws.send(step1)
      await until('the document', () => has(ws, doc))
      assert.ok(ws.wire() > 300_000)
      ws.terminate()
    })
  }

  const upgrade = (extensions, s = server) => new Promise((resolve, reject) => {
    http.get(`${s.http}/raw-upgrade`, {
      headers: { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': 13, 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Extensions': extensions }
    }).once('upgrade', (res, socket) => { socket.destroy(); resolve(res.headers['sec-websocket-extensions']) })
      .once('response', res => { res.resume(); resolve(res.statusCode) }).once('error', reject)
  })
  test('H80 the answer names both parameters; what is no list of extensions is 400', async () => {
    const answer = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'
    assert.equal(await upgrade('permessage-deflate'), answer)
    assert.equal(await upgrade('permessage-deflate; server_max_window_bits=9, permessage-deflate'), answer)
    assert.equal(await upgrade('x-webkit-deflate-frame'), undefined)
    assert.equal(await upgrade('permessage-deflate; a='), 400)
  })

  test('H80 compression=off: nothing is taken', async () => {
    const off = await startServer({ args: ['--compression', 'off'] })
    assert.equal(await upgrade('permessage-deflate', off), undefined)
    assert.equal(await upgrade('permessage-deflate; a=', off), undefined)
    await off.stop()
  })

  test('H81 an update goes to all, to each as it takes it; small ones and presence as they are', async () => {
    const plain = await open('mixed', { perMessageDeflate: false })
    const packed = await open('mixed')
    const sender = await open('mixed')
    const large = message(2, Y.encodeStateAsUpdate(textOf(40_000)))
    const small = message(2, Y.encodeStateAsUpdate(textOf(100)))
    await sleep(50)
    const before = [plain, packed].map(ws => ws.wire())
    sender.send(large)
    for (const ws of [plain, packed, sender]) await until('the large one', () => ws.messages.some(m => m.equals(large)))
    const [wirePlain, wirePacked] = [plain, packed].map((ws, i) => ws.wire() - before[i])
    assert.ok(wirePlain > large.length && wirePacked < large.length / 3, `${wirePlain} and ${wirePacked}`)
    const at = packed.wire()
    sender.send(small)
    await until('the small one', () => packed.messages.some(m => m.equals(small)))
    assert.ok(packed.wire() - at >= small.length)
    for (const ws of [plain, packed, sender]) ws.terminate()
  })

  test('H82 a bomb closes its own socket with 1009, takes no memory, and hurts nobody', { timeout: 60_000 }, async () => {
    const [writer, reader] = [new Client(server, 'y-websocket 3', 'bombs'), new Client(server, 'y-websocket 3', 'bombs')]
    await Promise.all([writer.synced(), reader.synced()])
    const bomb = Buffer.alloc(60 << 20)
    const rss = () => Number(fs.readFileSync(`/proc/${server.child.pid}/statm`, 'utf8').split(' ')[1]) * 4096 / 2 ** 20
    const before = rss()
    for (let i = 0; i < 4; i++) {
      const ws = await open('bombs', { perMessageDeflate: { zlibDeflateOptions: { level: 9 } } })
      ws.send(bomb)
      assert.equal(await ws.closed, 1009)
      writer.text.insert(0, 'x')
    }
    await until('the reader to have all', () => reader.text.toString() === 'xxxx')
    if (!BINARY.includes('asan')) assert.ok(rss() - before < 40, `${rss() - before} MiB`)
    writer.end()
    reader.end()
  })

  test('H84 rubbish closes its own socket with 1007', async () => {
    const ws = await open('rubbish')
    const mask = Buffer.alloc(4)
    ws._socket.write(Buffer.concat([Buffer.from([0xc2, 0x83]), mask, Buffer.from([7, 0, 1])]))
    assert.equal(await ws.closed, 1007)
    const bare = await open('rubbish', { perMessageDeflate: false })
    bare._socket.write(Buffer.concat([Buffer.from([0xc2, 0x83]), mask, Buffer.from([7, 0, 1])]))
    assert.equal(await bare.closed, 1002)
  })

  for (const family of Object.keys(families)) {
    test(`H85 ${family}: a large document comes and goes compressed, with every message of every family`, async () => {
      const low = await startServer({ args: ['--compression-bytes-min', '0', '--sync-part-bytes', '65536', '--compression', '6'] })
      const one = new Client(low, family, 'all')
      await one.synced()
      one.text.insert(0, textOf(400_000).getText('text').toString())
      for (let i = 0; i < 20; i++) one.doc.getMap('map').set(`key ${i}`, i)
      const two = new Client(low, 'y-websocket 3', 'all')
      await until('both to be the same', () => two.text.length > 400_000 && same(one, two), 15_000)
      two.text.insert(0, 'and back')
      one.awareness.setLocalStateField('user', { name: 'one'.repeat(500) })
      await until('both to be the same', () => same(one, two) && two.seesUser(one) !== undefined, 15_000)
      one.end()
      two.end()
      await low.stop()
    })
  }
})
