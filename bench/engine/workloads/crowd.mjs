// W5c, W5m, W8a, W8b: many clients that know nothing of one another.
import * as Y from 'yjs'
import { Draw } from './draw.mjs'
import { Recording } from './recording.mjs'

/** What each of `clients` types into its copy of a text that all began with. */
function apart (seed, { clients, letters, length, place }) {
  const draw = new Draw(seed)
  const base = new Y.Doc()
  base.clientID = draw.id()
  if (length > 0) {
    let words = ''
    while (words.length < length) words += draw.word() + ' '
    base.getText('text').insert(0, words.slice(0, length))
  }
  const begin = Y.encodeStateAsUpdate(base)
  const authors = []
  for (let i = 0; i < clients; i++) {
    const doc = new Y.Doc()
    Y.applyUpdate(doc, begin)
    doc.clientID = draw.id()
    const updates = []
    doc.on('update', update => updates.push(update))
    const text = doc.getText('text')
    let cursor = place(draw, text.length)
    for (let k = 0; k < letters; k++) text.insert(cursor++, 'abcdefghijklmnopqrstuvwxyz'[k % 26])
    authors.push({ id: doc.clientID, updates })
  }
  return { draw, begin: length > 0 ? [begin] : [], authors }
}

/** Everybody's first update, then everybody's second, ... */
function inTurns (folder, name, { begin, authors }) {
  const recording = new Recording(folder, name)
  for (const update of begin) recording.add(update)
  authors[0].updates.forEach((_, i) => { for (const author of authors) recording.add(author.updates[i]) })
  recording.close()
}

/** One letter each at the beginning of an empty text, in three orders of arrival. */
function samePlace (folder) {
  for (const clients of [5000, 10000, 20000]) {
    const { draw, authors } = apart(81, { clients, letters: 1, length: 0, place: () => 0 })
    const orders = {
      asc: [...authors].sort((a, b) => a.id - b.id),
      desc: [...authors].sort((a, b) => b.id - a.id),
      rnd: draw.shuffled(authors)
    }
    for (const order of clients === 20000 ? ['asc', 'desc', 'rnd'] : ['asc']) {
      const recording = new Recording(folder, `w8a_same${clients}_${order}`)
      for (const author of orders[order]) recording.add(author.updates[0])
      recording.stream()
    }
  }
}

/** 10,000 clients set keys of one map, of which there are 1,000. */
function keys (folder) {
  const draw = new Draw(54)
  const recording = new Recording(folder, 'w5m_mapclients')
  for (let client = 0; client < 10000; client++) {
    const doc = new Y.Doc()
    doc.clientID = draw.id()
    recording.follow(doc)
    doc.getMap('map').set('k' + draw.below(1000), client)
  }
  recording.close()
}

export const crowd = {
  w5c: folder => inTurns(folder, 'w5c_concurrent', apart(53, { clients: 5000, letters: 10, length: 20000, place: (draw, length) => draw.below(length + 1) })),
  w5m: keys,
  w8a: samePlace,
  w8b: folder => inTurns(folder, 'w8b_runs', apart(82, { clients: 500, letters: 20, length: 100, place: (draw, length) => length >> 1 }))
}
