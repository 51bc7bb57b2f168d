// The operator's commands on a served store and on one that nobody serves. Rules O1..: docs/operations.md.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Client, Y, sleep, startServer, temporary, until } from './support.mjs'
import { docOf, expected, liveAndStopped, partyd, recorded, unpack } from './operator-support.mjs'

const DISK = path.resolve(process.env.DISK ?? '../build/release/crash/disk.so')

const family = 'y-websocket 3'
/** Two rooms in two parties, one with rich text; the clients stay. */
async function twoRooms (server) {
  const a = new Client(server, family, 'doc-1')
  const b = new Client(server, family, 'doc-2', 'other')
  const eyes = new Client(server, family, 'doc-1')
  await Promise.all([a, b, eyes].map(c => c.synced()))
  a.text.insert(0, 'hello <world>')
  a.doc.getMap('map').set('k', [1, { b: null }])
  const p = new Y.XmlElement('paragraph')
  a.doc.getXmlFragment('xml').insert(0, [p])
  p.insert(0, [new Y.XmlText('rich & plain')])
  b.text.insert(0, 'second')
  // What another client has is on disk.
  await until('the other client', () => eyes.doc.getXmlFragment('xml').length === 1)
  await sleep(100)
  return { a, b, eyes, end: async () => { [a, b, eyes].forEach(c => c.end()); await sleep(100) } }
}

test('o1: rooms lists what is stored and who is in it', async () => {
  await liveAndStopped(twoRooms, async (run, { how }) => {
    const connections = how === 'live' ? [2, 1] : [0, 0]
    const { status, lines, err } = await run('rooms', '--json')
    assert.equal(status, 0, err)
    assert.deepEqual(lines.map(l => [l.room, l.status, l.connections]).sort(), [['main/doc-1', 'ok', connections[0]], ['other/doc-2', 'ok', connections[1]]])
    for (const line of lines) assert.ok(line.bytes > 0 && line.epoch >= 1 && line.seq > 0 && line.changedAt > Date.now() - 60000)
    const text = await run('rooms')
    assert.match(text.out, /^STATUS .*ROOM\nok .* main\/doc-1\nok .* other\/doc-2\n$/)
    assert.match(text.err, /^2 rooms, /)
    assert.deepEqual((await run('rooms', 'other/', '--json')).lines.map(l => l.room), ['other/doc-2'])
    assert.deepEqual((await run('rooms', 'nothing', '--json')).lines, [])
  })
})

test('o1: many rooms are listed whole', async () => {
  await liveAndStopped(async server => {
    const clients = Array.from({ length: 30 }, (_, i) => new Client(server, family, `r${i}`))
    await Promise.all(clients.map(c => c.synced()))
    clients.forEach(c => c.text.insert(0, 'x'))
    await sleep(200)
    clients.forEach(c => c.end())
    await sleep(50)
  }, async run => {
    assert.equal((await run('rooms', '--json')).lines.length, 30)
  })
})

test('o4: export gives the document in each form', async () => {
  await liveAndStopped(twoRooms, async (run, { a }) => {
    const want = expected(a.doc)
    assert.deepEqual(expected(docOf((await run('export', 'doc-1')).bytes)), want)
    const v2 = new Y.Doc()
    Y.applyUpdateV2(v2, (await run('export', 'main/doc-1', '--format', 'update-v2')).bytes)
    assert.deepEqual(expected(v2), want)
    assert.deepEqual((await run('export', 'doc-1', '--format', 'json')).json, { text: want.text, map: want.map, xml: want.xml })
    assert.deepEqual((await run('export', 'doc-1', '--format', 'json', '--root', 'text', '--marks')).json, { text: [{ insert: want.text }] })
    assert.equal((await run('export', 'doc-1', '--format=html', '--root', 'xml')).out, '<p>rich &amp; plain</p>')
    assert.equal((await run('export', 'doc-1', '--format', 'markdown', '--root', 'text')).out, 'hello \\<world\\>\n')
    assert.equal((await run('export', 'other/doc-2', '--format', 'text')).out, 'second\n')
    const several = await run('export', 'doc-1', '--format', 'html')
    assert.deepEqual([several.status, several.out], [1, ''])
    assert.match(several.err, /several texts: text, xml; name one by --root/)
    const file = path.join(temporary(), 'doc.yjs')
    const answer = await run('export', 'doc-1', file, '--json')
    assert.deepEqual([answer.json.file, answer.json.room, answer.json.bytes], [file, 'main/doc-1', fs.statSync(file).size])
    assert.deepEqual(expected(docOf(fs.readFileSync(file))), want)
    const again = await run('export', 'doc-1', file)
    assert.equal(again.status, 1)
    assert.match(again.err, /is there already; name another file, or say --force/)
    assert.equal((await run('export', 'doc-1', file, '--force')).status, 0)
    const nowhere = await run('export', 'doc-1', '/nowhere/doc.yjs')
    assert.deepEqual([nowhere.status, /\/nowhere\/doc\.yjs: cannot be made: No such file/.test(nowhere.err)], [1, true])
  })
})

