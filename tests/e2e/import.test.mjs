// partyd import: stores that real servers wrote (recorded by tests/peers), other stores of ours, update files.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Client, Y, sleep, startServer, temporary, until } from './support.mjs'
import { docOf, expected, liveAndStopped, partyd, recorded, unpack } from './operator-support.mjs'

const digest = dir => fs.readdirSync(dir, { recursive: true, withFileTypes: true }).filter(e => e.isFile()).map(e => {
  const file = path.join(e.path ?? e.parentPath, e.name)
  return `${file} ${createHash('sha1').update(fs.readFileSync(file)).digest('hex')}`
}).sort()
const nothing = async () => ({})

for (const [name, source] of [['partykit', dir => dir], ['hocuspocus', dir => path.join(dir, 'db.sqlite')]]) {
  test(`o5: documents of ${name} are the same afterwards, and its store is not touched`, async () => {
    const { rooms, files } = recorded(name)
    await liveAndStopped(nothing, async (run, { how, server }) => {
      const dir = unpack({ files })
      const before = digest(dir)
      const dry = await run('import', source(dir), '--dry-run', '--json')
      assert.equal(dry.status, 0, dry.err)
      assert.deepEqual(dry.lines.map(l => [l.room, l.status]).sort(), Object.keys(rooms).sort().map(room => [room, 'readable']))
      assert.equal((await run('rooms', '--json')).lines.length, 0)
      const done = await run('import', source(dir), '--json')
      assert.equal(done.status, 0, done.err)
      assert.deepEqual(done.lines.map(l => [l.room, l.status]).sort(), Object.keys(rooms).sort().map(room => [room, 'created']))
      assert.deepEqual(digest(dir), before)
      for (const [room, want] of Object.entries(rooms)) {
        assert.deepEqual(expected(docOf((await run('export', room)).bytes)), want, room)
      }
      const again = await run('import', source(dir), '--json')
      assert.equal(again.status, 1)
      for (const line of again.lines) assert.deepEqual([line.status, line.why], ['failed', 'there is or was such a room'])
      if (how === 'stopped') return
      // And a client sees it.
      const [room, want] = Object.entries(rooms)[1]
      const c = new Client(server, 'y-websocket 3', room.split('/')[1], room.split('/')[0])
      await c.synced()
      assert.deepEqual(expected(c.doc), want)
      c.end()
    })
  })
}

test('o5: a document that is damaged at its source is named, the others are taken', async () => {
  const { spawnSync } = await import('node:child_process')
  const sqlite = (file, text) => { const r = spawnSync('sqlite3', [file, text], { encoding: 'utf8' }); assert.equal(r.status, 0, r.stderr) }
  const hocuspocus = unpack(recorded('hocuspocus'))
  sqlite(path.join(hocuspocus, 'db.sqlite'), "UPDATE documents SET data = x'0102' WHERE name = 'doc-1'; INSERT INTO documents VALUES(char(10), x'0000')")
  const kit = unpack(recorded('partykit'))
  const large = fs.readdirSync(kit, { recursive: true }).map(f => path.join(kit, f)).filter(f => f.endsWith('.sqlite'))
  for (const file of large) sqlite(file, "DELETE FROM _cf_KV WHERE key LIKE '\"v1\"#\"doc-1\"#%#000'")
  await liveAndStopped(nothing, async run => {
    let answer = await run('import', path.join(hocuspocus, 'db.sqlite'), '--json')
    assert.equal(answer.status, 1)
    assert.deepEqual(answer.lines.filter(l => l.status === 'failed').map(l => l.room).sort(), ['\\x0a', 'main/doc-1'])
    assert.equal(answer.lines.filter(l => l.status === 'created').length, 3)
    answer = await run('import', kit, '--json', '--party', 'x', '--replace')
    assert.equal(answer.status, 1)
    assert.deepEqual(answer.lines.filter(l => l.status === 'failed').map(l => [l.room, /a chunk of it is missing/.test(l.why)]), [['main/doc-1', true]])
    assert.equal((await run('export', 'doc-1')).status, 3)
  })
})

