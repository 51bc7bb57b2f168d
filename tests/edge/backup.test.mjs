// Backups of the edge in Convex: the real functions, offline; the real runtime. Rules E20 to E22 of docs/edge.md.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { after, afterEach, before, test } from 'node:test'
import * as Y from 'yjs'
import { enterAs, newestBackup } from '../convex/guests.mjs'
import { SECRET, makePage, push, sha256, signIn, sleep, startConvex, until } from '../convex/support.mjs'
import { api } from '../e2e/access-support.mjs'
import { startServer } from '../e2e/support.mjs'

let convex, owner
const open = []
before(async () => { convex = await startConvex(); owner = await signIn(convex, 'Olga') })
after(() => convex?.stop())
afterEach(async () => {
  await convex.faults()
  for (const end of open.splice(0).reverse()) await end()
})

async function start ({ data, idle = 200, env = {} } = {}) {
  const server = await startServer({ data, args: ['--backup', 'convex', '--backup-idle-ms', String(idle), '--log-level', 'debug'], env: { PARTYD_AUTH: 'ticket', PARTYD_TICKET_SECRET: SECRET, PARTYD_ISSUERS: convex.site, CONVEX_URL: convex.cloud, CONVEX_SITE_URL: convex.site, COLLAB_SECRET: SECRET, ...env } })
  open.push(() => server.stop('SIGKILL'))
  return server
}
async function enter (server, room, family = 'y-websocket 3') {
  const guest = await enterAs(owner, convex, server, family, room)
  open.push(() => guest.end())
  return guest
}
const enterSynced = async (server, room) => await (await enter(server, room)).synced(20000)
const newRoom = async () => (await makePage(owner)).room
const stored = room => newestBackup(convex, room)
const isStored = (room, text) => until(`"${text}" to be backed up`, async () => (await stored(room))?.text === text, 15000)

test('E20: a room is copied when it is quiet; after a lost disk it is there at the first connect, and goes on under a higher epoch', { timeout: 60000 }, async () => {
  const room = await newRoom(), first = await start()
  const ann = await enterSynced(first, room)
  ann.text.insert(0, 'one ')
  await isStored(room, 'one ')
  ann.text.insert(4, 'two ')
  ann.text.insert(8, 'three')
  await ann.end() // what waits for a row becomes a snapshot here
  await isStored(room, 'one two three')
  const before = await stored(room)
  await first.stop('SIGKILL')
  const second = await start()
  const [bob, carl] = await Promise.all([enterSynced(second, room), enterSynced(second, room)])
  assert.equal(bob.text.toString(), 'one two three')
  await sleep(1000)
  assert.deepEqual(await stored(room), before, 'what has not changed is not copied')
  bob.text.insert(0, 'zero ')
  await carl.sees('zero one two three')
  await isStored(room, 'zero one two three')
  assert.ok((await stored(room)).epoch > before.epoch)
})

test('E21: while Convex cannot be asked a room that is not here is refused, and never begins empty', { timeout: 60000 }, async () => {
  const room = await newRoom(), first = await start()
  ;(await enterSynced(first, room)).text.insert(0, 'precious')
  await isStored(room, 'precious')
  await first.stop('SIGKILL')
  await convex.faults({ match: '/collab/restore', kind: 'status', status: 500 })
  const second = await start()
  const bob = await enter(second, room)
  await until('a refusal', () => bob.told.length > 0, 10000)
  assert.equal(bob.provider.synced, false)
  assert.equal(bob.text.length, 0)
  await convex.faults()
  await bob.synced(20000)
  assert.equal(bob.text.toString(), 'precious')
})

test('E21: a backup that is damaged on its way is not taken', { timeout: 60000 }, async () => {
  const room = await newRoom()
  // Under the right hash, and no update.
  assert.equal((await push(convex, { room, epoch: 1, seq: 1, body: Buffer.from('no update at all') })).status, 200)
  const server = await start(), bob = await enter(server, room)
  await until('a refusal', () => bob.told.length > 0, 10000)
  assert.match(server.log, /a room is not begun.*cannot be taken/)
  assert.equal((await stored(room).catch(() => null)), null)
})

