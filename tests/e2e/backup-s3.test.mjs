// Backups into S3, by the real server: packs of many rooms.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { startS3 } from '../support/s3.mjs'
import { movableClock } from '../support/clock.mjs'
import { BINARY, Client, sleep, startServer, temporary, until } from './support.mjs'

process.setMaxListeners(0) // each provider of y-websocket has one on exit

let s3
const running = []
before(async () => { s3 = await startS3() })
afterEach(async () => {
  s3.fail = () => null
  s3.addMs = 0
  for (const server of running.splice(0)) await server.stop('SIGKILL')
})
after(() => s3?.stop())

let prefixes = 0
async function start ({ data, prefix = `t${++prefixes}`, more = {}, env = {} } = {}) {
  const config = path.join(temporary(), 'partyd.json')
  const backup = { cold: { kind: 's3', bucket: 'backups', prefix, 'idle-ms': 30, 'max-age-ms': 1000, 'pack-ms': 100, ...more } }
  fs.writeFileSync(config, JSON.stringify({ backup }))
  const server = await startServer({ data, args: ['--config', config], env: { ...s3.env, ...env } })
  running.push(server)
  server.prefix = prefix
  server.sink = async () => (await (await fetch(`${server.http}/health`)).json()).backup[0]
  server.saved = (count = 1) => until('all to be backed up', async () => {
    const sink = await server.sink()
    return sink.waiting === 0 && sink.stored >= count
  }, 10000)
  return server
}
const open = async (server, room) => {
  const client = new Client(server, 'y-websocket 3', room)
  await client.synced()
  return client
}

test('B1 what was written comes back from S3 on a wiped disk, at the first connect', async () => {
  const first = await start()
  for (let n = 0; n < 30; n++) {
    const client = await open(first, `doc-${n}`)
    client.text.insert(0, `text of ${n}`)
    client.end()
  }
  await first.saved(30)
  await first.stop('SIGKILL')
  const puts = s3.requests.filter(request => request.method === 'PUT').length
  assert.ok(puts <= 10, `${puts} objects for 30 rooms`)
  const second = await start({ prefix: first.prefix })
  for (let n = 0; n < 30; n++) {
    const client = await open(second, `doc-${n}`)
    assert.equal(client.text.toString(), `text of ${n}`)
    client.end()
  }
})

test('B9 wrong keys, a clock that is off, no bucket: said, with what to do', async () => {
  const wrong = await start({ env: { AWS_SECRET_ACCESS_KEY: 'another' } })
  const client = new Client(wrong, 'y-websocket 3', 'doc')
  const codes = []
  client.provider.on('connection-close', event => { if (event) codes.push(event.code) })
  await until('the room to be refused', () => codes.length > 0, 8000)
  assert.equal(codes[0], 4503)
  const sink = await wrong.sink()
  assert.deepEqual([sink.works, sink.why], [false, 'S3 answers 403 SignatureDoesNotMatch'])
  assert.match(sink.next, /AWS_ACCESS_KEY_ID/)
  assert.ok(!wrong.log.includes('another'))
  client.end()

  s3.addMs = 3600_000
  const early = await start()
  const guest = await open(early, 'doc') // refused once, then with the clock of S3
  guest.text.insert(0, 'in time')
  await early.saved()
  assert.match(early.log, /backup fails.*RequestTimeTooSkewed.*set the clock of this machine/)
  assert.match(early.log, /backup works again/)
  s3.addMs = 0
  assert.match((await start({ more: { bucket: 'nowhere' } }).then(async server => {
    refuse(server)
    await until('the failure', async () => !(await server.sink()).works, 5000)
    return await server.sink()
  })).next, /make the bucket/)
})
const refuse = server => { const client = new Client(server, 'y-websocket 3', 'doc'); setTimeout(() => client.end(), 500) }

test('B9 a pack that is lost, cut or changed: the room is refused, and comes when it is put right', async () => {
  const first = await start()
  ;(await open(first, 'doc')).text.insert(0, 'precious')
  await first.saved()
  await first.stop('SIGKILL')
  const [name, ...more] = s3.objects().filter(name => name.includes(`${first.prefix}/`))
  assert.deepEqual(more, [])
  const file = path.join(s3.directory, 'backups', name)
  const good = fs.readFileSync(file)
  const harm = [['a bit of the update', bytes => { bytes[bytes.indexOf('precious')] ^= 1 }], ['a bit of the list', bytes => { bytes[bytes.length - 30] ^= 1 }], ['the mark', bytes => { bytes[bytes.length - 1] ^= 1 }]]
  for (const [what, change] of harm) {
    const bad = Buffer.from(good)
    change(bad)
    fs.writeFileSync(file, bad)
    const server = await start({ prefix: first.prefix })
    const client = new Client(server, 'y-websocket 3', 'doc')
    const codes = []
    client.provider.on('connection-close', event => { if (event) codes.push(event.code) })
    await until(`a room with ${what} flipped to be refused`, () => codes.length > 0, 8000)
    assert.equal(codes[0], 4503, what)
    assert.match(server.log, /damaged/)
    fs.writeFileSync(file, good)
    await until('the client to come again', () => client.provider.synced, 10000)
    assert.equal(client.text.toString(), 'precious')
    client.end()
    await server.stop('SIGKILL')
    for (const other of s3.objects()) if (other !== name && other.includes(`${first.prefix}/`)) fs.unlinkSync(path.join(s3.directory, 'backups', other))
  }
})

