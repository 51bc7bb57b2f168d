// node differential/run.mjs [--sessions N] [--seed S] [--mutate]: see README.md.
import assert from 'node:assert/strict'
import * as Y from 'yjs'
import { nativeEngine } from '../support/engine.mjs'
import { functionQuestions } from './functions.mjs'
import { apply, finalQuestions, hex, movedQuestions, oracle, positionsOf, sortedKeys, stateOf, stateV2Of } from './oracle.mjs'
import { random, session } from './session.mjs'

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : Number(process.argv[at + 1])
}
const engine = nativeEngine(process.env.YDOC ?? '../build/ydoc')

const equal = (got, want) => { try { assert.deepStrictEqual(sortedKeys(got), sortedKeys(want)); return true } catch { return false } }

/** Asks all at once and gives the first answer that differs, or null. */
async function firstDifference (questions) {
  const answers = await Promise.all(questions.map(([line]) => engine.ask(line)))
  const at = answers.findIndex((answer, i) => {
    const [, want, alike] = questions[i]
    if (want === null) return !answer.ok
    return !equal(answer, want) && !(alike && answer.ok && alike(answer.hex, want.hex))
  })
  return at < 0 ? null : { at, line: questions[at][0], want: questions[at][1], got: answers[at] }
}

const nothingParked = doc => doc.store.pendingStructs === null && doc.store.pendingDs === null

/** A state as yjs writes it after reading it: yjs brings numbers and JSON into its own form. */
function rewritten (state) {
  const doc = oracle(true)
  Y.applyUpdate(doc, Buffer.from(state, 'hex'))
  return stateOf(doc)
}

const asV1 = state => hex(Y.convertUpdateFormatV2ToV1(Buffer.from(state, 'hex')))

/**
 * While something waits, yjs may still have among it what it has integrated since, and by the order of its readers write
 * that again (docs/encoding.md, section 8): one state in some hundred thousand. What was collected is then longer in yjs; what
 * was split is one piece there, and the engine's state is the one that yjs itself writes after reading either.
 */
const staleApart = (got, want) => rewritten(got) === rewritten(want) && (got.length < want.length || rewritten(got) === got)

const line = ({ v, bytes }) => `apply v${v} ${hex(bytes) || '-'}`

/** Plays the updates into yjs and asks the engine after each the same as yjs. */
function play ({ gc, updates }) {
  const doc = oracle(gc)
  let emitted = []
  let emittedV2 = []
  doc.on('update', update => emitted.push(hex(update)))
  doc.on('updateV2', update => emittedV2.push(hex(update)))
  const questions = [[gc ? 'new' : 'new nogc', { ok: true }]]
  let positions = []
  updates.forEach((update, i) => {
    if (i === updates.length >> 1) positions = positionsOf(doc)
    emitted = []
    emittedV2 = []
    apply(doc, update)
    assert.ok(emitted.length <= 1)
    questions.push([line(update), { ok: true, changed: emitted.length === 1 }])
    questions.push(['last v1', { ok: true, hex: emitted[0] ?? '' }], ['last v2', { ok: true, hex: emittedV2[0] ?? '' }])
    questions.push(['sv', { ok: true, hex: hex(Y.encodeStateVector(doc)) }])
    const alike = nothingParked(doc) ? null : staleApart
    if (i % 5 === 4) questions.push(['state v1', { ok: true, hex: stateOf(doc) }, alike])
    if (i % 5 === 2) questions.push(['state v2', { ok: true, hex: stateV2Of(doc) }, alike && ((a, b) => alike(asV1(a), asV1(b)))])
  })
  questions.push(...movedQuestions(doc, positions), ...finalQuestions(doc, gc), ...functionQuestions(updates, Y.encodeStateVector(doc)))
  doc.destroy()
  return firstDifference(questions)
}

/** Leaves out updates, large groups first, as long as a difference remains. */
async function shrink (found) {
  let { updates } = found
  let tries = 150
  for (let size = updates.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at < updates.length && tries > 0;) {
      const fewer = updates.toSpliced(at, size)
      tries--
      if (await play({ gc: found.gc, updates: fewer })) updates = fewer
      else at += size
    }
  }
  return { gc: found.gc, updates }
}

const cut = value => { const text = JSON.stringify(value) ?? ''; return text.length > 600 ? text.slice(0, 600) + '…' : text }

async function playSeed (seed) {
  const found = session(seed)
  if (!await play(found)) return true
  const small = await shrink(found)
  const difference = await play(small)
  console.error(`seed ${seed}${small.gc ? '' : ' nogc'}: differs after ${small.updates.length} of ${found.updates.length} updates, at "${difference.line.slice(0, 80)}"`)
  for (const update of small.updates) console.error(`  ${line(update)}`)
  console.error(`  yjs:    ${cut(difference.want)}\n  engine: ${cut(difference.got)}`)
  return false
}

