// Sources of edge/src, for tests of what needs no runtime.
import path from 'node:path'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const edge = path.resolve(process.env.EDGE ?? fileURLToPath(new URL('../../edge', import.meta.url)))
const { buildSync } = createRequire(path.join(edge, 'package.json'))('esbuild')

/** All that these files export, as one module. */
export function fromEdge (...files) {
  const contents = files.map(file => `export * from ${JSON.stringify(path.join(edge, 'src', file))}`).join('; ')
  const { outputFiles: [{ text }] } = buildSync({ stdin: { contents, resolveDir: edge, loader: 'ts' }, bundle: true, format: 'esm', target: 'es2022', write: false })
  return import(`data:text/javascript;base64,${Buffer.from(text).toString('base64')}`)
}
