// Backups into a folder, by the real server: what is edited is copied, and what is lost here comes back.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import { spawnSync } from 'node:child_process'
import { BINARY, Client, sleep, startServer, temporary, until } from './support.mjs'

process.setMaxListeners(0) // each provider of y-websocket has one on exit
const running = []
after(() => Promise.all(running.map(server => server.stop('SIGKILL'))))

/** A server whose rooms go into `folder` soon after they are quiet. */
async function start ({ folder, data, idle = 30, more = {}, args = [], env, rooms }) {
  const config = path.join(temporary(), 'partyd.json')
  const backup = { disk: { kind: 'directory', path: folder, 'idle-ms': idle, 'max-age-ms': 1000, ...more } }
  fs.writeFileSync(config, JSON.stringify({ backup, ...(rooms ? { rooms } : {}) }))
  const server = await startServer({ data, args: ['--config', config, ...args], env })
  running.push(server)
  server.sink = async () => (await (await fetch(`${server.http}/health`)).json()).backup[0]
  server.saved = (count = 1) => until('all to be backed up', async () => {
    const sink = await server.sink()
    return sink.waiting === 0 && sink.stored >= count
  }, 40000)
  return server
}
const open = async (server, room, family = 'y-websocket 3') => {
  const client = new Client(server, family, room)
  await client.synced()
  return client
}
/** Files of backups below a folder. */
const files = folder => fs.readdirSync(folder, { recursive: true }).filter(name => name.endsWith('.room')).map(name => path.join(folder, name))


/** A client that is not let in: the codes with which it was closed. */
function refused (server, room) {
  const client = new Client(server, 'y-websocket 3', room)
  client.codes = []
  client.provider.on('connection-close', event => { if (event) client.codes.push(event.code) })
  return client
}

/** Whether a file is a whole record: head (see record.h) and an update with the hash that it names. */
function isWhole (file) {
  const bytes = fs.readFileSync(file)
  const head = bytes.length < 8 ? 0 : bytes.readUInt32LE(4)
  let at = 17 // behind magic, length, form and node
  const varuint = () => { let value = 0; for (let shift = 0; ; shift += 7) { value += (bytes[at] & 127) * 2 ** shift; if (bytes[at++] < 128) return value } }
  for (let n = 0; n < 3; n++) varuint()
  const name = varuint()
  at += name
  const hash = bytes.subarray(at, at += 32)
  return bytes.length === head + 12 + varuint() && crypto.createHash('sha256').update(bytes.subarray(head + 12)).digest().equals(hash)
}

test('B1 what was written comes back on a wiped disk, at the first connect', async () => {
  const folder = temporary()
  const first = await start({ folder })
  for (let n = 0; n < 20; n++) {
    const client = await open(first, `doc-${n}`, n % 3 === 0 ? 'y-partykit' : 'y-websocket 3')
    client.text.insert(0, `text of ${n}`)
    if (n % 2 === 0) client.end()
  }
  await first.saved(20)
  await first.stop('SIGKILL')
  const second = await start({ folder })
  for (let n = 0; n < 20; n++) {
    const client = await open(second, `doc-${n}`)
    assert.equal(client.text.toString(), `text of ${n}`)
    client.end()
  }
  // Deletions too, and what comes after a restore is backed up under a later number.
  const client = await open(second, 'doc-3')
  client.text.delete(0, 5)
  await until('the change to be backed up', async () => files(folder).some(file => file.includes('doc-3.') && /\/0000000000000002-/.test(file)))
  await second.saved()
  await second.stop('SIGKILL')
  assert.equal((await open(await start({ folder }), 'doc-3')).text.toString(), 'of 3')
})

test('B2 a room is copied when it has been quiet, and while it is not, once in a while', async () => {
  const folder = temporary()
  const server = await start({ folder, idle: 400, more: { 'max-age-ms': 60000 } })
  const client = await open(server, 'doc')
  for (let n = 0; n < 40; n++) { client.text.insert(0, 'x'); await sleep(20) }
  assert.equal(files(folder).length, 0)
  await server.saved()
  assert.equal((await server.sink()).stored, 1)
  const busy = await start({ folder: temporary(), idle: 400, more: { 'max-age-ms': 500 } })
  const other = await open(busy, 'doc')
  const typing = setInterval(() => other.text.insert(0, 'x'), 20)
  await until('a copy while it is edited', async () => (await busy.sink()).stored >= 2, 5000)
  clearInterval(typing)
})