test('B6 S3 is down, slow or hangs up: editing goes on, and then all is there', async () => {
  const server = await start()
  const [a, b] = [await open(server, 'doc'), await open(server, 'doc')]
  for (const told of [{ status: 503, body: '<Error><Code>SlowDown</Code></Error>' }, { status: 500, body: '' }]) {
    s3.fail = request => request.method === 'PUT' ? told : null
    a.text.insert(0, 'x')
    await until('the other to see it', () => b.text.length === a.text.length)
    await until('the failure to be told', async () => !(await server.sink()).works, 8000)
    s3.fail = () => null
    await server.saved(1)
  }
  await server.stop('SIGKILL')
  assert.equal((await open(await start({ prefix: server.prefix }), 'doc')).text.toString(), 'xx')
})

test('B7 two servers with one room in one bucket: what each wrote is there afterwards', async () => {
  const one = await start()
  const other = await start({ prefix: one.prefix })
  const [a, b] = [await open(one, 'doc'), await open(other, 'doc')]
  for (let n = 0; n < 5; n++) {
    a.doc.getMap('map').set(`a${n}`, n)
    b.doc.getMap('map').set(`b${n}`, n)
    await Promise.all([one.saved(), other.saved()])
  }
  await Promise.all([one.stop('SIGKILL'), other.stop('SIGKILL')])
  const reader = await open(await start({ prefix: one.prefix }), 'doc')
  for (let n = 0; n < 5; n++) for (const who of 'ab') assert.equal(reader.doc.getMap('map').get(`${who}${n}`), n, `${who}${n}`)
})

test('B7 an older copy of the data directory: what the bucket knows better comes back', async () => {
  const first = await start()
  const writer = await open(first, 'doc')
  writer.text.insert(0, 'old')
  await first.saved()
  writer.end()
  await first.stop()
  const copy = temporary()
  fs.cpSync(first.data, copy, { recursive: true }) // with its mark: the numbers go back, as in a machine's snapshot
  const second = await start({ prefix: first.prefix, data: first.data })
  const later = await open(second, 'doc')
  later.text.insert(3, ' and new')
  await second.saved()
  later.end()
  await second.stop('SIGKILL')
  const third = await start({ prefix: first.prefix, data: copy })
  const reader = await open(third, 'doc')
  assert.equal(reader.text.toString(), 'old')
  for (let n = 0; n < 5; n++) { reader.doc.getMap('map').set('x', 1); await sleep(5) } // beyond the numbers that are there
  await until('the newer text', () => reader.text.toString() === 'old and new', 10000)
  await third.saved()
  await third.stop('SIGKILL')
  const last = await open(await start({ prefix: first.prefix }), 'doc')
  assert.deepEqual([last.text.toString(), last.doc.getMap('map').get('x')], ['old and new', 1])
})

test('B12 at the end the pack that waits is written', async () => {
  const server = await start({ more: { 'idle-ms': 3600000, 'max-age-ms': 3600000, 'pack-ms': 3600000 } })
  ;(await open(server, 'doc')).text.insert(0, 'last words')
  await sleep(300)
  const packs = () => s3.objects().filter(name => name.includes(`${server.prefix}/`)).length
  assert.equal(packs(), 0)
  assert.equal((await server.stop('SIGTERM')).code, 0)
  assert.equal(packs(), 1)
})

test('B9 packs that nobody needs are deleted, thin ones carried together', { timeout: 60000 }, async () => {
  const clock = movableClock()
  const server = await start({ env: clock.env, more: { 'pack-ms': 0, 'keep-days': 1, 'idle-ms': 0, 'max-age-ms': 0 } })
  const packs = () => s3.objects().filter(name => name.includes(`${server.prefix}/`)).length
  const clients = [], rooms = 30
  for (let n = 0; n < rooms; n++) { // a pack each, or nearly: sixteen thin ones are needed in the end
    clients.push(await open(server, `doc-${n}`))
    clients[n].text.insert(0, `text of ${n}`)
    await server.saved(n + 1)
  }
  const first = packs()
  for (let n = 0; n < 5; n++) clients[n].text.insert(0, 'new ') // a second time: five packs are of no use now
  await server.saved(rooms + 5)
  const all = packs()
  assert.ok(all > first && all > 24, `${first}, ${all} packs`)
  clock.move({ monotonic: 700_000 }) // a round of collecting goes by: they are too young
  await sleep(1000)
  assert.equal(packs(), all)
  const day = 86_400_000 + 60_000
  s3.addMs = day
  clock.move({ monotonic: 700_000, day })
  await until('the old ones to be deleted', () => packs() <= all - 4, 10000)
  s3.addMs += day
  clock.move({ monotonic: 700_000, day })
  await until('the thin ones to be carried, and deleted', async () => {
    clock.move({ monotonic: 700_000 }) // not more often: a request under way waits too long by that
    await sleep(500)
    return packs() <= all - 4 - 14
  }, 30000)
  await server.stop('SIGKILL')
  s3.addMs = 0
  const second = await start({ prefix: server.prefix })
  for (let n = 0; n < rooms; n++) {
    const client = await open(second, `doc-${n}`)
    assert.equal(client.text.toString(), `${n < 5 ? 'new ' : ''}text of ${n}`)
    client.end()
  }
})

test('B13 partyd pull from S3', async () => {
  const first = await start()
  for (let n = 0; n < 5; n++) (await open(first, `doc-${n}`)).text.insert(0, `text ${n}`)
  await first.saved(5)
  await first.stop('SIGKILL')
  const args = ['pull', '--data', temporary(), '--backup', `s3:backups/${first.prefix}`]
  // Not spawnSync: the S3 runs in this process.
  const child = spawn(BINARY, args, { env: { ...process.env, ...s3.env } })
  let out = ''
  child.stdout.on('data', chunk => { out += chunk })
  assert.equal(await new Promise(resolve => child.once('exit', resolve)), 0)
  assert.match(out, /5 restored, 0 were there, 0 failed/)
})
