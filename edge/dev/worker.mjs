// Starts the local runtime (workerd) with a Worker that has rooms, without any tool in between: nothing is
// downloaded, nobody is told. The settings are environment variables, as in production.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
export const DIST = path.resolve(here, '../dist')
const COMPATIBILITY = '2026-04-24'

/** The program that npm has installed for this machine. */
export function workerdBinary () {
  const name = path.join('@cloudflare', `workerd-${os.platform() === 'darwin' ? 'darwin' : os.platform() === 'win32' ? 'windows' : 'linux'}-${os.arch() === 'arm64' ? 'arm64' : '64'}`, 'bin/workerd')
  const file = path.resolve(here, '../node_modules', name)
  if (!fs.existsSync(file)) throw new Error(`there is no ${file}; run 'npm ci' in ${path.resolve(here, '..')}`)
  return file
}

const quoted = text => JSON.stringify(text)

/** The configuration of the runtime. modules: [{ name, esModule | wasm: file }], the first is the Worker. */
export function configuration ({ modules, classes, bindings, names, state, host, port, flags }) {
  const module = m => `(name = ${quoted(m.name)}, ${m.wasm === undefined ? `esModule = embed ${quoted(m.esModule)}` : `wasm = embed ${quoted(m.wasm)}`})`
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    (name = "state", disk = (path = ${quoted(state)}, writable = true)),
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [ (name = "http", address = ${quoted(`${host}:${port}`)}, http = (), service = "worker") ],
);
const worker :Workerd.Worker = (
  modules = [ ${modules.map(module).join(', ')} ],
  compatibilityDate = ${quoted(COMPATIBILITY)},
  compatibilityFlags = [ ${flags.map(quoted).join(', ')} ],
  durableObjectNamespaces = [ ${classes.map(name => `(className = ${quoted(name)}, uniqueKey = ${quoted(`partyd-${name}`)}, enableSql = true)`).join(', ')} ],
  durableObjectStorage = (localDisk = "state"),
  bindings = [
    ${[...bindings.map(([name, className]) => `(name = ${quoted(name)}, durableObjectNamespace = ${quoted(className)})`),
      ...names.map(name => `(name = ${quoted(name)}, fromEnvironment = ${quoted(name)})`)].join(',\n    ')}
  ],
);
`
}

/** Which settings are given: names of the environment that are for a Worker. */
export const settingNames = env => Object.keys(env).filter(name => /^(PARTYD_|COLLAB_|CONVEX_)[A-Z_]+$/.test(name))

/** Runs a Worker; the child process is workerd itself. */
export function startWorker ({ dist = DIST, state, host = '127.0.0.1', port, env = process.env, stdio = 'inherit', modules, classes = ['Room'], bindings = [['ROOM', 'Room']], flags = [], command = [] }) {
  fs.mkdirSync(state, { recursive: true })
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'partyd-edge-'))
  const list = modules ?? [{ name: 'index.js', esModule: path.join(dist, 'index.js') }, { name: 'room.wasm', wasm: path.join(dist, 'room.wasm') }]
  const embed = list.map((m, i) => { // embed takes files next to the configuration
    const file = m.wasm ?? m.esModule
    fs.copyFileSync(file, path.join(folder, `${i}`))
    return m.wasm === undefined ? { name: m.name, esModule: `${i}` } : { name: m.name, wasm: `${i}` }
  })
  const config = path.join(folder, 'config.capnp')
  fs.writeFileSync(config, configuration({ modules: embed, classes, bindings, names: settingNames(env), state: path.resolve(state), host, port, flags }))
  const [program, ...args] = [...command, workerdBinary(), 'serve', '--experimental', config]
  const child = spawn(program, args, { stdio, env })
  child.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }))
  return child
}

const DRAIN_MS = 300

/** Ends it. Asked to end, workerd waits for sockets that nobody closes; what is stored is whole at any moment. */
export function endWorker (child) {
  child.kill('SIGTERM')
  setTimeout(() => child.kill('SIGKILL'), DRAIN_MS).unref()
}
