// Frames that no client would send, by the million, beside real clients that edit. FRAMES says how many (docs/testing.md).
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { BINARY, Client, nativeOnly, same, sleep, startServer, until } from './support.mjs'
import { ask, from, metric } from './limits-support.mjs'

const COUNT = Number(process.env.FRAMES ?? 100_000)
const SEED = process.env.SEED ?? '1'
const GENERATOR = path.resolve(process.env.GENERATOR ?? '../build/release/frames/frames')
const countsMemory = !BINARY.includes('asan')

test(`H5 ${COUNT} fuzzed frames: nobody else notices, nothing grows`, { timeout: 3_600_000, ...nativeOnly('the frames are for our own WebSocket reader') }, async t => {
  const server = await startServer()
  const rssMiB = () => Number(fs.readFileSync(`/proc/${server.child.pid}/statm`, 'utf8').split(' ')[1]) * 4096 / 2 ** 20
  const families = ['y-websocket 3', 'y-websocket 2', 'y-partyserver', 'hocuspocus 4']
  const clients = families.map(family => new Client(server, family, 'frames'))
  await Promise.all(clients.map(c => c.synced()))
  const drops = []
  clients.forEach((c, i) => c.provider.on('status', ({ status }) => { if (status === 'disconnected') drops.push(families[i]) }))

  const parts = 10
  const memory = []
  const delays = []
  let frames = 0
  for (let part = 0; part < parts; part++) {
    const count = Math.max(1, Math.floor(COUNT / parts))
    const child = spawn(GENERATOR, ['--port', server.port, '--count', count, '--seed', `${Number(SEED) * 1000 + part}`], { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = '', running = true
    child.stdout.on('data', chunk => { out += chunk })
    child.stderr.on('data', chunk => { out += chunk })
    const ended = new Promise(resolve => child.once('exit', code => { running = false; resolve(code) }))
    for (let edit = 0; running || edit === 0; edit++) {
      const writer = clients[edit % clients.length], word = `${part}.${edit} `
      const began = performance.now()
      writer.doc.getArray('array').push([word])
      await until(`all to have what ${families[edit % clients.length]} wrote`,
        () => clients.every(c => c.doc.getArray('array').toArray().includes(word)), 20_000)
      delays.push(performance.now() - began)
      await sleep(20)
      if (clients[0].doc.getArray('array').length > 200) clients[0].doc.getArray('array').delete(0, 100)
    }
    assert.equal(await ended, 0, out)
    frames += Number(out.split(' ')[0])
    await sleep(300)
    memory.push(rssMiB())
    if (process.env.FRAMES !== undefined) t.diagnostic(`${out.trim()}; ${memory.at(-1).toFixed(1)} MiB`)
  }
  assert.ok(frames >= COUNT - parts)
  assert.equal(server.child.exitCode, null)
  assert.deepEqual(drops, [])
  await until('all to be the same', () => clients.every(c => same(clients[0], c)), 20_000)
  delays.sort((a, b) => a - b)
  t.diagnostic(`${frames} frames; an edit was with all after ${delays[delays.length >> 1].toFixed(0)} ms (median), ${delays.at(-1).toFixed(0)} ms at most; ` +
    `memory ${memory[1].toFixed(1)} MiB after a fifth, ${memory.at(-1).toFixed(1)} MiB at the end`)
  if (countsMemory) assert.ok(memory.at(-1) < memory[1] + 16, `${memory.map(m => m.toFixed(1))} MiB`)
  clients.forEach(c => c.end())
  const { code } = await server.stop()
  assert.equal(code, 0)
  assert.ok(!/error/.test(server.log), server.log)
})

test('L8: who waits for its close after a message that is too large is counted until it has gone', nativeOnly('the platform has limits of its own'), async () => {
  const MOST = 20, who = from('198.51.100.1')
  const server = await startServer({ args: ['--message-bytes-max', '20000', '--address-connections-max', `${MOST}`] })
  const member = new Client(server, 'y-websocket 3', 'room')
  await member.synced()
  for (let round = 0; round < 2; round++) {
    const began = Date.now()
    const waiting = Array.from({ length: MOST }, () => ask(server, 'room', who))
    for (const ws of waiting) assert.deepEqual(await ws.result, { open: true })
    waiting.forEach(ws => ws.send(Buffer.alloc(20001)))
    await until('all to be out of the room', async () => await metric(server, 'partyd_members') === 1, 1500)
    assert.equal((await ask(server, 'room', who).result).status, 429)
    for (const ws of waiting) assert.equal((await ws.closed).code, 1009)
    assert.ok(Date.now() - began >= 1800)
    await until('their places to be free', async () => await metric(server, 'partyd_connections') <= 2, 4000)
  }
  member.text.insert(0, 'x')
  await until('the member to be served', () => member.provider.synced)
  member.end()
  await server.stop()
})
