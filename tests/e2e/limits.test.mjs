// How much one may ask of the server, and that nobody else notices: docs/limits.md.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { BINARY, Client, Y, families, same, sleep, startServer, temporary, until } from './support.mjs'
import { wire } from './access-support.mjs'
import { patienceAfterTooLarge } from './patience.mjs'
import { ask, documentLimits, from, hits, metric, metrics, raw, state } from './limits-support.mjs'

const start = async (...args) => await startServer({ args })
const withRooms = rooms => {
  const file = path.join(temporary(), 'partyd.json')
  fs.writeFileSync(file, JSON.stringify({ rooms }))
  return file
}
const openAll = async (server, count, headers = {}, room = 'room') => {
  const sockets = Array.from({ length: count }, () => ask(server, room, headers))
  for (const ws of sockets) assert.deepEqual(await ws.result, { open: true })
  return sockets
}
const endAll = sockets => { for (const ws of sockets) ws.terminate() }
const update = text => {
  const doc = new Y.Doc()
  doc.getText('text').insert(0, text)
  const bytes = Buffer.from(Y.encodeStateAsUpdate(doc))
  const len = []
  for (let n = bytes.length; ; n = Math.floor(n / 128)) { if (n > 127) len.push((n & 127) | 128); else { len.push(n); break } }
  return Buffer.concat([Buffer.from([0, 2, ...len]), bytes])
}

test('L1: beyond connections-max: 503 and Retry-After; who is in and /health go on', async () => {
  const server = await start('--connections-max', '16')
  const sockets = await openAll(server, 14)
  const editor = new Client(server, 'y-websocket 3', 'room')
  await editor.synced()
  const health = await fetch(`${server.http}/health`)
  assert.equal(health.status, 200)
  const last = await openAll(server, 1)
  assert.deepEqual(await ask(server, 'room').result, { status: 503, retryAfter: '5' })
  assert.equal((await fetch(`${server.http}/health`)).status, 200)
  assert.ok(await hits(server, 'connections-max') >= 1)
  editor.text.insert(0, 'still here')
  await until('the edit to be told', () => sockets[0].messages.some(m => m.includes('still here')))
  // Far beyond it there is not even an answer.
  const idle = Array.from({ length: 20 }, () => raw(server, 'G'))
  await Promise.race(idle.map(s => s.ended))
  endAll(last)
  await until('a place', async () => { const ws = ask(server, 'room'); const open = (await ws.result).open === true; ws.terminate(); return open })
  for (const s of idle) s.destroy()
  editor.end(); endAll(sockets)
  await server.stop()
})

test('L2: requests that trickle in are ended in time, fill no more than their places, and hurt nobody who is in', async () => {
  const server = await start('--handshakes-max', '16', '--handshake-ms', '1500')
  const [one, two] = [new Client(server, 'y-websocket 3', 'room'), new Client(server, 'hocuspocus 4', 'room')]
  await Promise.all([one.synced(), two.synced()])
  const begun = Date.now()
  const slow = Array.from({ length: 16 }, () => raw(server, 'GET /room HTTP/1.1\r\n'))
  const drip = setInterval(() => { for (const s of slow) s.write('X: y\r\n') }, 200)
  await until('them to count', async () => await metric(server, 'partyd_connections_unadmitted') >= 16)
  assert.equal((await ask(server, 'room').result).status, 503)
  one.text.insert(0, 'meanwhile')
  await until('the edit', () => two.text.toString() === 'meanwhile')
  const ended = await Promise.all(slow.map(s => s.ended))
  clearInterval(drip)
  for (const at of ended) assert.ok(at - begun > 1000 && at - begun < 4000, `ended after ${at - begun} ms`)
  assert.ok(await hits(server, 'handshake-ms') >= 16)
  assert.ok(await hits(server, 'handshakes-max') >= 1)
  endAll(await openAll(server, 1))
  one.end(); two.end()
  await server.stop()
})

