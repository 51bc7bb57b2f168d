// What tests/y-array.tests.js of yjs asks for.
import assert from 'node:assert/strict'
import { compare, init, randomly } from './network.mjs'
import { alone, suite } from './suite.mjs'

let unique = 0

const changes = [
  function insert ({ array }, r) {
    const number = unique++
    const values = Array.from({ length: 1 + r.int(4) }, () => number)
    const at = r.int(array.length + 1)
    const want = array.toArray()
    want.splice(at, 0, ...values)
    array.insert(at, values)
    assert.equal(array.length, want.length)
    assert.deepEqual(array.toJSON(), want.map(v => v?.toJSON?.() ?? v))
  },
  function insertTypeArray ({ array, Y }, r) {
    const at = r.int(array.length + 1)
    array.insert(at, [new Y.Array()])
    array.get(at).insert(0, [1, 2, 3, 4])
  },
  function insertTypeMap ({ array, Y }, r) {
    const at = r.int(array.length + 1)
    array.insert(at, [new Y.Map()])
    const map = array.get(at)
    for (const v of [42, 43, 44]) map.set('someprop', v)
  },
  function insertTypeNull ({ array }, r) { array.insert(r.int(array.length + 1), [null]) },
  function remove ({ array, Y }, r) {
    if (array.length === 0) return
    const at = r.int(array.length)
    const n = 1 + r.int(Math.min(2, array.length - at))
    if (r.chance(0.5)) {
      const type = array.get(at)
      if (!(type instanceof Y.Array) || type.length === 0) return
      const inner = r.int(type.length)
      return type.delete(inner, r.int(Math.min(2, type.length - inner) + 1))
    }
    const want = array.toJSON()
    want.splice(at, n)
    array.delete(at, n)
    assert.deepEqual(array.toJSON(), want)
  }
]

