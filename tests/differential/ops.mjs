// Random edits in the words of support/script.mjs, and the same done by yjs.
import * as Y from 'yjs'
import { NewDoc, NewType, SELF, nested, root } from '../support/script.mjs'
import { FORMATS, KEYS, ROOTS, WORDS, childTypes, value } from './session.mjs'

const ATTRS = [...FORMATS, {}, { 7: 1, b: 'x' }, { link: { a: { b: 1 } } }, { link: null }, { em: {}, bold: true }, { n: 1.5 }, { odd: [1, 2] }]

const TAME = WORDS.filter(word => !/[\u{10000}-\u{10ffff}]/u.test(word))
const wordOf = r => r.pick(r.odd ? WORDS : TAME)
const attrsOf = r => r.pick(r.wild && r.chance(0.3) ? WILD_ATTRS : ATTRS)

function filledText (r, kind) {
  const ops = []
  if (r.chance(0.8)) ops.push({ do: 'insert', type: SELF, index: 0, text: wordOf(r), attrs: r.chance(0.3) ? attrsOf(r) : undefined })
  if (r.chance(0.2)) ops.push({ do: 'delta', type: SELF, delta: delta(r, 3).filter(op => op.delete === undefined) })
  return new NewType(kind, '', ops)
}

function element (r, depth) {
  const ops = []
  if (r.chance(0.4) && depth < 3) ops.push({ do: 'listInsert', type: SELF, index: 0, values: [r.chance(0.5) ? element(r, depth + 1) : filledText(r, 'xmltext')] })
  if (r.chance(0.5)) ops.push({ do: 'mapSet', type: SELF, key: r.pick(['id', 'class']), value: wordOf(r) })
  return new NewType('xmlelement', r.pick(['p', 'div', 'x-y']), ops)
}

function content (r, guid, inMap = false, depth = 0) {
  if (depth > 2) return r.int(9)
  switch (r.int(12)) {
    case 0: return new NewType('map', '', r.chance(0.6) ? [{ do: 'mapSet', type: SELF, key: r.pick(KEYS), value: content(r, guid + 'm', true, depth + 1) }] : [])
    case 1: return new NewType('array', '', r.chance(0.6) ? [{ do: 'listInsert', type: SELF, index: 0, values: [1, content(r, guid + 'a', false, depth + 1), 'two'] }] : [])
    case 2: return filledText(r, r.chance(0.5) ? 'text' : 'xmltext')
    case 3: return element(r, depth)
    case 4: return r.chance(0.3) ? new NewDoc(guid, { ...(r.chance(0.5) ? { autoLoad: true } : {}), ...(r.chance(0.5) ? { meta: { a: 1 } } : {}) }) : r.int(9)
    default: return value(r, 0, inMap)
  }
}

function delta (r, n) {
  const ops = []
  for (let k = 1 + r.int(4); k > 0; k--) {
    const attributes = r.chance(0.4) ? attrsOf(r) : undefined
    if (r.chance(0.45)) ops.push({ insert: wordOf(r), attributes })
    else if (r.chance(0.1)) ops.push({ insert: { image: 'x' }, attributes })
    else if (r.chance(0.6)) ops.push({ retain: 1 + r.int(n + 2), attributes })
    else ops.push({ delete: 1 + r.int(n) })
  }
  return ops
}

const EMBEDS = [{ image: 'x.png', w: 3, n: null }, { a: [1.5, 'é'] }, [1, 2]]
// What V1 cannot say reaches only those who get V2.
const WILD_ATTRS = [{ odd: NaN }, { odd: -0 }, { odd: Infinity, bold: true }]
const WILD_EMBEDS = [{ deep: undefined }, { n: NaN }, new Uint8Array([1, 2])]

function textOp (r, type, ref) {
  const n = type.length
  const index = r.chance(0.25) ? n : r.int(n + 1)
  const attrs = r.chance(0.4) ? attrsOf(r) : undefined
  const k = r.next()
  if (k < 0.42 || n === 0) return { do: 'insert', type: ref, index, text: wordOf(r), attrs }
  if (k < 0.64) return { do: 'delete', type: ref, index: r.int(n), length: 1 + r.int(6) }
  if (k < 0.82) return { do: 'format', type: ref, index, length: 1 + r.int(8), attrs: attrsOf(r) }
  if (k < 0.88) return { do: 'embed', type: ref, index, value: r.chance(0.7) ? r.pick(r.wild ? WILD_EMBEDS : EMBEDS) : r.chance(0.5) ? element(r, 2) : new NewType('map', '', [{ do: 'mapSet', type: SELF, key: 'k', value: 1 }]), attrs }
  if (k < 0.95) return { do: 'delta', type: ref, delta: delta(r, n) }
  if (k < 0.97) return { do: 'tidy', type: ref }
  return r.chance(0.7) ? { do: 'mapSet', type: ref, key: r.pick(KEYS), value: wordOf(r) } : { do: 'mapDelete', type: ref, key: r.pick(KEYS) }
}

