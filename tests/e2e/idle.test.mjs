// Stock clients close a socket on which no message came for 30 s; an idle one without presence must
// stay connected. All families wait at the same time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, families, sleep, startServer } from './support.mjs'

test('P50: no reconnect every 33 s: idle clients with null awareness stay connected for 75 s', { timeout: 100_000 }, async () => {
  const server = await startServer()
  const clients = Object.keys(families).map(family => ({ family, closes: 0, client: new Client(server, family, `idle-${family.replaceAll(' ', '-')}`) }))
  await Promise.all(clients.map(c => c.client.synced()))
  for (const c of clients) {
    c.client.awareness.setLocalState(null)
    c.client.provider.on('connection-close', () => { c.closes++ })
  }
  await sleep(75_000)
  for (const c of clients) {
    assert.equal(c.closes, 0, `${c.family} was disconnected`)
    assert.ok(c.client.provider.wsconnected, c.family)
    c.client.end()
  }
  await server.stop()
})