test('B3 what was not backed up before a kill is afterwards, and nothing else', async () => {
  const folder = temporary()
  const first = await start({ folder })
  for (let n = 0; n < 5; n++) (await open(first, `old-${n}`)).text.insert(0, 'old')
  await first.saved(5)
  await sleep(1500) // what is backed up is noted once in a second
  await first.stop('SIGKILL')
  const second = await start({ folder, data: first.data, idle: 60000, more: { 'max-age-ms': 60000 } })
  const client = await open(second, 'new')
  client.text.insert(0, 'new')
  await until('the update to be stored', () => client.provider.synced)
  await sleep(300)
  await second.stop('SIGKILL')
  const third = await start({ folder, data: first.data })
  await third.saved()
  await sleep(300)
  assert.equal((await third.sink()).stored, 1)
  assert.equal(files(folder).filter(file => file.includes('main_new.')).length, 1)
})

test('B4 a restore that fails refuses the room, and is tried again: it never begins empty', async () => {
  const folder = temporary()
  const first = await start({ folder })
  ;(await open(first, 'doc')).text.insert(0, 'precious')
  await first.saved()
  await first.stop('SIGKILL')
  const [file] = files(folder)
  const good = fs.readFileSync(file)
  for (const [at, what] of [[good.length - 3, 'the update'], [20, 'the head']]) {
    const bad = Buffer.from(good)
    bad[at] ^= 1
    fs.writeFileSync(file, bad)
    const server = await start({ folder })
    const client = refused(server, 'doc')
    await until(`a room with a bit flipped in ${what} to be refused`, () => client.codes.length > 0, 8000)
    assert.equal(client.codes[0], 4503, server.log)
    assert.match(server.log, /backup fails.*damaged/)
    assert.equal(client.provider.synced, false)
    fs.writeFileSync(file, good)
    await until('the client to come again', () => client.provider.synced, 10000)
    assert.equal(client.text.toString(), 'precious')
    await server.stop('SIGKILL')
    client.end()
    for (const other of files(folder)) if (other !== file) fs.unlinkSync(other)
  }
})

test('B4 a folder that is not mounted has not forgotten its rooms', async () => {
  const folder = temporary()
  const server = await start({ folder })
  const mark = path.join(folder, 'partyd-backup')
  fs.renameSync(mark, `${mark}.away`)
  const client = refused(server, 'doc')
  await until('the room to be refused', () => client.codes.length > 0, 8000)
  assert.equal(client.codes[0], 4503)
  assert.match((await server.sink()).why, /is it mounted/)
  fs.renameSync(`${mark}.away`, mark)
  await until('the client to come again', () => client.provider.synced, 10000)
  // A folder with something else in it is none.
  const other = temporary()
  fs.writeFileSync(path.join(other, 'letters.txt'), 'x')
  await assert.rejects(start({ folder: other }), /ended with 2.*backup\.disk.*has no file partyd-backup/s)
})

test('B5 killed while it writes, a copy is whole or not there', { timeout: 60000 }, async () => {
  const folder = temporary(), data = temporary()
  const parts = () => fs.readdirSync(folder, { recursive: true }).map(name => path.join(folder, name)).filter(name => /\.room$|\.new-/.test(name))
  let caught = 0, typed = 0
  for (let round = 0; round < 6 && caught < 2; round++) {
    const server = await start({ folder, data, idle: 0, more: { 'max-age-ms': 0 } })
    const client = await open(server, 'doc')
    const before = new Set(files(folder))
    client.text.insert(0, String(typed++).repeat(8_000_000))
    // Until there is a file that is not whole: at its own name or at another.
    const end = Date.now() + 2000
    let cut
    while (cut === undefined && Date.now() < end) {
      cut = parts().find(name => !before.has(name) && fs.statSync(name, { throwIfNoEntry: false })?.size > 0 && (name.includes('.new-') || !isWhole(name)))
      if (cut === undefined) await new Promise(setImmediate)
    }
    await server.stop('SIGKILL')
    client.end()
    if (cut !== undefined && fs.existsSync(cut)) caught++
    for (const file of files(folder)) assert.ok(isWhole(file), file)
    if (files(folder).length === 0) continue
    const copy = temporary()
    fs.cpSync(folder, copy, { recursive: true })
    const other = await start({ folder: copy })
    const reader = await open(other, 'doc')
    assert.ok(reader.text.length > 0 && reader.text.length % 8_000_000 === 0)
    reader.end()
    await other.stop('SIGKILL')
  }
  assert.ok(caught > 0, 'it was never killed in the middle')
  const last = await start({ folder, data })
  await last.saved()
  assert.deepEqual(parts().filter(name => name.includes('.new-')), [])
})

