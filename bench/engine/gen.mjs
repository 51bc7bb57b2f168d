// node gen.mjs OUTDIR [NAME...] [--trace automerge-paper.json.gz]: the workloads W1 to W8, the same
// bytes on every machine (README.md says what they are). w1 and w5x need the trace. All of them take
// ten minutes, most of it yjs with thousands of clients (w5a, w5c, w5m).
import fs from 'node:fs'
import { boards } from './workloads/boards.mjs'
import { crowd } from './workloads/crowd.mjs'
import { text } from './workloads/text.mjs'

const workloads = { ...text, ...boards, ...crowd }
const args = process.argv.slice(2)
const at = args.indexOf('--trace')
const trace = at >= 0 ? args.splice(at, 2)[1] : null
const [folder, ...wanted] = args
const names = wanted.length > 0 ? wanted : Object.keys(workloads)
const unknown = names.filter(name => !(name in workloads))
if (!folder || unknown.length > 0) {
  console.error(`usage: gen.mjs OUTDIR [NAME...] [--trace FILE]; names: ${Object.keys(workloads).join(' ')}`)
  process.exit(2)
}
fs.mkdirSync(folder, { recursive: true })
for (const name of names) {
  if (['w1', 'w5x'].includes(name) && !trace) console.log(`${name}: left out, it needs --trace`)
  else workloads[name](folder, trace)
}
