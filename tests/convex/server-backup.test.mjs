// Backups to Convex: the real functions, the real server, the real providers.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import crypto from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import * as Y from 'yjs'
import { BINARY, freePort, startServer, temporary } from '../e2e/support.mjs'
import { partyd } from '../e2e/operator-support.mjs'
import { movableClock } from '../support/clock.mjs'
import { enterAs, newestBackup } from './guests.mjs'
import { SECRET, makePage, push, restore, sha256, signIn, sleep, startConvex, until } from './support.mjs'

let convex, owner
const open = []
before(async () => {
  convex = await startConvex()
  owner = await signIn(convex, 'Olga')
})
after(() => convex?.stop())
afterEach(async () => {
  await convex.faults()
  for (const end of open.splice(0).reverse()) await end()
})

/** A server that backs up to the deployment, soon after each change. */
async function start ({ data, secret = SECRET, site = convex.site, idle = 50, maxAge = 1000, clock } = {}) {
  const config = path.join(temporary(), 'partyd.json')
  fs.writeFileSync(config, JSON.stringify({ backup: { convex: { kind: 'convex', 'idle-ms': idle, 'max-age-ms': maxAge } } }))
  const env = {
    PARTYD_AUTH: 'ticket', PARTYD_TICKET_SECRET: SECRET, CONVEX_URL: convex.cloud, CONVEX_SITE_URL: site, COLLAB_SECRET: secret, PARTYD_ISSUERS: convex.site, ...clock?.env
  }
  const server = await startServer({ data, port: await freePort(), args: ['--config', config], env })
  open.push(() => server.stop('SIGKILL'))
  server.sink = async () => (await (await fetch(`${server.http}/health`)).json()).backup[0]
  server.saved = (count = 1, ms = 20000) => until('all to be backed up', async () => {
    const sink = await server.sink()
    return sink.waiting === 0 && sink.stored >= count
  }, ms)
  return server
}
async function enter (server, room) {
  const guest = await enterAs(owner, convex, server, 'y-websocket 3', room)
  open.push(() => guest.end())
  return guest
}
const enterSynced = async (server, room) => await (await enter(server, room)).synced(20000)
const newRoom = async () => (await makePage(owner)).room
const stored = room => newestBackup(convex, room)
const noise = bytes => crypto.randomBytes(Math.ceil(bytes * 3 / 4)).toString('base64')

test('B1 a wiped disk: everything is back from Convex at the first connect', async () => {
  const rooms = await Promise.all(Array.from({ length: 12 }, newRoom))
  const first = await start()
  for (const room of rooms) (await enterSynced(first, room)).text.insert(0, `text of ${room}`)
  await first.saved(rooms.length)
  await first.stop('SIGKILL')
  const second = await start()
  await Promise.all(rooms.map(async room => await (await enterSynced(second, room)).sees(`text of ${room}`)))
  // What comes now is newer than what was there.
  const [before] = await Promise.all([stored(rooms[0]), second.saved(rooms.length)])
  assert.equal((await stored(rooms[0])).text, before.text)
  assert.equal((await stored(rooms[0])).epoch, 2)
})

test('B10 3 MiB go in one request, 30 MiB by an upload address, and both come back', { timeout: 120000 }, async () => {
  const first = await start()
  for (const mib of [3, 30]) {
    await convex.resetCounters()
    const room = await newRoom()
    const text = noise(mib << 20)
    const guest = await enterSynced(first, room)
    for (let at = 0; at < text.length; at += 1 << 20) guest.text.insert(at, text.slice(at, at + (1 << 20)))
    // A backup may begin while the rest is on its way: what another one sees has all come.
    const witness = await enter(first, room)
    await until('all to have come', () => witness.text.length === text.length, 60000)
    await witness.end()
    await until('it to be sent', async () => (await first.sink()).bytesOut > mib << 20, 60000)
    await first.saved(1, 60000)
    const way = [(await convex.calls('/collab/backup')).calls > 0, (await convex.calls('/collab/backup/commit')).calls > 0]
    assert.equal(way[1], mib === 30)
    const second = await start()
    const reader = await enter(second, room)
    await reader.synced(60000)
    assert.equal(sha256(reader.says), sha256(text))
    await second.stop('SIGKILL')
    await guest.end()
  }
})

