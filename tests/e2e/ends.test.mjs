// How connections end: close handshakes on both sides, half-closed sockets, peers that vanish without a word. docs/server.md H7, H15, H16.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import net from 'node:net'
import { describe, test } from 'node:test'
import { Client, WebSocket, families, nativeOnly, sleep, startServer, until } from './support.mjs'
import { COLLAB_SECRET, api } from './access-support.mjs'
import { metric } from './limits-support.mjs'
import { movableClock } from '../support/clock.mjs'

const NAMES = Object.keys(families)

/** A WebSocket by hand: says frames as told, keeps what comes, answers nothing by itself. */
async function bare (server, room) {
  const socket = net.connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true })
  const key = randomBytes(16).toString('base64')
  let bytes = Buffer.alloc(0)
  socket.write(`GET /${room} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`)
  const b = { socket, ended: false }
  socket.on('error', () => {})
  socket.on('data', chunk => { bytes = Buffer.concat([bytes, chunk]) })
  socket.on('end', () => { b.ended = true })
  b.gone = new Promise(resolve => socket.on('close', resolve))
  await until('the 101', () => bytes.includes('\r\n\r\n'))
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  assert.ok(bytes.includes(accept))
  bytes = bytes.subarray(bytes.indexOf('\r\n\r\n') + 4)
  /** Frames that have come, as [first byte, payload]. */
  b.frames = () => {
    const list = []
    for (let at = 0; at + 2 <= bytes.length;) {
      let length = bytes[at + 1], head = 2
      if (length === 126) { length = bytes.readUInt16BE(at + 2); head = 4 } else if (length === 127) { length = Number(bytes.readBigUInt64BE(at + 2)); head = 10 }
      if (at + head + length > bytes.length) break
      list.push([bytes[at], bytes.subarray(at + head, at + head + length)])
      at += head + length
    }
    return list
  }
  b.close = () => b.frames().find(([first]) => first === 0x88)?.[1]
  b.say = (first, payload = Buffer.alloc(0), length = payload.length) => socket.write(Buffer.concat([Buffer.from([first, 0x80 | length, 0, 0, 0, 0]), payload]))
  return b
}
const code = (n, reason = '') => Buffer.concat([Buffer.from([n >> 8, n & 255]), Buffer.from(reason)])
const members = server => metric(server, 'partyd_members')
/** The same of one room, asked for as an application does: at the edge there are no metrics. */
const membersOf = async (server, room) => (await api(server, 'GET', `/api/rooms/${room}`)).body.connections