test('L3: an address has its connections, its handshakes and its requests a second; others notice nothing', async () => {
  const server = await start('--address-connections-max', '4', '--address-connects-per-s', '1')
  const mine = await openAll(server, 4, from('198.51.100.1'))
  assert.deepEqual(await ask(server, 'room', from('198.51.100.1')).result, { status: 429, retryAfter: '5' })
  endAll(await openAll(server, 2, from('198.51.100.2')))
  endAll(mine)
  await until('them to be gone', async () => await metric(server, 'partyd_members') === 0)
  // 4 of the burst of 8 are used, and the fifth was over the other limit already.
  let let_in = 0
  for (let i = 0; i < 8; i++) {
    const ws = ask(server, 'room', from('198.51.100.1'))
    if ((await ws.result).open) let_in++
    ws.terminate()
  }
  assert.ok(let_in >= 4 && let_in <= 7, `${let_in} let in`)
  assert.ok(await hits(server, 'address-connects-per-s') >= 1)
  assert.ok(await hits(server, 'address-connections-max') >= 1)
  endAll(await openAll(server, 2, from('198.51.100.3')))
  // The /64 of an IPv6 address is one.
  endAll([...await openAll(server, 4, from('2001:db8:1:2::1')), ...await openAll(server, 1, from('2001:db8:1:3::1'))])
  await server.stop()
})

test('L3: handshakes of an address', async () => {
  const server = await start('--address-handshakes-max', '2', '--trusted-proxies', '')
  const slow = [raw(server, 'G'), raw(server, 'G')]
  await until('them to count', async () => await metric(server, 'partyd_connections_unadmitted') >= 3)
  assert.equal((await ask(server, 'room').result).status, 429)
  assert.ok(await hits(server, 'address-handshakes-max') >= 1)
  for (const s of slow) s.destroy()
  await sleep(100)
  endAll(await openAll(server, 1))
  await server.stop()
})

test('L4: who is trusted says for whom it asks, and nobody else does', async () => {
  const limit = ['--address-connections-max', '2']
  const server = await start(...limit, '--trusted-proxies', 'loopback, 203.0.113.0/24')
  // What the client has written before the proxy's own word does not count.
  const mine = []
  for (const list of ['1.1.1.1, 198.51.100.1', '2.2.2.2,198.51.100.1, 203.0.113.7']) mine.push(...await openAll(server, 1, from(list)))
  assert.equal((await ask(server, 'room', from('3.3.3.3, 198.51.100.1')).result).status, 429)
  // The other field is not read, and who is named by nobody has no limits of an address.
  const nobody = [...await openAll(server, 3, { forwarded: 'for=198.51.100.1' }), ...await openAll(server, 3)]
  endAll([...mine, ...nobody])
  await server.stop()

  const untrusted = await start(...limit, '--trusted-proxies', '203.0.113.0/24')
  const own = [...await openAll(untrusted, 1, from('1.1.1.1')), ...await openAll(untrusted, 1, from('2.2.2.2'))]
  assert.equal((await ask(untrusted, 'room', from('3.3.3.3')).result).status, 429)
  await until('the warning', () => untrusted.log.includes('trusted-proxies'))
  assert.equal(untrusted.log.split('trusted-proxies').length, 2, 'said once')
  endAll(own)
  await untrusted.stop()

  const rfc = await start(...limit, '--proxy-header', 'forwarded')
  const client = value => ({ forwarded: value })
  const two = [...await openAll(rfc, 1, client('for=9.9.9.9, for="[2001:db8::1]:4711";proto=https')), ...await openAll(rfc, 1, client('proto=http;for="[2001:db8::2]"'))]
  assert.equal((await ask(rfc, 'room', client('for="[2001:db8::3]"')).result).status, 429)
  endAll(two)
  await rfc.stop()
  const bad = spawnSync(BINARY, ['dev', '--trusted-proxies', '10.0.0.0/33'], { encoding: 'utf8' })
  assert.equal(bad.status, 2)
  assert.match(bad.stderr, /trusted-proxies: '10\.0\.0\.0\/33' is no address/)
})

