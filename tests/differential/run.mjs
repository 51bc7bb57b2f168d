// Random multi-client sessions played in yjs; every update goes to a passive yjs document and to the
// engine in the same order. After each step: equal state vector and equal emitted update; at the end:
// equal state, snapshot, reloaded state and JSON of all roots.
//
//   node differential/run.mjs [--sessions N] [--seed FIRST] [--verbose]
//
// A failure prints its seed; `--seed N --sessions 1` plays it again.
import { isDeepStrictEqual } from 'node:util'
import * as Y from 'yjs'
import { hex, nativeEngine } from '../support/engine.mjs'

const option = (name, fallback) => { const at = process.argv.indexOf(`--${name}`); return at < 0 ? fallback : Number(process.argv[at + 1]) }
const sessions = option('sessions', 2000), first = option('seed', 1)

/** Small seeded generator (mulberry32). */
function random (seed) {
  let a = seed >>> 0
  const next = () => { a = (a + 0x6D2B79F5) | 0; let t = Math.imul(a ^ (a >>> 15), 1 | a); t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t; return ((t ^ (t >>> 14)) >>> 0) / 4294967296 }
  const below = n => Math.floor(next() * n)
  return { below, chance: p => next() < p, pick: list => list[below(list.length)] }
}

const words = ['a', 'hello', '😀', '漢字', 'é', 'x😀y', '\n', ' wörld ', '\u0000', '🏳️‍🌈']
const values = [1, -1, 0.5, 0.1, 2 ** 31, 2 ** 40, true, false, null, 'text', '😀', [1, [2]], { b: 1, a: { c: null } }, new Uint8Array([1, 2, 3]), -0, '']
const roots = { text: 'text', array: 'array', map: 'map', xml: 'xml' }
const rootOf = (doc, kind) => ({ text: () => doc.getText('text'), array: () => doc.getArray('array'), map: () => doc.getMap('map'), xml: () => doc.getXmlFragment('xml') })[kind]()

function newType (r) {
  return r.pick([() => new Y.Text(r.pick(words)), () => new Y.Array(), () => new Y.Map([['k', 1]]), () => new Y.Array([])])()
}

function editText (text, r) {
  const at = r.below(text.length + 1)
  switch (r.below(6)) {
    case 0: case 1: case 2: return text.insert(at, r.pick(words), r.chance(0.3) ? { bold: r.chance(0.5) ? true : null } : undefined)
    case 3: { const n = Math.min(r.below(6), text.length - at); return n > 0 && text.delete(at, n) }
    case 4: { const n = Math.min(1 + r.below(8), text.length - at); return n > 0 && text.format(at, n, { [r.pick(['bold', 'link'])]: r.pick([true, null, { href: 'x' }]) }) }
    default: return text.insertEmbed(at, { image: 'x.png', n: r.below(9) })
  }
}

function editArray (array, r) {
  const at = r.below(array.length + 1)
  switch (r.below(5)) {
    case 0: case 1: return array.insert(at, Array.from({ length: 1 + r.below(3) }, () => r.pick(values)))
    case 2: { const n = Math.min(1 + r.below(3), array.length - at); return n > 0 && array.delete(at, n) }
    case 3: return array.insert(at, [newType(r)])
    default: { const child = array.length ? array.get(r.below(array.length)) : null; if (child instanceof Y.AbstractType) editAny(child, r); else array.push([r.below(100)]) }
  }
}

function editMap (map, r) {
  const key = r.pick(['a', 'b', 'c', 'ü'])
  switch (r.below(5)) {
    case 0: case 1: return map.set(key, r.pick(values))
    case 2: return map.delete(key)
    case 3: return map.set(key, newType(r))
    default: { const child = map.get(key); if (child instanceof Y.AbstractType) editAny(child, r); else map.set(key, r.below(50)) }
  }
}

function editXml (xml, r) {
  const at = r.below(xml.length + 1)
  switch (r.below(5)) {
    case 0: return xml.insert(at, [new Y.XmlElement(r.pick(['p', 'H1', 'div']))])
    case 1: return xml.insert(at, [new Y.XmlText(r.pick(words))])
    case 2: { if (xml.length === 0) return; return xml.delete(r.below(xml.length), 1) }
    default: {
      const child = xml.length ? xml.get(r.below(xml.length)) : null
      if (child instanceof Y.XmlText) return editText(child, r)
      if (child instanceof Y.XmlElement) return r.chance(0.4) ? child.setAttribute(r.pick(['id', 'class']), r.pick(words)) : editXml(child, r)
    }
  }
}

function editAny (type, r) {
  if (type instanceof Y.XmlFragment) return editXml(type, r)
  if (type instanceof Y.Text) return editText(type, r)
  if (type instanceof Y.Array) return editArray(type, r)
  if (type instanceof Y.Map) return editMap(type, r)
}

