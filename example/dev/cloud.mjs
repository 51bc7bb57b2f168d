// Convex as it comes from its makers: `convex dev` asks which deployment at the first start (one on
// this machine needs no account). What its functions need to work with partyd is set here, once.
import { spawn } from 'node:child_process'
import crypto from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { authKeys } from '../offline/keys.mjs'

const LOCAL = /^https?:\/\/(127\.0\.0\.1|localhost)(:|\/|$)/

export async function connectCloud ({ example, ports, start }) {
  const cli = path.join(example, 'node_modules/convex/bin/main.js')
  const envFile = path.join(example, '.env.local')
  const convex = (...args) => run(example, cli, args)
  if (!readEnv(envFile).VITE_CONVEX_URL) {
    console.log('dev: first start: Convex asks for a deployment\n')
    await convex('dev', '--once')
  }
  const settings = readEnv(envFile)
  if (!settings.VITE_CONVEX_URL) throw new Error(`Convex has not written VITE_CONVEX_URL to ${envFile}: run \`npx convex dev --once\``)
  if (!settings.COLLAB_SECRET) {
    settings.COLLAB_SECRET = crypto.randomBytes(32).toString('hex')
    fs.appendFileSync(envFile, `\n# Known to Convex and to partyd: signs tickets and requests\nCOLLAB_SECRET=${settings.COLLAB_SECRET}\n`)
    await setUp(convex, settings, ports)
  }
  const backend = start('convex', process.execPath, [cli, 'dev'])
  return {
    ready: backend.line(/functions ready/i),
    partydArgs: ['--data', path.join(example, '.partyd')],
    partydEnv: {
      COLLAB_SECRET: settings.COLLAB_SECRET,
      PARTYD_TICKET_SECRET: settings.COLLAB_SECRET,
      CONVEX_URL: settings.VITE_CONVEX_URL,
      CONVEX_SITE_URL: settings.VITE_CONVEX_SITE_URL ?? settings.VITE_CONVEX_URL.replace('.convex.cloud', '.convex.site')
    },
    viteEnv: { VITE_CONVEX_URL: settings.VITE_CONVEX_URL }
  }
}

/** The environment of the functions. A deployment in the cloud does not reach a partyd on this machine. */
async function setUp (convex, settings, ports) {
  const env = { COLLAB_SECRET: settings.COLLAB_SECRET, ...await authKeys({}) }
  if (LOCAL.test(settings.VITE_CONVEX_URL)) env.PARTYD_URL = `http://127.0.0.1:${ports.partyd}`
  for (const [name, value] of Object.entries(env)) await convex('env', 'set', '--', name, value)
}

function run (cwd, cli, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args], { cwd, stdio: 'inherit' })
    child.on('error', reject)
    child.on('exit', code => code === 0 ? resolve() : reject(new Error(`\`convex ${args[0]} ${args[1] ?? ''}\` ended with ${code}`)))
  })
}

function readEnv (file) {
  const lines = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n') : []
  const pairs = lines.map(line => /^([A-Z_]+)=("?)(.*?)\2(\s+#.*)?$/.exec(line)).filter(Boolean)
  return Object.fromEntries(pairs.map(([, name,, value]) => [name, value]))
}