test('o14: export --obfuscate gives the shape and none of the words', async () => {
  await liveAndStopped(twoRooms, async run => {
    const real = (await run('export', 'doc-1')).bytes
    const { status, bytes, err } = await run('export', 'doc-1', '--obfuscate')
    assert.equal(status, 0, err)
    assert.deepEqual(expected(docOf(bytes)), expected(docOf(Y.obfuscateUpdate(real))))
    assert.equal(docOf(bytes).getText('text').length, 'hello <world>'.length)
    for (const word of ['hello', 'world', 'rich', 'plain', 'paragraph']) assert.ok(!bytes.includes(word), word)
    assert.match((await run('export', 'doc-1', '--obfuscate', '--format', 'json')).json.text, /^(\d)\1{12}$/)
  })
})

test('o2: a wrong command line, a room or a store that is not there: one line that says what, where and what next', async () => {
  const empty = temporary()
  const wrong = [
    [2, /export: it wants ROOM \[FILE\]; see partyd export --help/, 'export'],
    [2, /'c' is one argument too many/, 'export', 'a', 'b', 'c'],
    [2, /there is no flag --formt, did you mean --format; see/, 'export', 'a', '--formt', 'json'],
    [2, /'pdf' is no value for --format; it takes one of update\|/, 'export', 'a', '--format', 'pdf'],
    [2, /--format wants a value/, 'export', 'a', '--format'],
    [2, /--force takes no value/, 'export', 'a', '--force=1'],
    [2, /stdout cannot hold the room and --json/, 'export', 'a', '--json'],
    [2, /say --now or --grace-days/, 'erase', 'a', '--now', '--grace-days', '3'],
    [2, /'x' is no value for --grace-days/, 'erase', 'a', '--grace-days', 'x'],
    [2, /say --replace or --merge/, 'import', 'a', 'b', '--replace', '--merge'],
    [4, /there is no store here; name the data directory by --data/, 'rooms'],
    [4, /there is no store here/, 'export', 'a'],
    [4, /there is no store here/, 'check'],
    [4, /there is no store here/, 'compact'],
    [4, /there is no store here/, 'erase', 'a'],
    [4, /there is no store here/, 'backup', path.join(empty, 'b')],
    [4, /there is no store here/, 'analyze', 'a']
  ]
  for (const [status, says, ...words] of wrong) {
    const answer = await partyd(empty, ...words)
    assert.equal(answer.status, status, `${words}: ${answer.err}`)
    assert.match(answer.err, says)
    assert.equal(answer.err.trim().split('\n').length, 1, answer.err)
    assert.equal(answer.out, '')
  }
  assert.deepEqual(fs.readdirSync(empty), [], 'nothing was made')
  await liveAndStopped(twoRooms, async run => {
    for (const words of [['export', 'nope'], ['analyze', 'nope'], ['export', 'other/doc-1'], ['erase', 'nope'], ['erase', 'nope', '--now'], ['undelete', 'nope']]) {
      const answer = await run(...words)
      assert.deepEqual([answer.status, answer.out], [3, ''], answer.err)
      assert.match(answer.err, /: (main\/nope|other\/doc-1): no such room; `partyd rooms` lists all\n$/)
    }
  })
  const unknown = await partyd(null, 'expört')
  assert.deepEqual([unknown.status, unknown.err], [2, "partyd: there is no command 'expört'; see partyd --help\n"])
})

test('o2: every command has a help with an example', async () => {
  const help = await partyd(null, '--help')
  const names = [...help.out.matchAll(/^ {2}partyd ([a-z]+) /gm)].map(m => m[1]).filter(name => !['dev', 'serve', 'pull', 'settings'].includes(name))
  assert.deepEqual(names.sort(), ['analyze', 'backup', 'check', 'compact', 'erase', 'export', 'health', 'import', 'restore', 'rooms', 'undelete'])
  for (const name of names) {
    const { status, out } = await partyd(null, name, '--help')
    assert.equal(status, 0)
    assert.match(out, new RegExp(`^ {2}partyd ${name}\\b`, 'm'), out)
    assert.match(out, /--json/)
    assert.match(out, /Exit: 0 done, 1 failed/)
  }
})

