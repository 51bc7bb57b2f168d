// What is not a well-behaved provider: bad requests, bad frames, bad stores.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { BINARY, Client, WebSocket, Y, check, nativeOnly, sleep, startServer, temporary, until } from './support.mjs'

let server
before(async () => { server = await startServer() })
after(async () => { await server.stop() })

const raw = (text, s = server) => new Promise((resolve, reject) => {
  const socket = net.connect(s.port, '127.0.0.1', () => socket.write(text))
  let answer = ''
  socket.on('data', chunk => {
    answer += chunk.toString('latin1')
    const [, length, body] = /^[^]*?\r\ncontent-length: (\d+)[^]*?\r\n\r\n([^]*)$/i.exec(answer) ?? []
    if (length !== undefined && body.length >= Number(length)) socket.end() // the server may want more requests
  })
  socket.on('close', () => resolve(answer)).on('error', reject)
})
const upgrade = (target, more = '') => raw(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${more || 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'}\r\n`)
const opened = (room, query = '') => new Promise((resolve, reject) => {
  const ws = new WebSocket(`${server.url}/${room}${query}`)
  ws.binaryType = 'nodebuffer'
  ws.messages = []
  ws.on('message', (data, binary) => ws.messages.push(binary ? data : String(data)))
  ws.closed = new Promise(resolve => ws.on('close', (code, reason) => resolve({ code, reason: String(reason) })))
  ws.on('open', () => resolve(ws)).on('error', reject)
})

test('h1: malformed HTTP gets 400, also a head that never ends', nativeOnly('the platform reads HTTP'), async () => {
  for (const text of ['NONSENSE\r\n\r\n', 'GET\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20000)}`]) {
    assert.match(await raw(text), /^HTTP\/1\.1 400 /, JSON.stringify(text.slice(0, 30)))
  }
})

test('h2: paths that are no room get 404, also for an upgrade', async () => {
  for (const target of ['/parties', '/parties/main?_pk=1', '/party', '/party/', '/a/b', '/parties/UPPER/x', '/?_pk=1']) {
    assert.match(await upgrade(target), /^HTTP\/1\.1 404 /, target)
  }
  assert.equal((await fetch(`${server.http}/a/b`)).status, 404)
  assert.match(await upgrade(`/${'x'.repeat(600)}`), /^HTTP\/1\.1 400 /)
  assert.match(await upgrade('/a%0Ab'), /^HTTP\/1\.1 400 /)
})

test('h3: a bad upgrade says what is wrong', async () => {
  assert.match(await upgrade('/x', 'Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'), /^HTTP\/1\.1 426 [^]*Sec-WebSocket-Version: 13/)
  assert.match(await upgrade('/x', 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n'), /^HTTP\/1\.1 400 /)
  assert.equal((await fetch(`${server.http}/room`)).status, 426)
  assert.equal((await fetch(`${server.http}/`, { method: 'POST', body: 'x' })).status, 405)
})

test('h4: health and the page answer', nativeOnly('there is no page, and /health speaks of no room'), async () => {
  const health = await fetch(`${server.http}/health`)
  assert.equal(health.status, 200)
  assert.equal((await health.json()).status, 'ok')
  assert.match(await (await fetch(`${server.http}/`)).text(), /<title>partyd<\/title>/)
})

test('h5: broken and unknown messages are ignored, the connection and the room go on', async () => {
  const ws = await opened('rubbish')
  const rubbish = ['', '00', '0002', '000205ff', '0000', '0000ff', '000101', '05', '63', '0003010000', '01', '0101', '02', 'ff'.repeat(50), '00020401ffffff', '010a0105010671']
  for (const hex of rubbish) ws.send(Buffer.from(hex, 'hex'))
  for (const text of ['', 'x', '400000000', '__YPS:hello', 'y-pk-batch#{', 'y-pk-batch#{"id":"","type":"end","size":1,"count":1}']) ws.send(text)
  ws.send(Buffer.from('00000100', 'hex')) // step 1: proves that it still listens
  await until('the answer to step 1', () => ws.messages.some(m => Buffer.isBuffer(m) && m.toString('hex') === '0001020000'))
  ws.close()
  assert.equal((await ws.closed).code, 1005)
})

test('P4: a text frame "400000000" allocates nothing', nativeOnly('the same session in wasm, whose memory the platform shows nobody'), async () => {
  const ws = await opened('numbers', '?_pk=x')
  const rss = () => Number(fs.readFileSync(`/proc/${server.child.pid}/statm`, 'utf8').split(' ')[1]) * 4096
  const answered = async () => {
    ws.messages.length = 0
    ws.send(Buffer.from('00000100', 'hex'))
    await until('an answer', () => ws.messages.some(m => Buffer.isBuffer(m) && m.toString('hex') === '0001020000'), 1000)
  }
  await answered()
  const before = rss()
  for (let n = 0; n < 500; n++) ws.send(n % 2 ? '400000000' : '4294967295')
  await answered()
  assert.ok(rss() - before < 4 << 20, `${(rss() - before) >> 10} KiB`)
  ws.close()
})

test('h6: a frame beyond the limit closes 1009', async () => {
  const small = await startServer({ args: ['--message-bytes-max', '100000'] })
  const ws = new WebSocket(`${small.url}/big`)
  await new Promise(resolve => ws.on('open', resolve))
  const closed = new Promise(resolve => ws.on('close', resolve))
  ws.on('error', () => {})
  ws.send(Buffer.alloc(200000))
  assert.equal(await closed, 1009)
  await small.stop()
})

test('h7: an empty close frame is answered at once', async () => {
  const ws = await opened('close')
  const start = Date.now()
  ws.close()
  assert.equal((await ws.closed).code, 1005)
  assert.ok(Date.now() - start < 1000)
})

test('h8: two sockets with the same _pk are both served', async () => {
  const [a, b] = [await opened('pk', '?_pk=same'), await opened('pk', '?_pk=same')]
  a.terminate()
  await sleep(50)
  b.messages.length = 0
  const other = new Client(server, 'y-websocket 3', 'pk')
  await other.synced()
  other.text.insert(0, 'x')
  await until('the update', () => b.messages.some(m => m[0] === 0 && m[1] === 2))
  b.close(); other.end()
})

test('h9: the offered subprotocol is taken', async () => {
  const ws = new WebSocket(`${server.url}/protocol`, ['one', 'two'])
  await new Promise((resolve, reject) => ws.on('open', resolve).on('error', reject))
  assert.equal(ws.protocol, 'one')
  ws.close()
})

test('h10: a room leaves memory when idle and comes back whole', nativeOnly('the platform decides when; edge/sleep.test.mjs lets it'), async () => {
  const quick = await startServer({ args: ['--room-idle-ms', '100'] })
  const a = new Client(quick, 'y-websocket 3', 'idle')
  await a.synced()
  for (let i = 0; i < 50; i++) a.text.insert(0, `line ${i} `)
  const text = a.text.toString()
  await sleep(50)
  a.end()
  await until('the room to leave', async () => (await (await fetch(`${quick.http}/health`)).json()).rooms === 0)
  const b = new Client(quick, 'y-websocket 3', 'idle')
  await b.synced()
  assert.equal(b.text.toString(), text)
  b.end()
  await quick.stop()
})

test('s3: a room that cannot be read is refused with 1011; others are served; it is never empty', nativeOnly('another store; edge/room.test.mjs damages it'), async t => {
  if (spawnSync('sqlite3', ['--version']).status !== 0) return t.skip('there is no sqlite3 program here')
  const first = await startServer()
  for (const room of ['bad', 'good']) {
    const c = new Client(first, 'y-websocket 3', room)
    await c.synced()
    c.text.insert(0, room)
    await until('durable', () => c.provider.synced && sleep(50).then(() => true))
    c.end()
  }
  await sleep(200)
  await first.stop()
  const file = path.join(first.data, 'shard-00.db')
  const spoil = spawnSync('sqlite3', [file, "UPDATE base SET data = zeroblob(length(data)) WHERE room = (SELECT id FROM room WHERE name = CAST('main/bad' AS BLOB)); SELECT changes();"], { encoding: 'utf8' })
  assert.equal(spoil.stdout.trim(), '1', spoil.stderr)
  assert.equal(check(first.data).status, 1)
  const second = await startServer({ data: first.data })
  const good = new Client(second, 'y-websocket 3', 'good')
  await good.synced()
  assert.equal(good.text.toString(), 'good')
  const ws = new WebSocket(`${second.url}/bad`)
  let messages = 0
  ws.on('message', () => messages++)
  assert.equal(await new Promise(resolve => ws.on('close', resolve)), 1011)
  assert.equal(messages, 0)
  assert.match(second.log, /room refused/)
  good.end()
  await second.stop()
})

test('s4: a store of a newer schema is refused with a clear line and left alone', nativeOnly('another store; edge/room.test.mjs has a newer one'), async t => {
  if (spawnSync('sqlite3', ['--version']).status !== 0) return t.skip('there is no sqlite3 program here')
  const first = await startServer()
  await first.stop()
  const file = path.join(first.data, 'shard-00.db')
  spawnSync('sqlite3', [file, 'PRAGMA user_version = 99'])
  const before = fs.readFileSync(file)
  const run = spawnSync(BINARY, ['dev', '--port', String(first.port), '--data', first.data], { encoding: 'utf8' })
  assert.equal(run.status, 2)
  assert.match(run.stderr, /newer partyd \(schema 99/)
  assert.deepEqual(fs.readFileSync(file), before)
})

test('h11: start-up errors name the thing and the next step', nativeOnly('settings are those of the Worker'), () => {
  const run = (...args) => spawnSync(BINARY, ['dev', '--data', temporary(), ...args], { encoding: 'utf8', timeout: 5000 })
  const expect = (r, pattern) => { assert.equal(r.status, 2, r.stderr); assert.match(r.stderr, pattern) }
  expect(run('--host', '0.0.0.0'), /--open/)
  expect(run('--port', String(server.port)), /in use.*--port/)
  expect(run('--nonsense', '1'), /no flag --nonsense.*--help/)
  expect(run('--port', 'many'), /'many' is no value for port; it takes a whole number/)
  expect(spawnSync(BINARY, ['dev', '--data', server.data, '--port', '1'], { encoding: 'utf8' }), /another process has this store open/)
})

test('s7: an update that waits for a missing one is stored, and shown when the gap closes', async () => {
  const source = new Y.Doc(), updates = []
  source.on('update', update => updates.push(update))
  source.getText('text').insert(0, 'a'); source.getText('text').insert(1, 'b')
  const frame = u => Buffer.concat([Buffer.from([0, 2, u.length]), u])
  const ws = await opened('gap')
  ws.send(frame(updates[1]))
  const reader = new Client(server, 'y-websocket 3', 'gap')
  await reader.synced()
  assert.equal(reader.text.toString(), '')
  ws.send(frame(updates[0]))
  await until('both letters', () => reader.text.toString() === 'ab')
  ws.close(); reader.end()
})
