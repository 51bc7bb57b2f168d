// A disk that is slow, or stands still for seconds, under the real server; and a clock that jumps.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { movableClock } from '../support/clock.mjs'
import { Client, check, same, sleep, startServer, temporary, until } from './support.mjs'

const LIBRARY = path.resolve(process.env.DISK ?? '../build/release/crash/disk.so')
const memoryOf = pid => Number(/^VmRSS:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024

/** A server whose syncs take longer. sleep: as preload/disk.c has it. */
async function start (slow) {
  const data = path.join(temporary(), 'data')
  return await startServer({ data, env: { LD_PRELOAD: LIBRARY, DISK_DIR: data, DISK_SLEEP: slow } })
}

test('s19: 200 ms a sync: no edit is shown before it is on disk, presence does not wait', { timeout: 60_000 }, async () => {
  const server = await start('200000')
  const [a, b] = [new Client(server, 'y-websocket 3', 'slow'), new Client(server, 'y-websocket 3', 'slow')]
  await Promise.all([a.synced(), b.synced()])
  const edits = [], moves = []
  for (let n = 0; n < 8; n++) {
    const began = performance.now()
    a.doc.getMap('map').set('n', n)
    a.awareness.setLocalStateField('user', { name: 'Ann', n })
    await until('the move', () => b.seesUser(a)?.n === n)
    moves.push(performance.now() - began)
    await until('the edit', () => b.doc.getMap('map').get('n') === n)
    edits.push(performance.now() - began)
  }
  assert.ok(edits.every(ms => ms >= 200), `an edit was shown after ${Math.min(...edits)} ms`)
  moves.sort((x, y) => x - y)
  assert.ok(moves[4] < 150, `presence took ${moves} ms`)
  ;[a, b].forEach(client => client.end())
  assert.equal((await server.stop()).code, 0)
  assert.equal(check(server.data).status, 0)
})

test('s19: the disk stands still for 5 s: presence flows, memory stays, then everything is there', { timeout: 60_000 }, async () => {
  // Of the syncs that the first edits cause, one takes so long; which one does not matter.
  const server = await start('0:24:5000000')
  const [a, b] = [new Client(server, 'y-websocket 3', 'still'), new Client(server, 'y-websocket 3', 'still')]
  await Promise.all([a.synced(), b.synced()])
  let last = performance.now(), longest = 0, moves = 0, before, most = 0
  b.doc.getMap('map').observe(() => { last = performance.now() })
  const typing = setInterval(() => {
    a.doc.getMap('map').set(`k${Math.floor(Math.random() * 100)}`, 'x'.repeat(100))
    a.awareness.setLocalStateField('user', { n: performance.now() })
  }, 5)
  b.awareness.on('change', ({ updated }) => { if (updated.includes(a.id) && performance.now() - last > 1000) moves++ })
  await until('the disk to stand still, and to go on', () => {
    const quiet = performance.now() - last
    before ??= memoryOf(server.child.pid)
    most = Math.max(most, memoryOf(server.child.pid))
    longest = Math.max(longest, quiet)
    return longest > 3500 && quiet < 200
  }, 30_000)
  clearInterval(typing)
  assert.ok(moves > 10, `${moves} moves of the other while nothing could be stored`)
  assert.ok(most < before + 32, `memory from ${before} to ${most} MiB`)
  await until('both to have the same', () => same(a, b))
  ;[a, b].forEach(client => client.end())
  await server.stop('SIGKILL')
  const again = await startServer({ data: server.data })
  const late = new Client(again, 'y-websocket 3', 'still')
  await late.synced()
  assert.ok(same(late, a), 'what was shown is stored')
  late.end()
  await again.stop()
})

test('s35: the clock jumps an hour and back under real clients, and between two starts', { timeout: 60_000 }, async () => {
  const clock = movableClock(), data = temporary(), hour = 3_600_000
  let expected = 0
  for (const between of [0, -2 * hour, hour]) {
    clock.move({ day: between })
    const server = await startServer({ data, env: clock.env })
    const [a, b] = [new Client(server, 'y-websocket 3', 'clock'), new Client(server, 'y-websocket 3', 'clock')]
    await Promise.all([a.synced(), b.synced()])
    assert.equal(a.text.length, expected)
    let losses = 0
    for (const { provider } of [a, b]) provider.on('connection-close', () => { losses++ })
    for (const jump of [0, hour, -hour, -hour, hour]) {
      clock.move({ day: jump })
      a.text.insert(0, 'x')
      expected++
      await until('the other to see it', () => b.text.length === expected)
      assert.equal((await fetch(`${server.http}/health`)).status, 200)
      await sleep(50)
    }
    assert.equal(losses, 0, 'nobody was thrown out')
    ;[a, b].forEach(client => client.end())
    await server.stop(between === 0 ? 'SIGKILL' : 'SIGTERM')
    assert.equal(check(data).status, 0)
  }
})