// More than fits into one read, since what was read is worked through.
const states = ws => { for (let i = 0; i < 2500; i++) ws.send(state(7, i + 1, JSON.stringify({ n: i, fill: 'x'.repeat(280) }))) }
const bytes = ws => { for (let i = 0; i < 11; i++) ws.send(update('x'.repeat(500000))) }
const slowdowns = {
  'connection-messages-per-s': { value: 200, send: states },
  'connection-bytes-per-s': { value: 500000, send: bytes },
  'address-messages-per-s': { value: 200, send: states },
  'address-bytes-per-s': { value: 500000, send: bytes },
  'room-messages-per-s': { value: 200, send: states },
  'room-bytes-per-s': { value: 500000, send: bytes }
}
for (const [limit, { value, send }] of Object.entries(slowdowns)) {
  test(`L5: beyond ${limit} it is read more slowly, loses nothing, and stays`, async () => {
    const server = await start(`--${limit}`, String(value))
    const other = new Client(server, 'y-websocket 3', 'other')
    const [fast] = await openAll(server, 1, from('198.51.100.1'))
    const [seer] = await openAll(server, 1, from('198.51.100.2'))
    const begun = Date.now()
    send(fast)
    fast.send(update('the last word'))
    await until('it to be slowed', async () => await hits(server, limit) >= 1)
    await other.synced()
    other.text.insert(0, 'honest')
    const third = new Client(server, 'y-websocket 2', 'other')
    await until('others to go on', () => third.text.toString() === 'honest')
    assert.ok(Date.now() - begun < 2500, `others took ${Date.now() - begun} ms`)
    fast.send(update('and one more'))
    await until('all of it', () => seer.messages.some(m => m.includes('the last word')) && seer.messages.some(m => m.includes('and one more')), 15000)
    const took = Date.now() - begun
    assert.ok(took >= 1500, `all came within ${took} ms`)
    assert.equal(fast.readyState, 1)
    other.end(); third.end(); endAll([fast, seer])
    await server.stop()
  })
}

test('L5: of compressed messages the unpacked size counts', async () => {
  const server = await start('--connection-bytes-per-s', '500000')
  const ws = ask(server, 'room', {}, { threshold: 0 })
  assert.deepEqual(await ws.result, { open: true })
  bytes(ws)
  await until('it to be slowed', async () => await hits(server, 'connection-bytes-per-s') >= 1)
  assert.ok(await metric(server, 'partyd_socket_bytes_in_total') < 500000)
  endAll([ws])
  await server.stop()
})

test('L7: rooms in memory, and connections in a room', async () => {
  const rooms = { 'two-*': { 'connections-max': 2 }, '*': {} }
  const server = await start('--rooms-max', '2', '--room-idle-ms', '0', '--room-connections-max', '3', '--config', withRooms(rooms))
  const one = await openAll(server, 3, {}, 'one')
  const two = await openAll(server, 2, {}, 'two-a')
  for (const [room, reason] of [['one', 'room_full'], ['two-a', 'room_full'], ['three', 'busy']]) {
    assert.deepEqual(await ask(server, room).closed, { code: 4503, reason }, room)
  }
  assert.equal(await hits(server, 'room-connections-max'), 2)
  assert.equal(await hits(server, 'rooms-max'), 1)
  // A document on a socket that has another one in is asked for its token, and not let in.
  endAll(one)
  await until('a place', async () => { const ws = ask(server, 'three'); await ws.result; await sleep(100); const open = ws.readyState === 1; ws.terminate(); return open }, 15000)
  endAll(two)
  await server.stop()
})

