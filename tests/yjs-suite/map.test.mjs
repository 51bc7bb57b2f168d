// What tests/y-map.tests.js of yjs asks for.
import assert from 'node:assert/strict'
import { compare, init, randomly } from './network.mjs'
import { alone, suite } from './suite.mjs'

const KEYS = ['one', 'two']
const changes = [
  function set ({ map }, r) { map.set(r.pick(KEYS), r.pick(['x', 'a😀', 'long text', '漢字', '\0', String(r.int(1000))])) },
  function setType ({ map, Y }, r) {
    const type = r.chance(0.5) ? new Y.Array() : new Y.Map()
    map.set(r.pick(KEYS), type)
    if (type instanceof Y.Array) type.insert(0, [1, 2, 3, 4])
    else type.set('deepkey', 'deepvalue')
  },
  function remove ({ map }, r) { map.delete(r.pick(KEYS)) }
]

const all = (users, check) => { for (const user of users) check(user.map) }
const gone = map => assert.deepEqual([map.get('stuff'), map.get('otherstuff'), map.size], [undefined, undefined, 0])

const cases = {
  testIterators: alone(([Y]) => {
    const map = new Y.Doc().getMap()
    assert.deepEqual([[...map.values()], [...map.entries()], [...map.keys()]], [[], [], []])
  }),
  testMapHavingIterableAsConstructorParamTests: cast => {
    const { users: [{ map, Y }] } = init(cast, 1)
    const one = new Y.Map(Object.entries({ number: 1, string: 'hello' }))
    map.set('m1', one)
    assert.deepEqual([one.get('number'), one.get('string')], [1, 'hello'])
    const two = new Y.Map([['object', { x: 1 }], ['boolean', true]])
    map.set('m2', two)
    assert.deepEqual([two.get('object').x, two.get('boolean')], [1, true])
    const three = new Y.Map([...one, ...two])
    map.set('m3', three)
    assert.deepEqual(three.toJSON(), { number: 1, string: 'hello', object: { x: 1 }, boolean: true })
  },
  testBasicMapTests: cast => {
    const { users, network } = init(cast, 3)
    const { map, Y } = users[0]
    users[2].disconnect()
    const plain = { null: null, number: 1, string: 'hello Y', object: { key: { key2: 'value' } }, boolean1: true, boolean0: false }
    for (const [key, value] of Object.entries(plain)) map.set(key, value)
    map.set('y-map', new Y.Map())
    map.get('y-map').set('y-array', new Y.Array())
    const array = map.get('y-map').get('y-array')
    array.insert(0, [0])
    array.insert(0, [-1])
    const check = map => {
      for (const [key, value] of Object.entries(plain)) assert.deepEqual(map.get(key), value)
      assert.equal(map.get('y-map').get('y-array').get(0), -1)
      assert.equal(map.size, 7)
    }
    check(map)
    users[2].connect()
    network.flush()
    all(users, check)
    compare(users)
  },
  testGetAndSetOfMapProperty: cast => {
    const { users, network } = init(cast, 2)
    const { map } = users[0]
    map.set('stuff', 'stuffy')
    map.set('undefined', undefined)
    map.set('null', null)
    network.flush()
    all(users, map => assert.deepEqual([map.get('stuff'), map.get('undefined'), map.has('undefined'), map.get('null')], ['stuffy', undefined, true, null]))
    compare(users)
  },
  testYmapSetsYmap: cast => {
    const { users } = init(cast, 2)
    const inner = users[0].map.set('Map', new users[0].Y.Map())
    assert.equal(users[0].map.get('Map'), inner)
    inner.set('one', 1)
    assert.equal(inner.get('one'), 1)
    compare(users)
  },
  testYmapSetsYarray: cast => {
    const { users } = init(cast, 2)
    const array = users[0].map.set('Array', new users[0].Y.Array())
    assert.equal(users[0].map.get('Array'), array)
    array.insert(0, [1, 2, 3])
    assert.deepEqual(users[0].map.toJSON(), { Array: [1, 2, 3] })
    compare(users)
  },
  testGetAndSetOfMapPropertySyncs: cast => {
    const { users, network } = init(cast, 2)
    users[0].map.set('stuff', 'stuffy')
    network.flush()
    all(users, map => assert.equal(map.get('stuff'), 'stuffy'))
    compare(users)
  },
  testGetAndSetOfMapPropertyWithConflict: cast => {
    const { users, network } = init(cast, 3)
    users[0].map.set('stuff', 'c0')
    users[1].map.set('stuff', 'c1')
    network.flush()
    all(users, map => assert.equal(map.get('stuff'), 'c1'))
    compare(users)
  },
  testSizeAndDeleteOfMapProperty: cast => {
    const { users: [{ map }] } = init(cast, 1)
    map.set('stuff', 'c0')
    map.set('otherstuff', 'c1')
    assert.equal(map.size, 2)
    map.delete('stuff')
    assert.equal(map.size, 1)
    map.delete('otherstuff')
    gone(map)
  },
  testGetAndSetAndDeleteOfMapProperty: cast => {
    const { users, network } = init(cast, 3)
    users[0].map.set('stuff', 'c0')
    users[1].map.set('stuff', 'c1')
    users[1].map.delete('stuff')
    network.flush()
    all(users, gone)
    compare(users)
  },
  testSetAndClearOfMapProperties: cast => {
    const { users, network } = init(cast, 1)
    users[0].map.set('stuff', 'c0')
    users[0].map.set('otherstuff', 'c1')
    users[0].map.clear()
    network.flush()
    all(users, gone)
    compare(users)
  },
  testSetAndClearOfMapPropertiesWithConflicts: cast => {
    const { users, network } = init(cast, 4)
    users[0].map.set('stuff', 'c0')
    users[1].map.set('stuff', 'c1')
    users[1].map.set('stuff', 'c2')
    users[2].map.set('stuff', 'c3')
    network.flush()
    users.forEach((user, i) => user.map.set('otherstuff', `c${i}`))
    users[3].map.clear()
    network.flush()
    all(users, gone)
    compare(users)
  },
  testGetAndSetOfMapPropertyWithThreeConflicts: cast => {
    const { users, network } = init(cast, 3)
    users[0].map.set('stuff', 'c0')
    users[1].map.set('stuff', 'c1')
    users[1].map.set('stuff', 'c2')
    users[2].map.set('stuff', 'c3')
    network.flush()
    all(users, map => assert.equal(map.get('stuff'), 'c3'))
    compare(users)
  },
  testGetAndSetAndDeleteOfMapPropertyWithThreeConflicts: cast => {
    const { users, network } = init(cast, 4)
    users.slice(0, 3).forEach((user, i) => user.map.set('stuff', `c${i}`))
    network.flush()
    users.forEach((user, i) => user.map.set('stuff', i === 0 ? 'deleteme' : `c${i}`))
    users[3].map.delete('stuff')
    network.flush()
    all(users, gone)
    compare(users)
  },
  // Its observers are left out: the maps that the peers made are one and the same.
  testObserveDeepProperties: cast => {
    const { users, network } = init(cast, 4)
    users[1].map.set('map', new users[1].Y.Map())
    network.flush()
    for (const i of [3, 2]) {
      users[i].map.get('map').set('deepmap', new users[i].Y.Map())
      network.flush()
    }
    const [first, ...others] = [1, 2, 3].map(i => users[i].map.get('map').get('deepmap')._item.id)
    for (const id of others) assert.deepEqual({ ...id }, { ...first })
    compare(users)
  }
}
for (const n of [3, 40, 42, 43, 44, 45, 46, 300, 400, 500]) cases[`testRepeatGeneratingYmapTests${n === 3 ? 10 : n}`] = cast => randomly(cast, changes, n, n)

suite('y-map', cases)
