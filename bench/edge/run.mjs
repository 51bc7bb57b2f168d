// What a message costs in the local runtime, beside y-partyserver, and how many rows are written, beside y-partykit;
// one run, the same recorded updates, the same raw sockets for all. CPU time of the runtime's process.
//   node run.mjs [SECONDS [RATE]]        RATE: only the costs, at so many messages a second, 0: all but the costs; after
//   `make edge/dist/index.js`. Five minutes in all
import { buildSync } from 'esbuild'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { DIST, startWorker } from '../../edge/dev/worker.mjs'

const here = path.dirname(fileURLToPath(import.meta.url))
const seconds = Number(process.argv[2] ?? 3), only = process.argv[3]
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

const freePort = () => new Promise(resolve => { const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => resolve(port)) }) })
/** Of all its threads, in nanoseconds of the scheduler: ticks of 10 ms would be a tenth of a short run. */
const cpuMs = pid => fs.readdirSync(`/proc/${pid}/task`).reduce((sum, task) => sum + Number(fs.readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]), 0) / 1e6

async function start (options) {
  const port = await freePort(), state = options.state ?? fs.mkdtempSync(path.join(os.tmpdir(), 'bench-edge-'))
  const child = startWorker({ state, port, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PARTYD_LOG_LEVEL: 'debug' }, ...options })
  const server = { port, child, state, log: '' }
  child.stdout.on('data', chunk => { server.log += chunk })
  for (let up = false; !up; await sleep(30)) up = await new Promise(resolve => net.connect(port, '127.0.0.1').on('connect', function () { this.destroy(); resolve(true) }).on('error', () => resolve(false)))
  return server
}

const varint = n => { const out = []; for (; n > 127; n = Math.floor(n / 128)) out.push((n % 128) | 128); return Buffer.from([...out, n]) }
const bytes = b => Buffer.concat([varint(b.length), Buffer.from(b)])
/** Updates of typists who do not see each other's: each is new to all. */
function typists (count, each) {
  return Array.from({ length: count }, (_, n) => {
    const doc = new Y.Doc(), list = []
    doc.clientID = n + 1
    doc.on('update', u => list.push(Buffer.concat([Buffer.from([0, 2]), bytes(u)])))
    for (let i = 0; i < each; i++) doc.getText('t').insert(i, 'x')
    return list
  })
}
const cursor = (client, clock) => Buffer.concat([Buffer.from([1]), bytes(Buffer.concat([varint(1), varint(client), varint(clock), bytes(Buffer.from(JSON.stringify({ user: { name: `user ${client}`, color: '#ff0000' }, cursor: { anchor: clock, head: clock + 1 } })))]))])

const open = url => new Promise((resolve, reject) => { const ws = new WebSocket(url, { perMessageDeflate: false }); ws.got = 0; ws.on('message', () => ws.got++).on('open', () => resolve(ws)).on('error', reject) })

/** Enough for the runtime to have compiled what it will: it does so by itself, in threads whose time would count. */
const WARM = 4000, WARM_RATE = 2000

/** frames[i]: what client i sends, one after the other, at `rate` messages a second of all together; the first `warm` faster. */
async function load (server, url, frames, rate, warm = 0) {
  const sockets = [], all = frames.reduce((sum, list) => sum + list.length, 0)
  let sent = 0, before = 0
  for (const _ of frames) sockets.push(await open(url))
  await sleep(300)
  const send = async (until, perSecond) => {
    const from = sent, begin = Date.now()
    while (sent < until) {
      const due = Math.min(until, from + Math.floor((Date.now() - begin) * perSecond / 1000))
      for (; sent < due; sent++) sockets[sent % frames.length].send(frames[sent % frames.length][Math.floor(sent / frames.length)])
      await sleep(2)
    }
    await sleep(700)
  }
  if (warm > 0) await send(warm, WARM_RATE)
  before = cpuMs(server.child.pid)
  for (const ws of sockets) ws.got = 0
  await send(all, rate)
  const us = (cpuMs(server.child.pid) - before) * 1000 / (all - warm)
  const deliveries = sockets.reduce((sum, ws) => sum + ws.got, 0)
  for (const ws of sockets) ws.close()
  await sleep(300)
  return { us, deliveries: deliveries / (all - warm) }
}

const bundle = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'bench-edge-')), 'peers.js')
buildSync({ entryPoints: [path.join(here, 'peers.js')], outfile: bundle, bundle: true, format: 'esm', conditions: ['workerd', 'worker', 'browser'], external: ['cloudflare:*', 'node:*'], logLevel: 'error' })
const ours = () => start({ dist: DIST })
const peers = () => start({ modules: [{ name: 'peers.js', esModule: bundle }], classes: ['Main', 'Hibernating', 'Nothing', 'PartyKit'], bindings: ['Main', 'Hibernating', 'Nothing', 'PartyKit'].map(name => [name, name]), flags: ['nodejs_compat'] })

