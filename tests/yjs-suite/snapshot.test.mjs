// What tests/snapshot.tests.js of yjs asks for.
import assert from 'node:assert/strict'
import { init } from './network.mjs'
import { alone, suite } from './suite.mjs'

/** A document that keeps everything; `change` happens before the snapshot, `later` behind it. */
function story (Y, change, later) {
  const doc = new Y.Doc({ gc: false })
  change(doc)
  const snapshot = Y.snapshot(doc)
  later(doc)
  return { doc, then: Y.createDocFromSnapshot(doc, snapshot) }
}
const array = doc => doc.getArray('array')

suite('snapshot', {
  testBasic: alone(([Y]) => {
    const { then } = story(Y, doc => doc.getText().insert(0, 'world!'), doc => doc.getText().insert(0, 'hello '))
    assert.equal(then.getText().toString(), 'world!')
  }),
  // yjs reads the attributes of then from the document of now.
  testBasicXmlAttributes: alone(([Y]) => {
    const doc = new Y.Doc({ gc: false })
    const element = doc.getMap('m').set('el', new Y.XmlElement('div'))
    const first = Y.snapshot(doc)
    element.setAttribute('a', '1')
    const second = Y.snapshot(doc)
    element.setAttribute('a', '2')
    const then = snapshot => Y.createDocFromSnapshot(doc, snapshot).getMap('m').get('el').getAttributes()
    assert.deepEqual([element.getAttributes(), then(second), then(first)], [{ a: '2' }, { a: '1' }, {}])
  }),
  testBasicRestoreSnapshot: alone(([Y]) => {
    const { doc, then } = story(Y, doc => array(doc).insert(0, ['hello']), doc => array(doc).insert(1, ['world']))
    assert.deepEqual([array(then).toArray(), array(doc).toArray()], [['hello'], ['hello', 'world']])
  }),
  testEmptyRestoreSnapshot: alone(([Y]) => {
    const { doc, then } = story(Y, () => {}, doc => array(doc).insert(0, ['world']))
    assert.deepEqual([array(then).toArray(), array(doc).toArray()], [[], ['world']])
    assert.deepEqual(array(Y.createDocFromSnapshot(doc, Y.snapshot(doc))).toArray(), ['world'])
    // A clock of 0 for a client that nobody knows.
    const zero = Y.decodeSnapshot(new Uint8Array([0, 1, 0x8f, 0x4e, 0]))
    assert.deepEqual(array(Y.createDocFromSnapshot(doc, zero)).toArray(), [])
  }),
  testRestoreSnapshotWithSubType: alone(([Y]) => {
    const { doc, then } = story(Y, doc => { array(doc).insert(0, [new Y.Map()]); array(doc).get(0).set('key1', 'value1') }, doc => array(doc).get(0).set('key2', 'value2'))
    assert.deepEqual([array(then).toJSON(), array(doc).toJSON()], [[{ key1: 'value1' }], [{ key1: 'value1', key2: 'value2' }]])
  }),
  testRestoreDeletedItem1: alone(([Y]) => {
    const { doc, then } = story(Y, doc => array(doc).insert(0, ['item1', 'item2']), doc => array(doc).delete(0))
    assert.deepEqual([array(then).toArray(), array(doc).toArray()], [['item1', 'item2'], ['item2']])
  }),
  testRestoreLeftItem: alone(([Y]) => {
    const { doc, then } = story(Y, doc => { array(doc).insert(0, ['item1']); doc.getMap('map').set('test', 1); array(doc).insert(0, ['item0']) }, doc => array(doc).delete(1))
    assert.deepEqual([array(then).toArray(), array(doc).toArray()], [['item0', 'item1'], ['item0']])
  }),
  testDeletedItemsBase: alone(([Y]) => {
    const { doc, then } = story(Y, doc => { array(doc).insert(0, ['item1']); array(doc).delete(0) }, doc => array(doc).insert(0, ['item0']))
    assert.deepEqual([array(then).toArray(), array(doc).toArray()], [[], ['item0']])
  }),
  testDeletedItems2: alone(([Y]) => {
    const { doc, then } = story(Y, doc => { array(doc).insert(0, ['item1', 'item2', 'item3']); array(doc).delete(1) }, doc => array(doc).insert(0, ['item0']))
    assert.deepEqual([array(then).toArray(), array(doc).toArray()], [['item1', 'item3'], ['item0', 'item1', 'item3']])
  }),
  testDependentChanges: cast => {
    const { users, network } = init(cast, 2, 1, { gc: false })
    const push = (i, value) => { users[i].array.insert(users[i].array.length, [value]); network.syncAll() }
    push(0, 'user1item1')
    push(1, 'user2item1')
    const snapshots = users.map(user => user.Y.snapshot(user.doc))
    push(0, 'user1item2')
    push(1, 'user2item2')
    users.forEach((user, i) => assert.deepEqual(array(user.Y.createDocFromSnapshot(user.doc, snapshots[i])).toArray(), ['user1item1', 'user2item1']))
  },
  testContainsUpdate: alone(([Y]) => {
    const doc = new Y.Doc()
    const updates = []
    doc.on('update', update => updates.push(update))
    const first = Y.snapshot(doc)
    doc.getArray().insert(0, [1])
    const second = Y.snapshot(doc)
    doc.getArray().delete(0, 1)
    const last = Y.snapshot(doc)
    const contains = (snapshot, i) => Y.snapshotContainsUpdate(snapshot, updates[i])
    assert.deepEqual([contains(first, 0), contains(second, 1), contains(second, 0), contains(last, 0), contains(last, 1)], [false, false, true, true, true])
  }),
  testContainsUpdate2: alone(([Y]) => {
    const [local, remote] = [new Y.Doc(), new Y.Doc()]
    local.getText('t').insert(0, 'abcdefghij')
    local.getText('t').delete(0, 3)
    Y.applyUpdate(remote, Y.encodeStateAsUpdate(local))
    const snapshot = Y.snapshot(remote)
    local.getText('t').delete(0, 3)
    assert.equal(Y.snapshotContainsUpdate(snapshot, Y.encodeStateAsUpdate(local)), false)
  })
})