test('L12: rooms that an address has brought into memory', async () => {
  const server = await start('--address-rooms-max', '2', '--room-idle-ms', '0')
  const [ann, bob] = [from('198.51.100.1'), from('198.51.100.2')]
  const one = await openAll(server, 1, ann, 'one')
  const two = [...await openAll(server, 1, ann, 'two'), ...await openAll(server, 1, bob, 'two')]
  assert.deepEqual(await ask(server, 'three', ann).closed, { code: 4503, reason: 'busy' })
  assert.equal(await hits(server, 'address-rooms-max'), 1)
  // What is in memory is there for all, others have their own number, and whom no proxy names has none.
  const others = [...await openAll(server, 1, bob, 'three'), ...await openAll(server, 1, ann, 'three')]
  for (const room of ['four', 'five', 'six']) others.push(...await openAll(server, 1, {}, room))
  await until('all to be in', async () => await metric(server, 'partyd_members') === 8)
  // Who has gone keeps the count of a room that others are in.
  endAll([two[0]])
  await until('it to be gone', async () => await metric(server, 'partyd_members') === 7)
  assert.deepEqual(await ask(server, 'seven', ann).closed, { code: 4503, reason: 'busy' })
  endAll(one)
  await until('a place', async () => { const ws = ask(server, 'seven', ann); await ws.result; await sleep(100); const open = ws.readyState === 1; ws.terminate(); return open }, 15000)
  endAll([...two, ...others])
  await server.stop()
})

/** What each family does when it is turned away: attempts in the first five seconds, and what it has to say when there is
 * room. `wires` counts, `free` makes room. */
async function patience (server, rooms, free) {
  const names = Object.keys(families)
  const wires = await Promise.all(names.map(() => wire(server)))
  const clients = names.map((family, i) => new Client(wires[i], family, rooms(i)))
  clients.forEach((c, i) => c.text.insert(0, `said by ${names[i]}`)) // before it is in
  await sleep(5000)
  const early = wires.map(w => w.attempts.filter(at => at < 5000).length)
  await free()
  await Promise.all(clients.map((c, i) => until(`${names[i]} to come in`, () => c.provider.synced, 20000)))
  const late = wires.map(w => w.attempts.length)
  // Nothing is lost, and nobody comes again once it is in.
  for (const [i, c] of clients.entries()) {
    const reader = new Client(server, 'y-websocket 3', rooms(i))
    await until(`what ${names[i]} said`, () => reader.text.toString().includes(`said by ${names[i]}`), 8000)
    await until('it to be saved', () => c.provider.version === undefined || c.provider.unsaved <= 0)
    reader.end()
  }
  assert.deepEqual(wires.map(w => w.attempts.length), late)
  clients.forEach(c => c.end())
  wires.forEach(w => w.close())
  names.forEach((family, i) => assert.ok(early[i] >= 1 && early[i] <= 3, `${family} made ${early[i]} attempts`))
}

// Of addresses: everybody comes from one, and the proxy that tests run through is none.
const OWN_ADDRESS = ['--trusted-proxies', '']
const turnedAway = {
  'room-connections-max': { args: ['--room-connections-max', '2'], take: server => Promise.all(Object.keys(families).map((_, i) => openAll(server, 2, {}, `room-${i}`))) },
  'rooms-max': { args: ['--rooms-max', '1', '--room-idle-ms', '0'], take: server => openAll(server, 1, {}, 'other'), oneRoom: true },
  'address-rooms-max': { args: ['--address-rooms-max', '1', '--room-idle-ms', '0', ...OWN_ADDRESS], take: server => openAll(server, 1, {}, 'other'), oneRoom: true },
  'connections-max': { args: ['--connections-max', '16'], take: server => openAll(server, 16) },
  'handshakes-max': { args: ['--handshakes-max', '16'], take: server => strangers(server, 16) },
  'address-connections-max': { args: ['--address-connections-max', '16', ...OWN_ADDRESS], take: server => openAll(server, 16) },
  'address-handshakes-max': { args: ['--address-handshakes-max', '16', ...OWN_ADDRESS], take: server => strangers(server, 16) },
  // A burst of 16 is used up, and two a second come in.
  'address-connects-per-s': { args: ['--address-connects-per-s', '2', ...OWN_ADDRESS], take: server => openAll(server, 16) }
}
async function strangers (server, count) {
  const list = Array.from({ length: count }, () => raw(server, 'G'))
  await until('them to count', async () => await metric(server, 'partyd_connections_unadmitted') >= count)
  return list.map(s => ({ terminate: () => s.destroy() }))
}