test('o3: the socket is for the owner alone, goes with the server, and one that was left is replaced', async () => {
  const server = await startServer()
  const socket = path.join(server.data, 'partyd.sock')
  assert.equal(fs.statSync(socket).mode & 0o777, 0o600)
  await server.stop('SIGKILL')
  assert.ok(fs.existsSync(socket))
  assert.equal((await partyd(server.data, 'rooms')).status, 0, 'a socket that nobody serves does not keep the store from being opened')
  const again = await startServer({ data: server.data })
  assert.equal((await partyd(server.data, 'rooms')).status, 0)
  await again.stop()
  assert.equal(fs.existsSync(socket), false)
})

test('o3: a data directory whose path is longer than a socket may have works too', async () => {
  const data = path.join(temporary(), 'x'.repeat(90), 'y'.repeat(90))
  fs.mkdirSync(data, { recursive: true })
  const server = await startServer({ data })
  assert.equal((await partyd(data, 'rooms')).status, 0)
  await server.stop()
})

test('o3: two commands at a time: the second one says that the store is open', async () => {
  const server = await startServer()
  const client = new Client(server, family, 'doc')
  await client.synced()
  client.text.insert(0, 'x')
  await sleep(100)
  client.end()
  await server.stop()
  const answers = await Promise.all(Array.from({ length: 4 }, () => partyd(server.data, 'check')))
  for (const answer of answers) {
    if (answer.status !== 0) assert.deepEqual([answer.status, /another process has this store open/.test(answer.err)], [4, true], answer.err)
  }
  assert.ok(answers.some(answer => answer.status === 0))
})

test('o6: a backup of a store that is being written holds all that was confirmed before it began', async () => {
  const server = await startServer()
  const writers = Array.from({ length: 6 }, (_, i) => new Client(server, family, `doc-${i}`))
  const eyes = Array.from({ length: 6 }, (_, i) => new Client(server, family, `doc-${i}`))
  await Promise.all([...writers, ...eyes].map(c => c.synced()))
  // More than the copy takes in one step.
  const [large, witness] = [new Client(server, family, 'large'), new Client(server, family, 'large')]
  await Promise.all([large.synced(), witness.synced()])
  const noise = randomBytes(3 << 20).toString('latin1')
  large.doc.getMap('map').set('noise', noise)
  await until('the large value to be stored', () => witness.doc.getMap('map').has('noise'), 20000)
  let on = true
  const writing = writers.map(async (c, i) => {
    for (let n = 0; on; n++) {
      c.doc.getMap('map').set(`k${n % 50}`, `${n} ${'x'.repeat(200)}`)
      c.text.insert(0, String(n % 10))
      await sleep(1)
    }
  })
  await sleep(500)
  const files = []
  for (let round = 0; round < 3; round++) {
    const seen = eyes.map(c => c.text.length)
    const file = path.join(temporary(), 'backup.db')
    const answer = await partyd(server.data, 'backup', file, '--json')
    assert.equal(answer.status, 0, answer.err)
    assert.deepEqual([answer.json.rooms, answer.json.bytes], [7, fs.statSync(file).size])
    files.push([file, seen])
  }
  on = false
  await Promise.all(writing)
  for (const c of [...writers, ...eyes, large, witness]) c.end()
  assert.deepEqual(fs.readdirSync(server.data).filter(name => name.startsWith('backup')), [])
  await server.stop()
  for (const [file, seen] of files) {
    const data = path.join(temporary(), 'new')
    const restored = await partyd(data, 'restore', file, '--json')
    assert.equal(restored.status, 0, restored.err)
    assert.equal(restored.json.rooms, 7)
    assert.equal((await partyd(data, 'export', 'large', '--format', 'json')).json.map.noise, noise)
    assert.equal((await partyd(data, 'check')).status, 0)
    for (let i = 0; i < 6; i++) {
      const text = (await partyd(data, 'export', `doc-${i}`, '--format', 'json')).json.text
      assert.ok(text.length >= seen[i], `doc-${i}: ${text.length} of ${seen[i]}`)
    }
  }
})