const sinkOf = async server => (await (await fetch(`${server.http}/health`)).json()).backup[0]
const told = async (server, room) => (await api(server, 'GET', `/api/rooms/${room}`, undefined, { secret: SECRET })).body.backup

test('E23: while Convex fails /health says so, it is tried again by alarm (E20), and nothing is lost', { timeout: 60000 }, async () => {
  const room = await newRoom(), server = await start()
  const ann = await enterSynced(server, room)
  assert.deepEqual(await sinkOf(server), { sink: 'convex', kind: 'convex', works: true, waiting: 0, oldestMs: 0 })
  await convex.faults({ match: '/collab/backup', kind: 'status', status: 500 })
  ann.text.insert(0, 'patience')
  await until('a failure', () => server.log.includes('a backup failed'), 10000)
  assert.equal(await stored(room), null)
  await until('it to be known', async () => (await sinkOf(server)).works === false)
  const sink = await sinkOf(server)
  assert.ok(sink.waiting === 1 && sink.oldestMs >= 0 && /500/.test(sink.why) && sink.next.length > 0, JSON.stringify(sink))
  assert.deepEqual(await told(server, room), { convex: 'waiting' })
  // The end of it is told also by an object that has forgotten the beginning.
  await server.stop('SIGKILL')
  const again = await start({ data: server.data })
  assert.equal((await sinkOf(again)).waiting, 1)
  await convex.faults()
  const bob = await enterSynced(again, room)
  bob.text.insert(8, '!')
  await isStored(room, 'patience!')
  await until('the end to be known', async () => (await sinkOf(again)).works)
  assert.deepEqual(await told(again, room), { convex: 'saved' })
})

test('E22: another history in Convex is merged in, and the whole is newer', { timeout: 60000 }, async () => {
  const room = await newRoom(), server = await start()
  const ann = await enterSynced(server, room)
  ann.text.insert(0, 'ours')
  await isStored(room, 'ours')
  const doc = new Y.Doc()
  doc.getText('text').insert(0, 'theirs ')
  assert.equal((await push(convex, { room, epoch: 7, seq: 3, body: Buffer.from(Y.encodeStateAsUpdate(doc)) })).status, 200)
  ann.text.insert(4, '!')
  await until('both', () => ann.text.toString().includes('theirs ') && ann.text.toString().includes('ours!'), 15000)
  await isStored(room, ann.text.toString())
  assert.equal((await stored(room)).epoch, 8)
})

test('E22: a document that was deleted in the application ends its room', { timeout: 60000 }, async () => {
  const page = await makePage(owner), server = await start()
  const ann = await enterSynced(server, page.room)
  ann.text.insert(0, 'x')
  await isStored(page.room, 'x')
  await owner.client.mutation('documents:remove', { id: page.id })
  ann.text.insert(0, 'y')
  await until('its end', () => ann.told.some(one => one === 4404 || one?.code === 4404), 15000)
})

test('E20: 14 MiB go by an upload address, and come back', { timeout: 90000 }, async () => {
  const room = await newRoom(), first = await start(), text = crypto.randomBytes((14 << 20) * 3 / 4).toString('base64')
  const ann = await enterSynced(first, room)
  for (let at = 0; at < text.length; at += 1 << 20) { ann.text.insert(at, text.slice(at, at + (1 << 20))); await sleep(20) }
  await until('it to be backed up', async () => sha256((await stored(room))?.text ?? '') === sha256(text), 40000)
  await first.stop('SIGKILL')
  const second = await start(), bob = await enter(second, room)
  await bob.synced(40000)
  assert.equal(sha256(bob.text.toString()), sha256(text))
})