describe('L8: turned away, no family hammers; all come in when there is room, and nothing is lost', { concurrency: true }, () => {
  const { warn, error } = console
  before(() => { console.warn = console.error = () => {} }) // providers say there that they were turned away
  after(() => Object.assign(console, { warn, error }))
  for (const [limit, { args, take, oneRoom }] of Object.entries(turnedAway)) {
    test(limit, async () => {
      const server = await start('--handshake-ms', '60000', ...args)
      const taken = (await take(server)).flat()
      await patience(server, i => oneRoom ? 'room' : `room-${i}`, async () => endAll(taken))
      assert.ok(await hits(server, limit) >= 1)
      await server.stop()
    })
  }
})

test('L8: after a message that is too large no family hammers', async () => {
  const server = await start('--message-bytes-max', '20000')
  await patienceAfterTooLarge(server)
  assert.ok(await hits(server, 'message-bytes-max') >= 2)
  await server.stop()
})

test('R71: who says a thousand states a second costs the others a few, and they see the last', async () => {
  const server = await start('--presence-updates-per-s', '20')
  const [loud] = await openAll(server, 1)
  const [seer] = await openAll(server, 1)
  const before = (await metrics(server)).values
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 100; i++) loud.send(state(7, round * 100 + i + 1, `{"n":${round * 100 + i}}`))
    await sleep(100)
  }
  await until('the last state', () => seer.messages.some(m => m.includes('{"n":1999}')))
  const told = seer.messages.filter(m => m.includes('{"n":')).length
  assert.ok(told >= 5 && told <= 75, `told ${told} times`)
  const after = (await metrics(server)).values
  const key = 'partyd_limit_hits_total{limit="presence-updates-per-s"}'
  assert.ok(after.get(key) - before.get(key) > 200)
  endAll([loud, seer])
  await server.stop()
})

test('R70: client ids of one connection, and bytes of a state', async () => {
  const server = await start('--presence-clients-max', '3', '--presence-bytes-max', '100')
  const [many] = await openAll(server, 1)
  const seer = new Client(server, 'y-websocket 3', 'room')
  await seer.synced()
  for (let client = 1; client <= 5; client++) many.send(state(client, 1, '{"ok":1}'))
  many.send(state(1, 2, JSON.stringify({ long: 'x'.repeat(200) })))
  await until('three of them', () => seer.awareness.getStates().size === 4)
  await until('the refusals', async () => await hits(server, 'presence-clients-max') === 2 && await hits(server, 'presence-bytes-max') === 1)
  assert.deepEqual(seer.awareness.getStates().get(1), { ok: 1 })
  seer.end(); endAll([many])
  await server.stop()
})

const small = 300000
test('D5 R5 R20: a document at its document-bytes-max is told to who writes, not saved, and whole after a restart', async () => {
  const rooms = withRooms({ '*': { 'document-bytes-max': small } })
  const server = await start('--config', rooms)
  const [writer, hocuspocus, witness] = ['y-websocket 3', 'hocuspocus 4', 'y-websocket 2'].map(family => new Client(server, family, 'full'))
  await Promise.all([writer, hocuspocus, witness].map(c => c.synced()))
  await until('it to be saved', () => hocuspocus.provider.unsaved === 0)
  const told = []
  writer.provider.ws.on('message', data => { if (Buffer.from(data)[0] === 2) told.push(Buffer.from(data).toString()) })
  const { warn } = console
  console.warn = () => {} // a provider says there what it is told
  // Single letters in no order: the cheapest to hold and the dearest to reckon.
  for (let n = 0; n < 6000 && told.length === 0; n++) {
    writer.text.insert(n * 7919 % (n + 1), 'x')
    if (n % 50 === 0) await sleep(1)
  }
  await until('the writer to be told', () => told.length === 1)
  assert.match(told[0], /not saved: the document would be too large/)
  assert.ok(await hits(server, 'document-bytes-max') >= 1)
  await sleep(300)
  const length = witness.text.length
  assert.ok(length > 500 && length < writer.text.length)
  hocuspocus.text.insert(0, 'y'.repeat(small))
  await sleep(300)
  assert.equal(hocuspocus.provider.unsaved, 1)
  assert.equal(witness.text.length, length)
  console.warn = warn
  for (const c of [writer, hocuspocus, witness]) c.end()
  await server.stop()
  const again = await startServer({ data: server.data, args: ['--config', rooms] })
  const reader = new Client(again, 'y-websocket 3', 'full')
  await reader.synced()
  await until('all that was saved', () => reader.text.length === length)
  reader.end()
  await again.stop()
})

