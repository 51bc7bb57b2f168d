// What tests/updates.tests.js and tests/encoding.tests.js of yjs ask for.
import assert from 'node:assert/strict'
import { compare, facade, init } from './network.mjs'
import { alone, suite } from './suite.mjs'

/** The ways to merge: without a document in V1 and V2, and through a document. */
const waysOf = Y => [
  { event: 'update', merge: Y.mergeUpdates, state: Y.encodeStateAsUpdate, apply: Y.applyUpdate, vector: Y.encodeStateVectorFromUpdate, diff: Y.diffUpdate, meta: Y.parseUpdateMeta },
  { event: 'updateV2', merge: Y.mergeUpdatesV2, state: Y.encodeStateAsUpdateV2, apply: Y.applyUpdateV2, vector: Y.encodeStateVectorFromUpdateV2, diff: Y.diffUpdateV2, meta: Y.parseUpdateMetaV2 },
  {
    event: 'updateV2',
    merge: updates => {
      const doc = new Y.Doc({ gc: false })
      for (const update of updates) Y.applyUpdateV2(doc, update)
      return Y.encodeStateAsUpdateV2(doc)
    },
    state: Y.encodeStateAsUpdateV2,
    apply: Y.applyUpdateV2,
    vector: Y.encodeStateVectorFromUpdateV2,
    diff: (update, sv) => {
      const doc = new Y.Doc({ gc: false })
      Y.applyUpdateV2(doc, update)
      return Y.encodeStateAsUpdateV2(doc, sv)
    },
    meta: Y.parseUpdateMetaV2
  }
]

/** Five orders of merging the same updates, with overlaps and gaps. */
function mergings (merge, updates) {
  const cases = [
    merge(updates),
    merge([merge(updates.slice(2)), merge(updates.slice(0, 2))]),
    merge([merge(updates.slice(2)), merge(updates.slice(1, 3)), updates[0]]),
    merge([merge([updates[0], updates[2]]), merge([updates[1], updates[3]]), merge(updates.slice(4))])
  ]
  return [...cases, merge(cases)]
}

function checkMerging (Y, way, edit) {
  const doc = new Y.Doc({ gc: false })
  const updates = []
  doc.on(way.event, update => updates.push(update))
  edit(doc.getArray())
  for (const merged of mergings(way.merge, updates)) {
    const again = new Y.Doc({ gc: false })
    way.apply(again, merged)
    assert.deepEqual(again.getArray().toArray(), doc.getArray().toArray())
    assert.deepEqual(Y.encodeStateVector(again), way.vector(merged))
    const { from, to } = way.meta(merged)
    assert.ok([...from.values()].every(clock => clock === 0))
    assert.deepEqual(to, Y.decodeStateVector(Y.encodeStateVector(again)))
    for (let i = 1; i < updates.length; i++) {
      // What is cut off at a vector covers the clocks of the updates behind it.
      const cut = way.diff(merged, way.vector(way.merge(updates.slice(0, i))))
      assert.deepEqual(way.meta(cut), way.meta(way.merge(updates.slice(i))))
    }
  }
}

