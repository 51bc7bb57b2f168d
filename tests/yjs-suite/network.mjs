// Peers with a network between them that delivers in random order, and what they have to agree on.
import assert from 'node:assert/strict'
import * as yjs from 'yjs'
import { random } from '../differential/session.mjs'
import * as facade from './facade.mjs'
import { AbstractType } from './types.mjs'

export { facade, yjs }

/** Whose documents the peers of a test have, one after the other. */
export const CASTS = { libydoc: [facade], yjs: [yjs], both: [facade, yjs] }

const nothingWaits = user => user.Y === facade ? !facade.pending(user.doc) : user.doc.store.pendingStructs === null && user.doc.store.pendingDs === null

class User {
  constructor (network, Y, id) {
    Object.assign(this, { network, Y, id, doc: new Y.Doc({ gc: network.gc ?? true }), receiving: new Map(), updates: [] })
    this.doc.clientID = id
    this.array = this.doc.getArray('array')
    this.map = this.doc.getMap('map')
    this.text = this.doc.getText('text')
    this.xml = this.doc.get('xml', Y.XmlElement)
    this.doc.on(network.v2 ? 'updateV2' : 'update', (update, origin) => {
      this.updates.push(update)
      if (origin !== network) this.broadcast({ update })
    })
  }

  broadcast (message) {
    if (!this.network.online.has(this)) return
    for (const other of this.network.online) if (other !== this) other.receive(message, this)
  }

  receive (message, from) {
    if (!this.receiving.has(from)) this.receiving.set(from, [])
    this.receiving.get(from).push(message)
  }

  disconnect () { this.receiving = new Map(); this.network.online.delete(this) }
  connect () {
    if (this.network.online.has(this)) return
    this.network.online.add(this)
    this.broadcast({ sv: this.Y.encodeStateVector(this.doc) })
    for (const other of this.network.online) if (other !== this) this.receive({ sv: other.Y.encodeStateVector(other.doc) }, other)
  }

  state (sv) { return this.network.v2 ? this.Y.encodeStateAsUpdateV2(this.doc, sv) : this.Y.encodeStateAsUpdate(this.doc, sv) }
  apply (update) { this.network.v2 ? this.Y.applyUpdateV2(this.doc, update, this.network) : this.Y.applyUpdate(this.doc, update, this.network) }
  merged () { return this.network.v2 ? this.Y.mergeUpdatesV2(this.updates) : this.Y.mergeUpdates(this.updates) }
}

class Network {
  constructor (seed) {
    Object.assign(this, { r: random(seed), online: new Set(), users: [] })
    this.v2 = this.r.chance(0.5)
  }

  deliverOne () {
    const waiting = [...this.online].filter(user => user.receiving.size > 0)
    if (waiting.length === 0) return false
    const user = this.r.pick(waiting)
    const [from, messages] = this.r.pick([...user.receiving])
    const message = messages.shift()
    if (messages.length === 0) user.receiving.delete(from)
    if (message.update) user.apply(message.update)
    else from.receive({ update: user.state(message.sv) }, user)
    return true
  }

  flush () { while (this.deliverOne()); }
  syncAll () { for (const user of this.users) user.connect(); this.flush() }
  disconnectRandom () { if (this.online.size > 0) this.r.pick([...this.online]).disconnect() }
  reconnectRandom () {
    const offline = this.users.filter(user => !this.online.has(user))
    if (offline.length > 0) this.r.pick(offline).connect()
  }
}

/** Peers 0 to n - 1 with those client ids, connected. */
export function init (cast, n, seed = 1, { gc = true } = {}) {
  const network = new Network(seed)
  network.gc = gc
  for (let i = 0; i < n; i++) network.users.push(new User(network, cast[i % cast.length], i))
  network.syncAll()
  return { network, users: network.users, r: network.r }
}

const isType = v => v instanceof AbstractType || v instanceof yjs.AbstractType
export const plainDelta = text => text.toDelta().map(op => isType(op.insert) ? { ...op, insert: op.insert.toJSON() } : op)
const sorted = v => Array.isArray(v) ? v.map(sorted) : v !== null && typeof v === 'object' && !(v instanceof Uint8Array) ? Object.fromEntries(Object.keys(v).sort().map(k => [k, sorted(v[k])])) : v

const view = user => ({
  array: sorted(user.array.toJSON()),
  map: sorted(user.map.toJSON()),
  // The engine's roots have no names: their children and attributes.
  xml: user.xml.toArray().map(String),
  attributes: sorted(user.xml.getAttributes()),
  delta: sorted(plainDelta(user.text)),
  sv: user.Y.encodeStateVector(user.doc),
  snapshot: user.Y.encodeSnapshot(user.Y.snapshot(user.doc))
})

/** What a document becomes when it is loaded again, by yjs: the form in which equal documents are equal. */
function normal (user) {
  const doc = new yjs.Doc()
  yjs.applyUpdate(doc, user.Y.encodeStateAsUpdate(user.doc))
  return yjs.encodeStateAsUpdate(doc)
}

/** Everybody gets everything; then all have the same, also who gets the merged updates of one. */
export function compare (users) {
  const { network } = users[0]
  network.syncAll()
  const all = [...users]
  for (const user of users) {
    const again = new User({ online: new Set(), v2: network.v2 }, user.Y, 1000 + user.id)
    again.apply(user.merged())
    all.push(again)
  }
  const views = all.map(view)
  for (const user of all) assert.ok(nothingWaits(user), 'something waits')
  for (const [i, user] of users.entries()) {
    assert.deepEqual([...user.map.keys()].sort(), Object.keys(views[i].map).sort())
    assert.deepEqual([...user.array].length, user.array.length)
    assert.equal(views[i].delta.reduce((n, op) => n + (typeof op.insert === 'string' ? op.insert.length : 1), 0), user.text.length)
  }
  for (const other of views.slice(1)) assert.deepEqual(other, views[0])
  const [first, ...others] = all.map(normal)
  for (const other of others) assert.deepEqual(other, first)
}

/** n random changes by five peers who are sometimes offline, and then the comparison. */
export function randomly (cast, changes, n, seed, users = 5, prepare = () => {}) {
  const world = init(cast, users, seed)
  prepare(world.users)
  const { network, r } = world
  for (let i = 0; i < n; i++) {
    if (r.int(100) <= 2) {
      if (r.chance(0.5)) network.disconnectRandom()
      else network.reconnectRandom()
    } else if (r.int(100) <= 1) network.flush()
    else if (r.int(100) <= 50) network.deliverOne()
    r.pick(changes)(r.pick(world.users), r)
  }
  compare(world.users)
  return world
}
