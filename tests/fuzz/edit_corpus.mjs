// node fuzz/edit_corpus.mjs DIR [COUNT]: inputs for fuzz_edit, from random edits (run in tests/).
import fs from 'node:fs'
import path from 'node:path'
import * as Y from 'yjs'
import { perform, randomOp } from '../differential/ops.mjs'
import { random } from '../differential/session.mjs'
import { script } from '../support/script.mjs'

const [dir, count = '24'] = process.argv.slice(2)
fs.mkdirSync(dir, { recursive: true })

/** One piece of the input: what it is, its length / 4, and the bytes, padded with an op that is none. */
function piece (what, bytes) {
  const len = Math.ceil(bytes.length / 4)
  if (len > 255) return null
  const out = new Uint8Array(2 + len * 4).fill(0xff)
  out.set([what, len])
  out.set(bytes, 2)
  return out
}

for (let seed = 1; seed <= Number(count); seed++) {
  const r = random(seed)
  r.odd = r.chance(0.5)
  const doc = new Y.Doc({ gc: seed % 3 !== 0 })
  const parts = []
  for (let i = 0; i < 12; i++) {
    const name = r.int(4)
    doc.clientID = 1 + name
    const { op, type } = randomOp(r, doc, `g${i}`)
    const part = piece(name * 2 + (r.chance(0.3) ? 8 : 0) + (doc.gc ? 0 : 16), script([op]))
    if (part === null) continue
    perform(type, op)
    parts.push(part)
  }
  fs.writeFileSync(path.join(dir, `edits-${seed}`), Buffer.concat(parts))
}