function mutated (r, update) {
  const bytes = Buffer.from(update.bytes)
  for (let n = 1 + r.int(3); n > 0; n--) {
    const at = r.int(bytes.length)
    const k = r.int(4)
    if (k === 0) bytes[at] = r.int(256)
    else if (k === 1) bytes[at] ^= 1 << r.int(8)
    else if (k === 2) bytes[at] = (bytes[at] + r.pick([1, -1])) & 255
    else bytes[at] = bytes[r.int(bytes.length)]
  }
  return { v: update.v, bytes: r.chance(0.1) ? bytes.subarray(0, r.int(bytes.length + 1)) : bytes }
}

/** What yjs makes of one damaged update, or null when it throws. */
function judge (base, damaged) {
  const doc = oracle(true)
  try {
    for (const update of base) apply(doc, update)
    const clean = nothingParked(doc)
    apply(doc, damaged)
    return { clean, idle: nothingParked(doc), sv: hex(Y.encodeStateVector(doc)), snapshot: hex(Y.encodeSnapshot(Y.snapshot(doc))), state: stateOf(doc) }
  } catch {
    return null
  } finally {
    doc.destroy()
  }
}

/**
 * What is wrong with the engine's answers, or null. Parked data is left out of the comparison: yjs
 * writes parked delete ranges wrongly when they are not in order, and of two parked versions of the
 * same clocks the two may choose differently. Only damage brings either about.
 */
function verdict ({ before, applied, after, pending }, want, exact) {
  if (!applied.ok) return equal(before, after) ? null : 'refused, but changed the document'
  if (want === null || !(want.clean || exact)) return null
  const [state, sv, snapshot] = after.map(answer => answer.hex)
  if (sv !== want.sv) return `state vector\n  yjs:    ${want.sv}\n  engine: ${sv}`
  if (snapshot !== want.snapshot) return `snapshot\n  yjs:    ${want.snapshot}\n  engine: ${snapshot}`
  if (!want.idle || pending.structs || pending.deletes) return null
  return rewritten(state) === rewritten(want.state) ? null : `state\n  yjs:    ${want.state}\n  engine: ${state}`
}

// Found once and right since then: here parked data is compared too.
const EXACT = new Set([669, 831, 931])

/** Damages one update of a session: refused means unchanged; accepted by both means equal. */
async function mutateSeed (seed) {
  const r = random(seed ^ 0x5bd1e995)
  const { updates } = session(seed)
  if (updates.length === 0) return true
  const at = r.int(updates.length)
  const base = updates.slice(Math.max(0, at - 6), at)
  const damaged = mutated(r, updates[at])
  const look = ['state v1', 'sv', 'snapshot']
  const lines = ['new', ...base.map(line), ...look, line(damaged), 'check', 'pending', ...look]
  const a = (await Promise.all(lines.map(line => engine.ask(line)))).slice(-9)
  const want = judge(base, damaged)
  const wrong = verdict({ before: a.slice(0, 3), applied: a[3], pending: a[5], after: a.slice(6) }, want, EXACT.has(seed))
  tally[a[3].ok ? (want === null ? 'engine' : 'both') : (want === null ? 'neither' : 'yjs')]++
  if (wrong === null) return true
  console.error(`seed ${seed}: ${wrong}`)
  for (const line of lines.filter(line => line.startsWith('apply'))) console.error(`  ${line}`)
  return false
}

// Found once, and far from where sessions are usually played.
const KEPT = [1203596, 2007863]

const tally = { both: 0, neither: 0, engine: 0, yjs: 0 }
const mutate = process.argv.includes('--mutate')
const first = option('seed', 1)
const sessions = option('sessions', process.argv.includes('--seed') ? 1 : 200)
let passed = 0
let failed = 0
const seeds = Array.from({ length: sessions }, (_, i) => first + i)
if (!mutate && !process.argv.includes('--seed')) seeds.push(...KEPT)
for (const seed of seeds) {
  if (failed === 10) break
  if (await (mutate ? mutateSeed(seed) : playSeed(seed))) passed++
  else failed++
}
if (mutate) console.log(`accepted by both ${tally.both}, by neither ${tally.neither}, by the engine only ${tally.engine}, by yjs only ${tally.yjs}`)
console.log(`${passed} passed, ${failed} failed`)
await engine.end()
process.exitCode = failed === 0 && passed === seeds.length ? 0 : 1