test('o6: a backup is made whole or not at all', async () => {
  await liveAndStopped(twoRooms, async run => {
    const dir = temporary()
    const file = path.join(dir, 'b.db')
    assert.equal((await run('backup', file)).status, 0)
    assert.equal((await run('backup', file)).status, 1)
    assert.equal((await run('backup', file, '--force')).status, 0)
    assert.equal((await run('backup', path.join(dir, 'no', 'b.db'))).status, 1)
    assert.deepEqual(fs.readdirSync(dir), ['b.db'])
  })
})

test('o7: restore refuses what is no backup, a running server and a store that is there; told to, it keeps that one', async () => {
  const server = await startServer()
  const { a, end } = await twoRooms(server)
  const dir = temporary()
  const file = path.join(dir, 'b.db')
  assert.equal((await partyd(server.data, 'backup', file)).status, 0)
  const want = expected(a.doc)
  a.text.insert(0, 'after the backup ')
  await sleep(200)
  let answer = await partyd(server.data, 'restore', file, '--force')
  assert.deepEqual([answer.status, /a server is running on it; stop it first/.test(answer.err)], [4, true], answer.err)
  await end()
  await server.stop()
  answer = await partyd(server.data, 'restore', file)
  assert.deepEqual([answer.status, /there is a store already; with --force/.test(answer.err)], [1, true])
  const broken = path.join(dir, 'broken.db')
  for (const [bytes, says] of [
    [Buffer.from('no database at all, but long enough to be one'.repeat(50)), /is no backup made by partyd|cannot be opened/],
    [fs.readFileSync(file).subarray(0, 3 * 4096), /damaged/],
    [(() => { const b = Buffer.from(fs.readFileSync(file)); b.fill(0xff, 2 * 4096, 4 * 4096); return b })(), /damaged/]
  ]) {
    fs.writeFileSync(broken, bytes)
    answer = await partyd(server.data, 'restore', broken, '--force')
    assert.equal(answer.status, 1)
    assert.match(answer.err, says)
    assert.match(JSON.stringify((await partyd(server.data, 'export', 'doc-1', '--format', 'json')).json), /after the backup/, 'the store is as it was')
  }
  answer = await partyd(server.data, 'restore', file, '--force', '--json')
  assert.equal(answer.status, 0, answer.err)
  assert.match(JSON.stringify((await partyd(answer.json.before, 'export', 'doc-1', '--format', 'json')).json), /after the backup/, 'what was there is kept')
  assert.deepEqual(expected(docOf((await partyd(server.data, 'export', 'doc-1')).bytes)), want)
  const again = await startServer({ data: server.data })
  const c = new Client(again, family, 'doc-1')
  await c.synced()
  assert.deepEqual(expected(c.doc), want)
  c.end()
  await again.stop()
})

test('o8: an erased room closes with 4404, does not come back with an offline client, and is brought back', async () => {
  const server = await startServer()
  const { a, eyes, b } = await twoRooms(server)
  const codes = []
  for (const c of [a, eyes]) c.provider.on('connection-close', event => { codes.push(event?.code); c.provider.shouldConnect = false })
  const offline = new Client(server, family, 'doc-1')
  await offline.synced()
  offline.provider.disconnect()
  offline.text.insert(0, 'written offline ')
  assert.equal((await partyd(server.data, 'erase', 'doc-1', '--json')).json.connections, 2)
  await until('both to be closed', () => codes.length >= 2)
  assert.deepEqual(codes.slice(0, 2), [4404, 4404])
  const refused = []
  offline.provider.on('connection-close', event => refused.push(event?.code))
  offline.provider.connect()
  await until('the offline client to be refused', () => refused.includes(4404), 8000)
  offline.end()
  let room = (await partyd(server.data, 'rooms', 'main/', '--json')).json
  assert.deepEqual([room.status, room.eraseAt - room.deletedAt > 29 * 86400000], ['deleted', true])
  assert.equal((await partyd(server.data, 'undelete', 'doc-1')).status, 0)
  const c = new Client(server, family, 'doc-1')
  await c.synced()
  assert.equal(c.text.toString(), 'hello <world>')
  c.end()
  assert.equal((await partyd(server.data, 'undelete', 'doc-1')).status, 1)
  assert.equal((await partyd(server.data, 'undelete', 'nope')).status !== 0, true)
  assert.equal((await partyd(server.data, 'erase', 'doc-1', '--now')).status, 0)
  await until('the bytes to be gone', async () => {
    room = (await partyd(server.data, 'rooms', 'main/', '--json')).json
    return room.status === 'erased'
  }, 20000)
  assert.equal((await partyd(server.data, 'export', 'doc-1')).status, 3)
  assert.equal((await partyd(server.data, 'undelete', 'doc-1')).status, 1)
  assert.equal((await partyd(server.data, 'export', 'other/doc-2', '--format', 'text')).out, 'second\n')
  for (const client of [a, eyes, b]) client.end()
  await server.stop()
  for (const name of fs.readdirSync(server.data)) {
    if (!fs.statSync(path.join(server.data, name)).isFile()) continue
    assert.equal(fs.readFileSync(path.join(server.data, name)).includes('hello <world>'), false, name)
  }
  assert.equal((await partyd(server.data, 'check')).status, 0)
})