describe('close handshakes', () => {
  test('H7: a close frame is answered with its code, an empty one with an empty one, a wrong one with 1002; then the server ends', nativeOnly('the platform closes sockets'), async () => {
    const server = await startServer()
    const cases = [
      [Buffer.alloc(0), ''], [code(1000), '03e8'], [code(1001, 'away'), '03e9'], [code(3000), '0bb8'], [code(4999, 'ä'.repeat(60)), '1387'],
      [Buffer.from([3]), ''], [code(1005), '03ea'], [code(999), '03ea'], [code(1000, 'x').fill(0xff, 2), '03e']
    ]
    await Promise.all(cases.map(async ([payload, answer]) => {
      const b = await bare(server, 'close')
      const at = Date.now()
      b.say(0x88, payload)
      await until(`an answer to ${payload.toString('hex')}`, () => b.close() !== undefined, 1000)
      assert.ok(b.close().toString('hex').startsWith(answer) && b.close().length <= payload.length + 2, `${payload.toString('hex')}: ${b.close().toString('hex')}`)
      assert.equal(b.frames().filter(([first]) => first === 0x88).length, 1)
      await until('the server to end its side', () => b.ended, 1000)
      assert.ok(Date.now() - at < 1500)
    }))
    assert.equal(await members(server), 0)
    // It does not wait for ever for the other side: 2 s, and a sweep.
    await until('their sockets to be closed', async () => await metric(server, 'partyd_connections') <= 1, 5000) // who asks is one
    await server.stop()
  })

  test('H7: what came before the close frame counts, what comes behind it does not', async () => {
    const server = await startServer()
    const other = new Client(server, 'y-websocket 3', 'order')
    await other.synced()
    const b = await bare(server, 'order')
    const update = Buffer.from('00020e0101010004010474657874' + '02686900', 'hex') // "hi" into "text"
    update[2] = update.length - 3
    b.socket.cork()
    b.say(0x82, update)
    b.say(0x88, code(1000))
    const late = Buffer.from(update)
    late[5] = 2
    b.say(0x82, late)
    b.socket.uncork()
    await until('the first', () => other.text.toString() === 'hi')
    await until('the answer', () => b.close() !== undefined)
    await sleep(100)
    assert.equal(other.text.toString(), 'hi')
    b.socket.destroy()
    other.end()
    await server.stop()
  })

  test('H7: who says goodbye and ends its side at once is answered too', async () => {
    const server = await startServer()
    for (let i = 0; i < 3; i++) {
      const b = await bare(server, 'half')
      server.child.kill('SIGSTOP') // so that it finds both together
      b.say(0x88, code(1000))
      const said = new Promise(resolve => b.socket.once('finish', resolve))
      b.socket.end()
      await said
      server.child.kill('SIGCONT')
      await b.gone
      assert.equal(b.close()?.toString('hex'), '03e8', `try ${i}`)
    }
    await server.stop()
  })

  test('H7: a side that ends without a close frame is out at once, half-closed or reset', nativeOnly('the platform closes sockets'), async () => {
    const server = await startServer()
    const watcher = new Client(server, 'y-websocket 3', 'fin')
    await watcher.synced()
    for (const [id, way] of [[7, 'end'], [8, 'resetAndDestroy'], [9, 'destroy']]) {
      const b = await bare(server, 'fin')
      b.say(0x82, Buffer.from([1, 6, 1, id, 1, 2, 0x7b, 0x7d])) // its clock is 1, its state {}
      await until('its presence', () => watcher.awareness.getStates().has(id))
      b.socket[way]()
      await until(`presence to go with ${way}`, () => !watcher.awareness.getStates().has(id), 1000)
      await b.gone
      assert.equal(await members(server), 1)
    }
    watcher.end()
    await server.stop()
  })

  test('H16: a close by the server waits for its answer, and 2 s at most; who does not read is ended too', nativeOnly('the platform closes sockets'), async () => {
    const server = await startServer({ env: { COLLAB_SECRET } })
    const [answers, stays, deaf] = await Promise.all(['answers', 'stays', 'deaf'].map(() => bare(server, 'kicked')))
    const polite = new WebSocket(`${server.url}/kicked`)
    const said = new Promise(resolve => polite.on('close', (code, reason) => resolve({ code, reason: String(reason) })))
    await until('all to be in', async () => await members(server) === 4)
    // What waits for one that does not read is more than a socket takes; the close frame is behind it.
    deaf.socket.pause()
    const writer = new Client(server, 'y-websocket 3', 'kicked')
    await writer.synced()
    writer.text.insert(0, 'x'.repeat(12_000_000))
    await until('the others to have it', () => stays.frames().some(([, payload]) => payload.length > 12_000_000), 10_000)
    const at = Date.now()
    assert.deepEqual((await api(server, 'POST', '/api/rooms/kicked/kick', { all: true, code: 4403, reason: 'bye' })).body, { kicked: 5 })
    assert.deepEqual(await said, { code: 4403, reason: 'bye' })
    // From the close on nobody is in the room, and nothing that is said counts.
    assert.equal(await members(server), 0)
    await until('the close', () => answers.close() !== undefined && stays.close() !== undefined)
    assert.deepEqual(answers.close(), code(4403, 'bye'))
    // It has said all, and reads on until it is answered.
    await until('its side to end', () => answers.ended && stays.ended)
    await sleep(200)
    assert.ok(await metric(server, 'partyd_connections') >= 4, 'it did not wait for answers') // these two, the deaf one, and who asks
    const answered = Date.now()
    answers.say(0x88, code(4403))
    answers.socket.end()
    await answers.gone
    assert.ok(Date.now() - answered < 1200, `gone ${Date.now() - answered} ms after it had answered`)
    await until('all to be gone', async () => await metric(server, 'partyd_connections') <= 1, 5000) // who asks is one
    assert.ok(Date.now() - at >= 2000, `not answered, and gone after ${Date.now() - at} ms`)
    deaf.socket.destroy()
    writer.end()
    await server.stop()
  })

  for (const family of NAMES) {
    test(`H7: ${family}: disconnect() is over at once, with its presence, and nobody hears of it twice`, async () => {
      const server = await startServer()
      const [a, b] = [0, 1].map(() => new Client(server, family, 'leave'))
      await Promise.all([a.synced(), b.synced()])
      a.awareness.setLocalStateField('user', 'ann')
      await until('presence', () => b.seesUser(a) === 'ann')
      const closed = new Promise(resolve => a.provider.ws.addEventListener('close', event => resolve(event.code)))
      const at = Date.now()
      a.provider.disconnect()
      assert.ok([1000, 1005].includes(await closed))
      assert.ok(Date.now() - at < 1500, `${Date.now() - at} ms`)
      await until('presence to go', () => !b.awareness.getStates().has(a.id), 1500)
      a.end(); b.end()
      await server.stop()
    })
  }
})

/** A link that can be cut without a word to either side: from then on what is said on it is taken and goes nowhere. A new
 * connection is a new link. */
