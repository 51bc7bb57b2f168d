// W6a, W6b, W6c, W7: documents as BlockNote and Excalidraw keep them.
import * as Y from 'yjs'
import { Draw } from './draw.mjs'
import { Recording } from './recording.mjs'

const KINDS = ['paragraph', 'paragraph', 'paragraph', 'heading', 'bulletListItem', 'numberedListItem', 'checkListItem']

function block (draw) {
  const container = new Y.XmlElement('blockContainer')
  container.setAttribute('id', [8, 4, 4, 4, 12].map(n => draw.hex(n)).join('-'))
  const kind = draw.of(KINDS)
  const element = new Y.XmlElement(kind)
  for (const [name, value] of [['textColor', 'default'], ['backgroundColor', 'default'], ['textAlignment', 'left']]) element.setAttribute(name, value)
  if (kind === 'heading') {
    element.setAttribute('level', 1 + draw.below(3))
    element.setAttribute('isToggleable', false)
  }
  if (kind === 'checkListItem') element.setAttribute('checked', false)
  element.insert(0, [new Y.XmlText()])
  container.insert(0, [element])
  return container
}

/** A mark; all are drawn, so that each choice costs the same draws. */
const mark = draw => draw.of([
  { bold: {} }, { italic: {} }, { underline: {} }, { code: {} },
  { textColor: { stringValue: draw.of(['red', 'blue', 'green']) } },
  { link: { href: 'https://example.org/' + draw.hex(12), target: '_blank' } }
])
const textOf = container => container.get(0).get(0)

/** Words typed in chunks, as an editor sends them; half of the blocks get a mark. */
function fill (doc, text, draw) {
  let words = ''
  for (let left = 6 + draw.below(30); left > 0; left--) words += draw.word() + ' '
  for (let at = 0; at < words.length;) {
    const chunk = 1 + draw.below(12)
    text.insert(text.length, words.slice(at, at + chunk))
    at += chunk
  }
  if (draw.fraction() >= 0.5) return
  const from = draw.below(text.length - 5)
  doc.transact(() => text.format(from, 2 + draw.below(Math.min(20, text.length - from - 2)), mark(draw)))
}

/** One edit of a kind drawn by weight; gives the number of operations beyond the first. */
function edit (doc, group, draw, blocks) {
  const index = draw.below(group.length)
  const container = group.get(index)
  const text = textOf(container)
  const kind = draw.fraction()
  if (kind < 0.55) { // typing
    let cursor = draw.below(text.length + 1)
    const letters = 1 + draw.below(20)
    for (let i = 0; i < letters; i++) text.insert(cursor++, draw.of('etaoin shrdlu'))
    return letters
  }
  if (kind < 0.7) { // backspaces
    let cursor = text.length > 0 ? 1 + draw.below(text.length) : 0
    let deleted = 0
    for (; deleted < 8 && cursor > 0; deleted++) text.delete(--cursor, 1)
    return deleted
  }
  if (kind < 0.88) { // a mark on, or bold off
    if (text.length <= 6) return 0
    const from = draw.below(text.length - 5)
    const length = 1 + draw.below(text.length - from)
    text.format(from, length, kind < 0.82 ? mark(draw) : { bold: null })
  } else if (kind < 0.95) {
    const name = draw.of(['textColor', 'backgroundColor', 'textAlignment'])
    container.get(0).setAttribute(name, draw.of(['default', 'red', 'blue', 'center', 'right']))
  } else if (kind < 0.97 && group.length > 10) { // moved: a copy there, gone here
    doc.transact(() => {
      const to = draw.below(group.length - 1)
      const copy = container.clone()
      group.delete(index, 1)
      group.insert(to, [copy])
    })
  } else if (kind < 0.985) group.insert(index, [block(draw)])
  else if (group.length > blocks / 2) group.delete(index, 1)
  return 0
}

