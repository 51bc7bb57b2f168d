#!/usr/bin/env node
// npm run dev            Vite, Convex (cloud or local deployment) and partyd
// npm run dev:offline    the same with a Convex deployment in memory: no account, no network
// npm run dev:edge       as dev:offline, with the Worker of partykit/edge in the place of partyd
// While it runs: r and Enter starts partyd again, under the open pages.
// Options: --port 5173 (0: any), --no-seed (an empty deployment), offline only; --edge
import path from 'node:path'
import readline from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { connectCloud } from './cloud.mjs'
import { startOffline } from './offline.mjs'
import { partydProgram } from './partyd.mjs'
import { freePorts } from './ports.mjs'
import { createProcesses } from './processes.mjs'

const example = fileURLToPath(new URL('..', import.meta.url))
const { values: options } = parseArgs({
  options: {
    offline: { type: 'boolean', default: false },
    edge: { type: 'boolean', default: false },
    port: { type: 'string', default: '5173' },
    'no-seed': { type: 'boolean', default: false }
  }
})
const started = Date.now()
const processes = createProcesses()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => processes.end(0))

try {
  await run()
} catch (error) {
  if (!processes.ending) console.error(`dev: ${error.message}`)
  processes.end(1)
}
process.exit(await processes.ended)

async function run () {
  const [program, ...itsArgs] = options.edge ? [process.execPath, 'dev/edge.mjs'] : [partydProgram(), 'dev', '--config', 'partykit/partyd.json']
  const any = options.port === '0'
  const ports = await freePorts({ vite: Number(options.port), partyd: any ? 0 : 1999, convex: any ? 0 : 3210, site: any ? 0 : 3211 })
  const start = (name, file, args, more = {}) => processes.start(name, file, args, { cwd: example, ...more })
  const context = { example, ports, start, seed: !options['no-seed'] }
  const backend = options.offline ? await startOffline(context) : await connectCloud(context)

  const partyd = start('partyd', program,
    [...itsArgs, '--port', String(ports.partyd), ...backend.partydArgs],
    { env: backend.partydEnv, hide: line => /^\s*$/.test(line) })
  const vite = start('vite', process.execPath,
    [path.join(example, 'node_modules/vite/bin/vite.js'), '--port', String(ports.vite), '--strictPort', '--clearScreen', 'false'],
    { env: { VITE_PARTYKIT_HOST: `127.0.0.1:${ports.partyd}`, ...backend.viteEnv }, hide: line => /^\s*$/.test(line) })
  readline.createInterface({ input: process.stdin }).on('line', line => { if (line.trim() === 'r') partyd.restart() })
  await Promise.all([vite.line(/Local:\s+(\S+)/), partyd.line(/listening on/), backend.ready])
  await backend.after?.()
  console.log(`\n  ready in ${((Date.now() - started) / 1000).toFixed(1)} s: http://127.0.0.1:${ports.vite}/\n${backend.hint ?? ''}`)
}