const cases = {
  testBasicUpdate: alone(([Y]) => {
    const [a, b] = [new Y.Doc(), new Y.Doc()]
    a.getArray('array').insert(0, ['hi'])
    Y.applyUpdate(b, Y.encodeStateAsUpdate(a))
    assert.deepEqual(b.getArray('array').toArray(), ['hi'])
  }),
  testSlice: alone(([Y]) => {
    const array = new Y.Doc().getArray('array')
    array.insert(0, [1, 2, 3])
    assert.deepEqual([array.slice(0), array.slice(1), array.slice(0, -1)], [[1, 2, 3], [2, 3], [1, 2]])
    array.insert(0, [0])
    assert.deepEqual([array.slice(0), array.slice(0, 2)], [[0, 1, 2, 3], [0, 1]])
  }),
  testArrayFrom: alone(([Y]) => {
    const array = Y.Array.from([0, 1, 2])
    new Y.Doc().getMap('root').set('array', array)
    assert.deepEqual(array.toArray(), [0, 1, 2])
  }),
  testLengthIssue: alone(([Y]) => {
    const doc = new Y.Doc()
    const array = doc.getArray('array')
    const same = () => assert.equal(array.length, array.toArray().length)
    array.push([0, 1, 2, 3])
    array.delete(0)
    array.insert(0, [0])
    same()
    doc.transact(() => {
      for (const i of [1, 2]) {
        array.delete(i)
        same()
        array.insert(i, [i])
        same()
      }
    })
    array.delete(1)
    same()
    array.insert(1, [1])
    same()
    assert.deepEqual(array.toArray(), [0, 1, 2, 3])
  }),
  testLengthIssue2: alone(([Y]) => {
    const doc = new Y.Doc()
    const array = doc.getArray()
    array.insert(0, ['group2'])
    array.insert(1, ['rectangle3'])
    doc.transact(() => { array.delete(0); array.insert(0, ['rectangle3']) })
    array.delete(1)
    for (const [i, name] of ['ellipse4', 'ellipse3', 'ellipse2'].entries()) array.insert(i + 1, [name])
    doc.transact(() => {
      doc.transact(() => {
        assert.throws(() => array.insert(5, ['rectangle2']))
        array.insert(4, ['rectangle2'])
      })
      doc.transact(() => array.delete(4))
    })
    assert.deepEqual(array.toArray(), ['rectangle3', 'ellipse4', 'ellipse3', 'ellipse2'])
  }),
  testDeleteInsert: cast => {
    const { users } = init(cast, 2)
    const { array } = users[0]
    array.delete(0, 0)
    assert.throws(() => array.delete(1, 1))
    array.insert(0, ['A'])
    array.delete(1, 0)
    compare(users)
  },
  testInsertThreeElementsTryRegetProperty: cast => {
    const { users, network } = init(cast, 2)
    users[0].array.insert(0, [1, true, false])
    assert.deepEqual(users[0].array.toJSON(), [1, true, false])
    network.flush()
    assert.deepEqual(users[1].array.toJSON(), [1, true, false])
    compare(users)
  },
  testConcurrentInsertWithThreeConflicts: cast => {
    const { users } = init(cast, 3)
    users.forEach((user, i) => user.array.insert(0, [i]))
    compare(users)
  },
  testConcurrentInsertDeleteWithThreeConflicts: cast => {
    const { users, network } = init(cast, 3)
    users[0].array.insert(0, ['x', 'y', 'z'])
    network.flush()
    users[0].array.insert(1, [0])
    users[1].array.delete(0)
    users[1].array.delete(1, 1)
    users[2].array.insert(1, [2])
    compare(users)
  },
  testInsertionsInLateSync: cast => {
    const { users, network } = init(cast, 3)
    users[0].array.insert(0, ['x', 'y'])
    network.flush()
    users[1].disconnect()
    users[2].disconnect()
    users.forEach((user, i) => user.array.insert(1, [`user${i}`]))
    users[1].connect()
    users[2].connect()
    network.flush()
    compare(users)
  },
  testDisconnectReallyPreventsSendingMessages: cast => {
    const { users, network } = init(cast, 3)
    users[0].array.insert(0, ['x', 'y'])
    network.flush()
    users[1].disconnect()
    users[2].disconnect()
    for (const i of [0, 1]) users[i].array.insert(1, [`user${i}`])
    for (const i of [0, 1]) assert.deepEqual(users[i].array.toJSON(), ['x', `user${i}`, 'y'])
    compare(users)
  },
  testDeletionsInLateSync: cast => {
    const { users, network } = init(cast, 2)
    users[0].array.insert(0, ['x', 'y'])
    network.flush()
    users[1].disconnect()
    users[1].array.delete(1, 1)
    users[0].array.delete(0, 2)
    users[1].connect()
    compare(users)
  },
  testInsertThenMergeDeleteOnSync: cast => {
    const { users, network } = init(cast, 2)
    users[0].array.insert(0, ['x', 'y', 'z'])
    network.flush()
    users[0].disconnect()
    users[1].array.delete(0, 3)
    users[0].connect()
    compare(users)
  },
  testGarbageCollector: cast => {
    const { users, network } = init(cast, 3)
    users[0].array.insert(0, ['x', 'y', 'z'])
    network.flush()
    users[0].disconnect()
    users[0].array.delete(0, 3)
    users[0].connect()
    network.flush()
    compare(users)
  },
  testIteratingArrayContainingTypes: alone(([Y]) => {
    const array = new Y.Doc().getArray('arr')
    for (let i = 0; i < 10; i++) {
      const map = new Y.Map()
      map.set('value', i)
      array.push([map])
    }
    assert.deepEqual([...array].map(map => map.get('value')), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })
}
for (const n of [6, 40, 42, 43, 44, 45, 46, 300, 400]) cases[`testRepeatGeneratingYarrayTests${n}`] = cast => randomly(cast, changes, n, n)

suite('y-array', cases)
