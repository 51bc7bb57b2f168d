// `partyd env`: what holds, where it comes from, and which secrets are missing. A secret is never shown.
import { randomBytes } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { binaryPath } from './binary.mjs'
import { findConfig, loadEnv, parseEnv } from './config.mjs'

const target = '.env.local'
const keys = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']
// Which secret which way of deciding needs.
const needs = { ticket: ['PARTYD_TICKET_SECRET', 'COLLAB_SECRET'], convex: ['COLLAB_SECRET'], jwt: ['COLLAB_SECRET'], hook: ['COLLAB_SECRET'], none: ['COLLAB_SECRET'] }

/** The settings as the server would have them: [{ name, value, from, variable, secret }]. */
function settings (args, env) {
  const { flags, file } = findConfig(args, env)
  const { status, stdout } = spawnSync(binaryPath(), ['settings', 'dev', '--json', ...flags, ...args], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  return { file, rows: status === 0 ? JSON.parse(stdout) : undefined }
}

function write (missing) {
  if (missing.length === 0) return console.log(`${target}: nothing to add`)
  const old = existsSync(target) ? readFileSync(target, 'utf8') : ''
  const lines = missing.map(name => `${name}=${randomBytes(32).toString('hex')}\n`).join('')
  appendFileSync(target, `${old === '' || old.endsWith('\n') ? '' : '\n'}${lines}`, { mode: 0o600 })
  console.log(`${target}: added ${missing.join(' and ')}; the application's backend needs the same`)
  const ignored = existsSync('.gitignore') ? readFileSync('.gitignore', 'utf8') : ''
  if (!/^\/?(\.env\.local|\.env\*|\.env\.\*|\*\.local|\.env\*\.local)\s*$/m.test(ignored)) {
    console.log(`${target}: is not in .gitignore; add it, or its secrets end up in the repository`)
  }
}

export function env (args) {
  const isWriting = args.includes('--write')
  const flags = args.filter(arg => arg !== '--write')
  const { env: values, from } = loadEnv()
  const { rows, file } = settings(flags, values)
  if (rows === undefined) return 2
  const where = row => row.from === 'file' ? file : row.from === 'environment' ? `${from[row.variable] ?? 'environment'} ${row.variable}` : row.from
  for (const row of rows.filter(row => row.from !== 'default' || row.secret)) {
    const source = row.secret && row.value === 'not set' ? `would be ${row.variable}` : where(row)
    console.log(`${row.name.padEnd(22)} ${(row.value || '-').padEnd(34)} ${source}`)
  }
  for (const key of keys.filter(key => values[key] !== undefined)) {
    console.log(`${key.padEnd(22)} ${'set'.padEnd(34)} ${from[key] ?? 'environment'}`)
  }
  console.log(`${rows.filter(row => row.from === 'default' && !row.secret).length} others have their defaults: partyd settings`)
  const auth = rows.find(row => row.name === 'auth').value
  const inFile = existsSync(target) ? parseEnv(readFileSync(target, 'utf8')) : {}
  const missing = (needs[auth] ?? []).filter(name => !values[name] && !inFile[name])
  if (isWriting) write(missing)
  else if (missing.length > 0) console.log(`not set: ${missing.join(', ')}; npx partyd env --write makes ${missing.length > 1 ? 'them' : 'it'} in ${target}`)
  return 0
}
