// Many clients join one room with a large document at once: partyd beside its peers.
//   bench/join/run [CLIENTS] [MB] [NAME...]     default: 1000 20, all of partyd y-websocket hocuspocus
// Needs `make bench`, and `npm ci` in bench/peers.
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
const build = path.resolve(process.env.BUILD ?? path.join(here, '../../build'))
const require = createRequire(path.join(here, '../peers/package.json'))
const Y = require('yjs')
const { WebSocket } = require('ws')
const clients = Number(process.argv[2] ?? 1000)
const megabytes = Number(process.argv[3] ?? 20)
const seconds = 120

const peer = name => (port, env) => [process.execPath, ['--max-old-space-size=8192', path.join(here, `../peers/${name}.mjs`)], { ...env, PORT: port }]
const servers = {
  partyd: (port, env, data) => [path.join(build, 'partyd'), ['dev', '--port', port, '--data', data, '--log-level', 'warn'], env],
  'y-websocket': peer('y-websocket'),
  hocuspocus: peer('hocuspocus')
}

const freePort = () => new Promise((resolve, reject) => {
  const probe = net.createServer().once('error', reject).listen(0, '127.0.0.1', () => {
    const { port } = probe.address()
    probe.close(() => resolve(String(port)))
  })
})

function ready (child) {
  return new Promise((resolve, reject) => {
    let out = ''
    child.stdout.on('data', chunk => { out += chunk; if (/listening on|ready/.test(out)) resolve() })
    child.once('exit', code => reject(new Error(`the server ended with ${code}`)))
  })
}

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
  const port = await freePort()
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'partyd-bench-'))
  const [file, args, env] = servers[name](port, process.env, data)
  const child = spawn('taskset', ['-c', '0', file, ...args], { stdio: ['ignore', 'pipe', 'inherit'], env })
  let seeder
  try {
    await ready(child)
    seeder = await seed(port, name === 'hocuspocus', updates)
    await new Promise(resolve => setTimeout(resolve, 1000))
    const before = { rss: status(child.pid, 'VmRSS'), cpu: cpu(child.pid) }
    const flags = { port, clients, seconds, dialect: name === 'hocuspocus' ? 'hocuspocus' : 'yws', path: name === 'hocuspocus' ? '/' : '/large' }
    const run = spawnSync('taskset', ['-c', '1', path.join(build, 'bench/join'), ...Object.entries(flags).flatMap(([k, v]) => [`--${k}`, String(v)])], { encoding: 'utf8' })
    const result = run.stdout ? JSON.parse(run.stdout) : { error: run.stderr.trim() || `ended with ${run.status ?? run.signal}` }
    if (child.exitCode !== null || child.signalCode !== null) return { ...result, error: `the server ended (${child.exitCode ?? child.signalCode})` }
    return { ...result, cpu: cpu(child.pid) - before.cpu, rss: before.rss, peak: status(child.pid, 'VmHWM') }
  } finally {
    seeder?.terminate()
    child.kill('SIGKILL')
    fs.rmSync(data, { recursive: true, force: true })
  }
}

const updates = large(megabytes * 1e6)
console.log('| server | joined | first ms | p50 ms | p99 ms | last ms | MB sent | frames | CPU s | MiB before | MiB at most |')
console.log('|---|---|---|---|---|---|---|---|---|---|---|')
for (const name of process.argv.length > 4 ? process.argv.slice(4) : Object.keys(servers)) {
  const f = await row(name, updates)
  const cells = f.error ? [f.error] : [`${f.done} of ${f.clients}`, f.first_ms, f.p50_ms, f.p99_ms, f.last_ms, f.mb, f.frames, f.cpu.toFixed(2), f.rss.toFixed(0), f.peak.toFixed(0)]
  console.log(`| ${name} | ${cells.join(' | ')} |`)
}
