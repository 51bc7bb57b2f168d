// A disk that is full, and one that fails: nothing acknowledged is lost, health turns red, the log
// says why.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Client, check, families, nativeOnly, sleep, startServer, temporary, until } from './support.mjs'
import { wire } from './access-support.mjs'
import { auth, frame, libraries, openDocument, openSocket, speak } from './hocuspocus-support.mjs'
import { movableClock } from '../support/clock.mjs'

const health = async server => { const r = await fetch(`${server.http}/health`); return { status: r.status, body: await r.json() } }

/** Types marks into a room until the server refuses; returns those that the other client had. Calls
 * `underWay` when it has some. */
async function typeUntilRefused (server, size, underWay = () => {}) {
  const [a, b] = [new Client(server, 'y-websocket 3', 'disk'), new Client(server, 'y-websocket 3', 'disk')]
  await Promise.all([a.synced(), b.synced()])
  const seen = new Set()
  b.doc.getMap('marks').observe((event, transaction) => {
    if (!transaction.local) event.keysChanged.forEach(key => seen.add(key))
    if (seen.size > 20) underWay()
  })
  let n = 0
  const typing = setInterval(() => a.doc.getMap('marks').set(`m${n++}`, 'x'.repeat(size)), 2)
  await until('health to turn red', async () => (await health(server)).status === 503, 30000)
  clearInterval(typing)
  const { body } = await health(server)
  a.end(); b.end()
  return { seen, why: body.why }
}

async function allThere (data, seen) {
  const server = await startServer({ data })
  const late = new Client(server, 'y-websocket 3', 'disk')
  await late.synced()
  for (const mark of seen) assert.ok(late.doc.getMap('marks').has(mark), `${mark} is lost`)
  late.end()
  await server.stop()
}

test('s5: a full disk stops the acks and loses nothing acknowledged', { timeout: 60000 }, async t => {
  const disk = temporary()
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', disk])
  if (mount.status !== 0) return t.skip('mounting a tmpfs is not permitted here')
  const data = path.join(disk, 'store'), copy = temporary()
  try {
    const server = await startServer({ data })
    const { seen, why } = await typeUntilRefused(server, 20000)
    assert.ok(seen.size > 5, `something was acknowledged before (${seen.size})`)
    assert.match(why, /full|space/)
    assert.match(server.log, /store failed.*(full|space)/)
    await server.stop('SIGKILL')
    fs.cpSync(data, copy, { recursive: true, filter: name => !name.endsWith('.sock') })
    await allThere(copy, seen)
    assert.equal(check(copy).status, 0)
  } finally {
    spawnSync('umount', [disk])
  }
})

test('s6: a failing sync stops the acks and loses nothing acknowledged', { timeout: 60000 }, async t => {
  const dir = temporary(), library = path.join(dir, 'failsync.so'), trigger = path.join(dir, 'fail')
  const built = spawnSync('cc', ['-D_GNU_SOURCE', '-shared', '-fPIC', '-o', library, 'preload/failsync.c', '-ldl'], { encoding: 'utf8' })
  assert.equal(built.status, 0, built.stderr)
  const server = await startServer({ env: { LD_PRELOAD: library, FAILSYNC_FILE: trigger } })
  const { seen, why } = await typeUntilRefused(server, 20, () => fs.writeFileSync(trigger, ''))
  assert.ok(seen.size > 5, `something was acknowledged before (${seen.size})`)
  assert.match(why, /I\/O error/)
  assert.match(server.log, /store failed/)
  const refused = await fetch(`${server.http}/disk`)
  assert.equal(refused.status, 426)
  await server.stop()
  await allThere(server.data, seen)
  assert.equal(check(server.data).status, 0)
})

function failingReads () {
  const dir = temporary(), library = path.join(dir, 'failread.so')
  const built = spawnSync('cc', ['-D_GNU_SOURCE', '-shared', '-fPIC', '-o', library, 'preload/failread.c', '-ldl'], { encoding: 'utf8' })
  assert.equal(built.status, 0, built.stderr)
  return { library, trigger: path.join(dir, 'fail') }
}

/** The store has done what it does after it was opened: a read that fails then would end it, and not one room. */
async function tidied ({ data }) {
  let last, since = Date.now()
  await until('the store to be quiet', () => {
    const files = fs.readdirSync(data).filter(name => name.startsWith('shard')).map(name => [name, fs.statSync(path.join(data, name)).mtimeMs])
    if (JSON.stringify(files) !== last) since = Date.now()
    last = JSON.stringify(files)
    return Date.now() - since > 1500
  }, 20000)
}

