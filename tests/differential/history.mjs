// What yjs says about what happened: changes of a transaction, snapshots, what is in an update.
import * as Y from 'yjs'
import { hex, stateOf, tagged } from './oracle.mjs'

const KEY = { added: 1, updated: 2, deleted: 3 }

function rootName (doc, type) {
  while (type._item !== null) type = type._item.parent
  return [...doc.share.entries()].find(([, root]) => root === type)[0]
}

/** The list of a type: units that came and went. */
function listChange (type, adds, deletes) {
  const change = { inserted: 0, deleted: 0, marks: 0 }
  for (let item = type._start; item !== null; item = item.right) {
    const came = adds(item) && !item.deleted
    const went = !adds(item) && item.deleted && deletes(item)
    if (!came && !went) continue
    if (item.content instanceof Y.ContentFormat) change.marks++
    else if (item.countable) change[came ? 'inserted' : 'deleted'] += item.length
  }
  return change.inserted + change.deleted + change.marks > 0 ? change : null
}

/** As YEvent.keys says it. */
function keyChange (type, key, adds, deletes) {
  const now = type._map.get(key)
  let old = now
  while (old && adds(old)) old = old.left
  const lost = !!old && deletes(old)
  if (now.deleted) return lost ? { key, change: KEY.deleted } : null
  if (!adds(now)) return null
  return { key, change: lost ? KEY.updated : KEY.added }
}

/** The changes of a transaction whose observers have run and whose garbage is still there. */
export function changesOf (transaction) {
  const adds = item => item.id.clock >= (transaction.beforeState.get(item.id.client) ?? 0)
  const deletes = item => Y.isDeleted(transaction.deleteSet, item.id)
  const list = []
  for (const [type, subs] of transaction.changed) {
    if (type._item !== null && type._item.deleted) continue
    const where = { root: rootName(transaction.doc, type), ...(type._item === null ? {} : { client: type._item.id.client, clock: type._item.id.clock }) }
    for (const sub of subs) {
      const change = sub === null ? listChange(type, adds, deletes) : keyChange(type, sub, adds, deletes)
      if (change !== null) list.push({ ...where, ...change })
    }
  }
  return sortedList(list)
}

export const sortedList = list => list.map(entry => JSON.stringify(Object.fromEntries(Object.entries(entry).sort(([a], [b]) => a < b ? -1 : 1)))).sort()

const contentNames = new Map([[Y.GC, 'GC'], [Y.Skip, 'Skip'], [Y.ContentDeleted, 'Deleted'], [Y.ContentJSON, 'JSON'], [Y.ContentBinary, 'Binary'], [Y.ContentString, 'String'], [Y.ContentEmbed, 'Embed'], [Y.ContentFormat, 'Format'], [Y.ContentType, 'Type'], [Y.ContentAny, 'Any']])
const nameOf = struct => struct instanceof Y.Item ? contentNames.get(struct.content.constructor) ?? 'Doc' : contentNames.get(struct.constructor)
const idOf = id => [id.client, id.clock]

/** What an update holds, as `parse` lists it. */
export function parsedList (update, v) {
  const { structs, ds } = v === 2 ? Y.decodeUpdateV2(update) : Y.decodeUpdate(update)
  const list = structs.map(struct => ({
    id: idOf(struct.id),
    len: struct.length,
    content: nameOf(struct),
    ...(struct.origin ? { origin: idOf(struct.origin) } : {}),
    ...(struct.rightOrigin ? { right: idOf(struct.rightOrigin) } : {}),
    ...(struct instanceof Y.Item && !struct.origin && !struct.rightOrigin ? (typeof struct.parent === 'string' ? { root: struct.parent } : { parent: idOf(struct.parent) }) : {}),
    ...(struct instanceof Y.Item && !struct.origin && !struct.rightOrigin && struct.parentSub !== null ? { key: struct.parentSub } : {})
  }))
  for (const [client, ranges] of [...ds.clients].sort(([a], [b]) => b - a)) {
    for (const range of ranges) list.push({ id: [client, range.clock], deleted: range.len })
  }
  return list
}

/** What an embed or a nested type says of its own change: yjs gives it what the text before it has. */
export function ofTextsOnly (delta) {
  return delta.map(({ insert, attributes }) => {
    if (typeof insert === 'string' || attributes?.ychange === undefined) return { insert, ...(attributes && { attributes }) }
    const { ychange, ...others } = attributes
    return { insert, ...(Object.keys(others).length > 0 && { attributes: others }) }
  })
}

/** A text at `now` with what changed `since`, as yjs has it: in a copy, as it cuts surrogate pairs in two for good. */
function versionQuestion (doc, now, since) {
  const copy = new Y.Doc({ gc: false })
  Y.applyUpdateV2(copy, Y.encodeStateAsUpdateV2(doc))
  const point = snapshot => snapshot === undefined ? 'none' : `v2 ${hex(Y.encodeSnapshotV2(snapshot))}`
  // Without `now` yjs shows what was deleted since as if it had not changed.
  const delta = copy.getText('text').toDelta(now ?? Y.snapshot(copy), since, (type, id) => ({ type, user: id.client }))
  const question = [`versions ${point(now)} ${point(since)} root text`, { versions: ofTextsOnly(tagged(delta)) }]
  copy.destroy()
  return question
}

/** Questions about snapshots taken on the way, asked of a document that kept everything. */
export function snapshotQuestions (doc, snapshots, updates) {
  const questions = []
  const say = (line, value) => questions.push([line, { ok: true, value }])
  const encoded = snapshots.map(snapshot => [hex(Y.encodeSnapshot(snapshot)), hex(Y.encodeSnapshotV2(snapshot))])
  const copy = new Y.Doc({ gc: false }) // restoring changes a document where it cuts surrogate pairs
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
  snapshots.forEach((snapshot, i) => {
    const [v1, v2] = encoded[i]
    questions.push([`snap v2 v1 ${v1}`, { ok: true, hex: v2 }], [`snap v1 v2 ${v2}`, { ok: true, hex: v1 }])
    say(`equal v1 ${v1} v2 ${encoded[0][1]}`, Y.equalSnapshots(snapshot, snapshots[0]))
    for (const update of updates) say(`contains v2 ${v2} v1 ${hex(update)}`, Y.snapshotContainsUpdate(snapshot, update))
    if (doc.gc) return questions.push([`restore v1 v1 ${v1}`, { refused: true }])
    const restored = Y.createDocFromSnapshot(copy, snapshot)
    questions.push(versionQuestion(doc, snapshot, snapshots[0]), versionQuestion(doc, undefined, snapshot), versionQuestion(doc, snapshot, undefined))
    questions.push([`restore v2 v2 ${v2}`, { restored: hex(Y.encodeStateVector(restored)), state: stateOf(restored) }])
    restored.destroy()
  })
  copy.destroy()
  return questions
}
