// What the demo pages say, written as BlockNote and src/diagram keep it.
import * as Y from 'yjs'

const BLOCKS = [
  ['heading', 'Welcome', { level: 1 }],
  ['paragraph', 'This page is shared: open it in a second browser, sign in as somebody else, and type in both.'],
  ['heading', 'Things to try', { level: 2 }],
  ['checkListItem', 'Press / for blocks: headings, lists, tables, pictures'],
  ['checkListItem', 'Go offline, write something, and come back'],
  ['checkListItem', 'Press r and Enter in the terminal: partyd starts again while you type'],
  ['checkListItem', 'Sign in as Vera, who may only read'],
  ['heading', 'What you see above', { level: 2 }],
  ['paragraph', '“Saved” means that the server has it on its disk. The faces are the people who have this page open now.']
]

export function writeDocument (doc) {
  const group = new Y.XmlElement('blockGroup')
  group.insert(0, BLOCKS.map(([type, says, attributes = {}], n) => {
    const content = new Y.XmlElement(type)
    for (const [name, value] of Object.entries(attributes)) content.setAttribute(name, value)
    content.insert(0, [new Y.XmlText(says)])
    const container = new Y.XmlElement('blockContainer')
    container.setAttribute('id', n === 0 ? 'initialBlockId' : `welcome-${n}`)
    container.insert(0, [content])
    return container
  }))
  doc.getXmlFragment('document-store').insert(0, [group])
}

const BOXES = [
  { id: 'browser', label: 'Browser', x: 0, y: 0, color: '#a5d8ff' },
  { id: 'partyd', label: 'partyd', x: 360, y: 0, color: '#b2f2bb' },
  { id: 'convex', label: 'Convex', x: 180, y: 220, color: '#ffec99' }
]
const ARROWS = [['browser', 'partyd', [170, 40], [180, 0]], ['browser', 'convex', [90, 90], [100, 120]], ['convex', 'partyd', [350, 240], [90, -140]]]
const WIDTH = 160
const HEIGHT = 80

export function writeDiagram (doc) {
  const elements = []
  const add = element => elements.push({ ...base(elements.length), ...element })
  for (const { id, label, x, y, color } of BOXES) {
    add({ id, type: 'rectangle', x, y, width: WIDTH, height: HEIGHT, backgroundColor: color, roundness: { type: 3 }, boundElements: [{ id: `${id}-label`, type: 'text' }] })
    const width = label.length * 11
    add({
      id: `${id}-label`, type: 'text', containerId: id, x: x + (WIDTH - width) / 2, y: y + HEIGHT / 2 - 12.5, width, height: 25,
      text: label, originalText: label, fontSize: 20, fontFamily: 5, textAlign: 'center', verticalAlign: 'middle', lineHeight: 1.25, autoResize: true
    })
  }
  for (const [from, to, [x, y], [dx, dy]] of ARROWS) {
    add({
      id: `${from}-${to}`, type: 'arrow', x, y, width: Math.abs(dx), height: Math.abs(dy), points: [[0, 0], [dx, dy]], lastCommittedPoint: null,
      startBinding: null, endBinding: null, startArrowhead: null, endArrowhead: 'arrow', elbowed: false, roundness: { type: 2 }
    })
  }
  const shared = doc.getMap('elements')
  for (const element of elements) shared.set(element.id, element)
}

const base = n => ({
  angle: 0, strokeColor: '#1e1e1e', backgroundColor: 'transparent', fillStyle: 'solid', strokeWidth: 2, strokeStyle: 'solid', roughness: 1,
  opacity: 100, groupIds: [], frameId: null, roundness: null, seed: 1000 + n, version: 1, versionNonce: 1000 + n, isDeleted: false,
  boundElements: null, updated: 1, link: null, locked: false, index: `a${n}`
})
