// Shared types with the names that yjs gives them, over the engine. A type that is in no document yet
// keeps what was put into it; once in one, it is a name for a type inside the engine.
import { NewDoc, NewType, SELF, nested, root } from '../support/script.mjs'
import { hex, untagged } from './engine.mjs'

const KINDS = ['array', 'map', 'text', 'xmlelement', 'xmlfragment', 'xmlhook', 'xmltext']
const keyHex = key => hex(Buffer.from(key))

export class AbstractType {
  constructor (kind) {
    this.doc = null
    this.parent = null
    this.kind = kind
    this.before = [] // ops that fill it when it comes into a document
    this.name = ''
  }

  bind (doc, ref, parent) {
    Object.assign(this, { doc, ref, parent, before: [] })
    doc.known.set('root' in ref ? `root ${ref.root}` : `${ref.client} ${ref.clock}`, this)
    return this
  }

  get where () { return 'root' in this.ref ? `root ${this.ref.root}` : `type ${this.ref.client} ${this.ref.clock}` }
  ask (question, before = '') { return this.doc.engine(`${question} ${before}${this.where}`) }

  /** Does an op now, or when the type comes into a document. */
  do (op) {
    if (this.doc === null) this.before.push(op)
    else this.doc.edit({ ...op, type: this.ref }, this)
  }

  get length () { return this.ask('look').length }
  get _item () { return 'root' in this.ref ? null : { id: { client: this.ref.client, clock: this.ref.clock } } }
  element (answer) { return answer.type ? this.doc.typeAt(answer.type, this) : this.doc.subdocOr(untagged(answer.value)) }
  at (index) { return this.element(this.ask('at', `${index} `)) }
  keyed (key) {
    try {
      return { has: true, value: this.element(this.ask('get', `${keyHex(key)} `)) }
    } catch (error) {
      if (error.answer?.error === 'YD_ENOTFOUND') return { has: false, value: undefined }
      throw error
    }
  }

  keyNames () { return this.ask('keys').value }
  toJSON () { return untagged(this.ask('read', `${{ array: 'array', map: 'map', text: 'text', xmltext: 'xml', xmlelement: 'xml', xmlfragment: 'xml', xmlhook: 'map' }[this.kind]} `).value) }
}

class List extends AbstractType {
  insert (index, values) { this.do({ do: 'listInsert', index, values }) }
  delete (index, length = 1) { this.do({ do: 'listDelete', index, length }) }
  unshift (values) { this.insert(0, values) }
  get (index) {
    if (this.doc === null) return this.before.flatMap(op => op.values ?? [])[index]
    return index < this.length ? this.at(index) : undefined
  }

  toArray () { return Array.from({ length: this.length }, (_, i) => this.at(i)) }
  map (f) { return this.toArray().map((v, i) => f(v, i, this)) }
  forEach (f) { this.toArray().forEach((v, i) => f(v, i, this)) }
  slice (start = 0, end = this.length) { return this.toArray().slice(start, end) }
  [Symbol.iterator] () { return this.toArray()[Symbol.iterator]() }
}

export class YArray extends List {
  constructor () { super('array') }
  static from (values) { const array = new YArray(); array.push(values); return array }
  push (values) { this.do({ do: 'listPush', values }) }
  clone () { return YArray.from(this.toArray().map(copied)) }
}

const copied = v => v instanceof AbstractType ? v.clone() : v

export class YMap extends AbstractType {
  constructor (entries = []) {
    super('map')
    for (const [key, value] of entries) this.set(key, value)
  }

  set (key, value) { this.do({ do: 'mapSet', key, value }); return value }
  delete (key) { this.do({ do: 'mapDelete', key }) }
  clear () { this.do({ do: 'mapClear' }) }
  get (key) { return this.keyed(key).value }
  has (key) { return this.keyed(key).has }
  get size () { return this.ask('look').keys }
  keys () { return this.keyNames()[Symbol.iterator]() }
  values () { return this.keyNames().map(key => this.get(key))[Symbol.iterator]() }
  entries () { return this.keyNames().map(key => [key, this.get(key)])[Symbol.iterator]() }
  forEach (f) { for (const [key, value] of this) f(value, key, this) }
  [Symbol.iterator] () { return this.entries() }
  clone () { return new YMap([...this].map(([key, v]) => [key, copied(v)])) }
}

/** What texts and elements have in common: attributes. */
const withAttributes = Base => class extends Base {
  setAttribute (key, value) { this.do({ do: 'mapSet', key, value }) }
  removeAttribute (key) { this.do({ do: 'mapDelete', key }) }
  getAttribute (key) { return this.keyed(key).value }
  hasAttribute (key) { return this.keyed(key).has }
  getAttributes () { return Object.fromEntries(this.keyNames().map(key => [key, this.getAttribute(key)])) }
}