test('B6 a full disk: editing goes on, it is told, and the copy comes when there is room', { timeout: 60000 }, async t => {
  const folder = temporary()
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder])
  if (mount.status !== 0) return t.skip('mounting a tmpfs is not permitted here')
  try {
    const server = await start({ folder })
    const [a, b] = [await open(server, 'doc'), await open(server, 'doc')]
    a.text.insert(0, 'small')
    await server.saved()
    a.text.insert(0, 'x'.repeat(3 << 20))
    await until('the failure to be told', async () => !(await server.sink()).works, 10000)
    const { why, waiting } = await server.sink()
    assert.match(why, /No space left.*make room/)
    assert.equal(waiting, 1)
    assert.match(server.log, /backup fails.*sink="disk".*why="cannot write.*rooms_waiting=1/)
    assert.equal((await fetch(`${server.http}/health`)).status, 200)
    a.text.insert(0, 'y')
    await until('the other to see it', () => b.text.length === (3 << 20) + 6)
    spawnSync('mount', ['-o', 'remount,size=16m', folder])
    await until('the copy', async () => (await server.sink()).waiting === 0, 20000)
    assert.match(server.log, /backup works again/)
    await server.stop('SIGKILL')
    const reader = await open(await start({ folder }), 'doc')
    assert.equal(reader.text.length, (3 << 20) + 6)
  } finally {
    for (const server of running) await server.stop('SIGKILL')
    spawnSync('umount', [folder])
  }
})

test('B7 two servers with one room in one folder: what each wrote is there afterwards', async () => {
  const folder = temporary()
  const [one, other] = [await start({ folder }), await start({ folder })]
  const [a, b] = [await open(one, 'doc'), await open(other, 'doc')]
  for (let n = 0; n < 10; n++) {
    a.doc.getMap('map').set(`a${n}`, n)
    b.doc.getMap('map').set(`b${n}`, n)
    await sleep(60)
  }
  await Promise.all([one.saved(), other.saved()])
  await Promise.all([one.stop('SIGKILL'), other.stop('SIGKILL')])
  const reader = await open(await start({ folder }), 'doc')
  for (let n = 0; n < 10; n++) for (const who of 'ab') assert.equal(reader.doc.getMap('map').get(`${who}${n}`), n, `${who}${n}`)
})

test('B7 an older copy of the data directory: what the folder knows better comes back', async () => {
  const folder = temporary()
  const first = await start({ folder })
  const writer = await open(first, 'doc')
  writer.text.insert(0, 'old')
  await first.saved()
  writer.end()
  await first.stop()
  const copy = temporary()
  fs.cpSync(first.data, copy, { recursive: true }) // with its mark: the numbers go back, as in a machine's snapshot
  const second = await start({ folder, data: first.data })
  const later = await open(second, 'doc')
  later.text.insert(3, ' and new')
  await second.saved()
  later.end()
  await second.stop('SIGKILL')
  const both = temporary()
  fs.cpSync(folder, both, { recursive: true })
  // Its next change has the number of one that is there; or, some changes later, a number beyond.
  for (const [shelf, changes] of [[folder, 1], [both, 5]]) {
    const again = temporary()
    fs.cpSync(copy, again, { recursive: true })
    const third = await start({ folder: shelf, data: again, idle: 200 })
    const reader = await open(third, 'doc')
    assert.equal(reader.text.toString(), 'old')
    for (let n = 0; n < changes; n++) { reader.doc.getMap('map').set('x', 1); await sleep(20) }
    await until(`the newer text after ${changes}`, () => reader.text.toString() === 'old and new', 10000)
    await third.saved()
    await third.stop('SIGKILL')
    const last = await open(await start({ folder: shelf }), 'doc')
    assert.deepEqual([last.text.toString(), last.doc.getMap('map').get('x')], ['old and new', 1])
  }
})

