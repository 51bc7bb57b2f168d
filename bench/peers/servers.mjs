// The servers that are measured, each started on core 0 for one load: no load inherits the documents of another.
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
const build = path.resolve(process.env.BUILD ?? path.join(here, '../../build'))

const peer = name => (port, env) => [process.execPath, ['--max-old-space-size=8192', path.join(here, `${name}.mjs`)], { ...env, PORT: port }]
export const servers = {
  partyd: (port, env, data) => [path.join(build, 'partyd'), ['dev', '--port', port, '--data', data, '--log-level', 'warn'], env],
  'y-websocket': peer('y-websocket'),
  hocuspocus: peer('hocuspocus')
}
// What is measured beside them only if it is asked for.
const others = { floor: (port, env) => [path.join(build, 'bench', 'floor'), [port], env] }

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

/** Starts one, calls use({ port, pid }, child), ends it. */
export async function withServer (name, use) {
  const port = await freePort()
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'partyd-bench-'))
  const [file, args, env] = (servers[name] ?? others[name])(port, process.env, data)
  const child = spawn('taskset', ['-c', '0', file, ...args], { stdio: ['ignore', 'pipe', 'inherit'], env })
  const ended = new Promise(resolve => child.once('exit', resolve))
  try {
    await ready(child)
    return await use({ port, pid: child.pid }, child)
  } finally {
    child.kill('SIGKILL')
    await ended
    fs.rmSync(data, { recursive: true, force: true })
  }
}

/** A generator (`fanout`, `join`), on core 1, with FLAGS as an object: what became of it, with `stdout` and `stderr`. */
export function generate (program, flags) {
  const args = Object.entries(flags).flatMap(([name, value]) => value === true ? [`--${name}`] : [`--${name}`, String(value)])
  return spawnSync('taskset', ['-c', '1', path.join(build, 'bench', program), ...args], { encoding: 'utf8' })
}

export const dialect = name => name === 'hocuspocus' ? 'hocuspocus' : 'yws'