export class YText extends withAttributes(AbstractType) {
  constructor (text, kind = 'text') {
    super(kind)
    if (text) this.insert(0, text)
  }

  insert (index, text, attrs) { if (text.length > 0) this.do({ do: 'insert', index, text, attrs }) }
  insertEmbed (index, value, attrs) { this.do({ do: 'embed', index, value, attrs: attrs ?? {} }) }
  delete (index, length) { if (length > 0) this.do({ do: 'delete', index, length }) }
  format (index, length, attrs) { if (length > 0) this.do({ do: 'format', index, length, attrs }) }
  applyDelta (delta) { this.do({ do: 'delta', delta }) }
  toString () { return this.ask('read', 'text ').value }
  /** With snapshots as Yjs, `user` always being in `ychange`. Nested types are not found again then. */
  toDelta (now, since) {
    let index = 0
    if (now !== undefined || since !== undefined) {
      const point = snap => snap === undefined ? 'none' : `v1 ${snap.v1}`
      return untagged(this.ask(`versions ${point(now)} ${point(since)}`).value)
    }
    return untagged(this.ask('read-delta').value).map(op => {
      const at = index
      index += typeof op.insert === 'string' ? op.insert.length : 1
      return op.insert?.$type === undefined ? op : { ...op, insert: this.at(at) }
    })
  }

  clone () { const text = new this.constructor(); text.applyDelta(this.toDelta().map(op => ({ ...op, insert: copied(op.insert) }))); return text }
}

const sibling = (type, step) => {
  const all = type.parent.toArray()
  return all[all.indexOf(type) + step] ?? null
}

export class YXmlText extends YText {
  constructor (text) { super(text, 'xmltext') }
  toString () { return this.ask('read', 'xml ').value }
  get nextSibling () { return sibling(this, 1) }
  get prevSibling () { return sibling(this, -1) }
}

export class YXmlFragment extends List {
  constructor (kind = 'xmlfragment') { super(kind) }
  insertAfter (reference, values) {
    const all = this.doc === null ? this.before.flatMap(op => op.values ?? []) : this.toArray()
    const index = reference === null ? 0 : all.indexOf(reference) + 1
    if (reference !== null && index === 0) throw new Error('Reference item not found')
    if (this.doc !== null) return this.insert(index, values)
    this.before = [{ do: 'listInsert', index: 0, values: [...all.slice(0, index), ...values, ...all.slice(index)] }, ...this.before.filter(op => !op.values)]
  }

  push (values) { this.insert(this.doc === null ? this.before.flatMap(op => op.values ?? []).length : this.length, values) }
  get firstChild () { return this.get(0) }
  toString () { return this.ask('read', 'xml ').value }
  querySelectorAll (name) { return this.toArray().flatMap(child => [...(child.nodeName?.toUpperCase() === name.toUpperCase() ? [child] : []), ...(child.querySelectorAll?.(name) ?? [])]) }
  querySelector (name) { return this.querySelectorAll(name)[0] ?? null }
  clone () { const copy = new this.constructor(this.nodeName); copy.insert(0, this.toArray().map(copied)); return copy }
}

export class YXmlElement extends withAttributes(YXmlFragment) {
  constructor (name = 'UNDEFINED') { super('xmlelement'); this.name = name }
  get nodeName () { return this.name }
  get nextSibling () { return sibling(this, 1) }
  get prevSibling () { return sibling(this, -1) }
}

const CLASSES = { array: YArray, map: YMap, text: YText, xmltext: YXmlText, xmlfragment: YXmlFragment, xmlelement: YXmlElement }

/** A type that is found in a document. */
export function found (doc, [client, clock, kind], parent) {
  const name = KINDS[kind] === 'xmlelement' ? doc.engine(`look type ${client} ${clock}`).name : undefined
  return new CLASSES[KINDS[kind]](name).bind(doc, nested(client, clock), parent)
}

/** An op in the words of script.mjs; the new types in it, in the order in which they are made. */
export function written (op, made, type = op.type) {
  const value = v => {
    if (v?.isDoc) return new NewDoc(v.guid, v.options)
    if (!(v instanceof AbstractType)) return v
    made.push(v)
    return new NewType(v.kind, v.name, v.before.map(inner => written(inner, made, SELF)))
  }
  return {
    ...op,
    type,
    ...(op.values ? { values: op.values.map(value) } : {}),
    ...('value' in op ? { value: value(op.value) } : {}),
    ...(op.delta ? { delta: op.delta.map(part => part.insert === undefined ? part : { ...part, insert: value(part.insert) }) } : {})
  }
}

export { root }
