// node gen.mjs OUTDIR [--seed S] [--ops N]: synthetic workloads, the same bytes for the same seed.
//
// typing    one author writes N operations into one text: typing runs, backspace runs, jumps
// sessions  N / 20 short visits, each with a client id of its own, as page loads make them
// crowd     200 authors type in turns, each in a paragraph of its own
// board     shapes in a map of maps, dragged: many overwrites of few keys
//
// Each gives NAME.us (stream of single updates: u32 little-endian length, bytes), NAME.v1.bin (the
// final state), NAME.sv99.bin (the state vector 1 % of the operations before the end).
import fs from 'node:fs'
import path from 'node:path'
import * as Y from 'yjs'

const [out, ...args] = process.argv.slice(2)
const option = (name, otherwise) => args.includes(`--${name}`) ? Number(args[args.indexOf(`--${name}`) + 1]) : otherwise
if (!out) throw new Error('usage: node gen.mjs OUTDIR [--seed S] [--ops N]')
fs.mkdirSync(out, { recursive: true })
const operations = option('ops', 250000)

/** xorshift32: every draw is a 32-bit number. */
let state = option('seed', 1) * 2654435761 >>> 0 || 1
const draw = () => { state ^= state << 13; state ^= state >>> 17; state ^= state << 5; return state >>>= 0 }
const below = n => draw() % n
const often = (percent) => below(100) < percent
const letter = () => 'etaoin shrdlu cmfwyp'[below(20)]

/** Runs the operations on a new document and writes what it emitted. */
function record (name, count, begin) {
  const doc = new Y.Doc()
  doc.clientID = draw()
  const parts = []
  doc.on('update', update => {
    const head = Buffer.alloc(4)
    head.writeUInt32LE(update.length)
    parts.push(head, update)
  })
  const write = (suffix, bytes) => fs.writeFileSync(path.join(out, name + suffix), bytes)
  const step = begin(doc)
  for (let i = 0; i < count; i++) {
    if (i === Math.floor(count * 0.99)) write('.sv99.bin', Y.encodeStateVector(doc))
    step(i)
  }
  write('.us', Buffer.concat(parts))
  const state = Y.encodeStateAsUpdate(doc)
  write('.v1.bin', state)
  console.log(`${name}: ${parts.length / 2} updates, state ${state.length} bytes`)
}

record('typing', operations, doc => {
  const text = doc.getText('text')
  let cursor = 0
  let run = 0
  let erasing = false
  return () => {
    if (run === 0) {
      run = 1 + below(24)
      erasing = often(30)
      if (often(25)) cursor = Math.max(0, Math.min(text.length, cursor + below(400) - 200))
      if (often(5)) cursor = often(50) ? text.length : below(text.length + 1)
    }
    run--
    if (erasing && cursor > 0) text.delete(--cursor, 1)
    else text.insert(cursor++, letter())
  }
})

// The reference needs time for every client id ever seen, in every transaction: hence fewer.
record('sessions', Math.min(operations, 40000), doc => {
  const text = doc.getText('text')
  let cursor = 0
  return i => {
    if (i % 20 === 0) { doc.clientID = draw(); cursor = below(text.length + 1) }
    if (cursor > 0 && often(20)) text.delete(--cursor, 1)
    else text.insert(cursor++, letter())
  }
})

// Authors take turns, so each is one connection's document; all are written into one stream.
record('crowd', Math.min(operations, 100000), doc => {
  const texts = Array.from({ length: 200 }, () => { const text = new Y.Text(); doc.getArray('paragraphs').push([text]); return text })
  const ids = texts.map(draw)
  return i => {
    const author = i % texts.length
    doc.clientID = ids[author]
    texts[author].insert(texts[author].length, letter())
  }
})

record('board', Math.ceil(operations / 4), doc => {
  const shapes = doc.getMap('shapes')
  doc.transact(() => {
    for (let n = 0; n < 1000; n++) shapes.set(`shape-${n}`, new Y.Map([['kind', 'box'], ['x', below(1000)], ['y', below(1000)]]))
  })
  let shape = null
  return i => {
    if (i % 60 === 0) shape = shapes.get(`shape-${below(1000)}`)
    doc.transact(() => { shape.set('x', below(100000) / 100); shape.set('y', below(100000) / 100) })
  }
})
