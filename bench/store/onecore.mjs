// Rule S36 in the real server: loop and store's thread share one core, which others want too. How much
// of snapshots waits, and how long somebody waits for a room that has to be read.
//   node bench/store/onecore.mjs [SECONDS] [PROGRAM...]     default build/partyd; another one to compare with
// Needs `make bench` and tests/node_modules.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
const { WebSocket } = createRequire(path.join(here, '../../tests/package.json'))('ws')
const build = path.resolve(process.env.BUILD ?? path.join(here, '../../build'))
const [seconds = 20, ...programs] = process.argv.slice(2)
const COLD = 200 // rooms that are there and in nobody's memory
const HOGS = Number(process.env.HOGS ?? 0) // others that want the same core all the time
const LOAD = { senders: 400, rate: 120, clients: 400, rooms: 400, seconds }
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * q)]

const freePort = () => new Promise((resolve, reject) => {
  const probe = net.createServer().once('error', reject).listen(0, '127.0.0.1', () => {
    const { port } = probe.address()
    probe.close(() => resolve(String(port)))
  })
})

async function serve (program, data) {
  const port = await freePort()
  const child = spawn('taskset', ['-c', '0', program, 'dev', '--port', port, '--data', data, '--log-level', 'warn'], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve, reject) => {
    let out = ''
    child.stdout.on('data', chunk => { out += chunk; if (/listening on/.test(out)) resolve() })
    child.once('exit', code => reject(new Error(`the server ended with ${code}`)))
  })
  const ended = new Promise(resolve => child.once('exit', resolve))
  return { port, child, stop: async signal => { child.kill(signal); await ended } }
}

/** In y-websocket's dialect: asks for all of a room, sends `update` if there is one; ms until the answer. */
function visit ({ port }, room, update) {
  return new Promise((resolve, reject) => {
    const start = performance.now()
    const socket = new WebSocket(`ws://127.0.0.1:${port}/${room}`)
    socket.on('error', reject)
    socket.on('open', () => {
      socket.send(Uint8Array.of(0, 0, 1, 0)) // sync, step 1, an empty state vector
      if (update) socket.send(Buffer.concat([Uint8Array.of(0, 2, update.length), update]))
    })
    socket.on('message', message => {
      if (message[0] !== 0 || message[1] !== 1) return // step 2
      const ms = performance.now() - start
      setTimeout(() => { socket.close(); resolve(ms) }, update ? 20 : 0)
    })
  })
}

async function waiting ({ port }) {
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  return Number(/^partyd_snapshot_queue_bytes(?:\{[^}]*\})? (\S+)/m.exec(page)?.[1] ?? NaN)
}

async function run (program) {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'partyd-bench-'))
  try {
    // One client's text "x": clients 1, structs 1, client 1, clock 0; a string below the root "t".
    const update = Uint8Array.of(1, 1, 1, 0, 4, 1, 1, 0x74, 1, 0x78, 0)
    const before = await serve(program, data)
    for (let n = 0; n < COLD; n++) await visit(before, `cold-${n}`, update)
    await before.stop('SIGTERM')
    const server = await serve(program, data)
    const flags = Object.entries({ port: server.port, pid: server.child.pid, ...LOAD })
    const load = spawn('taskset', ['-c', '1', path.join(build, 'bench/fanout'), '--json', ...flags.flatMap(([k, v]) => [`--${k}`, String(v)])], { stdio: ['ignore', 'pipe', 'inherit'] })
    const hogs = Array.from({ length: HOGS }, () => spawn('taskset', ['-c', '0', process.execPath, '-e', 'for (;;);'], { stdio: 'ignore' }))
    let out = '', ended = false
    load.stdout.on('data', chunk => { out += chunk })
    load.once('exit', () => { ended = true; hogs.forEach(hog => hog.kill('SIGKILL')) })
    await sleep(2000)
    const waits = [], queue = []
    for (let n = 0; n < COLD && !ended; n++) {
      waits.push(await visit(server, `cold-${n}`))
      queue.push(await waiting(server))
      await sleep((seconds - 2) * 1000 / COLD - waits.at(-1))
    }
    while (!ended) await sleep(50)
    const { got, expected, echoes, p50_ms: p50, p99_ms: p99, cpu_percent: cpu } = JSON.parse(out)
    const MIB = 1 << 20
    console.log(`| ${program} | ${waits.length} | ${quantile(waits, 0.5).toFixed(1)} | ${quantile(waits, 0.99).toFixed(1)} | ${Math.max(...waits).toFixed(1)} | ` +
      `${(Math.max(...queue) / MIB).toFixed(2)} | ${(queue.at(-1) / MIB).toFixed(2)} | ${expected + echoes > 0 ? echoes || got : got} | ${p50} | ${p99} | ${cpu} |`)
    await server.stop('SIGKILL')
  } finally {
    fs.rmSync(data, { recursive: true, force: true })
  }
}

console.log('| program | cold rooms | first answer p50 ms | p99 | longest | snapshots that wait, MiB at most | at the end | updates | p50 ms | p99 ms | CPU % |')
console.log('|---|---|---|---|---|---|---|---|---|---|---|')
for (const program of programs.length > 0 ? programs : [path.join(build, 'partyd')]) await run(path.resolve(program))
