// The part of yjs's interface that its tests use, over the engine as wasm: documents, updates,
// snapshots, relative positions. No observers, no undo: the engine has none.
import * as decoding from 'lib0/decoding'
import { script } from '../support/script.mjs'
import { hex, newEngine, unhex } from './engine.mjs'
import { AbstractType, YArray, YMap, YText, YXmlElement, YXmlFragment, YXmlText, found, root, written } from './types.mjs'

export { AbstractType, YArray as Array, YMap as Map, YText as Text, YXmlText as XmlText, YXmlElement as XmlElement, YXmlFragment as XmlFragment }

const randomId = () => Math.floor(Math.random() * 0xffffffff)
const shared = newEngine() // for what needs no document

export class Doc {
  constructor ({ gc = true, guid = crypto(), autoLoad = false, meta = null } = {}) {
    Object.assign(this, { gc, guid, autoLoad, meta, isDoc: true, clientID: randomId(), known: new Map(), listeners: new Map(), depth: 0, lazy: null, subdocs: new Map() })
  }

  get engine () {
    if (this.lazy === null) { this.lazy = newEngine(); this.lazy(this.gc ? 'new' : 'new nogc') }
    return this.lazy
  }

  get options () { return { ...(this.autoLoad ? { autoLoad: true } : {}), ...(this.meta === null ? {} : { meta: this.meta }), ...(this.gc ? {} : { gc: false }) } }
  on (name, f) { this.listeners.set(name, [...this.listeners.get(name) ?? [], f]) }
  get (name = '', Type = AbstractType) {
    const there = this.known.get(`root ${name}`)
    if (there) return there
    return new Type().bind(this, root(name), null)
  }

  getText (name = '') { return this.get(name, YText) }
  getArray (name = '') { return this.get(name, YArray) }
  getMap (name = '') { return this.get(name, YMap) }
  getXmlFragment (name = '') { return this.get(name, YXmlFragment) }
  getXmlElement (name = '') { return this.get(name, YXmlElement) }
  typeAt ([client, clock, kind], parent) { return this.known.get(`${client} ${clock}`) ?? found(this, [client, clock, kind], parent) }
  subdocOr (v) { return v?.$doc === undefined ? v : this.subdocs.get(v.$doc) ?? this.subdocs.set(v.$doc, new Doc({ guid: v.$doc })).get(v.$doc) }
  getSubdocGuids () { return new Set(this.engine('subdocs').value.map(subdoc => subdoc.guid)) }
  toJSON () { return Object.fromEntries([...this.known.values()].filter(type => 'root' in type.ref).map(type => [type.ref.root, type.toJSON()])) }
  destroy () {}

  transact (f) {
    if (this.depth++ === 0) this.engine(`begin ${this.clientID}`)
    try {
      return f()
    } finally {
      if (--this.depth === 0 && this.engine('commit').changed) this.emit(null)
    }
  }

  edit (op, parent) {
    this.transact(() => {
      const made = []
      const bytes = script([written(op, made)])
      const answer = this.engine(`edit ${hex(bytes)}`)
      answer.made.forEach(([client, clock], i) => made[i].bind(this, { client, clock }, made[i].parent ?? parent))
    })
  }

  emit (origin) {
    for (const [name, v] of [['update', 'v1'], ['updateV2', 'v2']]) {
      const listeners = this.listeners.get(name) ?? []
      if (listeners.length === 0) continue
      const update = unhex(this.engine(`last ${v}`).hex)
      for (const f of listeners) f(update, origin, this)
    }
  }

  apply (v, update, origin) {
    const before = this.state()
    if (!this.engine(`apply v${v} ${hex(update)}`).changed) return
    // Somebody else writes under this id: go on with another.
    if (this.state() !== before) this.clientID = randomId()
    this.emit(origin)
  }

  state () { return decodeStateVector(encodeStateVector(this)).get(this.clientID) ?? 0 }
}

function crypto () { return Array.from({ length: 4 }, () => randomId().toString(16)).join('-') }

export const applyUpdate = (doc, update, origin) => doc.apply(1, update, origin)
export const applyUpdateV2 = (doc, update, origin) => doc.apply(2, update, origin)
export const encodeStateAsUpdate = (doc, sv) => unhex(doc.engine(`state v1${sv ? ` ${hex(sv)}` : ' -'}`).hex)
export const encodeStateAsUpdateV2 = (doc, sv) => unhex(doc.engine(`state v2${sv ? ` ${hex(sv)}` : ' -'}`).hex)
export const encodeStateVector = doc => unhex(doc.engine('sv').hex)

