// What a project says about its server: partyd.json, or what there is of PartyKit's configuration.
import { existsSync, readFileSync } from 'node:fs'
import { expected } from './error.mjs'

const folders = ['', 'partykit/']
export const names = {
  own: folders.map(folder => `${folder}partyd.json`),
  partykit: folders.map(folder => `${folder}partykit.json`)
}

/** The value of --name in flags, in either form. */
export function flagOf (args, name) {
  for (let i = args.length - 1; i >= 0; i--) {
    if (args[i] === `--${name}`) return args[i + 1]
    if (args[i].startsWith(`--${name}=`)) return args[i].slice(name.length + 3)
  }
  return undefined
}

// What each key of partykit.json means here: nothing, and why. `port` is the one that is taken.
const code = 'is for code in the server; rooms are served without any'
const build = 'is for bundling; partyd runs no JavaScript'
const cloud = 'is for their platform; see partyd deploy'
const elsewhere = {
  $schema: '', name: 'needs no name here', main: code, parties: 'not needed: every party in an address is served',
  vars: 'put them in the environment or in .env.local', define: build, build, minify: build, compatibilityDate: build,
  compatibilityFlags: build, serve: 'static files are served by Vite or another web server',
  persist: 'rooms are kept in .partyd, see the setting data', crons: code, ai: code, vectorize: code, bindings: code,
  team: cloud, preview: cloud, domain: cloud, logpush: cloud, tailConsumers: cloud, analytics: cloud, placement: cloud,
  observability: cloud
}

/** Reads a partykit.json: the flags that it amounts to, and a line for each of its keys. */
export function readPartyKit (file) {
  let config
  try {
    config = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw expected(`${file}: ${error.message}`)
  }
  if (config === null || typeof config !== 'object' || Array.isArray(config)) throw expected(`${file}: must hold one JSON object`)
  const flags = []
  const lines = []
  for (const [key, value] of Object.entries(config)) {
    if (key === 'port') {
      if (!Number.isInteger(value) || value < 1 || value > 65535) throw expected(`${file}: port: it takes a whole number from 1 to 65535`)
      flags.push('--port', String(value))
      lines.push(`${file}: port: taken`)
    } else if (elsewhere[key] !== '') {
      lines.push(`${file}: ${key}: ${Object.hasOwn(elsewhere, key) ? elsewhere[key] : 'is not known here, nor to PartyKit'}`)
    }
  }
  return { flags, lines, port: config.port }
}

/** The configuration that holds here, as flags to put before the user's own. kind: flag, own, partykit or none. */
export function findConfig (args, env = process.env) {
  const given = flagOf(args, 'config') ?? env.PARTYD_CONFIG
  if (given) return { kind: 'flag', file: given, flags: [], lines: [] }
  const own = names.own.find(existsSync)
  if (own !== undefined) return { kind: 'own', file: own, flags: ['--config', own], lines: [] }
  const partykit = names.partykit.find(existsSync)
  if (partykit !== undefined) return { kind: 'partykit', file: partykit, ...readPartyKit(partykit) }
  return { kind: 'none', file: undefined, flags: [], lines: [] }
}

// ---- .env, .env.local ----

export const envFiles = ['.env', '.env.local']
const taken = /^(PARTYD_[A-Z_]+|COLLAB_SECRET|CONVEX_URL|CONVEX_SITE_URL|AWS_[A-Z0-9_]+)$/
// As `convex dev` writes them for the browser's bundler.
const forBrowsers = /^(?:VITE|NEXT_PUBLIC|PUBLIC|REACT_APP|EXPO_PUBLIC)_(CONVEX_URL|CONVEX_SITE_URL)$/

export function parseEnv (text) {
  const values = {}
  for (const line of text.split(/\r?\n/)) {
    const found = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line)
    if (found === null) continue
    const quoted = /^(["'`])(.*)\1(?:\s+#.*)?$/.exec(found[2])
    values[found[1]] = quoted !== null ? quoted[2] : found[2].replace(/\s+#.*$/, '')
  }
  return values
}

/** What the server is told: the environment, and before it what the files say. from: variable -> where from. */
export function loadEnv (env = process.env) {
  const values = {}
  const from = {}
  const browsers = {}
  for (const file of envFiles.filter(existsSync)) {
    for (const [name, value] of Object.entries(parseEnv(readFileSync(file, 'utf8')))) {
      const forBrowser = forBrowsers.exec(name)
      if (forBrowser !== null) browsers[forBrowser[1]] = { value, file: `${file} ${name}` }
      if (!taken.test(name)) continue
      values[name] = value
      from[name] = file
    }
  }
  for (const [name, { value, file }] of Object.entries(browsers)) {
    if (values[name] === undefined) { values[name] = value; from[name] = file }
  }
  for (const name of Object.keys(values)) if (env[name] !== undefined) delete from[name]
  return { env: { ...values, ...env }, from }
}
