// A child process that takes the place of this one: its output, signals and exit code are passed through.
import { spawn } from 'node:child_process'

// A terminal that goes away stops the server like anything else that ends it in good order.
const passed = { SIGINT: 'SIGINT', SIGTERM: 'SIGTERM', SIGHUP: 'SIGTERM', SIGQUIT: 'SIGQUIT' }
// One Ctrl-C reaches this process from the terminal and once more from npm. The server takes a second signal as
// "at once", so what comes within this time is one.
const sameMs = 1000

/** Resolves with what ended the child: { code, signal }. It has a process group of its own, or a terminal would send it
 * the Ctrl-C that this process passes on. */
export function start (program, args, env = process.env) {
  const child = spawn(program, args, { stdio: 'inherit', env, detached: true })
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  return { child, ended }
}

/** Calls `gone` when npm, which has started this process, is no more: it ends at a signal without passing it on. */
function watchParent (gone) {
  if (process.env.npm_lifecycle_event === undefined) return () => {} // started otherwise: may outlive its shell
  const parent = process.ppid
  const timer = setInterval(() => { if (process.ppid !== parent) gone() }, 250).unref()
  return () => clearInterval(timer)
}

/** Passes signals to `child()`, which may change; the result ends it. */
export function passSignals (child, onSignal = () => {}) {
  let last = 0
  const pass = as => {
    const now = Date.now()
    if (now - last < sameMs) return
    last = now
    onSignal()
    child()?.kill(as)
  }
  const handlers = Object.entries(passed).map(([signal, as]) => [signal, () => pass(as)])
  for (const [signal, handler] of handlers) process.on(signal, handler)
  const unwatch = watchParent(() => { unwatch(); pass('SIGTERM') })
  return () => {
    unwatch()
    for (const [signal, handler] of handlers) process.off(signal, handler)
  }
}

/** The exit code; a child that a signal ended ends this process in the same way. */
export async function leave ({ code, signal }) {
  if (signal === null) return code
  process.kill(process.pid, signal)
  await new Promise(resolve => setTimeout(resolve, 1000))
  return 1
}

export async function run (program, args, env) {
  const { child, ended } = start(program, args, env)
  const undo = passSignals(() => child)
  const end = await ended
  undo()
  return leave(end)
}
