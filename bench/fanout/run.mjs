// Five loads against partyd and its peers: server on core 0, generator on core 1, one table.
//   bench/fanout/run [SECONDS] [NAME...]     names: partyd y-websocket hocuspocus; default all
// Needs `make bench` and, for the peers, `npm ci` in bench/peers.
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
const build = path.resolve(process.env.BUILD ?? path.join(here, '../../build'))
const seconds = process.argv[2] ?? '5'
const rows = [[10, 20, 100, 1], [50, 30, 100, 1], [100, 100, 100, 1], [100, 250, 100, 1], [1000, 10, 1000, 100]]

const peer = name => (port, env) => [process.execPath, [path.join(here, `../peers/${name}.mjs`)], { ...env, PORT: port }]
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

/** A server of its own for each row: no row inherits the documents of another. */
async function row (name, [senders, rate, clients, rooms]) {
  const port = await freePort()
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'partyd-bench-'))
  const [file, args, env] = servers[name](port, process.env, data)
  const child = spawn('taskset', ['-c', '0', file, ...args], { stdio: ['ignore', 'pipe', 'inherit'], env })
  try {
    await ready(child)
    const flags = Object.entries({ port, pid: child.pid, senders, rate, clients, rooms, seconds, dialect: name === 'hocuspocus' ? 'hocuspocus' : 'yws' })
    const run = spawnSync('taskset', ['-c', '1', path.join(build, 'bench/fanout'), '--json', ...flags.flatMap(([k, v]) => [`--${k}`, String(v)])], { encoding: 'utf8' })
    return run.stdout ? JSON.parse(run.stdout) : { error: run.stderr.trim() }
  } finally {
    child.kill('SIGKILL')
    fs.rmSync(data, { recursive: true, force: true })
  }
}

console.log('| load | server | expected | delivered | per s | p50 ms | p99 ms | p99.9 ms | max ms | us CPU/delivery | CPU % | late sends | dropped | update frames |')
console.log('|---|---|---|---|---|---|---|---|---|---|---|---|---|---|')
const names = process.argv.length > 3 ? process.argv.slice(3) : Object.keys(servers)
for (const r of rows) {
  for (const name of names) {
    const f = await row(name, r)
    const cells = f.error ? [f.error] : [f.expected, f.got, f.per_second, f.p50_ms, f.p99_ms, f.p999_ms, f.max_ms, f.cpu_us, f.cpu_percent, f.late, f.dropped, f.frames]
    console.log(`| ${r[0]} x ${r[1]}/s, ${r[2]} in ${r[3]} | ${name} | ${cells.join(' | ')} |`)
  }
}