test('o8: in a store that nobody serves too', async () => {
  const server = await startServer()
  await (await twoRooms(server)).end()
  await server.stop()
  assert.equal((await partyd(server.data, 'erase', 'doc-1', '--grace-days', '1')).status, 0)
  assert.equal((await partyd(server.data, 'export', 'doc-1')).status, 0, 'a deleted room can still be looked at')
  assert.equal((await partyd(server.data, 'undelete', 'doc-1')).status, 0)
  const again = await startServer({ data: server.data })
  const c = new Client(again, family, 'doc-1')
  await c.synced()
  assert.equal(c.text.toString(), 'hello <world>')
  c.end()
  await again.stop()
})

test('o9: compact makes snapshots of rooms that nobody has open and loses nothing that is written meanwhile', async () => {
  const server = await startServer({ args: ['--room-idle-ms', '0'] })
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 5; i++) {
      const c = new Client(server, family, `cold-${i}`)
      await c.synced()
      for (let n = 0; n < 20; n++) c.text.insert(0, `${round}.${n} `)
      await sleep(50)
      c.end()
    }
  }
  await server.stop('SIGKILL') // so that journals are long and no room has had its last snapshot
  const again = await startServer({ data: server.data })
  const before = {}
  for (let i = 0; i < 5; i++) before[i] = (await partyd(server.data, 'export', `cold-${i}`, '--format', 'json')).out
  const c = new Client(again, family, 'warm')
  await c.synced()
  let on = true
  const writing = (async () => { for (let n = 0; on; n++) { c.text.insert(0, `${n} `); await sleep(2) } })()
  const answers = []
  for (let n = 0; n < 3; n++) answers.push((await partyd(server.data, 'compact', '--json')).json)
  on = false
  await writing
  await sleep(200)
  assert.ok(answers.reduce((sum, a) => sum + a.written, 0) >= 5, JSON.stringify(answers))
  assert.deepEqual(answers.map(a => a.failed), [0, 0, 0])
  const warm = c.text.toString()
  c.end()
  await again.stop('SIGKILL')
  for (let i = 0; i < 5; i++) assert.equal((await partyd(server.data, 'export', `cold-${i}`, '--format', 'json')).out, before[i])
  assert.equal((await partyd(server.data, 'export', 'warm', '--format', 'json')).json.text, warm)
  assert.equal((await partyd(server.data, 'compact')).status, 0)
  for (let i = 0; i < 5; i++) assert.equal((await partyd(server.data, 'export', `cold-${i}`, '--format', 'json')).out, before[i])
  assert.equal((await partyd(server.data, 'check')).status, 0)
})

test('o10: check names a room that cannot be read, and goes on with the others', async () => {
  const server = await startServer()
  await (await twoRooms(server)).end()
  await server.stop()
  assert.equal((await partyd(server.data, 'compact')).status, 0)
  assert.deepEqual((await partyd(server.data, 'check', '--json')).json.ok, true)
  const { spawnSync } = await import('node:child_process')
  const sql = (db, text) => { const r = spawnSync('sqlite3', [path.join(server.data, db), text], { encoding: 'utf8' }); assert.equal(r.status, 0, r.stderr); return r.stdout }
  sql('shard-00.db', "UPDATE base SET data = x'00' WHERE room = 1; UPDATE journal SET data = zeroblob(1) WHERE 0")
  for (const how of ['stopped', 'live']) {
    const again = how === 'live' ? await startServer({ data: server.data }) : null
    const answer = await partyd(server.data, 'check', '--json')
    assert.equal(answer.status, 1)
    assert.deepEqual([answer.json.ok, answer.json.rooms, answer.json.bad.map(b => b.room)], [false, 2, ['main/doc-1']], how)
    assert.match((await partyd(server.data, 'check')).err, /main\/doc-1: .*(checksum|cannot be read)[^]*1 of 2 rooms cannot be read/)
    assert.equal((await partyd(server.data, 'export', 'doc-1')).status, 1)
    assert.equal((await partyd(server.data, 'export', 'other/doc-2', '--format', 'text')).out, 'second\n')
    await again?.stop()
  }
})

