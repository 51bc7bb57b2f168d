// A project with the packed packages in it, installed without a network, and the launcher run in it.
import { execFileSync, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { after } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort, temporary, until } from '../e2e/support.mjs'

export const root = fileURLToPath(new URL('../..', import.meta.url))
const platform = `linux-${process.arch}`
const binary = path.resolve(process.env.NPM_BINARY ?? '../build/partyd')

let packed
function packages () {
  if (packed === undefined) {
    packed = path.join(temporary(), 'npm')
    execFileSync('node', [path.join(root, 'tools/npm-pack.mjs'), packed, `${platform}=${binary}`], { stdio: ['ignore', 'ignore', 'inherit'] })
  }
  return fs.readdirSync(packed).filter(file => file.endsWith('.tgz')).map(file => path.join(packed, file))
}

const children = new Set()
after(() => { for (const child of children) end(child) })
function end (child) {
  for (const pid of [...descendants(child.pid), child.pid]) {
    try { process.kill(pid, 'SIGKILL') } catch {}
  }
}

export class Project {
  constructor (files = {}) {
    this.dir = temporary()
    this.write('package.json', '{\n    "name": "app",\n    "private": true\n}\n')
    for (const [name, text] of Object.entries(files)) this.write(name, text)
  }

  install () {
    execFileSync('npm', ['install', '--offline', '--no-save', '--no-audit', '--no-fund', '--loglevel=error', ...packages()], { cwd: this.dir, stdio: ['ignore', 'ignore', 'inherit'] })
    return this
  }

  path (name) { return path.join(this.dir, name) }
  read (name) { return fs.readFileSync(this.path(name), 'utf8') }
  write (name, text) {
    fs.mkdirSync(path.dirname(this.path(name)), { recursive: true })
    fs.writeFileSync(this.path(name), typeof text === 'string' ? text : JSON.stringify(text, null, 2))
  }

  /** npx partyd ARGS, still running: { child, text, exited }. */
  start (args, { env = {}, npx = false } = {}) {
    const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PARTYD|COLLAB|CONVEX|AWS_|npm_)/.test(name)))
    const [program, ...before] = npx ? ['npx', '--offline', 'partyd'] : [process.execPath, path.join(fs.realpathSync(this.path('node_modules/partyd')), 'bin/partyd.mjs')]
    const child = spawn(program, [...before, ...args], { cwd: this.dir, env: { ...clean, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    children.add(child)
    // A terminal's Ctrl-C goes to the whole group.
    const running = { child, text: '', interrupt: () => process.kill(-child.pid, 'SIGINT') }
    child.stdout.on('data', chunk => { running.text += chunk })
    child.stderr.on('data', chunk => { running.text += chunk })
    // One that does not end would hold up everything behind it.
    const late = setTimeout(() => end(child), 60000)
    running.exited = new Promise(resolve => child.once('close', (code, signal) => { children.delete(child); clearTimeout(late); resolve({ code, signal }) }))
    running.said = (words, ms = 10000) => until(`'${words}' in: ${running.text}`, () => running.text.includes(words), ms)
    return running
  }

  async run (args, options) {
    const running = this.start(args, options)
    const { code, signal } = await running.exited
    return { code, signal, text: running.text }
  }
}

export { freePort, temporary, until }

/** The processes below one, as pids. */
export function descendants (pid) {
  const file = `/proc/${pid}/task/${pid}/children`
  const list = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split(' ').filter(Boolean).map(Number) : []
  return [...list, ...list.flatMap(descendants)]
}
export const lives = pid => {
  try { return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8')) } catch { return false }
}