test('S3: a load that failed poisons no room: each family comes back by itself, and has all of it', { timeout: 60000, ...nativeOnly('another disk; edge/room.test.mjs breaks it') }, async () => {
  const { library, trigger } = failingReads()
  const names = Object.keys(families), first = await startServer()
  for (const n of names.keys()) {
    const c = new Client(first, 'hocuspocus 4', `load-${n}`)
    await c.synced()
    c.text.insert(0, `kept ${n} `.repeat(1000)) // more than what stands in the room's row
    await until('it to be saved', () => c.provider.unsaved <= 0)
    c.end()
  }
  await first.stop()
  const server = await startServer({ data: first.data, env: { LD_PRELOAD: library, FAILREAD_FILE: trigger } })
  await tidied(server)
  fs.writeFileSync(trigger, '')
  const { warn, error } = console
  console.warn = console.error = () => {}
  const wires = await Promise.all(names.map(() => wire(server)))
  const clients = names.map((family, n) => new Client(wires[n], family, `load-${n}`))
  clients.forEach((c, n) => c.doc.getMap('map').set('new', n))
  await until('loads to fail', () => server.log.split('room refused').length > names.length, 15000)
  await sleep(Math.max(0, 5000 - (Date.now() - wires[0].start)))
  clients.forEach((c, n) => assert.equal(c.text.length, 0))
  clients.forEach((c, n) => assert.equal(c.provider.synced, false, `${names[n]} was served an empty room`))
  const tries = wires.map(w => w.attempts.filter(at => at < 5000).length)
  fs.unlinkSync(trigger)
  await Promise.all(clients.map((c, n) => until(`${names[n]} to have all`, () => c.provider.synced && c.text.toString() === `kept ${n} `.repeat(1000), 20000)))
  for (const n of names.keys()) {
    const c = new Client(server, 'y-websocket 2', `load-${n}`)
    await until('what was written meanwhile', () => c.doc.getMap('map').get('new') === n && c.text.length === clients[n].text.length)
    c.end()
  }
  Object.assign(console, { warn, error })
  names.forEach((family, n) => assert.ok(tries[n] >= 1 && tries[n] <= 3, `${family} made ${tries[n]} attempts in five seconds`))
  clients.forEach(c => c.end())
  wires.forEach(w => w.close())
  await server.stop()
  assert.equal(check(server.data).status, 0)
})

test('S3: on a socket with other documents these go on, and the one that could not be read comes when it can', { timeout: 60000, ...nativeOnly('another disk; edge/room.test.mjs breaks it') }, async () => {
  const { library, trigger } = failingReads(), clock = movableClock(), versions = Object.keys(libraries), first = await startServer()
  for (const version of [...versions, 'raw']) {
    const c = new Client(first, 'hocuspocus 4', `read-${version}`)
    await c.synced()
    c.text.insert(0, `kept ${version} `.repeat(1000))
    await until('it to be saved', () => c.provider.unsaved <= 0)
    c.end()
  }
  await first.stop()
  const server = await startServer({ data: first.data, env: { LD_PRELOAD: `${library}:${clock.env.LD_PRELOAD}`, CLOCK_FILE: clock.env.CLOCK_FILE, FAILREAD_FILE: trigger } })
  const sockets = versions.map(version => openSocket(version, server.url))
  const open = (name, more) => versions.map((version, n) => openDocument(version, sockets[n], name(version), { token: 'x', preserveConnection: true, ...more?.(n) }))
  const others = open(() => 'other')
  await until('the others', () => others.every(p => p.isSynced))
  const raw = speak(server.url)
  await raw.opened
  raw.send(auth('other'))
  await until('it to be in', () => raw.received.some(m => m.equals(frame('other', 2, 2, 'read-write'))))
  await tidied(server)
  fs.writeFileSync(trigger, '')
  const told = versions.map(() => [])
  const docs = open(version => `read-${version}`, n => ({ onAuthenticationFailed: ({ reason }) => told[n].push(reason) }))
  raw.send(auth('read-raw'))
  await until('loads to fail', () => server.log.split('room refused').length > versions.length + 1)
  await until('a question', () => raw.received.some(m => m.equals(frame('read-raw', 2, 0))))
  others.forEach((p, n) => p.document.getText('text').insert(0, `${n}`))
  await until('the others to go on', () => others.every(p => p.unsyncedChanges <= 0 && p.document.getText('text').length === 3))
  fs.unlinkSync(trigger)
  const text = n => docs[n].document.getText('text').toString()
  // Provider 2 and those who answer nothing do not know the question; after 10 s they are told.
  await until('3 and 4 to have all', () => [1, 2].every(n => docs[n].isSynced && text(n) === `kept ${versions[n]} `.repeat(1000)), 20000)
  assert.deepEqual(told, [[], [], []])
  clock.move({ monotonic: 11_000 })
  await until('2 to be told', () => told[0].length > 0)
  await until('the silent to be told', () => raw.received.some(m => m.equals(frame('read-raw', 2, 1, 'unreadable'))))
  assert.deepEqual(told, [['unreadable'], [], []])
  assert.equal(text(0), '')
  raw.terminate()
  docs.forEach(p => p.destroy()); others.forEach(p => p.destroy()); sockets.forEach(s => s.destroy())
  assert.deepEqual(await server.stop(), { code: 0, signal: null })
})
