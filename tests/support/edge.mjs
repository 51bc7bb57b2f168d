// The same rooms as a Durable Object, under the local runtime: what startServer() of the end-to-end tests gives
// when EDGE names the folder edge/. Flags of the native server become settings of the Worker.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

export const EDGE = process.env.EDGE === undefined ? undefined : path.resolve(process.env.EDGE)

/** What `partyd check` is for the native store: every object's database is whole, says SQLite. */
export function checkEdge (data) {
  const files = fs.readdirSync(data, { recursive: true }).filter(name => name.endsWith('.sqlite')).map(name => path.join(data, name))
  let rooms = 0
  for (const file of files) {
    const whole = spawnSync('sqlite3', [file, 'PRAGMA integrity_check'], { encoding: 'utf8' })
    if (whole.error !== undefined || whole.stdout.trim() !== 'ok') return { status: 1, stdout: whole.stdout ?? '', stderr: `${file}: ${whole.stderr ?? whole.error}` }
    const stored = spawnSync('sqlite3', [file, 'SELECT (SELECT count(*) FROM journal) + (SELECT count(*) FROM snapshot)'], { encoding: 'utf8' })
    if (Number(stored.stdout) > 0) rooms++
  }
  return { status: 0, stdout: `ok: ${rooms} rooms`, stderr: '' }
}

/** Options of a test that is about the native server alone; docs/edge.md says why, by these words. */
export const nativeOnly = why => EDGE === undefined ? {} : { skip: `edge: ${why}` }

const OWN_NAMES = { CONVEX_URL: 'CONVEX_URL', CONVEX_SITE_URL: 'CONVEX_SITE_URL' }
const nameOf = key => {
  const name = key.toUpperCase().replaceAll('-', '_')
  return OWN_NAMES[name] ?? `PARTYD_${name}`
}

function settings (args) {
  const env = {}
  for (let i = 0; i < args.length; i += 2) {
    const key = args[i].slice(2), value = args[i + 1]
    if (key !== 'config') {
      env[nameOf(key)] = value
      continue
    }
    for (const [name, entry] of Object.entries(JSON.parse(fs.readFileSync(value, 'utf8')))) {
      env[nameOf(name)] = typeof entry === 'object' ? JSON.stringify(entry) : String(entry)
    }
  }
  return env
}

export const answers = port => new Promise(resolve => {
  const socket = net.connect(port, '127.0.0.1')
  socket.once('connect', () => { socket.destroy(); resolve(true) }).once('error', () => resolve(false))
})

/** As startServer(): child, port, data, log, out, exited, stop. */
export async function startEdge ({ port, data, args = [], env = {}, command = [] }) {
  const { startWorker } = await import(pathToFileURL(path.join(EDGE, 'dev/worker.mjs')).href)
  const child = startWorker({ state: data, port, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...settings(args), ...env }, command })
  const server = { port, data, child, log: '', out: '', url: `ws://127.0.0.1:${port}`, http: `http://127.0.0.1:${port}` }
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { server.log += chunk })
  server.exited = new Promise(resolve => child.once('exit', (code, signal) => resolve({ code, signal })))
  server.stop = async (signal = 'SIGTERM') => { child.kill(signal); return await server.exited }
  for (let tries = 0; !await answers(port); tries++) {
    if (child.exitCode !== null || tries > 500) throw new Error(`the runtime did not start: ${server.log}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return server
}
