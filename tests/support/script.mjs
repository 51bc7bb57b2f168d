// Edits as the bytes that the driver runs: the layout stands in libydoc/driver/script.h.
import * as encoding from 'lib0/encoding'

export const KIND = { array: 0, map: 1, text: 2, xmlelement: 3, xmlfragment: 4, xmlhook: 5, xmltext: 6 }
const CODE = { insert: 0, embed: 1, delete: 2, format: 3, delta: 4, tidy: 5, listInsert: 6, listPush: 7, listDelete: 8, mapSet: 9, mapDelete: 10, mapClear: 11 }

const utf8 = text => new TextEncoder().encode(text)
const buf = (e, bytes) => encoding.writeVarUint8Array(e, bytes)
const text = (e, string) => buf(e, utf8(string))
const uint = (e, n) => encoding.writeVarUint(e, n)

/** Whether JSON says all of a value. */
function isJson (v) {
  if (v === null || typeof v === 'boolean' || typeof v === 'string') return true
  if (typeof v === 'number') return Number.isFinite(v) && !Object.is(v, -0)
  if (Array.isArray(v)) return v.every(isJson)
  return typeof v === 'object' && Object.getPrototypeOf(v) === Object.prototype && Object.values(v).every(isJson)
}

const any = v => encoding.encode(e => encoding.writeAny(e, v))

/** A new type: what kind, its XML name, and the ops that fill it (those with SELF as their type). */
export class NewType {
  constructor (kind, name, ops) { Object.assign(this, { kind, name, ops }) }
}
/** A sub-document. */
export class NewDoc {
  constructor (guid, options) { Object.assign(this, { guid, options }) }
}
export const SELF = { self: true }
export const root = name => ({ root: name })
export const nested = (client, clock) => ({ client, clock })

function value (e, v) {
  if (v instanceof NewType) {
    encoding.writeUint8(e, 3)
    encoding.writeUint8(e, KIND[v.kind])
    text(e, v.name ?? '')
    buf(e, script(v.ops ?? []))
  } else if (v instanceof NewDoc) {
    encoding.writeUint8(e, 4)
    text(e, v.guid)
    buf(e, v.options ? any(v.options) : new Uint8Array())
  } else if (v instanceof Uint8Array) {
    encoding.writeUint8(e, 2)
    buf(e, v)
  } else {
    const json = isJson(v)
    encoding.writeUint8(e, json ? 0 : 1)
    buf(e, json ? utf8(JSON.stringify(v)) : any(v))
  }
}

function plain (e, v) {
  const json = isJson(v)
  encoding.writeUint8(e, json ? 0 : 1)
  buf(e, json ? utf8(JSON.stringify(v)) : any(v))
}

/** Embeds hold bytes as values too. */
const embedded = (e, v) => v instanceof Uint8Array ? plain(e, v) : value(e, v)

function attrs (e, object) {
  if (object === undefined || object === null) return uint(e, 0)
  const entries = Object.entries(object)
  uint(e, entries.length + 1)
  for (const [key, v] of entries) { text(e, key); plain(e, v) }
}

function ref (e, type) {
  encoding.writeUint8(e, 'root' in type ? 0 : 'self' in type ? 2 : 1)
  if ('root' in type) text(e, type.root)
  else if (!('self' in type)) { uint(e, type.client); uint(e, type.clock) }
}

function deltaOp (e, op) {
  const kind = op.retain !== undefined ? 2 : op.delete !== undefined ? 3 : typeof op.insert === 'string' ? 0 : 1
  encoding.writeUint8(e, kind)
  if (kind === 0) text(e, op.insert)
  else if (kind === 1) embedded(e, op.insert)
  else uint(e, op.retain ?? op.delete)
  attrs(e, op.attributes)
}

const list = (e, values) => { uint(e, values.length); for (const v of values) value(e, v) }

const writers = {
  insert: (e, op) => { uint(e, op.index); text(e, op.text); attrs(e, op.attrs) },
  embed: (e, op) => { uint(e, op.index); embedded(e, op.value); attrs(e, op.attrs) },
  delete: (e, op) => { uint(e, op.index); uint(e, op.length) },
  format: (e, op) => { uint(e, op.index); uint(e, op.length); attrs(e, op.attrs) },
  delta: (e, op) => { uint(e, op.delta.length); for (const part of op.delta) deltaOp(e, part) },
  tidy: () => {},
  listInsert: (e, op) => { uint(e, op.index); list(e, op.values) },
  listPush: (e, op) => list(e, op.values),
  listDelete: (e, op) => { uint(e, op.index); uint(e, op.length) },
  mapSet: (e, op) => { text(e, op.key); value(e, op.value) },
  mapDelete: (e, op) => text(e, op.key),
  mapClear: () => {}
}

/** ops: [{ do, type, ... }] */
export function script (ops) {
  return encoding.encode(e => {
    for (const op of ops) {
      encoding.writeUint8(e, CODE[op.do])
      ref(e, op.type)
      writers[op.do](e, op)
    }
  })
}