function blocks (doc, draw, { count, edits, clients }) {
  doc.clientID = clients[0]
  const group = new Y.XmlElement('blockGroup')
  doc.transact(() => doc.getXmlFragment('document-store').insert(0, [group]))
  for (let i = 0; i < count; i++) {
    if (i % 25 === 0) doc.clientID = draw.of(clients)
    const container = block(draw)
    doc.transact(() => group.insert(group.length, [container]))
    fill(doc, textOf(container), draw)
  }
  for (let i = 0; i < edits; i++) {
    if (i % 40 === 0) doc.clientID = draw.of(clients)
    i += edit(doc, group, draw, count)
  }
}

const shape = draw => ({
  id: draw.hex(20),
  type: draw.of(['rectangle', 'ellipse', 'arrow', 'text', 'freedraw', 'diamond']),
  x: draw.below(400000) / 100,
  y: draw.below(400000) / 100,
  width: draw.below(40000) / 100,
  height: draw.below(40000) / 100,
  angle: 0,
  strokeColor: '#1e1e1e',
  backgroundColor: draw.of(['transparent', '#ffc9c9', '#b2f2bb']),
  fillStyle: 'solid',
  strokeWidth: 2,
  strokeStyle: 'solid',
  roughness: 1,
  opacity: 100,
  seed: draw.id() & 0x7fffffff,
  version: 1,
  versionNonce: draw.id() & 0x7fffffff,
  isDeleted: false,
  updated: 1700000000000 + draw.below(1e9),
  locked: false,
  index: 'a' + draw.hex(3),
  frameId: null,
  link: null
})

/** Shapes in a list, then `steps` drag steps of four people, 60 to a drag. */
function board (folder, name, seed, { shapes, steps, add, grab }) {
  const draw = new Draw(seed)
  const doc = new Y.Doc()
  const elements = doc.getArray('elements')
  const recording = new Recording(folder, name)
  recording.follow(doc)
  const clients = Array.from({ length: 4 }, () => draw.id())
  doc.clientID = clients[0]
  for (let i = 0; i < shapes; i++) {
    const map = new Y.Map()
    add(map, i, shape(draw))
    elements.push([map])
  }
  for (let i = 0; i < steps;) {
    doc.clientID = clients[draw.below(4)]
    const step = grab(elements.get(draw.below(shapes)), draw)
    for (let k = 0; k < 60 && i < steps; k++, i++) step(doc)
  }
  recording.close(doc)
}

const cents = value => Math.round(value * 100) / 100

export const boards = {
  w6a: folder => {
    const draw = new Draw(61)
    const doc = new Y.Doc()
    const recording = new Recording(folder, 'w6a_blocknote')
    recording.follow(doc)
    blocks(doc, draw, { count: 2000, edits: 60000, clients: Array.from({ length: 12 }, () => draw.id()) })
    recording.close(doc)
  },
  // A map of 23 keys for each shape: a step overwrites two of them.
  w6b: folder => board(folder, 'w6b_excalidraw', 62, {
    shapes: 5000,
    steps: 100000,
    add: (map, i, made) => { for (const key in made) map.set(key, made[key]) },
    grab: (map, draw) => {
      let [x, y] = [map.get('x'), map.get('y')]
      return doc => {
        x = cents(x + draw.below(700) / 100)
        y = cents(y + draw.below(500) / 100)
        doc.transact(() => { map.set('x', x); map.set('y', y) })
      }
    }
  }),
  // The shape as one value, overwritten at each step.
  w6c: folder => board(folder, 'w6c_exjson', 63, {
    shapes: 1000,
    steps: 50000,
    add: (map, i, made) => { map.set('pos', 'a' + i); map.set('el', made) },
    grab: (map, draw) => {
      const element = { ...map.get('el') }
      return () => {
        element.x += 1.5
        element.y += 0.5
        element.version++
        element.versionNonce = draw.id() & 0x7fffffff
        map.set('el', { ...element })
      }
    }
  }),
  // 500 documents of about 5 KB.
  w7: folder => {
    const recording = new Recording(folder, 'w7_docs5k')
    for (let i = 0; i < 500; i++) {
      const draw = new Draw(7000 + i)
      const doc = new Y.Doc()
      blocks(doc, draw, { count: 14, edits: 60, clients: [draw.id(), draw.id()] })
      recording.add(Y.encodeStateAsUpdate(doc))
    }
    recording.stream()
  }
}