test('B2 editing does not wait for a backup, however large the document', { timeout: 60000 }, async () => {
  const server = await start({ idle: 0, maxAge: 0 })
  const room = await newRoom(), small = await newRoom()
  const guest = await enterSynced(server, room)
  guest.text.insert(0, noise(10 << 20))
  await server.saved(1)
  const [a, b] = [await enterSynced(server, small), await enterSynced(server, small)]
  const waits = []
  for (let n = 0; n < 60; n++) {
    guest.text.insert(0, 'x') // the large one goes out again and again
    const began = performance.now()
    a.text.insert(0, 'y')
    await until('the other to see it', () => b.text.length === n + 1)
    waits.push(performance.now() - began)
    await sleep(20)
  }
  assert.ok((await server.sink()).stored > 3)
  waits.sort((x, y) => x - y)
  assert.ok(waits[30] < 60, `median ${waits[30]} ms`)
  assert.ok(waits[57] < 400, `p95 ${waits[57]} ms`)
})

/** Between server and deployment: passes on, and hangs up instead of giving the next `lost` answers. */
async function startProxy () {
  const proxy = { lost: 0, posts: 0 }
  const server = http.createServer((request, response) => {
    const { hostname, port } = new URL(convex.site)
    if (request.method === 'POST') proxy.posts++
    const inner = http.request({ hostname, port, method: request.method, path: request.url, headers: request.headers }, answer => {
      const isLost = request.method === 'POST' && proxy.lost-- > 0
      answer.on('end', () => isLost && request.socket.destroy())
      if (isLost) return answer.resume()
      response.writeHead(answer.statusCode, answer.headers)
      answer.pipe(response)
    })
    request.pipe(inner)
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  open.push(() => { server.closeAllConnections(); server.close() })
  return Object.assign(proxy, { url: `http://127.0.0.1:${server.address().port}` })
}

test('B10 what is there already is not sent again; a lost answer changes nothing', async () => {
  const proxy = await startProxy()
  const server = await start({ site: proxy.url })
  const room = await newRoom()
  const guest = await enterSynced(server, room)
  proxy.lost = 1
  guest.text.insert(0, 'once')
  await server.saved()
  assert.equal(proxy.posts, 2, 'sent once more')
  const backups = (await convex.admin('backups:list', { after: '', limit: 100 })).rooms.filter(one => one.room === room)
  assert.equal(backups.length, 1)
  assert.equal((await stored(room)).epoch, 1, 'the second time it was a duplicate, not stale')
  await sleep(1200) // what is backed up is noted once in a second
  await server.stop('SIGKILL')
  await convex.resetCounters()
  const again = await start({ data: server.data })
  await sleep(600)
  assert.equal((await again.sink()).stored, 0)
  assert.equal((await convex.calls('/collab/backup')).calls, 0)
})

test('B7 somebody else was faster: pulled, merged, pushed under a later number; both are told', async () => {
  const server = await start()
  const room = await newRoom()
  const guest = await enterSynced(server, room)
  guest.text.insert(0, 'ours')
  await server.saved()
  const { epoch, seq } = await stored(room)
  const other = new Y.Doc()
  other.getMap('map').set('theirs', 1)
  assert.equal((await push(convex, { room, epoch: epoch + 3, seq: seq + 5, body: Y.encodeStateAsUpdate(other) })).status, 200)
  guest.text.insert(4, ' more')
  await until('the other history in the room', () => guest.doc.getMap('map').get('theirs') === 1, 10000)
  await until('the merged backup', async () => (await stored(room)).text === 'ours more', 10000)
  const merged = await stored(room)
  assert.deepEqual(merged.map, { theirs: 1 })
  assert.equal(merged.epoch, epoch + 4)
  assert.equal(guest.told.length, 0, 'nobody was thrown out')
  // And so it is when nobody is in the room.
  await guest.end()
  other.getMap('map').set('later', 2)
  const now = await stored(room)
  const writer = await enterSynced(server, room)
  writer.text.insert(0, '!')
  await push(convex, { room, epoch: now.epoch + 9, seq: 1, body: Y.encodeStateAsUpdate(other) })
  await writer.end()
  await until('the second merge', async () => { const { map, text } = await stored(room); return map.later === 2 && text === '!ours more' }, 10000)
})

test('B7 two servers with one room: nothing of either is lost', async () => {
  const [one, other] = [await start(), await start()]
  const room = await newRoom()
  const [a, b] = [await enterSynced(one, room), await enterSynced(other, room)]
  for (let n = 0; n < 15; n++) {
    a.doc.getMap('map').set(`a${n}`, n)
    b.doc.getMap('map').set(`b${n}`, n)
    await sleep(50)
  }
  await Promise.all([one.saved(), other.saved()])
  await Promise.all([one.stop('SIGKILL'), other.stop('SIGKILL')])
  const third = await start()
  const reader = await enterSynced(third, room)
  for (let n = 0; n < 15; n++) for (const who of 'ab') assert.equal(reader.doc.getMap('map').get(`${who}${n}`), n, `${who}${n}`)
})

test('B7 an older copy of the data directory: what Convex knows better comes back', async () => {
  const first = await start()
  const room = await newRoom()
  const guest = await enterSynced(first, room)
  guest.text.insert(0, 'old')
  await first.saved()
  await guest.end()
  await first.stop()
  const copy = temporary()
  fs.cpSync(first.data, copy, { recursive: true })
  fs.rmSync(path.join(copy, 'shard-00.mark'), { force: true })
  const second = await start({ data: first.data })
  const writer = await enterSynced(second, room)
  writer.text.insert(3, ' and new')
  await second.saved()
  await writer.end()
  await second.stop('SIGKILL')
  const third = await start({ data: copy })
  const reader = await enterSynced(third, room)
  assert.equal(reader.says, 'old')
  reader.doc.getMap('map').set('x', 1)
  await reader.sees('old and new', 10000)
  await until('the merged backup', async () => { const { text, map } = await stored(room); return text === 'old and new' && map.x === 1 }, 10000)
})

test('B6 a wrong secret, or a clock that is off: said, with what to do, and made good', async () => {
  const room = await newRoom()
  const wrong = await start({ secret: 'another secret than the one that the deployment has' })
  const guest = await enter(wrong, room)
  // Nothing is known of the room, and it cannot be asked: nobody gets in.
  assert.equal(await guest.refused(10000), 4503)
  const { why, next, works } = await wrong.sink()
  assert.deepEqual([works, why, next], [false, 'Convex answers 401 bad_signature', 'give both sides the same COLLAB_SECRET'])
  assert.match(wrong.log, /backup fails.*next="give both sides the same COLLAB_SECRET"/)
  assert.ok(!wrong.log.includes('another secret') && !wrong.log.includes(SECRET))
  await wrong.stop('SIGKILL')

  const clock = movableClock()
  const server = await start({ clock })
  const writer = await enterSynced(server, room)
  clock.move({ day: 600_000 })
  writer.text.insert(0, 'late')
  await until('the failure to be told', async () => !(await server.sink()).works, 10000)
  assert.match((await server.sink()).next, /set the clock/)
  clock.move({ day: -600_000 })
  await server.saved(1)
  assert.equal((await stored(room)).text, 'late')
})

test('B6 Convex is down for an hour: editing goes on, it is asked seldom, and then all is there', { timeout: 120000 }, async () => {
  const clock = movableClock()
  const server = await start({ clock, idle: 10000, maxAge: 60000 })
  const rooms = await Promise.all(Array.from({ length: 20 }, newRoom))
  const guests = await Promise.all(rooms.map(room => enterSynced(server, room)))
  await convex.faults({ match: '/collab/backup', kind: 'status', status: 503 })
  await convex.resetCounters()
  for (let minute = 0; minute < 60; minute++) {
    for (const [n, guest] of guests.entries()) guest.text.insert(0, `${n}.${minute} `)
    for (let part = 0; part < 4; part++) {
      clock.move({ monotonic: 15000 })
      assert.equal((await fetch(`${server.http}/health`)).status, 200)
      await sleep(25)
    }
  }
  const sink = await server.sink()
  assert.deepEqual([sink.works, sink.waiting, /503/.test(sink.why)], [false, 20, true])
  assert.ok(sink.oldestMs > 59 * 60000, `oldest ${sink.oldestMs}`)
  const { calls } = await convex.calls('/collab/backup')
  assert.ok(calls >= 8 && calls <= 40, `${calls} requests in an hour for 20 rooms`)
  assert.ok(server.log.match(/backup fails/g).length <= 62)
  assert.ok(guests.every(guest => guest.provider.wsconnected && guest.told.length === 0), 'nobody was thrown out')
  await convex.faults()
  for (let part = 0; part < 60 && (await server.sink()).waiting > 0; part++) {
    clock.move({ monotonic: 15000 })
    await sleep(60)
  }
  await server.saved(20)
  assert.match(server.log, /backup works again/)
  for (const [n, room] of rooms.entries()) assert.ok((await stored(room)).text.includes(`${n}.59 `))
})

test('B4 Convex is down when a room is loaded: refused until it answers, never empty', async () => {
  const room = await newRoom()
  const first = await start()
  ;(await enterSynced(first, room)).text.insert(0, 'precious')
  await first.saved()
  await first.stop('SIGKILL')
  const second = await start()
  for (const fault of [{ kind: 'status', status: 500 }, { kind: 'close' }]) {
    await convex.faults({ match: '/collab/restore', ...fault })
    const guest = await enter(second, room)
    assert.equal(await guest.refused(10000), 4503, JSON.stringify(fault))
    assert.equal(guest.provider.synced, false)
    await convex.faults()
    await guest.sees('precious', 15000)
    await guest.end()
    await second.stop('SIGKILL')
    Object.assign(second, await start())
  }
})

test('B10 a document that was deleted in the application: not backed up, not opened, not restored', async () => {
  const page = await makePage(owner)
  const server = await start()
  const guest = await enterSynced(server, page.room)
  guest.text.insert(0, 'x')
  await server.saved()
  await owner.client.mutation('documents:remove', { id: page.id })
  guest.text.insert(0, 'y')
  assert.equal(await guest.refused(10000), 4404)
  const second = await start()
  assert.equal(await (await enter(second, page.room)).refused(10000), 4404)
})

test('B14 a room that the operator deletes is not given out by Convex; undeleted, it is', async () => {
  const room = await newRoom()
  const server = await start()
  const guest = await enterSynced(server, room)
  guest.text.insert(0, 'was deleted')
  await server.saved()
  const run = async (...words) => { const done = await partyd(server.data, ...words); assert.equal(done.status, 0, done.err) }
  const out = guest.refused(10000)
  await run('erase', room)
  assert.equal(await out, 4404)
  await until('Convex to know', async () => (await restore(convex, room)).status === 410, 10000)
  const second = await start()
  assert.equal(await (await enter(second, room)).refused(10000), 4404)
  // Another server that still has it is told, and cannot bring it back.
  assert.equal((await push(convex, { room, epoch: 9, seq: 9, body: Buffer.from([0, 0]) })).status, 404)
  await run('undelete', room)
  await until('Convex to have it again', async () => (await restore(convex, room)).status === 200, 10000)
  assert.equal((await stored(room)).text, 'was deleted')
  await second.stop('SIGKILL')
  await (await enterSynced(await start(), room)).sees('was deleted')
})

test('B15 of an erased room Convex keeps no file', async () => {
  const [room, other] = [await newRoom(), await newRoom()]
  const server = await start()
  const [gone, kept] = [await enterSynced(server, room), await enterSynced(server, other)]
  kept.text.insert(0, 'was kept')
  await server.saved()
  const before = await convex.fileCount()
  gone.text.insert(0, 'secret')
  await server.saved(2)
  assert.equal(await convex.fileCount(), before + 1)
  assert.equal((await partyd(server.data, 'erase', room, '--now')).status, 0)
  await until('the file to be deleted', async () => await convex.fileCount() === before, 10000)
  assert.equal((await restore(convex, room)).status, 410)
  assert.equal((await stored(other)).text, 'was kept')
})

test('B13 partyd pull brings all rooms back from Convex', async () => {
  const rooms = await Promise.all([1, 2, 3].map(newRoom))
  const first = await start()
  for (const room of rooms) (await enterSynced(first, room)).text.insert(0, room)
  await first.saved(3)
  await first.stop('SIGKILL')
  const data = temporary()
  const child = spawn(BINARY, ['pull', '--data', data, '--backup', 'convex'], { env: { ...process.env, CONVEX_SITE_URL: convex.site, COLLAB_SECRET: SECRET } })
  let out = ''
  child.stdout.on('data', chunk => { out += chunk })
  assert.equal(await new Promise(resolve => child.once('exit', resolve)), 0)
  for (const room of rooms) assert.match(out, new RegExp(`^main/${room}: \\d+ bytes, epoch 1, seq \\d+$`, 'm'))
  assert.match(out, /(\d+) restored, 0 were there, 0 failed\n$/)
  await convex.faults({ match: '*', kind: 'status', status: 503 })
  const server = await start({ data }) // all is here: Convex is not asked
  for (const room of rooms) await (await enterSynced(server, room)).sees(room)
})
