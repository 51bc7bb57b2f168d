// One random session of several peers, some of them yjs, some the engine: everybody edits, and
// everybody applies what the others send. Everything is a function of the seed.
//
// Each engine peer has a shadow in yjs with the same client id, which does the same edits and gets the
// same updates; what the two emit has to be equal byte for byte, so what the shadow sends is what the
// engine sends. Formatting clean-up is off in shadows, which the engine does only when asked.
import * as Y from 'yjs'
import { script } from '../support/script.mjs'
import { changesOf, parsedList, snapshotQuestions } from './history.mjs'
import { badOp, perform, randomOp } from './ops.mjs'
import { hex, roots, stateOf, stateV2Of, tagged } from './oracle.mjs'
import { ROOTS, clientIds, random } from './session.mjs'

/** Without search markers: with them the neighbours of an insertion in yjs depend on earlier look-ups. */
export function withoutMarkers () {
  Object.defineProperty(Y.AbstractType.prototype, '_searchMarker', { get: () => null, set: () => {} })
}

function newPeer (r, id, index, gc, isEngine) {
  const doc = new Y.Doc({ gc })
  doc.clientID = id
  roots(doc) // opened before anything arrives
  const peer = { index, id, gc, doc, isEngine, emitted: [], emittedV2: [], inbox: [], tidy: !isEngine && r.chance(0.5), changes: [], snapshots: [], updates: [] }
  if (!peer.tidy) doc.on('afterTransaction', transaction => { transaction._needFormattingCleanup = false })
  doc.on('afterTransaction', transaction => { if (transaction.changed.size > 0) peer.changes = changesOf(transaction) })
  doc.on('update', update => peer.emitted.push(update))
  doc.on('updateV2', update => peer.emittedV2.push(update))
  return peer
}

const ok = { ok: true }

/** Asks what a transaction of an engine peer left, and takes it out of the shadow. */
function askLast (questions, peer) {
  const [v1, v2] = [peer.emitted, peer.emittedV2].map(list => list.map(hex).join(' '))
  if (peer.emitted.length > 1) throw new Error('a shadow may not write by itself')
  questions.push(['changes', { changes: peer.changes }])
  questions.push(['last v1', { ok: true, hex: v1 }], ['last v2', { ok: true, hex: v2 }])
  questions.push(['sv', { ok: true, hex: hex(Y.encodeStateVector(peer.doc)) }])
}

function taken (peer) {
  const out = peer.emitted.map((bytes, i) => ({ v1: bytes, v2: peer.emittedV2[i] }))
  peer.updates.push(...peer.emitted)
  peer.emitted = []
  peer.emittedV2 = []
  return out
}

/** One transaction of edits. */
function editTurn (r, peer, questions, guid) {
  const count = r.chance(0.7) ? 1 : 2 + r.int(4)
  peer.changes = []
  if (peer.isEngine) questions.push([`use ${peer.index}`, ok], [`begin ${peer.id}`, ok])
  peer.doc.transact(() => {
    for (let i = 0; i < count; i++) {
      if (peer.isEngine && r.chance(0.08)) {
        const bad = badOp(r, peer.doc)
        if (!bad.unless) questions.push([`edit ${hex(script([bad]))}`, { refused: true }])
      }
      const { op, type } = randomOp(r, peer.doc, `${guid}-${i}-`)
      perform(type, op)
      if (peer.isEngine) questions.push([`edit ${hex(script([op]))}`, { done: true, op }])
    }
  })
  if (!peer.isEngine) return
  questions.push(['commit', { ok: true, changed: peer.emitted.length > 0 }], ['check', ok])
  askLast(questions, peer)
}

function applyTurn (peer, { v, bytes }, questions) {
  peer.changes = []
  if (v === 2) Y.applyUpdateV2(peer.doc, bytes, 'net')
  else Y.applyUpdate(peer.doc, bytes, 'net')
  if (!peer.isEngine) return
  questions.push([`use ${peer.index}`, ok], [`apply v${v} ${hex(bytes)}`, { ok: true, changed: peer.emitted.length > 0 }])
  askLast(questions, peer)
}

function stateQuestions (peer, questions) {
  questions.push([`use ${peer.index}`, ok], ['check', ok])
  questions.push(['state v1', { ok: true, hex: stateOf(peer.doc) }], ['state v2', { ok: true, hex: stateV2Of(peer.doc) }])
}

/** Both take a snapshot, and one more of the same. */
function snapshotTurn (peer, questions) {
  const snapshot = Y.snapshot(peer.doc)
  peer.snapshots.push(snapshot)
  questions.push([`use ${peer.index}`, ok], ['snap v1', { ok: true, hex: hex(Y.encodeSnapshot(snapshot)) }], ['snap v2', { ok: true, hex: hex(Y.encodeSnapshotV2(snapshot)) }])
}

/** Puts what a peer sent into the inboxes of others: some in V2, some twice, some not at all. */
function send (r, peers, from, list, lossy) {
  for (const { v1, v2 } of list) {
    for (const to of peers) {
      if (to === from || (lossy && r.chance(0.15))) continue
      const update = r.wild || r.chance(0.3) ? { v: 2, bytes: v2 } : { v: 1, bytes: v1 }
      const at = r.chance(0.6) ? to.inbox.length : r.int(to.inbox.length + 1)
      to.inbox.splice(at, 0, update)
      if (r.chance(0.15)) to.inbox.splice(r.int(to.inbox.length + 1), 0, update)
    }
  }
}

