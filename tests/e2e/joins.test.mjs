// What the first sync of a connection brings: all of it, also right after a kill; and of a large document that was cut off
// on its way only what is missing. docs/server.md H10, H53.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { Client, Y, families, same, startServer, until } from './support.mjs'
import { wire } from './access-support.mjs'

const NAMES = Object.keys(families)
const MB = 1_000_000
const nameOf = (what, family) => `${what}-${family.replaceAll(' ', '-')}`
const isSaved = client => client.provider.unsaved <= 0

/** What a client has at the moment at which its provider says for the first time that it is in sync. */
function atFirstSync (client, family, look) {
  return new Promise(resolve => {
    client.provider.on(family.startsWith('hocuspocus') ? 'synced' : 'sync', event => {
      if (event === true || event.state === true) resolve(look(client))
    })
  })
}

describe('after SIGKILL and a start', () => {
  test('H10: the first sync of each family has all that is stored, whether it was there before the server or came then', { timeout: 60_000 }, async () => {
    let server = await startServer()
    const rooms = [...NAMES.map(family => nameOf('cold', family)), 'cold-all']
    const writers = rooms.map(room => new Client(server, 'hocuspocus 4', room))
    await Promise.all(writers.map(c => c.synced()))
    // More than one part (256 KiB), and then small changes that are in no snapshot.
    writers.forEach(c => { for (let n = 0; n < 20; n++) c.text.insert(0, String.fromCharCode(97 + n).repeat(40_000)) })
    await until('the large part to be saved', () => writers.every(isSaved), 15000)
    writers.forEach(c => {
      for (let n = 0; n < 100; n++) { c.doc.getMap('map').set(`k${n}`, n); c.text.delete(n * 1000, 500) }
    })
    await until('all to be saved', () => writers.every(isSaved), 15000)
    await server.stop('SIGKILL')
    writers.forEach(c => c.provider.disconnect())

    const whole = writers.map(c => c.doc)
    const seen = []
    const enter = (family, n) => {
      const client = new Client(server, family, rooms[n])
      seen.push(atFirstSync(client, family, () => ({ family, room: rooms[n], length: client.text.length, keys: client.doc.getMap('map').size, isWhole: same(client, writers[n]) })))
      return client
    }
    const early = NAMES.flatMap((family, n) => [enter(family, n), enter(family, rooms.length - 1)])
    server = await startServer({ port: server.port, data: server.data })
    const late = NAMES.flatMap((family, n) => [enter(family, n), enter(family, rooms.length - 1)])
    const length = whole[0].getText('text').length
    assert.equal(length, 20 * 40_000 - 100 * 500)
    for (const first of await Promise.all(seen)) assert.deepEqual(first, { ...first, length, keys: 100, isWhole: true })
    for (const c of [...writers, ...early, ...late]) c.end()
    await server.stop()
  })
})

describe('cut off by the network', () => {
  let server
  // What is sent is counted: nothing is compressed on the way.
  before(async () => { server = await startServer({ args: ['--compression', 'off'] }) })
  after(async () => { await server.stop() })

  test('H53: a join of 20 MB that is cut off goes on where it was, of each family', { timeout: 120_000 }, async () => {
    const writer = new Client(server, 'hocuspocus 4', 'large')
    await writer.synced()
    for (let n = 0; n < 1000; n++) writer.text.insert(0, randomBytes(10_000).toString('hex'))
    await until('all to be saved', () => isSaved(writer), 30_000)
    const size = Y.encodeStateAsUpdate(writer.doc).length
    for (const family of NAMES) {
      const w = await wire(server, { down: size / 2 })
      const client = new Client(w, family, 'large')
      let had = 0 // when the link was cut
      client.provider.on('connection-close', () => { had ||= client.text.length })
      const whole = await atFirstSync(client, family, () => client.text.length)
      const [first, second] = w.received.map(parts => parts.reduce((sum, chunk) => sum + chunk.length, 0))
      const told = `${family}: ${size} bytes, ${first} until it was cut, of which it had ${had}; then ${second}`
      assert.equal(whole, 20 * MB, told)
      assert.equal(w.attempts.length, 2, told)
      assert.ok(had > size / 4 && had < size * 3 / 4, told)
      assert.ok(Math.abs(size - had - second) < size / 100, told)
      client.end()
      w.close()
    }
    writer.end()
  })

  test('H53: what goes up and is cut off leaves nothing half behind, and comes whole with the next connection', { timeout: 60_000 }, async () => {
    await Promise.all(NAMES.map(async family => {
      const watcher = new Client(server, 'y-websocket 3', nameOf('up', family))
      const lengths = new Set()
      watcher.text.observe(() => lengths.add(watcher.text.length))
      const w = await wire(server, { up: 1.5 * MB })
      const client = new Client(w, family, nameOf('up', family))
      await Promise.all([watcher.synced(), client.synced()])
      client.text.insert(0, 'x'.repeat(3 * MB))
      await until(`${family}: it to arrive`, () => watcher.text.length === 3 * MB, 15_000)
      assert.equal(w.attempts.length, 2, family)
      assert.deepEqual([...lengths], [3 * MB], family)
      assert.ok(w.sentOf[1] >= 3 * MB, `${family}: ${w.sentOf[1]} bytes`)
      await client.synced()
      client.end(); watcher.end()
      w.close()
    }))
  })
})
