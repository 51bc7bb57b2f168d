// The Worker of partykit/edge on this machine, in the place of partyd: bundled, and run by workerd as Cloudflare runs
// it, with the settings of its wrangler.jsonc. What stands in the environment counts more.
//   node dev/edge.mjs --port PORT --data FOLDER
import { build } from 'esbuild'
import fs from 'node:fs'
import os from 'node:os'
import net from 'node:net'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import ts from 'typescript'

const HOST = '127.0.0.1'
const example = fileURLToPath(new URL('..', import.meta.url))
const worker = path.join(example, 'partykit/edge')
const { values: { port, data } } = parseArgs({ options: { port: { type: 'string', default: '1999' }, data: { type: 'string', default: '.partyd' } } })

const edge = packageFolder()
const { endWorker, startWorker } = await import(pathToFileURL(path.join(edge, 'dev/worker.mjs')).href)
const config = wranglerConfig(path.join(worker, 'wrangler.jsonc'))
const bundle = await bundled(path.join(worker, config.main))
const child = startWorker({
  modules: [{ name: 'index.js', esModule: bundle }, { name: 'room.wasm', wasm: path.join(edge, 'dist/room.wasm') }],
  classes: config.durable_objects.bindings.map(one => one.class_name),
  bindings: config.durable_objects.bindings.map(one => [one.name, one.class_name]),
  host: HOST, port: Number(port), state: path.join(data, 'edge'), env: { ...textsOf(config.vars), ...process.env }
})
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => endWorker(child))
child.once('exit', (code, signal) => {
  fs.rmSync(path.dirname(bundle), { recursive: true, force: true })
  console.log('partyd stopped')
  process.exit(signal === null ? code : 0)
})
probe()

/** The package, with its Worker built: it comes built from npm, and from a folder as `npm run build` leaves it. */
function packageFolder () {
  const folder = path.join(example, 'node_modules/@partyd/edge')
  if (!fs.existsSync(folder)) throw new Error('there is no node_modules/@partyd/edge: run `npm install`')
  const real = fs.realpathSync(folder)
  if (!fs.existsSync(path.join(real, 'dist/index.js'))) throw new Error(`there is no Worker in ${real}: run \`npm ci && npm run build\` there (it needs clang and lld)`)
  return real
}

function wranglerConfig (file) {
  const { config, error } = ts.readConfigFile(file, name => fs.readFileSync(name, 'utf8')) // JSON with comments
  if (error !== undefined) throw new Error(`${file}: ${ts.flattenDiagnosticMessageText(error.messageText, ' ')}`)
  return config
}

function textsOf (vars) {
  return Object.fromEntries(Object.entries(vars).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]))
}

async function bundled (entry) {
  const outfile = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'partyd-worker-')), 'index.js')
  await build({ entryPoints: [entry], outfile, bundle: true, format: 'esm', target: 'es2022', conditions: ['workerd', 'worker'], external: ['cloudflare:*', './room.wasm'], logLevel: 'warning' })
  return outfile
}

function probe () {
  net.connect(Number(port), HOST).once('connect', function () {
    this.destroy()
    console.log(`partyd listening on http://${HOST}:${port}, in workerd`)
  }).once('error', () => { if (child.exitCode === null) setTimeout(probe, 20) })
}
