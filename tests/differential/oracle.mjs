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
  if (v instanceof Y.AbstractType) return { $type: v.constructor.name.replace(/^_?Y/, ''), json: tagged(v.toJSON()) }
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

/** Places all over a root and what is nested in it, as relative positions; and where those are. */
function positionQuestions (doc) {
  const list = []
  const all = Object.entries(roots(doc)).filter(([name]) => name !== 'map').map(([name, type]) => [`root ${name}`, type])
  doc.getXmlFragment('xml').forEach(type => all.push([`type ${type._item.id.client} ${type._item.id.clock}`, type]))
  for (const [where, type] of all) {
    const nested = type._item === null ? {} : { ...type._item.id }
    for (const [index, assoc] of [[0, 0], [0, -1], [1, 0], [1, -1], [type.length >> 1, 0], [type.length >> 1, -1], [type.length, 0], [type.length, -1]]) {
      if (index > type.length) continue
      const relative = Y.createRelativePositionFromTypeIndex(type, index, assoc)
      const encoded = hex(Y.encodeRelativePosition(relative))
      const absolute = Y.createAbsolutePositionFromRelativePosition(relative, doc)
      list.push([`position ${index} ${assoc} ${where}`, { ok: true, hex: encoded }])
      list.push([`resolve ${encoded}`, absolute === null ? { ok: false, error: 'YD_ENOTFOUND', at: 0 } : { ok: true, index: absolute.index, assoc, ...nested }])
    }
  }
  return list
}

/** Places of before, where they are now; those whose types are gone are left out. */
export function movedQuestions (doc, positions) {
  return positions.map(encoded => {
    const place = Y.createAbsolutePositionFromRelativePosition(Y.decodeRelativePosition(Buffer.from(encoded, 'hex')), doc)
    const item = place?.type._item
    const nested = item ? { client: item.id.client, clock: item.id.clock } : {}
    return [`resolve ${encoded}`, place === null ? { ok: false, error: 'YD_ENOTFOUND', at: 0 } : { ok: true, index: place.index, assoc: place.assoc, ...nested }]
  })
}

/** The relative positions of all places in the roots of a document. */
export function positionsOf (doc) {
  return positionQuestions(doc).filter(([line]) => line.startsWith('resolve')).map(([line]) => line.slice(8))
}

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
  list.push(['delta text', { ok: true, value: tagged(doc.getText('text').toDelta()) }])
  for (const name of ['text', 'array', 'xml']) list.push([`length ${name}`, { ok: true, value: roots(doc)[name].length }])
  list.push(...positionQuestions(doc))
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