/** Plays a session; returns what each step delivers (lists of updates merged into one). */
function play (r, gc) {
  const ids = r.chance(0.3) ? [2 ** 53 - 1, 2 ** 40 + 1, 5, 4294967295, 7] : [1, 2, 3, 10, 11]
  const docs = ids.slice(0, 2 + r.below(4)).map(id => { const d = new Y.Doc({ gc }); d.clientID = id; return d })
  let updates = []
  docs.forEach(d => d.on('update', (u, origin) => { if (origin !== 'remote') updates.push(u) }))
  const steps = 10 + r.below(40)
  for (let s = 0; s < steps; s++) {
    const doc = r.pick(docs)
    doc.transact(() => { for (let n = 1 + r.below(3); n > 0; n--) editAny(rootOf(doc, r.pick(Object.keys(roots))), r) })
    if (r.chance(0.3)) { const [from, to] = [r.pick(docs), r.pick(docs)]; Y.applyUpdate(to, Y.encodeStateAsUpdate(from, Y.encodeStateVector(to)), 'remote') }
  }
  // Delivery: windows of neighbours change places; some come twice, some merged, some late or never.
  for (let i = updates.length - 1; i > 0; i--) if (r.chance(0.3)) { const j = Math.max(0, i - r.below(6)); [updates[i], updates[j]] = [updates[j], updates[i]] }
  const lossy = r.chance(0.3), out = []
  while (updates.length) {
    const batch = updates.splice(0, r.chance(0.3) ? 1 + r.below(4) : 1)
    if (lossy && r.chance(0.1)) continue
    const update = batch.length > 1 ? Y.mergeUpdates(batch) : batch[0]
    out.push(update)
    if (r.chance(0.1)) out.push(update)
  }
  if (!lossy || r.chance(0.5)) for (const d of docs) out.push(Y.encodeStateAsUpdate(d))
  return out
}

const plainHex = bytes => Buffer.from(bytes).toString('hex')
function tagged (value) {
  if (value instanceof Uint8Array) return { $bin: plainHex(value) }
  if (value === undefined) return { $: 'undefined' }
  if (Object.is(value, -0)) return { $: '-0' }
  if (Array.isArray(value)) return value.map(tagged)
  if (value === null || typeof value !== 'object') return typeof value === 'string' ? halves(value) : value
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, tagged(v)]))
}
/** A string with half a surrogate pair has a tag of its own; the other way round it is the text. */
const halves = s => /^[\ud800-\udfff]$/.test(s) ? { $u16: [s.charCodeAt(0)] } : s

async function session (engine, seed) {
  const r = random(seed)
  const gc = r.chance(0.75)
  const oracle = new Y.Doc({ gc })
  oracle.clientID = 4294967280
  oracle.on('afterTransaction', transaction => { transaction._needFormattingCleanup = false })
  let emitted = null
  oracle.on('update', u => { emitted = u })
  await engine.ask(gc ? 'new' : 'new nogc')
  const want = async (line, expected, what) => {
    const got = (await engine.ask(line)).hex
    if (got !== expected) throw new Error(`${what}\n  expected ${expected}\n  got      ${got}`)
  }
  const updates = play(r, gc)
  let step = 0
  for (const update of updates) {
    emitted = null
    Y.applyUpdate(oracle, update)
    const answer = await engine.ask(`apply v1 ${hex(update)}`)
    if (!answer.ok) throw new Error(`step ${step}: refused ${hex(update)}: ${answer.error} at ${answer.at}`)
    if (answer.changed !== (emitted !== null)) throw new Error(`step ${step}: changed is ${answer.changed}`)
    if (emitted) await want('last v1', plainHex(emitted), `step ${step}: emitted update`)
    await want('sv', plainHex(Y.encodeStateVector(oracle)), `step ${step}: state vector`)
    if (step++ % 7 === 0) { await engine.ask('check'); await want('state v1', plainHex(Y.encodeStateAsUpdate(oracle)), `step ${step}: state`) }
  }
  const state = Y.encodeStateAsUpdate(oracle)
  await want('state v1', plainHex(state), 'state')
  await want('snapshot', plainHex(Y.encodeSnapshot(Y.snapshot(oracle))), 'snapshot')
  for (const kind of Object.keys(roots)) {
    const expected = tagged(rootOf(oracle, kind).toJSON()), got = (await engine.ask(`json ${kind} ${kind}`)).value
    if (!isDeepStrictEqual(got, expected)) throw new Error(`JSON of ${kind}\n  expected ${JSON.stringify(expected)}\n  got      ${JSON.stringify(got)}`)
  }
  const again = new Y.Doc({ gc })
  again.on('afterTransaction', transaction => { transaction._needFormattingCleanup = false })
  Y.applyUpdate(again, state)
  await engine.ask(gc ? 'new' : 'new nogc')
  await engine.ask(`apply v1 ${hex(state)}`)
  await want('state v1', plainHex(Y.encodeStateAsUpdate(again)), 'reloaded state')
  return updates.length
}

const engine = nativeEngine(process.env.YDOC ?? '../build/ydoc')
let passed = 0, failed = 0, steps = 0
for (let seed = first; seed < first + sessions; seed++) {
  try {
    steps += await session(engine, seed)
    passed++
  } catch (error) {
    failed++
    if (failed <= 5) console.log(`seed ${seed}: ${error.message.slice(0, 2000)}`)
    if (/engine ended/.test(error.message)) break
  }
}
engine.end()
if (steps < passed) { console.log('nothing was delivered: these sessions show nothing'); failed++ }
console.log(`${steps} updates in ${passed + failed} sessions`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed ? 1 : 0
