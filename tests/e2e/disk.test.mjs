// A disk that is full, and one that fails: nothing acknowledged is lost, health turns red, the log
// says why.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Client, check, startServer, temporary, until } from './support.mjs'

const health = async server => { const r = await fetch(`${server.http}/health`); return { status: r.status, body: await r.json() } }

/** Types marks into a room until the server refuses; returns those that the other client had. Calls
 * `underWay` when it has some. */
async function typeUntilRefused (server, size, underWay = () => {}) {
  const [a, b] = [new Client(server, 'y-websocket 3', 'disk'), new Client(server, 'y-websocket 3', 'disk')]
  await Promise.all([a.synced(), b.synced()])
  const seen = new Set()
  b.doc.getMap('marks').observe((event, transaction) => {
    if (!transaction.local) event.keysChanged.forEach(key => seen.add(key))
    if (seen.size > 20) underWay()
  })
  let n = 0
  const typing = setInterval(() => a.doc.getMap('marks').set(`m${n++}`, 'x'.repeat(size)), 2)
  await until('health to turn red', async () => (await health(server)).status === 503, 30000)
  clearInterval(typing)
  const { body } = await health(server)
  a.end(); b.end()
  return { seen, why: body.why }
}

async function allThere (data, seen) {
  const server = await startServer({ data })
  const late = new Client(server, 'y-websocket 3', 'disk')
  await late.synced()
  for (const mark of seen) assert.ok(late.doc.getMap('marks').has(mark), `${mark} is lost`)
  late.end()
  await server.stop()
}

test('s5: a full disk stops the acks and loses nothing acknowledged', { timeout: 60000 }, async t => {
  const disk = temporary()
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', disk])
  if (mount.status !== 0) return t.skip('mounting a tmpfs is not permitted here')
  const data = path.join(disk, 'store'), copy = temporary()
  try {
    const server = await startServer({ data })
    const { seen, why } = await typeUntilRefused(server, 20000)
    assert.ok(seen.size > 5, `something was acknowledged before (${seen.size})`)
    assert.match(why, /full|space/)
    assert.match(server.log, /store failed.*(full|space)/)
    await server.stop('SIGKILL')
    fs.cpSync(data, copy, { recursive: true, filter: name => !name.endsWith('.sock') })
    await allThere(copy, seen)
    assert.equal(check(copy).status, 0)
  } finally {
    spawnSync('umount', [disk])
  }
})

test('s6: a failing sync stops the acks and loses nothing acknowledged', { timeout: 60000 }, async t => {
  const dir = temporary(), library = path.join(dir, 'failsync.so'), trigger = path.join(dir, 'fail')
  const built = spawnSync('cc', ['-D_GNU_SOURCE', '-shared', '-fPIC', '-o', library, 'preload/failsync.c', '-ldl'], { encoding: 'utf8' })
  assert.equal(built.status, 0, built.stderr)
  const server = await startServer({ env: { LD_PRELOAD: library, FAILSYNC_FILE: trigger } })
  const { seen, why } = await typeUntilRefused(server, 20, () => fs.writeFileSync(trigger, ''))
  assert.ok(seen.size > 5, `something was acknowledged before (${seen.size})`)
  assert.match(why, /I\/O error/)
  assert.match(server.log, /store failed/)
  const refused = await fetch(`${server.http}/disk`)
  assert.equal(refused.status, 426)
  await server.stop()
  await allThere(server.data, seen)
  assert.equal(check(server.data).status, 0)
})