test('o10: check --repair keeps what can be read, a copy of what was, and what clients still have comes back', async () => {
  const { spawnSync } = await import('node:child_process')
  for (const how of ['stopped', 'live']) {
    const server = await startServer({ args: ['--room-idle-ms', '0'] })
    const first = new Client(server, family, 'doc-1')
    await first.synced()
    first.text.insert(0, 'in the snapshot')
    await sleep(100)
    first.provider.disconnect() // it stays, with the document
    await sleep(400)
    const second = new Client(server, family, 'doc-1')
    await second.synced()
    second.doc.getMap('map').set('later', 'in the journal')
    await sleep(100)
    await server.stop('SIGKILL')
    second.end()
    const db = path.join(server.data, 'shard-00.db')
    const sqlite = spawnSync('sqlite3', [db, "UPDATE base SET data = x'00' WHERE room = 1; PRAGMA wal_checkpoint(TRUNCATE)"], { encoding: 'utf8' })
    assert.equal(sqlite.status, 0, sqlite.stderr)
    const again = how === 'live' ? await startServer({ data: server.data, port: server.port }) : null
    assert.equal((await partyd(server.data, 'export', 'doc-1')).status, 1)
    const answer = await partyd(server.data, 'check', '--repair', '--json')
    assert.deepEqual([answer.status, answer.json.bad.map(b => [b.room, b.repaired, b.lost])], [0, [['main/doc-1', true, 1]]], answer.err)
    assert.equal((await partyd(server.data, 'check')).status, 0)
    assert.deepEqual((await partyd(server.data, 'export', 'doc-1', '--format', 'json')).json.map, { later: 'in the journal' })
    assert.equal(fs.readdirSync(server.data).filter(name => /^before-repair-.*\.db$/.test(name)).length, 1)
    const served = again ?? await startServer({ data: server.data, port: server.port })
    first.provider.connect()
    await until('the first client to bring back what it has', async () => (await partyd(server.data, 'export', 'doc-1', '--format', 'json')).json.text === 'in the snapshot', 8000)
    first.end()
    await served.stop()
  }
})

test('o10: a file that is damaged as a whole is refused with a sentence', async () => {
  const server = await startServer()
  await (await twoRooms(server)).end()
  await server.stop()
  const file = path.join(server.data, 'shard-00.db')
  fs.writeFileSync(file, Buffer.alloc(fs.statSync(file).size, 0x55))
  for (const command of [['check'], ['rooms'], ['backup', path.join(temporary(), 'b')]]) {
    const answer = await partyd(server.data, ...command)
    assert.ok([1, 4].includes(answer.status), `${command}: ${answer.status}`)
    assert.match(answer.err, /shard-00\.db/)
    assert.equal(answer.out, '')
  }
})

test('o11: analyze tells where the bytes are', async () => {
  await liveAndStopped(twoRooms, async (run, { a }) => {
    const { json } = await run('analyze', 'doc-1', '--json')
    assert.equal(json.room, 'main/doc-1')
    assert.deepEqual(json.roots.greatest.map(r => r.name).sort(), ['map', 'text', 'xml'])
    assert.equal(json.clients.greatest[0].client, a.id)
    assert.ok(json.stateBytes > 0 && json.liveBytes > 0 && json.liveBytes <= json.stateBytes)
    const { out } = await run('analyze', 'doc-1')
    assert.match(out, /main\/doc-1: \d+ bytes stored/)
    assert.match(out, /can be read/)
  })
})

test('o12: what takes longer than a second tells how far it is, what does not is silent', async () => {
  const { rooms, files } = recorded('hocuspocus')
  const source = path.join(unpack({ files }), 'db.sqlite')
  for (const sleep of [0, 400_000]) {
    const data = temporary()
    await (await startServer({ data })).stop()
    const env = { LD_PRELOAD: DISK, DISK_DIR: data, DISK_SLEEP: `${sleep}` }
    const answer = await partyd(data, 'import', source, '--json', { env })
    assert.equal(answer.status, 0, answer.err)
    assert.equal(answer.lines.length, Object.keys(rooms).length)
    assert.match(answer.err, sleep > 0 ? /^\d+ rooms\n$/ : /^$/)
  }
})
