// One random multi-client session in yjs: what every peer wrote, and how the network delivered it.
// Everything is a function of the seed.
import * as Y from 'yjs'

/** mulberry32 with the few helpers that the generator needs. */
export function random (seed) {
  let state = seed | 0
  const next = () => {
    state = state + 0x6D2B79F5 | 0
    let t = Math.imul(state ^ state >>> 15, 1 | state)
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t
    return ((t ^ t >>> 14) >>> 0) / 4294967296
  }
  const int = n => Math.floor(next() * n)
  return { next, int, chance: p => next() < p, pick: list => list[int(list.length)] }
}

export const ROOTS = { text: 'text', array: 'array', map: 'map', xml: 'xml' }
export const WORDS = ['a', 'xy', 'hello', '😀', 'a😀b', '漢字', '\0', 'é', ' ', 'long enough to be split', '👩‍👩‍👧', 'ab😀😀c']
export const FORMATS = [{ bold: true }, { bold: null }, { em: {} }, { em: null }, { color: 'red' }, { color: '漢' }, { bold: null, color: null }, { link: { href: 'x', n: 1.5 } }]
export const KEYS = ['k', 'k2', 'key three', '漢', '']

// Arrays take neither undefined nor bigint at their top level.
export function value (r, depth = 0, inMap = false) {
  switch (r.int(depth > 2 ? 9 : 12)) {
    case 0: return r.int(200) - 100
    case 1: return r.pick([0, -0, 2 ** 31, 2 ** 53 - 1, -(2 ** 40), 0.1, 0.5, 1e300, NaN, Infinity, -Infinity])
    case 2: return r.pick([true, false])
    case 3: return null
    case 4: return depth > 0 || inMap ? undefined : null
    case 5: return depth > 0 || inMap ? BigInt(r.int(1000)) - 500n : 5
    case 6: return new Uint8Array(Array.from({ length: r.int(4) }, () => r.int(256)))
    case 7: case 8: return r.pick(WORDS)
    case 9: return Array.from({ length: r.int(3) }, () => value(r, depth + 1))
    default: return Object.fromEntries(Array.from({ length: r.int(3) }, () => [r.pick([...KEYS, '7', '1']), value(r, depth + 1)]))
  }
}

function filledText (r) {
  const text = r.chance(0.5) ? new Y.Text() : new Y.XmlText()
  if (r.chance(0.8)) text.insert(0, r.pick(WORDS))
  return text
}

/** A value or a new type, as arrays and maps take them. */
function content (r, guid, inMap = false) {
  switch (r.int(12)) {
    case 0: return new Y.Map(r.chance(0.5) ? [['q', 1]] : [])
    case 1: return Y.Array.from(r.chance(0.5) ? [1, 'two'] : [])
    case 2: return filledText(r)
    case 3: return element(r)
    case 4: return r.chance(0.3) ? new Y.Doc({ guid, autoLoad: r.chance(0.5), meta: r.chance(0.5) ? { a: 1 } : null }) : r.int(9)
    default: return value(r, 0, inMap)
  }
}

function element (r) {
  const node = new Y.XmlElement(r.pick(['p', 'div', 'x-y']))
  if (r.chance(0.5)) node.setAttribute(r.pick(['id', 'class']), r.pick(WORDS))
  if (r.chance(0.3)) node.insert(0, [filledText(r)])
  return node
}

function editText (r, text) {
  const n = text.length
  const at = r.int(n + 1)
  const k = r.next()
  if (k < 0.45 || n === 0) text.insert(at, r.pick(WORDS), r.chance(0.25) ? r.pick(FORMATS) : undefined)
  else if (k < 0.7) text.delete(r.int(n), 1 + r.int(Math.min(n, 5)))
  else if (k < 0.93) text.format(r.int(n), 1 + r.int(Math.min(n, 8)), r.pick(FORMATS))
  else text.insertEmbed(at, r.pick([{ image: 'x.png', w: 3, n: null }, { a: [1.5, 'é'] }]))
}

function editArray (r, array, guid) {
  const n = array.length
  if (r.chance(0.65) || n === 0) array.insert(r.int(n + 1), Array.from({ length: 1 + r.int(3) }, (_, i) => content(r, guid + i)))
  else { const at = r.int(n); array.delete(at, 1 + r.int(Math.min(3, n - at))) }
}

function editMap (r, map, guid) {
  const key = r.pick(KEYS)
  if (r.chance(0.75)) map.set(key, content(r, guid, true))
  else map.delete(key)
}

