// node tools/wasm-exports.mjs HEADER...: the functions of these public headers of libydoc, or of all, as exports for
// wasm-ld. Not yd_doc_check(), which is for tests.
import fs from 'node:fs'
import path from 'node:path'

const folder = path.join(path.dirname(new URL(import.meta.url).pathname), '../libydoc/include/ydoc')
const wanted = process.argv.slice(2)
const headers = wanted.length > 0 ? wanted : fs.readdirSync(folder).map(f => path.basename(f, '.h')).sort()
const PROTOTYPE = /^(?!static|typedef|struct \w+ \{|#| )[A-Za-z_][^;{}]*?\b(yd_\w+)\([^;{}]*\);/gm
for (const header of headers) {
  const text = fs.readFileSync(path.join(folder, `${header}.h`), 'utf8').replace(/\/\*[^]*?\*\//g, '')
  for (const [, name] of text.matchAll(PROTOTYPE)) if (name !== 'yd_doc_check') console.log(`--export=${name}`)
}
