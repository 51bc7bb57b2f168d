// node differential/peers-run.mjs [--sessions N] [--seed S] [--markers]: see README.md.
import assert from 'node:assert/strict'
import * as Y from 'yjs'
import { nativeEngine } from '../support/engine.mjs'
import { ofTextsOnly, sortedList } from './history.mjs'
import { hex, sortedKeys, stateOf } from './oracle.mjs'
import { peersSession, withoutMarkers } from './peers.mjs'

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : Number(process.argv[at + 1])
}
const equal = (got, want) => { try { assert.deepStrictEqual(sortedKeys(got), sortedKeys(want)); return true } catch { return false } }
const cut = value => { const text = JSON.stringify(value, (_, v) => typeof v === 'bigint' ? `${v}n` : v) ?? ''; return text.length > 700 ? text.slice(0, 700) + '…' : text }

if (!process.argv.includes('--markers')) withoutMarkers()
const engine = nativeEngine(process.env.YDOC ?? '../build/ydoc')

/** An update that restores a past state gives a new document that yjs's is like. */
function isRestored (answer, want) {
  if (!answer.ok) return false
  const doc = new Y.Doc()
  Y.applyUpdateV2(doc, Buffer.from(answer.hex, 'hex'))
  const same = hex(Y.encodeStateVector(doc)) === want.restored && stateOf(doc) === want.state
  doc.destroy()
  return same
}

function isRight (answer, want) {
  if (want.refused) return !answer.ok
  if (want.done) return answer.ok
  if (want.changes) return answer.ok && equal(sortedList(answer.value), want.changes)
  if (want.guids) return answer.ok && equal(answer.value.map(subdoc => subdoc.guid).sort(), want.guids)
  if (want.parsed) return answer.ok && equal(answer.value.list.map(({ bytes, ...entry }) => entry), want.parsed)
  if (want.versions) return answer.ok && equal(ofTextsOnly(answer.value), want.versions)
  if (want.restored) return isRestored(answer, want)
  return equal(answer, want)
}

async function playSeed (seed) {
  const { questions, views, whole, kinds } = peersSession(seed)
  const answers = await Promise.all(questions.map(([line]) => engine.ask(line)))
  const at = answers.findIndex((answer, i) => !isRight(answer, questions[i][1]))
  if (at >= 0) {
    console.error(`seed ${seed}: question ${at} of ${questions.length}: ${questions[at][0].slice(0, 200)}`)
    for (const [line, want] of questions.slice(0, at).filter(([, want]) => want.op).slice(-3)) console.error(`  ${cut(want.op)}`)
    console.error(`  yjs:    ${cut(questions[at][1])}\n  engine: ${cut(answers[at])}`)
    return null
  }
  const apart = views.findIndex(view => !equal(view, views[0]))
  if (whole && apart < 0) return kinds
  // A peer that tidies may leave others with marks that only look different until they do too.
  console.error(`seed ${seed}: peers 0 and ${apart} of ${views.length} disagree at the end${whole ? '' : ', not repaired'}\n  ${cut(views[0])}\n  ${cut(views[apart])}`)
  return null
}

const first = option('seed', 1)
const sessions = option('sessions', process.argv.includes('--seed') ? 1 : 200)
let passed = 0
let failed = 0
const tally = { peers: 0, engines: 0 }
for (let seed = first; seed < first + sessions && failed < option('failures', 10); seed++) {
  const kinds = await playSeed(seed)
  if (kinds === null) { failed++; continue }
  passed++
  tally.peers += kinds.peers
  tally.engines += kinds.engines
}
console.log(`${tally.engines} of ${tally.peers} peers were the engine`)
console.log(`${passed} passed, ${failed} failed`)
await engine.end()
process.exitCode = failed === 0 && passed === sessions ? 0 : 1