function arrayOp (r, type, ref, guid) {
  const n = type.length
  const values = Array.from({ length: 1 + r.int(3) }, (_, i) => content(r, guid + i))
  if (r.chance(0.2)) return { do: 'listPush', type: ref, values }
  if (r.chance(0.55) || n === 0) return { do: 'listInsert', type: ref, index: r.int(n + 1), values }
  const index = r.int(n)
  return { do: 'listDelete', type: ref, index, length: 1 + r.int(Math.min(4, n - index)) }
}

function mapOp (r, ref, guid) {
  const key = r.pick(KEYS)
  if (r.chance(0.05)) return { do: 'mapClear', type: ref }
  return r.chance(0.75) ? { do: 'mapSet', type: ref, key, value: content(r, guid, true) } : { do: 'mapDelete', type: ref, key }
}

function xmlOp (r, type, ref) {
  const k = r.next()
  const n = type.length
  if (type instanceof Y.XmlElement && k < 0.4) {
    const key = r.pick(['id', 'class', 'a'])
    return r.chance(0.7) ? { do: 'mapSet', type: ref, key, value: wordOf(r) } : { do: 'mapDelete', type: ref, key }
  }
  if (k < 0.8 || n === 0) return { do: 'listInsert', type: ref, index: r.int(n + 1), values: [r.chance(0.5) ? element(r, 0) : filledText(r, 'xmltext')] }
  return { do: 'listDelete', type: ref, index: r.int(n), length: 1 }
}

/** An edit of a root or of something nested in it, as that document has it now. */
export function randomOp (r, doc, guid) {
  const name = r.pick(Object.keys(ROOTS))
  let type = rootOf(doc, name)
  while (r.chance(0.6)) {
    const children = childTypes(type)
    if (children.length === 0) break
    type = r.pick(children)
  }
  const ref = refOf(type, name)
  if (type instanceof Y.Text) return { op: textOp(r, type, ref), type }
  if (type instanceof Y.Array) return { op: arrayOp(r, type, ref, guid), type }
  if (type instanceof Y.Map) return { op: mapOp(r, ref, guid), type }
  return { op: xmlOp(r, type, ref), type }
}

export const rootOf = (doc, name) => ({ text: () => doc.getText(name), array: () => doc.getArray(name), map: () => doc.getMap(name), xml: () => doc.getXmlFragment(name) })[name]()
export const refOf = (type, name) => type._item === null ? root(name) : nested(type._item.id.client, type._item.id.clock)

const made = { map: () => new Y.Map(), array: () => new Y.Array(), text: () => new Y.Text(), xmltext: () => new Y.XmlText(), xmlfragment: () => new Y.XmlFragment(), xmlelement: name => new Y.XmlElement(name) }

// Yjs asks whether two values are the same object: every use has one of its own, as in the engine.
const own = v => structuredClone(v)

function yjsValue (v) {
  if (v instanceof NewDoc) {
    const doc = new Y.Doc({ guid: v.guid, autoLoad: v.options.autoLoad ?? false, meta: v.options.meta ?? null })
    return doc
  }
  if (!(v instanceof NewType)) return own(v)
  const type = made[v.kind](v.name)
  for (const op of v.ops) perform(type, op)
  return type
}

/** What the engine does with an op, done by yjs. */
export function perform (type, op) {
  const xml = type instanceof Y.XmlElement || type instanceof Y.Text
  switch (op.do) {
    case 'insert': return type.insert(op.index, op.text, op.attrs && own(op.attrs))
    case 'embed': return type.insertEmbed(op.index, yjsValue(op.value), op.attrs && own(op.attrs))
    case 'delete': return type.delete(op.index, op.length)
    case 'format': return type.format(op.index, op.length, own(op.attrs))
    case 'delta': return type.applyDelta(op.delta.map(part => own(part)))
    case 'tidy': return Y.cleanupYTextFormatting(type)
    case 'listInsert': return type.insert(op.index, op.values.map(yjsValue))
    case 'listPush': return type.push(op.values.map(yjsValue))
    case 'listDelete': return type.delete(op.index, op.length)
    case 'mapSet': return xml ? type.setAttribute(op.key, yjsValue(op.value)) : type.set(op.key, yjsValue(op.value))
    case 'mapDelete': return xml ? type.removeAttribute(op.key) : type.delete(op.key)
    case 'mapClear': return type.clear()
    default: throw new Error(`no such op: ${op.do}`)
  }
}

/** Edits that have to be refused whatever the document holds. */
export function badOp (r, doc) {
  return r.pick([
    { do: 'listInsert', type: root('array'), index: doc.getArray('array').length + 1 + r.int(3), values: [1, 2] },
    { do: 'listDelete', type: root('array'), index: 0, length: doc.getArray('array').length + 1 },
    { do: 'listDelete', type: root('xml'), index: doc.getXmlFragment('xml').length, length: 1 },
    { do: 'insert', type: nested(2 ** 52 + 11, 7), index: 0, text: 'x' },
    { do: 'mapSet', type: nested(2 ** 52 + 12, 2 ** 31 - 2), key: 'k', value: 1 },
    { do: 'embed', type: root('text'), index: 0, value: new NewDoc('guid', {}) },
    { do: 'format', type: root('text'), index: 0, length: 2 ** 40, attrs: { b: 1 }, unless: doc.getText('text').length === 0 },
    { do: 'delta', type: root('text'), delta: [{ insert: 'good' }, { retain: 2 ** 30 }] }
  ])
}