async function link (server) {
  const l = { port: 0, pairs: 0 }
  const listener = net.createServer(client => {
    let isCut = false
    l.pairs++
    const up = net.connect(server.port, '127.0.0.1')
    const forward = (from, to) => {
      from.on('data', chunk => { if (!isCut) to.write(chunk) })
      from.on('close', () => { if (!isCut) to.destroy() }).on('error', () => {})
    }
    forward(client, up)
    forward(up, client)
    l.cut = () => { isCut = true }
    l.serverSide = up
    l.clientSide = client
    l.serverGone = new Promise(resolve => up.on('close', resolve))
  })
  await new Promise(resolve => listener.listen(0, '127.0.0.1', resolve))
  l.port = listener.address().port
  l.url = `ws://127.0.0.1:${l.port}`
  l.close = () => listener.close()
  return l
}

describe('peers that vanish', nativeOnly('the platform pings'), () => {
  test('H15: who says nothing for 30 s is pinged and stays if it answers; who has vanished is out after 75 s, of each family', { timeout: 60_000 }, async () => {
    const clock = movableClock()
    const server = await startServer({ env: clock.env })
    const links = await Promise.all(NAMES.map(() => link(server)))
    const vanish = NAMES.map((family, n) => new Client({ ...server, url: links[n].url, port: links[n].port }, family, 'dead'))
    const stay = NAMES.map(family => new Client(server, family, 'dead'))
    // Says nothing at all, and answers pings.
    const quiet = new WebSocket(`${server.url}/dead`)
    await Promise.all([...vanish, ...stay].map(c => c.synced()))
    ;[...vanish, ...stay].forEach(c => c.awareness.setLocalStateField('user', 'here'))
    await until('all to see all', () => stay.every(c => vanish.every(v => c.seesUser(v) === 'here')))
    let closes = 0, pings = 0
    stay.forEach(c => c.provider.on('connection-close', () => closes++))
    quiet.on('close', () => closes++).on('ping', () => pings++)
    assert.equal(await members(server), 2 * NAMES.length + 1)
    for (const l of links) l.cut()
    vanish.forEach((c, n) => c.text.insert(0, `${n}`)) // into nothing
    for (let second = 31; second <= 62; second += 31) {
      clock.move({ monotonic: 31_000 })
      await until('a ping', () => pings >= second / 31)
      stay.forEach(c => c.awareness.setLocalStateField('n', second))
      await until('the others to go on', () => stay.every(c => stay.every(other => c.awareness.getStates().get(other.id)?.n === second)))
    }
    // Nobody is taken for dead too early: 62 s.
    assert.equal(await members(server), 2 * NAMES.length + 1)
    clock.move({ monotonic: 14_000 })
    await Promise.all(links.map(l => l.serverGone))
    await until('the dead to be out', async () => await members(server) === NAMES.length + 1)
    await until('their presence to go', () => stay.every(c => vanish.every(v => !c.awareness.getStates().has(v.id))))
    assert.equal(closes, 0)
    // The links come back: what was written meanwhile arrives.
    for (const l of links) l.clientSide.destroy()
    await until('all to be back', () => vanish.every(c => c.provider.synced) && stay.every(c => c.text.length === NAMES.length), 10_000)
    await until('their presence', () => stay.every(c => vanish.every(v => c.seesUser(v) === 'here')))
    assert.equal(closes, 0)
    quiet.terminate()
    for (const c of [...vanish, ...stay]) c.end()
    for (const l of links) l.close()
    await server.stop()
  })
})

// Others key what they send by `_pk`, which stays the same: there the end of the old socket cuts off the new one.
describe('H8: a reconnect before the old socket is gone loses no broadcast', () => {
  for (const family of NAMES) test(family, async () => {
    const server = await startServer({ env: { COLLAB_SECRET } }), l = await link(server)
    const a = new Client({ ...server, url: l.url, port: l.port }, family, 'again'), b = new Client(server, 'y-websocket 3', 'again')
    await Promise.all([a.synced(), b.synced()])
    a.awareness.setLocalStateField('user', 'ann')
    await until('presence', () => b.seesUser(a) === 'ann')
    const old = l.serverSide
    const lost = new Promise(resolve => a.provider.on('connection-close', resolve))
    l.cut()
    l.clientSide.destroy() // the server hears nothing of it
    await lost
    await until('it to be in twice', async () => a.provider.synced && l.pairs === 2 && await membersOf(server, 'again') === 3)
    b.text.insert(0, 'while both are there ')
    await until('the text', () => a.text.length === 21)
    old.destroy()
    await until('the old one to be out', async () => await membersOf(server, 'again') === 2)
    b.text.insert(0, 'later ')
    b.awareness.setLocalStateField('user', 'bob')
    await until('what comes later', () => a.text.toString() === 'later while both are there ' && a.seesUser(b) === 'bob', 3000)
    a.text.insert(0, 'and back ')
    await until('the other way', () => b.text.toString().startsWith('and back '), 3000)
    // Its presence went with the old socket, or stayed: it is there soon after.
    await until('presence', () => b.seesUser(a) === 'ann', 3000)
    a.end(); b.end(); l.close()
    await server.stop()
  })
})
