// SIGKILL at a random moment while clients type: what any other client had received is there after
// the restart, and the store is sound. KILLS sets how often.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, check, freePort, nativeOnly, sleep, startServer, temporary, until } from './support.mjs'

const KILLS = Number(process.env.KILLS ?? 50)

test(`s1: ${KILLS} kills lose nothing that another client had received`, { timeout: 600_000 }, async () => {
  const port = await freePort(), data = temporary()
  const seen = new Set() // marks that somebody other than their author had
  let written = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const server = await startServer({ port, data })
    const clients = [0, 1, 2].map(() => new Client(server, 'y-websocket 3', 'typing'))
    await Promise.all(clients.map(c => c.synced()))
    for (const mark of seen) assert.ok(clients[0].doc.getMap('marks').has(mark), `${mark} is lost after kill ${kill}`)
    for (const c of clients) {
      c.doc.getMap('marks').observe((event, transaction) => { if (!transaction.local) event.keysChanged.forEach(key => seen.add(key)) })
    }
    const typing = setInterval(() => clients.forEach((c, n) => { c.doc.getMap('marks').set(`${kill}-${n}-${written++}`, 1) }), 2)
    await sleep(30 + Math.random() * 250)
    await server.stop('SIGKILL')
    clearInterval(typing)
    clients.forEach(c => c.end())
    const verdict = check(data)
    assert.equal(verdict.status, 0, verdict.stderr)
  }
  assert.ok(seen.size > KILLS * 5, `the clients did type (${seen.size} marks seen)`)
})

test('s2: SIGTERM saves, closes 1012 and ends with 0', nativeOnly('the platform sends no signal'), async () => {
  const server = await startServer()
  const client = new Client(server, 'y-websocket 3', 'stop')
  await client.synced()
  let code
  client.provider.on('connection-close', event => { code ??= event.code })
  client.text.insert(0, 'kept')
  await sleep(5)
  const end = await server.stop('SIGTERM')
  assert.deepEqual(end, { code: 0, signal: null })
  await until('the close to arrive', () => code !== undefined)
  assert.equal(code, 1012)
  client.end()
  const again = await startServer({ data: server.data })
  const late = new Client(again, 'y-websocket 3', 'stop')
  await until('the text to be there', () => late.text.toString() === 'kept')
  late.end()
  await again.stop()
})