function editXml (r, node) {
  const k = r.next()
  if (node instanceof Y.XmlElement && k < 0.4) {
    if (r.chance(0.7)) node.setAttribute(r.pick(['id', 'class', 'a']), r.pick(WORDS))
    else node.removeAttribute(r.pick(['id', 'class']))
  } else if (k < 0.8 || node.length === 0) node.insert(r.int(node.length + 1), [r.chance(0.5) ? element(r) : filledText(r)])
  else node.delete(r.int(node.length), 1)
}

export function childTypes (type) {
  if (type instanceof Y.Text) return []
  const values = type instanceof Y.Map ? [...type.values()] : type.toArray()
  return values.filter(v => v instanceof Y.AbstractType)
}

/** Edits a root or something nested in it. */
function edit (r, doc, guid) {
  const root = r.pick(Object.keys(ROOTS))
  let type = { text: () => doc.getText(root), array: () => doc.getArray(root), map: () => doc.getMap(root), xml: () => doc.getXmlFragment(root) }[root]()
  while (r.chance(0.6)) {
    const children = childTypes(type)
    if (children.length === 0) break
    type = r.pick(children)
  }
  if (type instanceof Y.Text) editText(r, type)
  else if (type instanceof Y.Array) editArray(r, type, guid)
  else if (type instanceof Y.Map) editMap(r, type, guid)
  else editXml(r, type)
}

export function clientIds (r, n) {
  const made = { small: () => 1 + r.int(100), wide: () => 1 + r.int(0xffffffff), huge: () => 2 ** 53 - 1 - r.int(1000), near: () => 70000 + r.int(8) }
  const ids = new Set()
  while (ids.size < n) ids.add(made[r.pick(Object.keys(made))]())
  return [...ids]
}

/** All updates that the peers emitted, in the order of time; and the peers. */
function write (r, gc) {
  const peers = clientIds(r, 2 + r.int(4)).map(id => {
    const doc = new Y.Doc({ gc })
    doc.clientID = id
    return doc
  })
  const updates = []
  for (const doc of peers) doc.on('update', (update, origin) => { if (origin !== 'sync') updates.push(update) })
  const steps = 6 + r.int(30)
  for (let i = 0; i < steps; i++) {
    const doc = r.pick(peers)
    doc.transact(() => { for (let n = r.chance(0.7) ? 1 : 2 + r.int(4); n > 0; n--) edit(r, doc, `guid-${i}-${n}-`) })
    if (r.chance(0.3)) {
      const to = r.pick(peers)
      if (to !== doc) Y.applyUpdate(to, Y.encodeStateAsUpdate(doc, Y.encodeStateVector(to)), 'sync')
    }
  }
  return { peers, updates }
}

function shuffle (r, list) {
  for (let i = list.length - 1; i > 0; i--) {
    const j = r.int(i + 1);
    [list[i], list[j]] = [list[j], list[i]]
  }
}

/** Merges runs of 1 to 4 neighbours, as a provider that batches does. */
function merged (r, updates) {
  const out = []
  for (let i = 0; i < updates.length;) {
    const n = r.chance(0.3) ? 1 + r.int(4) : 1
    const part = updates.slice(i, i + n)
    out.push(part.length > 1 ? Y.mergeUpdates(part) : part[0])
    i += n
  }
  return out
}

/** Some of the updates arrive in format V2: [{ v, bytes }]. */
function formatted (r, updates, share) {
  return updates.map(bytes => r.chance(share) ? { v: 2, bytes: Y.convertUpdateFormatV1ToV2(bytes) } : { v: 1, bytes })
}

/** { gc, updates }: what arrives at a server, in that order. */
export function session (seed) {
  const r = random(seed)
  const gc = r.chance(0.85)
  const { peers, updates } = write(r, r.chance(0.9))
  let list = [...updates]
  if (r.chance(0.7)) shuffle(r, list)
  if (r.chance(0.6)) list = merged(r, list)
  const lossy = r.chance(0.4)
  if (lossy) list = list.filter(() => !r.chance(0.1))
  const out = []
  for (const update of list) {
    out.push(update)
    if (r.chance(0.2)) out.splice(r.int(out.length + 1), 0, update)
  }
  const full = () => Y.encodeStateAsUpdate(r.pick(peers))
  const own = peers.map(doc => ({ v: 2, bytes: Y.encodeStateAsUpdateV2(doc) }))
  if (r.chance(0.3)) out.splice(r.int(out.length + 1), 0, full())
  if (lossy && r.chance(0.7)) for (const doc of peers) out.push(Y.encodeStateAsUpdate(doc)) // repaired
  for (const doc of peers) doc.destroy()
  // From here on the numbers drawn do not change what the session is.
  const share = r.pick([0, 0, 0.4, 1])
  const arrived = formatted(r, out, share)
  if (share > 0 && r.chance(0.5)) arrived.splice(r.int(arrived.length + 1), 0, r.pick(own))
  return { gc, updates: arrived }
}