export function decodeStateVector (bytes) {
  const decoder = decoding.createDecoder(bytes)
  return new Map(Array.from({ length: decoding.readVarUint(decoder) }, () => [decoding.readVarUint(decoder), decoding.readVarUint(decoder)]))
}

const of = line => unhex(shared(line).hex)
export const mergeUpdates = updates => of(`merge v1 ${updates.map(hex).join(' ')}`)
export const mergeUpdatesV2 = updates => of(`merge v2 ${updates.map(hex).join(' ')}`)
export const diffUpdate = (update, sv) => of(`diff v1 ${hex(update)} ${hex(sv)}`)
export const diffUpdateV2 = (update, sv) => of(`diff v2 ${hex(update)} ${hex(sv)}`)
export const encodeStateVectorFromUpdate = update => of(`vector v1 ${hex(update)}`)
export const encodeStateVectorFromUpdateV2 = update => of(`vector v2 ${hex(update)}`)
export const convertUpdateFormatV1ToV2 = update => of(`convert v1 ${hex(update)}`)
export const convertUpdateFormatV2ToV1 = update => of(`convert v2 ${hex(update)}`)

function meta (v, update) {
  const from = new Map()
  const to = new Map()
  for (const { id, len, content } of shared(`parse v${v} ${hex(update)}`).value.list) {
    if (content === undefined) continue // a range of the delete set
    if (!from.has(id[0])) from.set(id[0], id[1])
    to.set(id[0], id[1] + len)
  }
  return { from, to }
}
export const parseUpdateMeta = update => meta(1, update)
export const parseUpdateMetaV2 = update => meta(2, update)

export const countStructs = update => shared(`parse v1 ${hex(update)}`).value.structs

export const listStructs = update => shared(`parse v1 ${hex(update)}`).value.list.filter(entry => entry.content)

const kept = ({ formatting = true, subdocs = true, yxml = true } = {}) => `${formatting ? '' : ' marks'}${subdocs ? '' : ' subdocs'}${yxml ? '' : ' names'}`
export const obfuscateUpdate = (update, options) => of(`obfuscate v1 v1 ${hex(update)}${kept(options)}`)
export const obfuscateUpdateV2 = (update, options) => of(`obfuscate v2 v2 ${hex(update)}${kept(options)}`)

// A snapshot is its bytes.
export const snapshot = doc => ({ v1: doc.engine('snap v1').hex })
export const encodeSnapshot = snap => unhex(snap.v1)
export const encodeSnapshotV2 = snap => of(`snap v2 v1 ${snap.v1}`)
export const decodeSnapshot = bytes => ({ v1: shared(`snap v1 v1 ${hex(bytes)}`).hex })
export const decodeSnapshotV2 = bytes => ({ v1: shared(`snap v1 v2 ${hex(bytes)}`).hex })
export const equalSnapshots = (a, b) => shared(`equal v1 ${a.v1} v1 ${b.v1}`).value
export const snapshotContainsUpdate = (snap, update) => shared(`contains v1 ${snap.v1} v1 ${hex(update)}`).value
export const snapshotContainsUpdateV2 = (snap, update) => shared(`contains v1 ${snap.v1} v2 ${hex(update)}`).value
export function createDocFromSnapshot (doc, snap, restored = new Doc()) {
  applyUpdateV2(restored, unhex(doc.engine(`restore v2 v1 ${snap.v1}`).hex))
  return restored
}

// A relative position is its bytes.
const where = type => 'root' in type.ref ? `root ${type.ref.root}` : `type ${type.ref.client} ${type.ref.clock}`
export const createRelativePositionFromTypeIndex = (type, index, assoc = 0) => type.doc.engine(`position ${index} ${assoc < 0 ? -1 : 0} ${where(type)}`).hex
export const encodeRelativePosition = position => unhex(position)
export const decodeRelativePosition = bytes => hex(bytes)
export function createAbsolutePositionFromRelativePosition (position, doc) {
  try {
    const { index, assoc } = doc.engine(`resolve ${position}`)
    return { index, assoc }
  } catch (error) {
    if (error.answer?.error === 'YD_ENOTFOUND') return null
    throw error
  }
}

export const cleanupYTextFormatting = text => text.do({ do: 'tidy' })
export const pending = doc => { const { structs, deletes } = doc.engine('pending'); return structs || deletes }
