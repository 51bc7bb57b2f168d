// What a user costs in an hour: messages that come in (each wakes a sleeping room) and rows written, with the real provider;
// measured over SECONDS (60) and scaled. Local runtime; after `make edge/dist/index.js`, and npm ci in tests/.
//   node hour.mjs [SECONDS]
import { createRequire } from 'node:module'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { DIST, startWorker } from '../../edge/dev/worker.mjs'

const require = createRequire(new URL('../../tests/package.json', import.meta.url))
const Y = require('yjs'), { WebSocket } = require('ws'), { WebsocketProvider } = require('y-websocket')
const seconds = Number(process.argv[2] ?? 60)
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
const freePort = () => new Promise(resolve => { const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => resolve(port)) }) })
let sent = new Map()
class Counted extends WebSocket { send (...args) { const room = this.url.split('/').at(-1); sent.set(room, (sent.get(room) ?? 0) + 1); super.send(...args) } }

const port = await freePort()
const child = startWorker({ dist: DIST, state: fs.mkdtempSync(path.join(os.tmpdir(), 'bench-edge-')), port, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PARTYD_LOG_LEVEL: 'debug' } })
let log = ''
child.stdout.on('data', chunk => { log += chunk })
for (let up = false; !up; await sleep(30)) up = await new Promise(resolve => net.connect(port, '127.0.0.1').on('connect', function () { this.destroy(); resolve(true) }).on('error', () => resolve(false)))

async function play (room, users, perSecond) {
  const all = Array.from({ length: users }, () => {
    const doc = new Y.Doc(), provider = new WebsocketProvider(`ws://127.0.0.1:${port}`, room, doc, { WebSocketPolyfill: Counted, disableBc: true })
    return { doc, provider, text: doc.getText('text') }
  })
  await sleep(1500)
  for (const { provider } of all) provider.awareness.setLocalStateField('user', { name: 'somebody', color: '#ff0000' })
  await sleep(500)
  sent.set(room, 0)
  const end = Date.now() + seconds * 1000
  while (Date.now() < end) {
    if (perSecond === 0) { await sleep(1000); continue }
    for (const { text, provider } of all) { text.insert(text.length, 'x'); provider.awareness.setLocalStateField('cursor', { anchor: text.length, head: text.length }) }
    await sleep(1000 / perSecond)
  }
  const messages = sent.get(room)
  for (const { provider } of all) provider.destroy()
  await sleep(1500)
  const rows = Number([...log.matchAll(new RegExp(`room compacted room="main/${room}".*rows_written=(\\d+)`, 'g'))].at(-1)?.[1] ?? 0)
  const hour = n => Math.round(n * 3600 / seconds / users)
  console.log(`${String(users).padStart(2)} users, ${perSecond} edits/s each: ${String(hour(messages)).padStart(6)} messages and ${String(hour(rows)).padStart(6)} rows for each user and hour`)
}
await Promise.all([[2, 0], [1, 3], [2, 3], [10, 3]].map(([users, rate], i) => play(`hour-${i}`, users, rate)))
child.kill('SIGKILL')
process.exit()
