// What tests/doc.tests.js and tests/relativePositions.tests.js of yjs ask for.
import assert from 'node:assert/strict'
import { alone, suite } from './suite.mjs'

suite('doc', {
  testAfterTransactionRecursion: alone(([Y]) => {
    const doc = new Y.Doc()
    const xml = doc.getXmlFragment('x')
    doc.transact(() => { for (let i = 0; i < 3000; i++) xml.push([new Y.XmlText('a')]) })
    assert.equal(xml.toString().length, 3000)
  }),
  testClientIdDuplicateChange: alone(([Y]) => {
    const [a, b] = [new Y.Doc(), new Y.Doc()]
    a.clientID = 0
    b.clientID = 0
    a.getArray('a').insert(0, [1, 2])
    Y.applyUpdate(b, Y.encodeStateAsUpdate(a))
    assert.notEqual(b.clientID, a.clientID)
  }),
  testGetTypeEmptyId: alone(([Y]) => {
    const [a, b] = [new Y.Doc(), new Y.Doc()]
    a.getText('').insert(0, 'h')
    a.getText().insert(1, 'i')
    Y.applyUpdate(b, Y.encodeStateAsUpdate(a))
    assert.deepEqual([b.getText().toString(), b.getText('').toString()], ['hi', 'hi'])
  }),
  testToJSON: alone(([Y]) => {
    const doc = new Y.Doc()
    assert.deepEqual(doc.toJSON(), {})
    doc.getArray('array').push(['test1'])
    const map = doc.getMap('map')
    map.set('k1', 'v1')
    map.set('k2', new Y.Map()).set('m2k1', 'm2v1')
    assert.deepEqual(doc.toJSON(), { array: ['test1'], map: { k1: 'v1', k2: { m2k1: 'm2v1' } } })
  }),
  // Without events and loading, which are the host's: which sub-documents there are.
  testSubdoc: alone(([Y]) => {
    const [doc, other] = [new Y.Doc(), new Y.Doc()]
    const map = doc.getMap('mysubdocs')
    map.set('a', new Y.Doc({ guid: 'a' }))
    map.set('b', new Y.Doc({ guid: 'a' }))
    map.set('c', new Y.Doc({ guid: 'c' }))
    const guids = d => [...d.getSubdocGuids()].sort()
    assert.deepEqual(guids(doc), ['a', 'c'])
    Y.applyUpdate(other, Y.encodeStateAsUpdate(doc))
    assert.deepEqual(guids(other), ['a', 'c'])
    other.getMap('mysubdocs').delete('a')
    assert.deepEqual(guids(other), ['a', 'c'])
    other.getMap('mysubdocs').delete('b')
    assert.deepEqual(guids(other), ['c'])
  })
})

/** Every place of a text, as it is and encoded. */
function checkPlaces (Y, doc, text) {
  for (let i = 0; i < text.length; i++) {
    for (const assoc of [-1, 0]) {
      const position = Y.decodeRelativePosition(Y.encodeRelativePosition(Y.createRelativePositionFromTypeIndex(text, i, assoc)))
      const { index, assoc: side } = Y.createAbsolutePositionFromRelativePosition(position, doc)
      assert.deepEqual([index, side], [i, assoc])
    }
  }
}

const texts = [['1', 'abc', 'z', 'y', 'x'], ['abc'], ['abc', '1', 'xyz'], ['1'], ['2', '1'], []]
const cases = {}
for (const [n, parts] of texts.entries()) {
  cases[`testRelativePositionCase${n + 1}`] = alone(([Y]) => {
    const doc = new Y.Doc()
    for (const part of parts) doc.getText().insert(0, part)
    checkPlaces(Y, doc, doc.getText())
  })
}
cases.testRelativePositionCase7 = alone(([Y]) => {
  const doc = new Y.Doc()
  doc.getText('text').insert(0, 'abcde')
  const position = Y.createRelativePositionFromTypeIndex(doc.getText('text'), 2)
  assert.equal(Y.createAbsolutePositionFromRelativePosition(position, doc).index, 2)
})
cases.testRelativePositionAssociationDifference = alone(([Y]) => {
  const doc = new Y.Doc()
  const text = doc.getText()
  text.insert(0, '2')
  text.insert(0, '1')
  const [right, left] = [0, -1].map(assoc => Y.createRelativePositionFromTypeIndex(text, 1, assoc))
  text.insert(1, 'x')
  assert.deepEqual([right, left].map(p => Y.createAbsolutePositionFromRelativePosition(p, doc).index), [2, 1])
})
suite('relativePositions', cases)