suite('updates', {
  testMergeUpdates: cast => {
    const { users } = init(cast, 3)
    users[0].array.insert(0, [1])
    users[1].array.insert(0, [2])
    compare(users)
    for (const user of users) {
      for (const way of waysOf(user.Y)) {
        const doc = new user.Y.Doc()
        way.apply(doc, way.merge(users.map(other => waysOf(other.Y)[waysOf(user.Y).findIndex(w => w.event === way.event)].state(other.doc))))
        assert.deepEqual(doc.getArray('array').toArray(), users[0].array.toArray())
      }
    }
  },
  testKeyEncoding: cast => {
    const { users } = init(cast, 2)
    const [a, b] = users
    const italic = { italic: true }
    a.text.insert(0, 'a', { ...italic })
    a.text.insert(0, 'b')
    a.text.insert(0, 'c', { ...italic })
    b.Y.applyUpdateV2(b.doc, a.Y.encodeStateAsUpdateV2(a.doc))
    assert.deepEqual(b.text.toDelta(), [{ insert: 'c', attributes: italic }, { insert: 'b' }, { insert: 'a', attributes: italic }])
    compare(users)
  },
  testMergeUpdates1: alone(([Y]) => {
    for (const way of waysOf(Y)) checkMerging(Y, way, array => { for (let i = 1; i < 5; i++) array.insert(0, [i]) })
  }),
  testMergeUpdates2: alone(([Y]) => {
    for (const way of waysOf(Y)) {
      checkMerging(Y, way, array => {
        array.insert(0, [1, 2])
        array.delete(1, 1)
        array.insert(0, [3, 4])
        array.delete(1, 2)
      })
    }
  }),
  testMergePendingUpdates: alone(([Y]) => {
    const doc = new Y.Doc()
    const updates = []
    doc.on('update', update => updates.push(update))
    for (const letter of 'ronen') doc.getText('textBlock').applyDelta([{ insert: letter }])
    // The fourth comes before the third; each step starts from the state of the one before.
    let state = null
    let last = null
    for (const i of [0, 1, 3, 2, 4]) {
      last = new Y.Doc()
      if (state) Y.applyUpdate(last, state)
      Y.applyUpdate(last, updates[i])
      state = Y.encodeStateAsUpdate(last)
    }
    assert.equal(last.getText('textBlock').toString(), 'nenor')
  }),
  testObfuscateUpdates: alone(([Y]) => {
    for (const [state, obfuscate, apply] of [[Y.encodeStateAsUpdate, Y.obfuscateUpdate, Y.applyUpdate], [Y.encodeStateAsUpdateV2, Y.obfuscateUpdateV2, Y.applyUpdateV2]]) {
      const doc = new Y.Doc()
      doc.getText('text').applyDelta([{ insert: 'text', attributes: { bold: true } }, { insert: { href: 'supersecreturl' } }])
      doc.getMap('map').set('key', 'secret1')
      doc.getMap('map').set('key', 'secret2')
      const subtype = new Y.XmlElement('secretnodename')
      subtype.setAttribute('attr', 'val')
      doc.getArray('array').insert(0, ['teststring', 42, subtype, new Y.Doc({ guid: 'secret' })])
      const hidden = new Y.Doc()
      apply(hidden, obfuscate(state(doc)))
      const [first, embed, ...more] = hidden.getText('text').toDelta()
      assert.deepEqual([more, first.insert === 'text', first.insert.length, Object.keys(embed)], [[], false, 4, ['insert']])
      assert.equal(Object.keys(first.attributes).length, 1)
      assert.ok(!('bold' in first.attributes))
      const map = hidden.getMap('map')
      assert.deepEqual([map.size, map.has('key')], [1, false])
      const [string, number, element, subdoc, ...others] = hidden.getArray('array').toArray()
      assert.deepEqual([others, string === 'teststring', number === 42], [[], false, false])
      assert.notEqual(element.nodeName, 'secretnodename')
      assert.deepEqual([Object.keys(element.getAttributes()).length, element.getAttribute('attr')], [1, undefined])
      assert.notEqual(subdoc.guid, 'secret')
      assert.ok(!Buffer.from(obfuscate(state(doc))).includes('secret'))
    }
  })
})

suite('encoding', {
  // The contents by their numbers, as `parse` names them.
  testStructReferences: Object.assign(() => {
    const names = ['Deleted', 'JSON', 'Binary', 'String', 'Embed', 'Format', 'Type', 'Any', 'Doc']
    const update = Buffer.from('010a07000101017402 8207010209756e646566696e6564077b2261223a317d 830703020102 84070403737472 850707077b2265223a317d 860708016b03227622 87070901 88070a027701787e 89070c04677569647600 84070d0121 00'.replaceAll(' ', ''), 'hex')
    assert.deepEqual(facade.listStructs(update).map(struct => struct.content).slice(0, 9), names)
  }, { casts: ['libydoc'] }),
  testDiffStateVectorOfUpdateIsEmpty: alone(([Y]) => {
    const doc = new Y.Doc()
    let sv = null
    doc.getText().insert(0, 'a')
    doc.on('update', update => { sv = Y.encodeStateVectorFromUpdate(update) })
    doc.getText().insert(0, 'a')
    assert.deepEqual([...sv], [0])
  }),
  testDiffStateVectorOfUpdateIgnoresSkips: alone(([Y]) => {
    const doc = new Y.Doc()
    const updates = []
    doc.on('update', update => updates.push(update))
    for (const letter of 'abc') doc.getText().insert(0, letter)
    const sv = Y.decodeStateVector(Y.encodeStateVectorFromUpdate(Y.mergeUpdates([updates[0], updates[2]])))
    assert.deepEqual([...sv], [[doc.clientID, 1]])
  })
})
