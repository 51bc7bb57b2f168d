// W1, W1s, W5x, W5a, W8d, W8e, W8f: one text, written by one person at a time.
import fs from 'node:fs'
import zlib from 'node:zlib'
import * as Y from 'yjs'
import { Draw } from './draw.mjs'
import { Recording } from './recording.mjs'

const AUTHOR = 0x9e3779b9

/** The automerge-paper trace: patches of [position, deleted, inserted]. */
function traceOf (file) {
  const trace = JSON.parse(zlib.gunzipSync(fs.readFileSync(file)))
  return { patches: trace.txns.flatMap(txn => txn.patches), end: trace.endContent }
}

/** As many patches, and of the same kind: typing, backspacing, jumps of the cursor. */
function typed (count, seed) {
  const draw = new Draw(seed)
  const patches = []
  let length = 0
  let cursor = 0
  while (patches.length < count) {
    const jump = draw.fraction()
    if (jump < 0.25) cursor = Math.max(0, Math.min(length, cursor + Math.floor((draw.fraction() - 0.5) * 400)))
    else if (jump < 0.32) cursor = draw.below(length + 1)
    else if (jump < 0.37) cursor = length
    if (length > 100 && draw.fraction() < 0.37) {
      for (let left = 1 + draw.about(7); left > 0 && cursor > 0 && patches.length < count; left--) {
        cursor--
        length--
        patches.push([cursor, 1, ''])
      }
    }
    const letters = 1 + draw.about(10)
    for (let i = 0; i < letters && patches.length < count; i++) {
      patches.push([cursor, 0, i % 6 === 5 ? ' ' : draw.of('etaoinshrdlucmfwypvbgkjqxz')])
      cursor++
      length++
    }
  }
  return { patches, end: null }
}

function patch (text, [position, deleted, inserted]) {
  if (deleted > 0) text.delete(position, deleted)
  if (inserted !== '') text.insert(position, inserted)
}

function author () {
  const doc = new Y.Doc()
  doc.clientID = AUTHOR
  return doc
}

/** One update per patch. */
function singly (folder, name, { patches, end }) {
  const doc = author()
  const text = doc.getText('text')
  const recording = new Recording(folder, name)
  recording.follow(doc)
  patches.forEach((one, i) => {
    if (i === Math.floor(patches.length * 0.99)) recording.vector(doc)
    doc.transact(() => patch(text, one))
  })
  if (end !== null && text.toString() !== end) throw new Error(`${name} is not the text of the trace`)
  recording.close(doc)
}

/** The trace 100 times in one document: only the state counts. */
function hundredfold (folder, { patches }) {
  const doc = author()
  const text = doc.getText('text')
  const recording = new Recording(folder, 'w5_b4x100')
  for (let round = 0; round < 100; round++) {
    for (let i = 0; i < patches.length; i += 500) {
      doc.transact(() => { for (const one of patches.slice(i, i + 500)) patch(text, one) })
    }
    if (round === 98) recording.vector(doc)
  }
  recording.state(doc)
}

/** 5,000 page loads, each a client id of its own that writes or deletes 20 letters. */
function sessions (folder) {
  const draw = new Draw(51)
  const doc = new Y.Doc()
  const text = doc.getText('text')
  const recording = new Recording(folder, 'w5a_sessions')
  recording.follow(doc)
  for (let session = 0; session < 5000; session++) {
    doc.clientID = draw.id()
    let cursor = draw.below(text.length + 1)
    if (session === 4950) recording.vector(doc)
    for (let i = 0; i < 20; i++) {
      if (draw.fraction() < 0.2 && cursor > 0) text.delete(--cursor, 1)
      else text.insert(cursor++, draw.of('etaoin shrdlu'))
    }
  }
  recording.close(doc)
}

/** A paste of 200,000 letters, and what a second client does to it. */
function pasted (folder, name, seed, then) {
  const draw = new Draw(seed)
  const doc = new Y.Doc()
  const text = doc.getText('text')
  const recording = new Recording(folder, name)
  recording.follow(doc)
  doc.clientID = draw.id()
  text.insert(0, 'ab'.repeat(100000))
  doc.clientID = draw.id()
  then(text, draw)
  recording.close(doc)
}

/** Updates of one typist, last one first. */
function reversed (folder, count) {
  const doc = new Y.Doc()
  doc.clientID = new Draw(85).id()
  const recording = new Recording(folder, `w8e_reverse${count}`)
  recording.follow(doc)
  const text = doc.getText('text')
  for (let i = 0; i < count; i++) text.insert(i, 'x')
  recording.updates.reverse()
  recording.stream()
}

export const text = {
  w1: (folder, trace) => { if (trace) singly(folder, 'w1_b4', traceOf(trace)) },
  w1s: folder => singly(folder, 'w1_syn', typed(259778, 4242)),
  w5x: (folder, trace) => { if (trace) hundredfold(folder, traceOf(trace)) },
  w5a: sessions,
  w8d: folder => pasted(folder, 'w8d_fragds', 84, text => {
    for (let i = 199998; i >= 0; i -= 2) text.delete(i, 1)
  }),
  w8e: folder => { for (const count of [2000, 4000, 8000]) reversed(folder, count) },
  w8f: folder => pasted(folder, 'w8f_split', 86, (text, draw) => {
    for (let i = 0; i < 50000; i++) text.insert(draw.below(text.length + 1), 'z')
  })
}
