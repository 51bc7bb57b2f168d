// yjs as the judge: a document that receives updates like a server, without changes of its own.
import * as Y from 'yjs'
import { ROOTS } from './session.mjs'

export const hex = bytes => Buffer.from(bytes).toString('hex')

export function oracle (gc) {
  const doc = new Y.Doc({ gc })
  doc.clientID = 4294967280 // no peer has it, so nothing is ever taken for its own
  // A client tidies formatting after remote changes; the engine never writes by itself.
  doc.on('afterTransaction', transaction => { transaction._needFormattingCleanup = false })
  return doc
}

export const roots = doc => ({ text: doc.getText('text'), array: doc.getArray('array'), map: doc.getMap('map'), xml: doc.getXmlFragment('xml') })

/** A toJSON value with the engine's tags and sorted keys: what JSON text can carry. */
export function tagged (v) {
  if (v === undefined) return { $: 'undefined' }
  if (typeof v === 'bigint') return { $big: v.toString() }
  if (typeof v === 'number') {
    if (Object.is(v, -0)) return { $: '-0' }
    return Number.isFinite(v) ? v : { $: String(v) }
  }
  if (v === null || typeof v !== 'object') return v
  if (v instanceof Uint8Array) return { $bin: hex(v) }
  if (v instanceof Y.Doc) return { $doc: v.guid }
  if (Array.isArray(v)) return v.map(tagged)
  return Object.fromEntries(Object.keys(v).sort().map(key => [key, tagged(v[key])]))
}

export const sortedKeys = v => Array.isArray(v)
  ? v.map(sortedKeys)
  : v !== null && typeof v === 'object' ? Object.fromEntries(Object.keys(v).sort().map(k => [k, sortedKeys(v[k])])) : v

export const stateOf = doc => hex(Y.encodeStateAsUpdate(doc))
export const stateV2Of = doc => hex(Y.encodeStateAsUpdateV2(doc))
export const apply = (doc, { v, bytes }) => v === 2 ? Y.applyUpdateV2(doc, bytes) : Y.applyUpdate(doc, bytes)

/** The questions about a finished document, each with the answer that yjs gives. */
export function finalQuestions (doc, gc) {
  const state = stateOf(doc)
  const list = [
    ['check', { ok: true }],
    ['state v1', { ok: true, hex: state }],
    ['state v2', { ok: true, hex: stateV2Of(doc) }],
    ['snapshot', { ok: true, hex: hex(Y.encodeSnapshot(Y.snapshot(doc))) }],
    ['pending', { ok: true, structs: doc.store.pendingStructs !== null, deletes: doc.store.pendingDs !== null }]
  ]
  for (const [name, type] of Object.entries(roots(doc))) list.push([`json ${ROOTS[name]} ${name}`, { ok: true, value: tagged(type.toJSON()) }])
  const again = oracle(gc)
  Y.applyUpdate(again, Buffer.from(state, 'hex'))
  list.push([gc ? 'new' : 'new nogc', { ok: true }])
  list.push([`apply v1 ${state}`, null], ['state v1', { ok: true, hex: stateOf(again) }])
  const second = oracle(gc)
  Y.applyUpdateV2(second, Y.encodeStateAsUpdateV2(doc))
  list.push([gc ? 'new' : 'new nogc', { ok: true }])
  list.push([`apply v2 ${stateV2Of(doc)}`, null], ['state v2', { ok: true, hex: stateV2Of(second) }])
  return list
}
