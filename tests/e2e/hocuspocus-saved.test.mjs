// "Saved" is said when it is on disk, and never otherwise: R40, R41 with disks that are slow, fail, or
// go away under the server.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { before, describe, test } from 'node:test'
import { Client, nativeOnly, sleep, startServer, temporary, until } from './support.mjs'
import { libraries } from './hocuspocus-support.mjs'

const VERSIONS = Object.keys(libraries)
const dir = temporary()
const library = name => path.join(dir, `${name}.so`)
before(() => {
  for (const name of ['failsync', 'disk']) {
    const built = spawnSync('cc', ['-D_GNU_SOURCE', '-shared', '-fPIC', '-o', library(name), `preload/${name}.c`, '-ldl'], { encoding: 'utf8' })
    assert.equal(built.status, 0, built.stderr)
  }
})

const unsaved = client => client.provider.unsaved
const enter = async (server, version) => { const c = new Client(server, version, 'saved'); await c.synced(); return c }

test('R40: on a slow disk it is not saved before the sync is over', nativeOnly('another disk; edge/room.test.mjs breaks it'), async () => {
  const DELAY = 300
  const data = temporary()
  const server = await startServer({ data, env: { LD_PRELOAD: library('disk'), DISK_DIR: data, DISK_SLEEP: String(DELAY * 1000) } })
  await Promise.all(VERSIONS.map(async version => {
    const client = await enter(server, version)
    await until('all to be saved', () => unsaved(client) <= 0, 10000)
    const at = Date.now()
    client.text.insert(0, 'x')
    const before = unsaved(client)
    await until('it to be saved', () => unsaved(client) < before, 10000)
    assert.ok(Date.now() - at >= DELAY - 20, `${version}: saved after ${Date.now() - at} ms`)
    client.end()
  }))
  await server.stop()
})

test('R40: when the sync fails it is never saved; after a restart it is', { timeout: 60000, ...nativeOnly('another disk; edge/room.test.mjs breaks it') }, async () => {
  const trigger = path.join(dir, 'fail')
  const server = await startServer({ env: { LD_PRELOAD: library('failsync'), FAILSYNC_FILE: trigger } })
  const clients = await Promise.all(VERSIONS.map(version => enter(server, version)))
  clients.forEach((c, n) => c.text.insert(0, `${n}`))
  await until('all to be saved', () => clients.every(c => unsaved(c) <= 0))
  fs.writeFileSync(trigger, '')
  const counts = clients.map(() => [])
  clients.forEach((c, n) => c.provider.on('unsyncedChanges', e => counts[n].push(typeof e === 'number' ? e : e.number)))
  clients[0].text.insert(0, 'a')
  await until('health to turn red', async () => (await fetch(`${server.http}/health`)).status === 503)
  await sleep(300)
  assert.deepEqual(counts[0].filter(n => n <= 0), [], 'it was said to be saved')
  assert.ok(unsaved(clients[0]) >= 1)
  await server.stop('SIGKILL')
  fs.unlinkSync(trigger)
  const again = await startServer({ port: server.port, data: server.data })
  await until('all to be in and saved', () => clients.every(c => c.provider.synced && unsaved(c) <= 0), 15000)
  await until('all to be the same', () => clients.every(c => c.text.length === 4 && c.text.toString() === clients[0].text.toString()))
  for (const c of clients) c.end()
  await again.stop()
})

describe('R40: a provider that is told to sync once more shows in the end that all is saved', () => {
  for (const version of VERSIONS) test(version, async () => {
    const server = await startServer()
    const client = await enter(server, version)
    for (let i = 0; i < 3; i++) {
      await until('all to be saved', () => unsaved(client) <= 0)
      client.provider.provider.forceSync()
      assert.equal(unsaved(client), 1)
    }
    await until('all to be saved', () => unsaved(client) <= 0)
    client.end()
    await server.stop()
  })
})

describe('R40: what was said to be saved survives SIGKILL at once', () => {
  for (const version of VERSIONS) test(version, async () => {
    let server = await startServer()
    for (let kill = 0; kill < 5; kill++) {
      const client = await enter(server, version)
      assert.equal(client.text.length, kill * 3, `after kill ${kill}`)
      await until('all to be saved', () => unsaved(client) <= 0)
      const before = unsaved(client)
      for (const letter of 'abc') client.text.insert(0, letter)
      await until('it to be saved', () => unsaved(client) === before)
      server.child.kill('SIGKILL') // in the same turn
      await server.exited
      client.end()
      server = await startServer({ data: server.data })
    }
    const last = await enter(server, version)
    assert.equal(last.text.length, 15)
    last.end()
    await server.stop()
  })
})
