// What the window in which updates share a row costs and saves: rows for 1,000 edits of two who type at 8 edits a second
// each, and how long an edit takes to the other one. Local runtime; after `make edge/dist/index.js`.
//   FIRST=100 node windows.mjs [WINDOW_MS ...]       from FIRST the window grows while they go on; without it, it is the same all the time
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { DIST, startWorker } from '../../edge/dev/worker.mjs'

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
const freePort = () => new Promise(resolve => { const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => resolve(port)) }) })
const varint = n => { const out = []; for (; n > 127; n >>= 7) out.push((n & 127) | 128); return Buffer.from([...out, n]) }
const first = Number(process.env.FIRST ?? Infinity)
const EDITS = 1000, RATE = 16, USERS = 2

async function measure (ms) {
  const port = await freePort(), state = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-edge-'))
  const child = startWorker({ dist: DIST, state, port, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PARTYD_LOG_LEVEL: 'debug', PARTYD_JOURNAL_MS: String(Math.min(ms, first)), PARTYD_JOURNAL_BUSY_MS: String(ms) } })
  let log = ''
  child.stdout.on('data', chunk => { log += chunk })
  for (let up = false; !up; await sleep(30)) up = await new Promise(resolve => net.connect(port, '127.0.0.1').on('connect', function () { this.destroy(); resolve(true) }).on('error', () => resolve(false)))
  const users = await Promise.all(Array.from({ length: USERS }, (_, n) => new Promise((resolve, reject) => {
    const ws = new WebSocket(`ws://127.0.0.1:${port}/window`, { perMessageDeflate: false })
    const user = { ws, mine: new Y.Doc(), seen: new Y.Doc(), marks: 0 }
    user.mine.clientID = n + 1
    ws.on('message', data => { if (data[0] === 0 && data[1] === 2) { let at = 2; while (data[at++] > 127); Y.applyUpdate(user.seen, data.subarray(at)) } })
    user.mine.on('update', u => ws.send(Buffer.concat([Buffer.from([0, 2]), varint(u.length), u])))
    ws.on('open', () => resolve(user)).on('error', reject)
  })))
  const sentAt = users.map(() => []), took = []
  users.forEach((user, n) => user.seen.on('update', () => { // how far the other's text has come
    const other = (n + 1) % USERS, length = user.seen.getText(`t${other}`).length
    while (user.marks < length) took.push(performance.now() - sentAt[other][user.marks++])
  }))
  for (let i = 0; i < EDITS; i++) {
    const n = i % USERS, text = users[n].mine.getText(`t${n}`)
    sentAt[n].push(performance.now())
    text.insert(text.length, 'x')
    await sleep(1000 / RATE * (0.5 + Math.random()))
  }
  await sleep(ms + 500)
  for (const { ws } of users) ws.close()
  await sleep(500)
  child.kill('SIGKILL')
  const rows = Number([...log.matchAll(/rows_written=(\d+)/g)].at(-1)?.[1] ?? NaN)
  took.sort((a, b) => a - b)
  return { rows: rows * 1000 / EDITS, median: took[took.length >> 1], p95: took[Math.floor(took.length * 0.95)] }
}

const windows = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [0, 100, 200, 300, 350, 400, 500]
const results = await Promise.all(windows.map(measure)) // side by side: they do little
for (const [i, ms] of windows.entries()) {
  const { rows, median, p95 } = results[i]
  console.log(`window ${String(ms).padStart(4)} ms: ${rows.toFixed(0).padStart(5)} rows for 1,000 edits, an edit takes ${median.toFixed(0).padStart(4)} ms (p95 ${p95.toFixed(0).padStart(4)}) to the other one`)
}