test('R5 L11: a document at its limit takes what only deletes, and then more again; nothing is lost', async () => {
  const server = await start('--document-bytes-max', String(small))
  const clients = ['y-websocket 3', 'hocuspocus 4', 'y-websocket 2'].map(family => new Client(server, family, 'full'))
  const [writer, tidier, witness] = clients
  await Promise.all(clients.map(c => c.synced()))
  await until('it to be saved', () => tidier.provider.unsaved === 0)
  const { warn } = console
  console.warn = () => {} // a provider says there what it is told
  for (let before = -1; before < witness.text.length;) { // until one is refused
    before = witness.text.length
    const refused = await hits(server, 'document-bytes-max')
    writer.text.insert(0, 'x'.repeat(10000))
    await until('a word of it', async () => witness.text.length > before || await hits(server, 'document-bytes-max') > refused)
  }
  const full = witness.text.length
  assert.ok(full >= 50000 && full < writer.text.length, `${full} letters`)
  await until('all of it to come', () => tidier.text.length === full)
  tidier.text.delete(0, full - 10)
  assert.equal(tidier.provider.unsaved, 1)
  await until('the deletion to be saved', () => tidier.provider.unsaved === 0)
  // What was refused may have been asked for again, and have come behind it.
  await until('all to see it', () => [10, 10010].includes(witness.text.length) && writer.text.length === 10010)
  tidier.text.insert(0, 'there is room')
  await until('it to be saved', () => tidier.provider.unsaved === 0)
  writer.text.insert(0, 'and for me') // what was refused is missing now, and asked for (R7)
  await until('all to have all', () => clients.every(c => c.text.length === 10 + 13 + 10 + 10000), 10000)
  assert.ok(same(writer, witness) && same(tidier, witness))
  console.warn = warn
  for (const c of clients) c.end()
  await server.stop()
})

test('R5: of more than may wait only what waits is refused, and comes when it need not', async () => {
  const server = await start()
  const other = new Y.Doc(), said = []
  other.on('update', u => said.push(u))
  for (const word of ['one', 'two']) other.getText('text').insert(0, word)
  const [writer, reader] = ['y-websocket 3', 'y-websocket 2'].map(family => new Client(server, family, 'gap'))
  // All before the socket is open: it is in one STEP2, of which 3 letters wait.
  writer.text.insert(0, randomBytes(17 * 2 ** 19).toString('hex'))
  Y.applyUpdate(writer.doc, said[1])
  const told = []
  writer.provider.ws.addEventListener('message', ({ data }) => { if (Buffer.from(data)[0] === 2) told.push(Buffer.from(data).toString()) })
  const { warn } = console
  console.warn = () => {}
  await until('the text, and the writer to be told', () => reader.text.length === 17 * 2 ** 20 && told.length === 1, 10000)
  assert.match(told[0], /not saved: the document would be too large/)
  Y.applyUpdate(writer.doc, said[0])
  await until('the words', () => reader.text.length === 17 * 2 ** 20 + 6)
  assert.ok(same(writer, reader))
  console.warn = warn
  writer.end(); reader.end()
  await server.stop()
})

