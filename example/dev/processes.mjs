// Several programs as one: their lines with a name in front, and one end for all of them.
import { spawn } from 'node:child_process'
import readline from 'node:readline'

/** After that a program that was asked to end is ended. */
const ENDING_MS = 5000
const COLORS = [36, 35, 33, 32, 34]

/** @returns start, end, ended: a promise of the exit code, after all programs have ended. */
export function createProcesses () {
  const running = new Map() // name -> child
  let ending = false
  let code = 0
  let finish
  const ended = new Promise(resolve => { finish = resolve })

  function end (exitCode = 0) {
    if (ending) return
    ending = true
    code = exitCode
    if (running.size === 0) return finish(code)
    for (const child of running.values()) child.kill('SIGTERM')
    setTimeout(() => { for (const child of running.values()) endGroup(child) }, ENDING_MS).unref()
  }

  /** Options: env, cwd, hide(line): lines that nobody needs to see. @returns line(pattern): its first match; restart(). */
  function start (name, program, args, { env = {}, cwd, hide = () => false } = {}) {
    const label = labelOf(name, running.size)
    const waiting = new Set()
    let again = false
    const onLine = line => {
      for (const one of waiting) one.line(line)
      if (!hide(line)) process.stdout.write(`${label} ${line}\n`)
    }
    function launch () {
      // A process group of its own: Ctrl-C comes to us, and we end each program once.
      const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'], detached: true })
      running.set(name, child)
      for (const stream of [child.stdout, child.stderr]) readline.createInterface({ input: stream }).on('line', onLine)
      child.on('error', error => onLine(`cannot start ${program}: ${error.message}`))
      child.on('close', (status, signal) => {
        running.delete(name)
        if (again && !ending) { again = false; return launch() }
        for (const one of waiting) one.over()
        if (!ending) {
          onLine(`ended by itself (${signal ?? status}): ending the others`)
          end(status || 1)
        }
        if (running.size === 0) finish(code)
      })
    }
    launch()
    return {
      line: pattern => new Promise((resolve, reject) => {
        const one = {
          line (line) {
            const match = pattern.exec(plain(line))
            if (match) { waiting.delete(one); resolve(match) }
          },
          over: () => reject(new Error(`${name} ended before it was ready`))
        }
        waiting.add(one)
      }),
      restart () { again = true; running.get(name)?.kill('SIGTERM') }
    }
  }
  return { start, end, ended, get ending () { return ending } }
}

/** With what it started itself. */
function endGroup (child) {
  try { process.kill(-child.pid, 'SIGKILL') } catch { /* it has ended meanwhile */ }
}

function labelOf (name, n) {
  const text = `[${name}]`.padEnd(8)
  return process.stdout.isTTY ? `\x1b[${COLORS[n % COLORS.length]}m${text}\x1b[0m` : text
}

const plain = text => text.replace(/\x1b\[[0-9;]*m/g, '')
