// Stores that older programs wrote, of real documents (tests/vectors/stores): taken over, or refused and left alone.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import zlib from 'node:zlib'
import { Client, Y, check, startServer, temporary, until } from './support.mjs'
import { docOf, partyd } from './operator-support.mjs'

process.setMaxListeners(0) // each provider of y-websocket has one on exit

const read = (schema, how, name) => zlib.gunzipSync(fs.readFileSync(new URL(`../vectors/stores/${schema}/${how}/${name}.gz`, import.meta.url)))

/** The data directory as it was left, and the documents in it. */
function unpack (schema, how) {
  const data = temporary()
  for (const name of fs.readdirSync(new URL(`../vectors/stores/${schema}/${how}`, import.meta.url))) {
    const file = name.replace('.gz', '')
    if (file !== 'rooms.json') fs.writeFileSync(path.join(data, file), read(schema, how, file))
  }
  const updates = JSON.parse(read(schema, how, 'rooms.json'))
  return { data, documents: Object.fromEntries(Object.entries(updates).map(([room, update]) => [room, docOf(Buffer.from(update, 'base64'))])) }
}

const content = doc => [doc.getText('text').toDelta(), doc.getMap('map').toJSON(), doc.getArray('array').toJSON(), doc.getXmlFragment('xml').toString()]
function assertSame (doc, expected, room) {
  assert.ok(Y.equalSnapshots(Y.snapshot(doc), Y.snapshot(expected)), `${room}: updates and deletions`)
  assert.deepEqual(content(doc), content(expected), room)
}

async function assertServed (server, documents) {
  for (const [room, expected] of Object.entries(documents)) {
    const client = new Client(server, 'y-websocket 3', room)
    await client.synced()
    await until(`${room} to be there`, () => client.doc.store.clients.size >= expected.store.clients.size)
    assertSame(client.doc, expected, room)
    client.end()
  }
}

for (const how of ['closed', 'killed']) {
  test(`S22 a store of schema 2 with real documents, ${how}: checked, exported, served, edited and checked again`, async () => {
    const { data, documents } = unpack(2, how)
    const copy = unpack(2, how)
    // A command alone takes it over, and says that all of it can be read.
    const verdict = check(data)
    assert.equal(verdict.status, 0, verdict.stderr)
    assert.match(verdict.stdout, /^ok: 6 rooms/)
    for (const [room, expected] of Object.entries(documents)) {
      const { status, bytes, err } = await partyd(data, 'export', room)
      assert.equal(status, 0, err)
      assertSame(docOf(bytes), expected, room)
    }
    // So does the server, at its first start; and what comes now is kept beside what was there.
    const server = await startServer({ data: copy.data })
    await assertServed(server, documents)
    for (const [room, expected] of Object.entries(documents)) {
      const [writer, witness] = [new Client(server, 'y-websocket 3', room), new Client(server, 'y-websocket 3', room)]
      await Promise.all([writer.synced(), witness.synced()])
      writer.text.insert(0, 'new ')
      await until('the edit to be stored', () => Y.equalSnapshots(Y.snapshot(writer.doc), Y.snapshot(witness.doc)))
      Y.applyUpdate(expected, Y.encodeStateAsUpdate(writer.doc))
      ;[writer, witness].forEach(client => client.end())
    }
    await server.stop('SIGKILL')
    const again = await startServer({ data: copy.data })
    await assertServed(again, documents)
    assert.equal((await again.stop()).code, 0)
    assert.equal(check(copy.data).status, 0)
  })

  test(`S4 a store of schema 1 with real documents, ${how}: refused in one line, not a byte is touched`, async () => {
    const { data } = unpack(1, how)
    const files = () => Object.fromEntries(fs.readdirSync(data).filter(name => name.includes('.db')).map(name => [name, fs.readFileSync(path.join(data, name)).toString('base64')]))
    const before = files()
    for (const command of ['check', 'rooms']) {
      const { status, out, err } = await partyd(data, command)
      assert.deepEqual([status, out], [4, ''])
      assert.match(err, /^[^\n]*written by an early partyd \(schema 1, this one knows \d+\); nothing was changed; [^\n]*\n$/)
    }
    await assert.rejects(startServer({ data }), /written by an early partyd/)
    assert.deepEqual(files(), before)
  })
}