const USERS = 10, ROUNDS = 3
const median = list => list.sort((a, b) => a - b)[list.length >> 1]
/** All in turn, and that several times: what else the machine does meets all of them. */
async function compare (what, frames, rate) {
  const rows = [['partyd', ours, 'main'], ['y-partyserver', peers, 'main'], ['y-partyserver, hibernating', peers, 'hibernating'], ['an empty handler', peers, 'nothing']].map(([name, begin, party]) => ({ name, begin, party, us: [] }))
  for (let round = 0; round < ROUNDS; round++) {
    for (const row of rows) {
      const server = await row.begin()
      const { us, deliveries } = await load(server, `ws://127.0.0.1:${server.port}/parties/${row.party}/bench`, frames, rate, WARM)
      server.child.kill('SIGKILL')
      row.us.push(us)
      row.deliveries = deliveries
    }
  }
  console.log(`\n${what}, ${USERS} users, ${rate} messages/s, median of ${ROUNDS} rounds`)
  const own = median(rows[0].us)
  for (const r of rows) console.log(`  ${r.name.padEnd(28)} ${median(r.us).toFixed(0).padStart(6)} us CPU a message (${r.us.map(us => us.toFixed(0)).join(' ')})  ${r.deliveries.toFixed(1).padStart(6)} deliveries a message  ${(median(r.us) / own).toFixed(2)} x partyd`)
}

for (const rate of only === undefined ? [200, 1000] : [Number(only)].filter(Boolean)) {
  const each = Math.ceil((WARM + rate * seconds) / USERS)
  await compare('edits', typists(USERS, each), rate)
  await compare('cursors', Array.from({ length: USERS }, (_, n) => Array.from({ length: each }, (_, i) => cursor(n + 1, i + 1))), rate)
}

if (Number(only ?? 0) !== 0) process.exit()
console.log('\nrows written for 1,000 edits, the last client leaving at the end')
const COUNT = 1000
async function rowsOf (begin, path, frames, rate, read) {
  const server = await begin()
  await load(server, `ws://127.0.0.1:${server.port}${path}`, frames, rate)
  await sleep(1000)
  const rows = await read(server)
  server.child.kill('SIGKILL')
  return rows
}
// All at the same time: this is about time that passes, not about what it takes.
const written = await Promise.all([[1, 8], [2, 16], [10, 100], [10, 200]].map(async ([users, rate]) => {
  const frames = typists(users, COUNT / users)
  const [partyd, kit] = await Promise.all([
    rowsOf(ours, '/bench', frames, rate, s => Number([...s.log.matchAll(/rows_written=(\d+)/g)].at(-1)?.[1] ?? NaN)),
    rowsOf(peers, '/partykit/room', frames, rate, async s => Number(await (await fetch(`http://127.0.0.1:${s.port}/partykit/`)).text()))
  ])
  return `  ${String(users).padStart(2)} users, ${String(rate).padStart(3)} edits/s   partyd ${String(partyd).padStart(5)}   y-partykit ${String(kit).padStart(5)}   ${(partyd / kit).toFixed(3)}`
}))
console.log(written.join('\n'))

/** From the request until the first message of a room that is not in memory, less that of an empty room. */
const first = url => new Promise((resolve, reject) => { const begin = performance.now(), ws = new WebSocket(url, { perMessageDeflate: false }); ws.once('message', () => { resolve(performance.now() - begin); ws.close() }).on('error', reject) })
const doc = new Y.Doc(), text = doc.getText('t')
for (let i = 0; i < 20000; i++) text.insert(Math.floor((i * 7919) % (text.length + 1)), 'a word or two that somebody typed here, about fifty')
const state = Y.encodeStateAsUpdate(doc), ROOMS = 9
const before = await start({ dist: DIST })
for (let i = 0; i < ROOMS; i++) {
  const ws = await open(`ws://127.0.0.1:${before.port}/wake-${i}`)
  ws.send(Buffer.concat([Buffer.from([0, 2]), bytes(state)]))
  while (ws.got < 2) await sleep(10)
  ws.close()
}
await sleep(500)
before.child.kill('SIGKILL')
const again = await start({ dist: DIST, state: before.state })
await first(`ws://127.0.0.1:${again.port}/warm`)
const empty = [], full = []
for (let i = 0; i < ROOMS; i++) {
  empty.push(await first(`ws://127.0.0.1:${again.port}/empty-${i}`))
  full.push(await first(`ws://127.0.0.1:${again.port}/wake-${i}`))
}
again.child.kill('SIGKILL')
console.log(`\nwake with a document of ${(state.length / 1e6).toFixed(2)} MB in 20,000 pieces: ${median(full).toFixed(1)} ms until the first message, an empty room ${median(empty).toFixed(1)} ms`)
process.exit()
