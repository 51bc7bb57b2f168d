// What of a room is due when, and settings: sources of edge/ that need no runtime. Rules E25 of docs/edge.md, D16 of docs/access.md.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromEdge } from '../support/edge-sources.mjs'

const { Pace, SettingsError, settingsOf } = await fromEdge('pace.ts', 'settings.ts')

/** A room whose clock, pace and deeds are looked at. */
function fake () {
  const room = { wantsTick: false, rowBytes: 0, due: Infinity, done: [] }
  const pace = new Pace(settingsOf({}))
  const deeds = {
    timer: () => { room.done.push('timer'); room.due = Infinity },
    tick: () => { room.done.push('tick'); room.wantsTick = false },
    row: () => { room.done.push('row'); room.rowBytes = 0; pace.wrote(room.now) }
  }
  room.turn = now => {
    room.now = now
    room.done = []
    return pace.turn(room, 8, now, deeds)
  }
  room.pace = pace
  return room
}

test('E25: what is not due yet is planned, whatever was done', () => {
  const room = fake()
  room.wantsTick = true
  assert.equal(room.turn(100_000), Infinity)
  assert.deepEqual(room.done, ['tick'])
  // A row is due, and presence 64 ms after the presence before it.
  Object.assign(room, { wantsTick: true, rowBytes: 20 })
  assert.equal(room.turn(100_001), 100_064)
  assert.deepEqual(room.done, ['row'])
  // And the other way round: presence leaves, and the row is to come.
  room.rowBytes = 20
  assert.equal(room.turn(100_064), 100_101)
  assert.deepEqual(room.done, ['tick'])
  Object.assign(room, { wantsTick: true, due: 100_102 })
  assert.equal(room.turn(100_101), 100_102)
  assert.deepEqual(room.done, ['row'])
  assert.equal(room.turn(100_128), Infinity)
  assert.deepEqual(room.done, ['timer', 'tick'])
})

test('E25: a row is due at a whole millisecond, or the clock is asked again and again until it has come', () => {
  const room = fake()
  for (let n = 0, now = 100_000; n < 20; n++) {
    room.rowBytes = 1
    const next = room.turn(now)
    assert.ok(next === Infinity || Number.isInteger(next), `row ${n} is due at ${next}`)
    now = next === Infinity ? now : next
  }
})

test('D16: keys of presence that are none are told, with what is taken', () => {
  assert.deepEqual(settingsOf({}).presenceIdentity, ['user', 'id', 'name', 'color'])
  assert.deepEqual(settingsOf({ PARTYD_PRESENCE_IDENTITY: '{sub,,c}' }).presenceIdentity, ['', 'sub', '', 'c'])
  assert.deepEqual(settingsOf({ PARTYD_PRESENCE_IDENTITY: 'off' }).presenceIdentity, ['', '', '', ''])
  const told = what => error => error instanceof SettingsError && error.message.includes(what) && error.message.includes('off, or keys as in user{id,name,color}')
  for (const text of ['user', 'user{id', 'user{id,id}', 'user{a,b,c,d}', 'user {id}', `${'x'.repeat(32)}{id}`]) {
    assert.throws(() => settingsOf({ PARTYD_PRESENCE_IDENTITY: text }), told(`PARTYD_PRESENCE_IDENTITY: '${text}'`))
    assert.throws(() => settingsOf({ PARTYD_ROOMS: { 'doc-*': { 'presence-identity': text } } }), told('"doc-*": presence-identity'))
  }
  assert.throws(() => settingsOf({ PARTYD_ROOMS: { 'doc-*': { 'presence-identity': true } } }), told('presence-identity'))
})