test('B8 the newest three are kept, and of each day the newest', async () => {
  const folder = temporary()
  const server = await start({ folder })
  const client = await open(server, 'doc')
  for (let n = 0; n < 6; n++) {
    client.text.insert(0, 'x')
    await until('it to be saved', async () => (await server.sink()).stored > n)
    if (n === 1) { // two of yesterday, one of long ago
      const [old, newer] = files(folder).sort()
      fs.utimesSync(old, new Date(), new Date(Date.now() - 40 * 86_400_000))
      fs.utimesSync(newer, new Date(), new Date(Date.now() - 86_400_000))
    }
  }
  const ages = files(folder).sort().map(file => Math.round((Date.now() - fs.statSync(file).mtimeMs) / 86_400_000))
  assert.deepEqual(ages, [1, 0, 0, 0])
})

test('B11 which rooms go where is said in the table of rooms', async () => {
  const folder = temporary()
  const server = await start({ folder, rooms: { 'doc-*': {}, 'draft-*': { backup: 'none' }, 'note-*': { backup: ['disk'] }, 'p-*': { store: 'none' } } })
  for (const room of ['doc-1', 'draft-1', 'note-1']) (await open(server, room)).text.insert(0, room)
  await server.saved(2)
  await sleep(300)
  assert.deepEqual(files(folder).map(file => /main_(\w+-\d)\./.exec(file)[1]).sort(), ['doc-1', 'note-1'])
  for (const [backup, error] of [[['dsk'], /there is no sink "dsk"; did you mean "disk"\?/], ['all', /takes a list of names of sinks, or "none"/]]) {
    await assert.rejects(start({ folder, rooms: { '*': { backup } } }), error)
  }
  for (const [more, error] of [[{ kind: 'directry' }, /did you mean directory/], [{ pth: 'x' }, /no key "pth"; did you mean "path"/], [{ path: 1 }, /it takes text/]]) {
    await assert.rejects(start({ folder, more }), error)
  }
})

test('B12 at the end what is not backed up is', async () => {
  const folder = temporary()
  const server = await start({ folder, idle: 3600000, more: { 'max-age-ms': 3600000 } })
  ;(await open(server, 'doc')).text.insert(0, 'last words')
  await sleep(200)
  assert.equal(files(folder).length, 0)
  assert.equal((await server.stop('SIGTERM')).code, 0)
  assert.equal(files(folder).length, 1)
})

test('B13 partyd pull brings back one room, or all, without a server', async () => {
  const folder = temporary(), data = temporary()
  const first = await start({ folder })
  const edit = async (server, room, text) => { const client = await open(server, room); client.text.insert(0, text); return client }
  for (let n = 0; n < 300; n += 100) await Promise.all(Array.from({ length: 100 }, async (_, i) => (await edit(first, `doc-${n + i}`, `text ${n + i}`)).end()))
  await first.saved(300) // before the next edit: two edits that wait are one copy
  await edit(first, 'doc-7', 'more ')
  await first.saved(301)
  await first.stop('SIGKILL')
  const pull = (...args) => spawnSync(BINARY, ['pull', '--data', data, '--backup', `directory:${folder}`, ...args], { encoding: 'utf8' })
  const one = pull('doc-7', 'doc-nowhere')
  assert.match(one.stdout, /^main\/doc-7: \d+ bytes, epoch 1, seq \d+\n1 restored, 0 were there, 1 failed\n$/)
  assert.match(one.stderr, /main\/doc-nowhere: the sink has nothing under this name/)
  assert.equal(one.status, 1)
  assert.match(pull().stdout, /\n299 restored, 1 were there, 0 failed\n$/)
  const server = await start({ folder: temporary(), data })
  assert.equal((await open(server, 'doc-7')).text.toString(), 'more text 7')
  const changed = await edit(server, 'doc-8', 'wrong ')
  await until('it to be stored', () => changed.provider.synced)
  await sleep(100)
  await server.stop()
  assert.match(pull('doc-8').stdout, /0 restored, 1 were there/)
  assert.match(pull('--replace', 'doc-8').stdout, /1 restored, 0 were there/)
  const last = await start({ folder: temporary(), data })
  assert.equal((await open(last, 'doc-8')).text.toString(), 'text 8')
  assert.match(pull('--from', 'tape').stderr, /there is no sink 'tape'/)
  assert.match(spawnSync(BINARY, ['pull', '--data', temporary()], { encoding: 'utf8' }).stderr, /there is no sink; say where/)
})
