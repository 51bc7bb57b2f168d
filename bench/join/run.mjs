// Many clients join one room with a large document at once: partyd beside its peers.
//   bench/join/run [CLIENTS] [MB] [NAME...]     default: 1000 20, all of partyd y-websocket hocuspocus
// `floor` is no server: it sends 20 MB to who connects, and does nothing else (floor.c).
// Needs `make bench`, and `npm ci` in bench/peers.
import fs from 'node:fs'
import { createRequire } from 'node:module'
import { dialect, generate, servers, withServer } from '../peers/servers.mjs'

const require = createRequire(new URL('../peers/package.json', import.meta.url))
const Y = require('yjs')
const { WebSocket } = require('ws')
const clients = Number(process.argv[2] ?? 1000)
const megabytes = Number(process.argv[3] ?? 20)
const seconds = 120

/** Paragraphs by many authors, each typed into and partly deleted: updates of about 60 KB. */
function large (bytes) {
  const updates = []
  let size = 0
  for (let author = 1; size < bytes; author++) {
    const doc = new Y.Doc()
    doc.clientID = author
    const text = doc.getText(`chapter ${author}`)
    for (let n = 0; n < 300; n++) text.insert(n * 97 % (text.length + 1), `${author}:${n} `.padEnd(150, 'lorem ipsum '))
    for (let n = 0; n < 60; n++) text.delete(n * 500, 40)
    updates.push(Y.encodeStateAsUpdate(doc))
    size += updates.at(-1).length
  }
  return updates
}

const varint = n => { const out = []; for (; n > 127; n = Math.floor(n / 128)) out.push(n % 128 + 128); out.push(n); return out }

/** Gives the room its document, and waits until it has answered for all of it. The socket stays open, because a
 * server without storage forgets what nobody has open. */
function seed (port, hocuspocus, updates) {
  const name = hocuspocus ? [5, ...Buffer.from('large')] : []
  const ws = new WebSocket(`ws://127.0.0.1:${port}/${hocuspocus ? '' : 'large'}`)
  const say = (head, bytes = Buffer.alloc(0)) => ws.send(Buffer.concat([Buffer.from([...name, ...head]), bytes]))
  return new Promise((resolve, reject) => {
    ws.once('error', reject)
    ws.once('open', () => {
      if (hocuspocus) say([2, 0, 0, 5, ...Buffer.from('4.7.0')])
      for (const update of updates) say([0, 2, ...varint(update.length)], update)
      // Whoever has none of it is sent nothing until all before it was handled.
      say([0, 0, 1, 0])
    })
    ws.on('message', data => {
      const at = name.length
      if (data[at] === 0 && data[at + 1] === 1) resolve(ws)
    })
  })
}

const status = (pid, key) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
function cpu (pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function row (name, updates) {
  return withServer(name, async ({ port, pid }, child) => {
    const seeder = name === 'floor' ? { terminate () {} } : await seed(port, name === 'hocuspocus', updates)
    try {
      await new Promise(resolve => setTimeout(resolve, 1000))
      const before = { rss: status(pid, 'VmRSS'), cpu: cpu(pid) }
      const run = generate('join', { port, clients, seconds, dialect: dialect(name), path: name === 'hocuspocus' ? '/' : '/large' })
      const result = run.stdout ? JSON.parse(run.stdout) : { error: run.stderr.trim() || `ended with ${run.status ?? run.signal}` }
      if (child.exitCode !== null || child.signalCode !== null) return { ...result, error: `the server ended (${child.exitCode ?? child.signalCode})` }
      return { ...result, cpu: cpu(pid) - before.cpu, rss: before.rss, peak: status(pid, 'VmHWM') }
    } finally {
      seeder.terminate()
    }
  })
}

const updates = large(megabytes * 1e6)
console.log('| server | joined | first ms | p50 ms | p99 ms | last ms | MB sent | frames | CPU s | MiB before | MiB at most |')
console.log('|---|---|---|---|---|---|---|---|---|---|---|')
for (const name of process.argv.length > 4 ? process.argv.slice(4) : Object.keys(servers)) {
  const f = await row(name, updates)
  const cells = f.error ? [f.error] : [`${f.done} of ${f.clients}${f.lost ? ` (${f.lost} lost)` : ''}`, f.first_ms, f.p50_ms, f.p99_ms, f.last_ms, f.mb, f.frames, f.cpu.toFixed(2), f.rss.toFixed(0), f.peak.toFixed(0)]
  console.log(`| ${name} | ${cells.join(' | ')} |`)
}
