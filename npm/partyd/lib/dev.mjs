// `partyd dev`: the server, started anew when its configuration changes. A configuration with a mistake changes
// nothing: the mistake is told, and the server goes on with what it had.
import { spawnSync } from 'node:child_process'
import { unwatchFile, watchFile } from 'node:fs'
import { binaryPath } from './binary.mjs'
import { envFiles, findConfig, loadEnv, names } from './config.mjs'
import { leave, passSignals, run, start } from './run.mjs'

// Files are looked at, not listened to: that also works on network disks and in containers, and for files that come
// to be, or that an editor puts in the place of the old one.
const interval = 250

const say = line => console.error(`partyd: ${line}`)

/** What to start with: { args, env }. Throws if a file cannot be read; `say` what is taken from PartyKit's. */
function plan (userArgs) {
  const { env } = loadEnv()
  const { flags, lines, kind, file } = findConfig(userArgs, env)
  return { args: [...flags, ...userArgs], env, lines, kind, file }
}

/** Whether the server would take it; says the mistake if not. */
function isRight (program, { args, env }) {
  const { status } = spawnSync(program, ['settings', 'dev', ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  return status === 0
}

/** next() are the files that change next, or have since the last time; stop() ends it. */
function watch (files) {
  const changed = new Set()
  let wake = () => {}
  for (const file of files) {
    watchFile(file, { interval, persistent: false }, (now, before) => {
      if (now.mtimeMs === before.mtimeMs && now.size === before.size && now.ino === before.ino) return // is not there
      changed.add(file)
      wake()
    })
  }
  return {
    async next () {
      if (changed.size === 0) await new Promise(resolve => { wake = resolve })
      await new Promise(resolve => setTimeout(resolve, 50)) // an editor may not be done
      const files = [...changed]
      changed.clear()
      return { files }
    },
    stop: () => { for (const file of files) unwatchFile(file) }
  }
}

/** Waits for a change that makes sense, or for the end of the server: the new plan, or undefined. */
async function nextPlan (program, userArgs, old, watched, ended) {
  for (;;) {
    const { files } = await Promise.race([watched.next(), ended])
    if (files === undefined) return undefined
    const what = files.join(' and ')
    let next
    try { next = plan(userArgs) } catch (error) {
      if (error.expected !== true) throw error
      say(error.message)
    }
    if (next === undefined || !isRight(program, next)) {
      say(`${what} has a mistake; the server goes on as it was`)
    } else if (files.includes(next.file) || JSON.stringify(next) !== JSON.stringify(old)) {
      return { ...next, changed: what }
    }
  }
}

export async function dev (userArgs) {
  const program = binaryPath()
  if (userArgs.includes('--help')) return run(program, ['--help'])
  let current = plan(userArgs)
  let server
  let isOver = false
  for (const line of current.lines) say(line)
  if (current.kind === 'partykit') say('npx partyd init makes a partyd.json, which can say more')
  const undo = passSignals(() => server?.child, () => { isOver = true })
  const watched = watch(new Set([...names.own, ...names.partykit, ...envFiles, ...(current.file ? [current.file] : [])]))
  for (;;) {
    server = start(program, ['dev', ...current.args], current.env)
    const next = await nextPlan(program, userArgs, current, watched, server.ended)
    if (next === undefined || isOver) break
    say(`${next.changed} has changed, starting again`)
    server.child.kill('SIGTERM')
    await server.ended
    if (isOver) break
    const { changed, ...plain } = next
    current = plain
  }
  const end = await server.ended
  watched.stop()
  undo()
  return leave(end)
}