test('L11: document-bytes-max is a setting, and the table of rooms says other numbers', async () => {
  const server = await start('--document-bytes-max', String(small), '--config', withRooms({ 'big-*': { 'document-bytes-max': 10 * small }, '*': {} }))
  await documentLimits(server, small)
  assert.ok(await hits(server, 'document-bytes-max') >= 1)
  await server.stop()
})

test('D5: message-bytes-max holds for chunks too, and on a Hocuspocus socket for rooms that have no limit of their own', async () => {
  const server = await start('--message-bytes-max', String(2 ** 20), '--config', withRooms({ 'big-*': { 'message-bytes-max': 2 ** 22 }, '*': {} }))
  const text = Buffer.from(Array.from({ length: 1_250_000 }, (_, i) => i * i % 251)).toString('hex') // 2.5 MB: chunks of 1,000,000
  const clients = [['y-partykit', 'doc'], ['hocuspocus 4', 'doc'], ['y-partykit', 'big-1'], ['hocuspocus 4', 'big-2']].map(([family, room]) => new Client(server, family, room))
  await Promise.all(clients.map(c => c.synced()))
  const [chunks, one, bigChunks, bigOne] = clients
  let code
  chunks.provider.ws.addEventListener('close', event => { code ??= event.code })
  clients.forEach(c => c.text.insert(0, text))
  await until('the chunks to be refused', () => code === 1009)
  await until('the large ones to be saved', () => bigOne.provider.unsaved === 0)
  for (const [room, length] of [['big-1', text.length], ['big-2', text.length], ['doc', 0]]) {
    const reader = new Client(server, 'y-websocket 3', room)
    await until(`${length} in ${room}`, () => reader.provider.synced && reader.text.length === length)
    reader.end()
  }
  assert.ok(one.provider.unsaved >= 1)
  assert.ok(await hits(server, 'message-bytes-max') >= 2)
  bigChunks.end()
  for (const c of [chunks, one, bigOne]) c.end()
  await server.stop()
})

test('L10: beyond connects-per-s who connects waits in the queue, and all come in', async () => {
  const server = await start('--connects-per-s', '4')
  const begun = Date.now()
  const sockets = Array.from({ length: 40 }, () => ask(server, 'room')) // a burst is 32
  for (const ws of sockets) assert.deepEqual(await ws.result, { open: true })
  assert.ok(Date.now() - begun > 1200, `${Date.now() - begun} ms`)
  endAll(sockets)
  await until('a place for who asks', async () => await hits(server, 'connects-per-s') >= 1)
  await server.stop()
})

test('L9: the table of docs/limits.md, the settings and the metrics name the same limits', async () => {
  const doc = fs.readFileSync('../docs/limits.md', 'utf8')
  const table = [...doc.slice(doc.indexOf('## The table'), doc.indexOf('## Rules')).matchAll(/^\| `([a-z-]+)` \|/gm)].map(m => m[1]).sort()
  const server = await start()
  const counted = [...(await metrics(server)).values.keys()].map(key => /^partyd_limit_hits_total\{limit="(.*)"\}$/.exec(key)?.[1]).filter(Boolean).sort()
  assert.deepEqual(table, counted)
  const help = spawnSync(BINARY, ['dev', '--help'], { encoding: 'utf8' })
  const settings = [...(help.stdout + spawnSync(BINARY, ['--help'], { encoding: 'utf8' }).stdout).matchAll(/^ {2}--([a-z-]+)/gm)].map(m => m[1])
  for (const limit of table) assert.ok(settings.includes(limit), `${limit} is no setting`)
  for (const setting of settings.filter(name => /-per-s$|-max$|^window-bytes$|^handshake-ms$/.test(name))) {
    const isOther = ['backup-copies-max', 'backend-calls-max'].includes(setting)
    assert.ok(isOther || table.includes(setting), `${setting} is in no row`)
  }
  await server.stop()
})