test('o5: what is no source says so', async () => {
  const dir = temporary()
  const file = (name, bytes) => { fs.writeFileSync(path.join(dir, name), bytes); return path.join(dir, name) }
  const server = await startServer()
  for (const [status, says, ...words] of [
    [1, /not there/, '/nowhere/at/all'],
    [1, /neither a store of partyd .* nor the state of y-partykit/, (fs.mkdirSync(path.join(dir, 'empty')), path.join(dir, 'empty'))],
    [2, /name the room that it is to become: partyd import FILE ROOM/, file('u', 'x')],
    [1, /neither a Yjs update/, file('rubbish', Buffer.alloc(100, 0xff)), 'room'],
    [1, /neither a Yjs update/, file('nothing', ''), 'room'],
    [1, /SQLite file, but neither|cannot be/, file('sqlite', `SQLite format 3\0${'x'.repeat(5000)}`)],
    [2, /holds rooms with names of their own/, dir, 'room']
  ]) {
    const answer = await partyd(server.data, 'import', ...words)
    assert.equal(answer.status, status, `${words}: ${answer.err}`)
    assert.match(answer.err, says)
  }
  assert.deepEqual((await partyd(server.data, 'rooms', '--json')).lines, [])
  await server.stop()
})

test('o5: an update file, V1 or V2, from stdin too; a room that is there is left alone unless told', async () => {
  await liveAndStopped(nothing, async (run, { how, server }) => {
    const doc = new Y.Doc()
    doc.getText('text').insert(0, 'one')
    const dir = temporary()
    fs.writeFileSync(path.join(dir, 'v1'), Y.encodeStateAsUpdate(doc))
    fs.writeFileSync(path.join(dir, 'v2'), Y.encodeStateAsUpdateV2(doc))
    assert.equal((await run('import', path.join(dir, 'v1'), 'doc')).status, 0)
    assert.equal((await run('import', path.join(dir, 'v2'), 'doc-v2')).status, 0)
    assert.equal((await run('import', '-', 'other/doc', { input: Y.encodeStateAsUpdate(doc) })).status, 0)
    for (const room of ['doc', 'doc-v2', 'other/doc']) assert.equal((await run('export', room, '--format', 'text')).out, 'one\n')
    const refused = await run('import', path.join(dir, 'v1'), 'doc')
    assert.deepEqual([refused.status, /main\/doc: there is or was such a room/.test(refused.err)], [1, true])

    const other = new Y.Doc()
    other.getText('text').insert(0, 'two')
    fs.writeFileSync(path.join(dir, 'two'), Y.encodeStateAsUpdate(other))
    const client = how === 'live' ? new Client(server, 'y-websocket 3', 'doc') : null
    await client?.synced()
    assert.equal((await run('import', path.join(dir, 'two'), 'doc', '--merge')).status, 0)
    const merged = (await run('export', 'doc', '--format', 'text')).out
    assert.ok(['onetwo\n', 'twoone\n'].includes(merged), merged)
    if (client) await until('whoever is in it to have it', () => client.text.toString() + '\n' === merged, 8000)
    client?.end()
    await sleep(50)
    assert.equal((await run('import', path.join(dir, 'two'), 'doc', '--replace')).status, 0)
    assert.equal((await run('export', 'doc', '--format', 'text')).out, 'two\n')
    const [room] = (await run('rooms', 'main/doc', '--json')).lines
    assert.ok(room.epoch > 1)
  })
})

test('o5: another store, served or not, and a backup of it', async () => {
  const from = await startServer()
  const c = new Client(from, 'y-websocket 3', 'doc')
  await c.synced()
  c.text.insert(0, 'moved')
  await sleep(200)
  const backup = path.join(temporary(), 'b.db')
  assert.equal((await partyd(from.data, 'backup', backup)).status, 0)
  await liveAndStopped(nothing, async run => {
    assert.equal((await run('import', from.data)).status, 0)
    assert.equal((await run('export', 'doc', '--format', 'text')).out, 'moved\n')
  })
  c.end()
  await from.stop()
  await liveAndStopped(nothing, async run => {
    assert.equal((await run('import', from.data)).status, 0)
    assert.equal((await run('import', backup, '--merge')).status, 0)
    assert.equal((await run('export', 'doc', '--format', 'text')).out, 'moved\n')
  })
})
