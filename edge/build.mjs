// Bundles the Worker into dist/: index.js, and the room's wasm that it imports. What the package ships.
//   node build.mjs        after `make wasm` in the root
import { build } from 'esbuild'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
const wasm = path.resolve(here, process.env.ROOM_WASM ?? '../build/wasm/room.wasm')
if (!fs.existsSync(wasm)) {
  console.error(`build: there is no ${wasm}; run 'make wasm' in the root of the repository`)
  process.exit(1)
}
fs.mkdirSync(path.join(here, 'dist'), { recursive: true })
fs.copyFileSync(wasm, path.join(here, 'dist/room.wasm'))
fs.copyFileSync(path.join(here, 'types/index.d.ts'), path.join(here, 'dist/index.d.ts'))
await build({
  entryPoints: [path.join(here, 'src/index.ts')],
  outfile: path.join(here, 'dist/index.js'),
  bundle: true,
  format: 'esm',
  target: 'es2023',
  conditions: ['workerd', 'worker'],
  external: ['cloudflare:*', './room.wasm'],
  logLevel: 'warning'
})
