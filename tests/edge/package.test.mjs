// The npm package, as `npm pack` makes it, in an empty project: rule E19 of docs/edge.md. What wrangler does with a Worker
// (bundle it, leave its .wasm beside it) is done here by esbuild; it runs in the same runtime.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'
import path from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Client, EDGE, freePort, temporary, until } from '../e2e/support.mjs'

const answers = port => new Promise(resolve => { const s = net.connect(port, '127.0.0.1').once('connect', () => { s.destroy(); resolve(true) }).once('error', () => resolve(false)) })

test('E19: the tarball has all that a Worker needs, and no more', async () => {
  const app = temporary(), home = path.join(app, 'node_modules/@partyd/edge')
  const [{ filename, files }] = JSON.parse(execFileSync('npm', ['pack', '--json', '--offline', '--pack-destination', app], { cwd: EDGE, stdio: ['ignore', 'pipe', 'ignore'] }))
  assert.deepEqual(files.map(f => f.path).sort(), ['README.md', 'dist/index.d.ts', 'dist/index.js', 'dist/room.wasm', 'package.json'])
  fs.mkdirSync(home, { recursive: true })
  execFileSync('tar', ['xzf', path.join(app, filename), '-C', home, '--strip-components', '1'])
  fs.mkdirSync(path.join(app, 'src'))
  fs.writeFileSync(path.join(app, 'src/index.js'), 'export { Room, default } from "@partyd/edge"\n')

  const require = createRequire(path.join(EDGE, 'package.json'))
  let wasm
  await require('esbuild').build({
    entryPoints: [path.join(app, 'src/index.js')], outfile: path.join(app, 'out.js'), bundle: true, format: 'esm', external: ['cloudflare:*'], absWorkingDir: app, logLevel: 'error',
    plugins: [{ name: 'wasm', setup (build) { build.onResolve({ filter: /\.wasm$/ }, at => { wasm = path.resolve(at.resolveDir, at.path); return { path: './room.wasm', external: true } }) } }]
  })
  const { startWorker } = await import(pathToFileURL(path.join(EDGE, 'dev/worker.mjs')).href)
  const port = await freePort()
  const child = startWorker({ port, state: path.join(app, 'state'), stdio: 'ignore', modules: [{ name: 'out.js', esModule: path.join(app, 'out.js') }, { name: 'room.wasm', wasm }] })
  after(() => child.kill('SIGKILL'))
  await until('the runtime to answer', () => answers(port), 10000)
  const server = { port, url: `ws://127.0.0.1:${port}` }
  const [ann, bob] = [new Client(server, 'y-partykit', 'packed'), new Client(server, 'hocuspocus 4', 'packed')]
  await Promise.all([ann.synced(), bob.synced()])
  ann.text.insert(0, 'from the package')
  await until('the text', () => bob.text.toString() === 'from the package')
  ann.end(); bob.end()
})