/** What arrives next: one update, or a few of one format merged. */
function received (r, peer) {
  const first = peer.inbox.shift()
  if (!r.chance(0.2)) return first
  const batch = [first]
  while (batch.length < 4 && peer.inbox[0]?.v === first.v) batch.push(peer.inbox.shift())
  const bytes = batch.map(update => update.bytes)
  return { v: first.v, bytes: first.v === 2 ? Y.mergeUpdatesV2(bytes) : Y.mergeUpdates(bytes) }
}

function deliver (r, peers, peer, questions, lossy, all) {
  while (peer.inbox.length > 0 && (all || r.chance(0.7))) {
    applyTurn(peer, received(r, peer), questions)
    // A shadow emits what it applied, as yjs does; only a tidying peer writes something of its own.
    const out = taken(peer)
    if (peer.tidy) send(r, peers, peer, out.slice(1), lossy)
  }
}

/** Everybody gets what is missing, until nothing changes. */
function repair (r, peers, questions) {
  for (const peer of peers) deliver(r, peers, peer, questions, false, true)
  for (let round = 0; round < 8; round++) {
    for (const to of peers) {
      for (const from of peers) {
        if (from === to) continue
        const v = r.wild || r.chance(0.5) ? 2 : 1
        const sv = Y.encodeStateVector(to.doc)
        const bytes = v === 2 ? Y.encodeStateAsUpdateV2(from.doc, sv) : Y.encodeStateAsUpdate(from.doc, sv)
        applyTurn(to, { v, bytes }, questions)
        taken(to)
        to.inbox = []
      }
    }
    const states = new Set(peers.map(peer => hex(Y.encodeSnapshot(Y.snapshot(peer.doc)))))
    if (states.size === 1) return true
  }
  return false
}

/** What all peers have to agree on, asked of the engine ones. */
function endQuestions (peer, questions) {
  stateQuestions(peer, questions)
  const { doc, gc } = peer
  questions.push(['snapshot', { ok: true, hex: hex(Y.encodeSnapshot(Y.snapshot(doc))) }])
  questions.push(['pending', { ok: true, structs: doc.store.pendingStructs !== null, deletes: doc.store.pendingDs !== null }])
  for (const [name, type] of Object.entries(roots(doc))) questions.push([`json ${ROOTS[name]} ${name}`, { ok: true, value: tagged(type.toJSON()) }])
  questions.push(['delta text', { ok: true, value: tagged(doc.getText('text').toDelta()) }])
  questions.push(['subdocs', { guids: [...doc.getSubdocs()].map(subdoc => subdoc.guid).sort() }])
  for (const update of peer.updates.slice(-3)) {
    questions.push([`parse v1 ${hex(update)}`, { parsed: parsedList(update, 1) }])
    const v2 = Y.convertUpdateFormatV1ToV2(update)
    questions.push([`parse v2 ${hex(v2)}`, { parsed: parsedList(v2, 2) }])
  }
  for (const question of snapshotQuestions(doc, peer.snapshots, peer.updates.slice(0, 4))) questions.push(question)
  if (gc) questions.push(['use 15', ok], ['new', ok], [`apply v1 ${stateOf(doc)}`, { done: true }], ['state v1', { ok: true, hex: canonical(doc) }])
}

/** The normal form of a document with collected content: its state after loading it again. */
export function canonical (doc) {
  const again = new Y.Doc()
  Y.applyUpdate(again, Y.encodeStateAsUpdate(doc))
  const state = stateOf(again)
  again.destroy()
  return state
}

function views (peer, { wild, odd }) {
  const { doc, gc } = peer
  const snapshot = hex(Y.encodeSnapshot(Y.snapshot(doc)))
  if (odd) return { snapshot }
  const json = Object.entries(roots(doc)).map(([name, type]) => [name, tagged(type.toJSON())])
  return { snapshot, json, delta: tagged(doc.getText('text').toDelta()), canonical: gc && !wild ? canonical(doc) : null }
}

/** { questions, views }: all questions with the answers that yjs gives; what each peer has at the end. */
export function peersSession (seed) {
  const r = random(seed ^ 0x2545f491)
  r.wild = r.chance(0.1) // everything travels as V2, with values that V1 cannot say
  // A look-up that ends inside a surrogate pair damages it for good, in yjs too; others only learn of it
  // if something was inserted there. So with such characters in texts peers agree on ids, not on texts.
  r.odd = r.chance(0.2)
  const gc = r.chance(0.8)
  const lossy = r.chance(0.4)
  const ids = clientIds(r, 2 + r.int(3))
  const peers = ids.map((id, i) => newPeer(r, id, i, gc, i === 0 || r.chance(0.5)))
  const questions = []
  for (const peer of peers.filter(peer => peer.isEngine)) questions.push([`use ${peer.index}`, ok], [gc ? 'new notes' : 'new nogc notes', ok])
  const steps = 8 + r.int(30)
  for (let i = 0; i < steps; i++) {
    const peer = r.pick(peers)
    editTurn(r, peer, questions, `guid-${i}`)
    send(r, peers, peer, taken(peer), lossy)
    deliver(r, peers, r.pick(peers), questions, lossy, false)
    if (i % 4 === 3 && peer.isEngine) stateQuestions(peer, questions)
    if (i % 8 === 5 && peer.isEngine) snapshotTurn(peer, questions)
  }
  const whole = repair(r, peers, questions)
  for (const peer of peers.filter(peer => peer.isEngine)) endQuestions(peer, questions)
  const end = peers.map(peer => views(peer, r))
  const kinds = { peers: peers.length, engines: peers.filter(peer => peer.isEngine).length }
  for (const peer of peers) peer.doc.destroy()
  return { questions, views: end, whole, kinds }
}
