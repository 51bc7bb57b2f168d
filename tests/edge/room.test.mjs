// The Durable Object in the real runtime: storage and the gate before it. Rules E2 to E6, E8 of docs/edge.md.
// EDGE names the folder edge/.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { Client, Y, families, sleep, startServer, temporary, until } from '../e2e/support.mjs'
import { wire } from '../e2e/access-support.mjs'
import { databases, isUpdate, live, message, open, received, sql, startFragile, startUnreadable, updates } from './support.mjs'

let server
before(async () => { server = await startServer() })
after(async () => { await server.stop() })

const rows = (s, room, table = 'journal') => Number(sql(databases(s.data).get(`main/${room}`), `SELECT count(*) FROM ${table}`))
describe('storage', () => {
  test('E2: what the disk does not take is neither relayed nor acknowledged; what was confirmed is there', async t => {
    if (process.platform !== 'linux') return t.skip('the disk is broken by LD_PRELOAD')
    const s = await startFragile()
    const [author, other] = [await open(s, 'gate'), await open(s, 'gate')]
    const [first, second] = updates(doc => { doc.getText('t').insert(0, 'kept'); doc.getText('t').insert(4, ' lost') })
    author.send(message.update(first))
    await until('the relay and the echo', () => author.messages.some(isUpdate) && other.messages.some(isUpdate))
    await sleep(300) // nothing is under way
    author.messages.length = other.messages.length = 0
    s.break()
    author.send(message.update(second))
    await Promise.all([author.closed, other.closed])
    assert.deepEqual([...author.messages, ...other.messages].filter(isUpdate), [], 'the update got out')
    s.mend()
    const late = new Client(s, 'y-websocket 3', 'gate')
    await late.synced()
    assert.equal(late.doc.getText('t').toString(), 'kept')
    // Who has it still brings it again.
    const again = new Client(s, 'y-websocket 3', 'gate')
    Y.applyUpdate(again.doc, first); Y.applyUpdate(again.doc, second)
    await until('the rest', () => late.doc.getText('t').toString() === 'kept lost')
    late.end(); again.end()
    await s.stop()
  })

  test('E2: nor when the disk fails and the process dies in the middle of traffic', async t => {
    if (process.platform !== 'linux') return t.skip('the disk is broken by LD_PRELOAD')
    for (let round = 0; round < 5; round++) {
      const s = await startFragile()
      const [a, b] = [new Client(s, 'y-websocket 3', 'traffic'), new Client(s, 'y-websocket 3', 'traffic')]
      await Promise.all([a.synced(), b.synced()])
      const seen = new Set()
      b.doc.getMap('m').observe((event, transaction) => { if (!transaction.local) event.keysChanged.forEach(key => seen.add(key)) })
      let n = 0
      const typing = setInterval(() => a.doc.getMap('m').set(`k${n++}`, 'x'.repeat(200)), 2)
      await sleep(400 + Math.random() * 300)
      s.break()
      await sleep(Math.random() * 300)
      await s.stop('SIGKILL')
      clearInterval(typing)
      a.end(); b.end()
      assert.ok(seen.size > 10, `${seen.size} marks seen`)
      const next = await startServer({ data: s.data })
      const late = new Client(next, 'y-websocket 3', 'traffic')
      await late.synced()
      for (const mark of seen) assert.ok(late.doc.getMap('m').has(mark), `${mark} is lost in round ${round}`)
      late.end()
      await next.stop()
    }
  })

  const typed = updates(doc => { for (let i = 0; i < 200; i++) doc.getText('t').insert(i, 'x') })
  test('E3: updates that come soon after another share a row and a message; the first does not wait', async () => {
    const [a, b] = [await open(server, 'window'), await open(server, 'window')]
    const start = Date.now()
    a.send(message.update(typed[0]))
    await until('the first', () => b.messages.some(isUpdate))
    // The quickest of several rooms: one may be slow on a busy machine, but who waits is never quicker than the window.
    let quickest = Date.now() - start
    for (let n = 0; n < 8 && quickest >= 80; n++) {
      const [c, d] = [await open(server, `first-${n}`), await open(server, `first-${n}`)], sent = Date.now()
      c.send(message.update(typed[0]))
      await until('the first', () => d.messages.some(isUpdate))
      quickest = Math.min(quickest, Date.now() - sent)
      c.close(); d.close()
    }
    assert.ok(quickest < 80, `the first waits ${quickest} ms`)
    for (const u of typed.slice(1)) { a.send(message.update(u)); await sleep(5) }
    await until('all', () => received(b).getText('t').length === 200)
    assert.ok(b.messages.filter(isUpdate).length <= (Date.now() - start) / 100 + 3, 'a row is one message')
    const took = Date.now() - start
    const written = rows(server, 'window')
    assert.ok(written >= 5 && written <= took / 100 + 3, `${written} rows in ${took} ms`)
    a.close(); b.close()
  })

  test('E4: where one client is alone rows are a second apart', async () => {
    const alone = await open(server, 'alone')
    for (const u of typed.slice(0, 100)) { alone.send(message.update(u)); await sleep(10) }
    await until('all echoes', () => received(alone).getText('t').length === 100)
    assert.ok(rows(server, 'alone') <= 4, `${rows(server, 'alone')} rows`)
    alone.close()
  })

  test('E24: what was put aside until its row is there for whoever asks, and is kept when its author goes', async () => {
    const author = await open(server, 'aside'), [first, second, third] = updates(doc => { for (const word of ['one ', 'two ', 'three']) doc.getText('t').insert(doc.getText('t').length, word) })
    author.send(message.update(first))
    await until('its echo', () => author.messages.some(isUpdate))
    const start = Date.now()
    author.send(message.update(second)) // alone: its row is a second away
    const reader = await open(server, 'aside')
    reader.send(message.step1([0]))
    await until('the second', () => reader.messages.some(m => m[0] === 0 && m[1] === 1 && m.includes('two')))
    assert.ok(Date.now() - start < 800, 'a newcomer does not wait for the row of who was alone')
    reader.close()
    await reader.closed
    author.send(message.update(third))
    author.close()
    const late = new Client(server, 'y-websocket 3', 'aside')
    await late.synced()
    await until('all of it', () => late.doc.getText('t').toString() === 'one two three')
    late.end()
  })

  test('E25: the more are in, the less often presence leaves; the last state is told', async () => {
    for (const [room, users, each] of [['few', 2, 40], ['many', 20, 100]]) {
      const all = await Promise.all(Array.from({ length: users }, () => open(server, room)))
      const start = Date.now()
      for (let i = 1; i <= 150; i++) { all[0].send(message.presence(7, i, { at: i })); await sleep(10) }
      await until('the last', () => all.every(ws => ws.messages.some(m => m.includes('"at":150'))))
      const told = all[1].messages.filter(m => m.includes('"at"')).length, most = (Date.now() - start) / each + 3
      assert.ok(told >= 3 && told <= most, `${room}: told ${told} times, at most ${most}`)
      for (const ws of all) ws.close()
    }
  })

  test('E5: a snapshot makes rows void, and they are written over; the room comes back whole', async () => {
    const [a, b] = [await open(server, 'ring'), await open(server, 'ring')]
    const list = updates(doc => { for (let i = 0; i < 3000; i++) doc.getText('t').insert(0, `${i} `.padEnd(60)) })
    for (const [i, u] of list.entries()) { a.send(message.update(u)); if (i % 50 === 0) await sleep(20) }
    await until('all', () => received(b).getText('t').length === list.length * 60, 20000)
    assert.ok(rows(server, 'ring', 'snapshot') >= 1)
    a.close(); b.close()
    await until('the last snapshot', () => live(server, 'ring') === 0)
    assert.ok(rows(server, 'ring') <= 1024)
    const s = await copied(server)
    const late = new Client(s, 'y-websocket 3', 'ring')
    await late.synced()
    assert.equal(late.doc.getText('t').length, 180000)
    late.end()
    await s.stop()
  })

  test('E5: an idle room is compacted by its alarm, and a sleeping one too', { timeout: 90000 }, async () => {
    const [a, b] = [await open(server, 'idle-compact'), await open(server, 'idle-compact')]
    a.send(message.update(updates(doc => doc.getText('t').insert(0, 'x'))[0]))
    await until('the row', () => b.messages.some(isUpdate) && live(server, 'idle-compact') === 1)
    await until('its snapshot', () => live(server, 'idle-compact') === 0, 60000)
    assert.equal(rows(server, 'idle-compact', 'snapshot'), 1)
    a.close(); b.close()
  })

  test('E6: a message of 30 MB is stored in rows of less than 2 MB, in one piece and in chunks', { timeout: 60000 }, async () => {
    const [big] = updates(doc => doc.getText('t').insert(0, 'ä'.repeat(15_000_000)))
    const a = await open(server, 'big'), b = await open(server, 'big')
    a.send(message.update(big))
    await until('the echo', () => b.messages.some(m => m.length > 30_000_000), 20000)
    a.close(); b.close()
    const file = databases(server.data).get('main/big')
    assert.ok(Number(sql(file, 'SELECT max(length(data)) FROM (SELECT data FROM journal UNION ALL SELECT data FROM snapshot)')) <= 1_500_000)
    const s = await copied(server)
    const late = await open(s, 'big')
    late.send(message.step1([0]))
    await until('the step 2', () => late.messages.some(m => m.length > 30_000_000), 20000)
    late.close()
    await s.stop()
    const c = await open(server, 'big')
    c.send(Buffer.alloc(33 << 20))
    assert.equal((await c.closed).code, 1009)
  })

  test('E8: while nothing can be read no family is served an empty room, and each comes back by itself and has all of it', { timeout: 60000 }, async t => {
    if (process.platform !== 'linux') return t.skip('the disk is broken by LD_PRELOAD')
    const first = await startServer(), names = Object.keys(families)
    for (const n of names.keys()) {
      const c = new Client(first, 'y-websocket 3', `load-${n}`)
      await c.synced()
      c.text.insert(0, `kept ${n} `.repeat(100))
      await until('its row', () => databases(first.data).has(`main/load-${n}`) && live(first, `load-${n}`) > 0)
      c.end()
    }
    await first.stop('SIGKILL')
    const s = await startUnreadable({ data: first.data }), wires = await Promise.all(names.map(() => wire(s)))
    s.break()
    const clients = names.map((family, n) => new Client(wires[n], family, `load-${n}`))
    clients.forEach((c, n) => c.doc.getMap('map').set('new', n))
    await until('each to be turned away', () => wires.every(w => w.attempts.length >= 2), 20000)
    clients.forEach((c, n) => assert.deepEqual([c.provider.synced, c.text.length], [false, 0], names[n]))
    s.mend()
    await Promise.all(clients.map((c, n) => until(`${names[n]} to have all`, () => c.provider.synced && c.text.toString() === `kept ${n} `.repeat(100), 30000)))
    for (const n of names.keys()) {
      const c = new Client(s, 'y-websocket 3', `load-${n}`)
      await until('what was written meanwhile', () => c.doc.getMap('map').get('new') === n && c.text.length === clients[n].text.length)
      c.end()
    }
    clients.forEach(c => c.end())
    wires.forEach(w => w.close())
    await s.stop('SIGKILL')
  })

  test('E8: a damaged room is refused and never empty, others are served; so is one of a newer schema', async () => {
    const s = await startServer()
    for (const room of ['torn', 'cut', 'newer', 'good']) {
      const c = new Client(s, 'y-websocket 3', room)
      await c.synced()
      c.text.insert(0, room)
      await until('its row', () => databases(s.data).has(`main/${room}`))
      await sleep(100)
      c.text.insert(0, 'x')
      await sleep(1200)
      c.end()
      await until('its snapshot', () => live(s, room) === 0)
    }
    await s.stop()
    const files = databases(s.data)
    sql(files.get('main/torn'), 'UPDATE snapshot SET data = zeroblob(length(data))')
    sql(files.get('main/cut'), 'UPDATE snapshot SET total = total + 5')
    sql(files.get('main/newer'), "UPDATE meta SET v = 99 WHERE k = 'schema'")
    const again = await startServer({ data: s.data })
    for (const room of ['torn', 'cut', 'newer']) {
      const ws = await open(again, room)
      assert.equal((await ws.closed).code, 1011, room)
      assert.deepEqual(ws.messages, [], room)
    }
    const good = new Client(again, 'y-websocket 3', 'good')
    await good.synced()
    assert.equal(good.text.toString(), 'xgood')
    good.end()
    assert.match(again.log, /room refused/)
    assert.match(again.log, /newer partyd \(schema 99/)
    await again.stop()
  })
})

/** Another server on a copy of what is stored: nothing of it is in memory. */
async function copied (s) {
  for (;;) {
    const data = temporary()
    try {
      fs.cpSync(s.data, data, { recursive: true })
      return startServer({ data })
    } catch (error) { // rooms of other tests fall asleep meanwhile, and their files go
      if (error.code !== 'ENOENT') throw error
    }
  }
}
