// Scenarios of a room, recorded once and played in the native build and in the wasm of the edge: the same messages,
// snapshots and rows, byte for byte (rule E12). And how large that wasm is (E13).
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import * as Y from 'yjs'
import { message, updates, varint } from './support.mjs'

const NATIVE = path.resolve(process.env.NATIVE_ROOM ?? '../build/release/nativeroom')
const WASM = path.resolve(process.env.EDGE ?? '../edge', 'dist/room.wasm')
const SCENARIOS = Number(process.env.SCENARIOS ?? 60)
const Ev = { OPEN: 0, JOIN: 4, RESUME: 5, LEAVE: 6, TEXT: 7, BINARY: 8, TICK: 9, TIMER: 10, COMPACT: 11, ROW: 12, PRESENCE: 13, STATE: 14, VECTOR: 15, RIGHT: 16, MANY: 17 }
const NAMINGS = [['user', 'id', 'name', 'color'], ['', 'id', 'name', ''], ['', '', '', '']]
/** What OPEN says: struct abi_opts. */
const opened = (opts, naming = NAMINGS[0]) => Buffer.concat([Buffer.from(new Uint32Array(opts).buffer), ...naming.map(key => Buffer.concat([Buffer.from(key), Buffer.alloc(32 - key.length)]))])
const module = new WebAssembly.Module(fs.readFileSync(WASM))

function random (seed) {
  return n => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return Math.floor(seed / 4294967296 * n) }
}

/** What a few clients do to a room, and what goes wrong on the way: a list of events. */
function record (seed) {
  const dice = random(seed), events = [], docs = new Map()
  let now = 1000, clients = 1, chunk = 0
  const add = (event, member = 0, flags = 0, bytes = Buffer.alloc(0)) => { now += dice(40); events.push({ event, member, flags, now, bytes: Buffer.from(bytes) }) }
  const opts = [0, 0, 12000, dice(2) ? 0 : 5, 0, 0, dice(4) === 0 ? 1 : 0, dice(12) === 0 ? 1 : 0, dice(2), dice(2) * 300, dice(2) * 4, dice(2) * 10]
  add(Ev.OPEN, 0, 0, opened(opts, dice(3) === 0 ? NAMINGS[1 + dice(2)] : NAMINGS[0]))
  const say = (member, bytes) => add(Ev.BINARY, member, 0, Buffer.concat([docs.get(member).address, bytes]))
  const join = member => {
    const named = dice(3) === 0, doc = new Y.Doc()
    doc.clientID = clients++
    const sent = []
    doc.on('update', u => sent.push(u))
    const text = s => Buffer.concat([varint(Buffer.byteLength(s)), Buffer.from(s)])
    // A third are of Hocuspocus: what they say has an address in front, and some have an id of their own in it.
    const address = dice(3) ? Buffer.alloc(0) : text(dice(3) ? 'doc' : `doc\0${member}`)
    const flags = (dice(5) ? 1 : 0) | (named ? 2 : 0) | (address.length ? 8 : dice(2) ? 4 : 0)
    docs.set(member, { doc, clock: 0, sent, flags, address })
    const opening = Buffer.concat([address, Buffer.from([2, 0, 0]), dice(2) ? text('4.5.0') : Buffer.alloc(0)])
    add(Ev.JOIN, member, flags, Buffer.concat([...(named ? [text(`user${dice(3)}`), text('Ann "A"'), text('')] : []), ...(address.length ? [varint(opening.length), opening] : [])]))
    say(member, message.step1(Y.encodeStateVector(doc)))
  }
  const edit = ({ doc }) => {
    const text = doc.getText('t'), map = doc.getMap('m')
    switch (dice(5)) {
      case 0: if (text.length > 2) { text.delete(dice(text.length - 1), 1); break } // falls through
      case 1: case 2: text.insert(dice(text.length + 1), 'öa😀'.repeat(1 + dice(3))); break
      case 3: map.set(`k${dice(4)}`, { n: dice(100) }); break
      case 4: doc.getArray('a').push([dice(9), 'x'.repeat(dice(300))])
    }
  }
  const speak = (member, one) => {
    edit(one)
    const update = one.sent.pop()
    if (update === undefined) return
    for (const { doc } of docs.values()) if (dice(5)) Y.applyUpdate(doc, update, 'net') // some miss it
    const frame = message.update(update)
    if (dice(10) === 0) { one.late = frame; return } // comes later, out of turn
    if (dice(12) === 0 && one.address.length === 0) {
      const marker = type => Buffer.from(`y-pk-batch#${JSON.stringify({ id: `c${chunk}`, type, size: frame.length, count: 2 })}`)
      add(Ev.TEXT, member, 0, marker('start')); add(Ev.BINARY, member, 0, frame.subarray(0, 3)); add(Ev.BINARY, member, 0, frame.subarray(3)); add(Ev.TEXT, member, 0, marker('end'))
      chunk++
      return
    }
    say(member, frame)
    if (one.late) { say(member, one.late); one.late = undefined }
  }
  join(0)
  for (let i = 0; i < 150; i++) {
    const member = dice(6), one = docs.get(member), act = dice(31)
    if (one === undefined) { if (act < 8) join(member) } else if (act < 14) speak(member, one)
    else if (act < 19) say(member, message.presence(one.doc.clientID, one.clock += dice(2), dice(6) ? { user: { name: 'x', id: 'eve' }, at: dice(99) } : null))
    else if (act === 19) add(Ev.BINARY, member, 0, Buffer.from(Array.from({ length: dice(12) }, () => dice(256))))
    else if (act === 20) add(Ev.TEXT, member, 0, ['hello', '__YPS:x', 'y-pk-batch#{'][dice(3)])
    else if (act === 21) { add(Ev.LEAVE, member); docs.delete(member) } else if (act === 22) say(member, Buffer.from([3]))
    else if (act === 23) { now += 13000; add(Ev.TIMER) } else if (act === 24) add(Ev.ROW)
    else if (act === 25) add(Ev.PRESENCE, member)
    else if (act === 26 && dice(4) === 0) add(Ev.COMPACT)
    else if (act === 28 && one.address.length && dice(2)) add(Ev.RIGHT, member, one.flags ^= 1)
    else if (act === 28 && one.address.length) say(member, Buffer.concat([Buffer.from([5]), varint(2), Buffer.from('hi')]))
    else if (act === 29) { // more presence than anybody may have, at once and of many
      for (let n = 8 + dice(40); n > 0; n--) {
        say(member, message.presence(dice(3) ? one.doc.clientID : 900_000 + dice(9), one.clock += 1, { at: n, text: 'x'.repeat(dice(3) ? 9 : 400) }))
        if (dice(2)) add(Ev.TICK)
      }
    } else if (act === 27) say(member, message.step1(Y.encodeStateVector(one.doc)))
    else add(Ev.TICK)
  }
  for (const event of [Ev.ROW, Ev.COMPACT, Ev.STATE, Ev.VECTOR]) add(event)
  return events
}

function playNative (events) {
  const input = Buffer.concat(events.flatMap(e => {
    const head = Buffer.alloc(24)
    head.writeUInt32LE(e.event, 0); head.writeUInt32LE(e.member, 4); head.writeUInt32LE(e.flags, 8); head.writeUInt32LE(e.bytes.length, 12); head.writeDoubleLE(e.now, 16)
    return [head, e.bytes]
  }))
  const run = spawnSync(NATIVE, [], { input, maxBuffer: 1 << 28 })
  assert.equal(run.status, 0, String(run.stderr))
  let at = 0
  const u32 = () => { at += 4; return run.stdout.readUInt32LE(at - 4) }
  return events.map(() => Array.from({ length: u32() }, () => {
    const [kind, member, gated, number, length] = [u32(), u32(), u32(), u32(), u32()]
    at += length
    return { kind, member, gated, number, bytes: run.stdout.subarray(at - length, at).toString('hex') }
  }))
}

function playWasm (events) {
  const x = new WebAssembly.Instance(module).exports, box = x.abi_box()
  const u32 = at => new DataView(x.memory.buffer).getUint32(at, true)
  const step = (e, flags) => {
    const count = x.abi_step(e.event, e.member, flags, e.bytes.length, e.now)
    assert.ok(count >= 0, `event ${e.event}: ${count}`)
    const out = u32(box + 8), hex = (from, length) => Buffer.from(x.memory.buffer, from, length).toString('hex')
    return Array.from({ length: count }, (_, i) => {
      const [kind, member, gated, number, head, headLength, body, bodyLength] = Array.from({ length: 8 }, (_, w) => u32(out + i * 32 + w * 4))
      return { kind, member, gated, number, bytes: hex(head, headLength) + hex(body, bodyLength) }
    })
  }
  return events.map(e => {
    assert.equal(x.abi_reserve(e.bytes.length), 0)
    new Uint8Array(x.memory.buffer).set(e.bytes, u32(box))
    if (e.event !== Ev.MANY) return step(e, e.flags)
    const records = []
    e.steps = 0
    for (let at = 0; at < e.bytes.length; at = u32(box + 44), e.steps++) records.push(...step(e, at))
    return records
  })
}

/** All binary messages that come one after the other come at one moment: one by one, and as one event. */
function together (events) {
  const single = [], many = []
  for (const e of events) {
    const last = many.at(-1)
    if (e.event !== Ev.BINARY) { single.push(e); many.push({ ...e, of: 1 }); continue }
    const isNext = last?.event === Ev.MANY
    single.push({ ...e, now: isNext ? last.now : e.now })
    if (!isNext) many.push({ ...e, event: Ev.MANY, member: 0, bytes: Buffer.alloc(0), of: 0 })
    const head = Buffer.alloc(8), to = many.at(-1)
    head.writeUInt32LE(e.member, 0); head.writeUInt32LE(e.bytes.length, 4)
    to.bytes = Buffer.concat([to.bytes, head, e.bytes, Buffer.alloc(-e.bytes.length & 3)])
    to.of++
  }
  return { single, many }
}

test(`E12: ${SCENARIOS} recorded scenarios give the same messages natively and at the edge, byte for byte`, () => {
  const kinds = new Map(), wires = new Map(), seen = new Set()
  for (let seed = 1; seed <= SCENARIOS; seed++) {
    const events = record(seed)
    const native = playNative(events), wasm = playWasm(events)
    for (let i = 0; i < events.length; i++) {
      assert.deepEqual(wasm[i], native[i], `scenario ${seed}, event ${i} (${JSON.stringify(events[i])})`)
      if (events[i].event === Ev.ROW && native[i].length > 1) seen.add('a row that is relayed with it')
      for (const r of native[i]) if (r.kind === 3) seen.add(Buffer.from(r.bytes, 'hex').toString())
      for (const r of native[i]) { kinds.set(r.kind, (kinds.get(r.kind) ?? 0) + 1); if (r.kind === 0 && r.member > 0xffff) wires.set(r.member, (wires.get(r.member) ?? 0) + 1) }
    }
  }
  for (const what of ['a row that is relayed with it', 'presence state too large', 'too many clients of one connection', 'a newer state came before it was told']) assert.ok(seen.has(what), `no scenario has ${what}: ${[...seen]}`)
  for (const kind of [0, 2, 3, 4]) assert.ok(kinds.get(kind) > 20, `records of kind ${kind}: ${kinds.get(kind)}`)
  for (const wire of [0xffffffff, 0xfffffffe]) assert.ok(wires.get(wire) > 20, `to all on a wire: ${wires.get(wire)}`)
})

test(`E24: messages that are worked off together do what they do one by one, in ${SCENARIOS} scenarios`, () => {
  let most = 0
  for (let seed = 1; seed <= SCENARIOS; seed++) {
    const { single, many } = together(record(seed))
    const expected = playNative(single), got = playWasm(many)
    for (let i = 0, at = 0; i < many.length; at += many[i++].of) {
      assert.deepEqual(got[i], expected.slice(at, at + many[i].of).flat(), `scenario ${seed}, event ${i}`)
      most = Math.max(most, many[i].of)
    }
  }
  assert.ok(most > 20, `${most} at once at most`)
})

test('E24: who lends bytes of the room ends the work, which goes on behind it', () => {
  const list = updates(doc => { for (let i = 0; i < 4; i++) doc.getText('t').insert(0, String(i).repeat(90_000)) }, 7)
  const opts = [0, 0, 12000, 2, 0, 0, 0, 0, 1, 0, 0, 0] // a snapshot with the second update, and not again at once
  const events = [{ event: Ev.OPEN, bytes: opened(opts) }, { event: Ev.JOIN, flags: 1, bytes: Buffer.alloc(0) },
    ...list.map(u => ({ event: Ev.BINARY, bytes: message.update(u) })), { event: Ev.STATE, bytes: Buffer.alloc(0) }].map(e => ({ member: 0, flags: 0, now: 5000, ...e }))
  const { single, many } = together(events)
  const got = playWasm(many)
  for (const [i, r] of playNative(single).flat().entries()) assert.ok(got.flat()[i].bytes === r.bytes, `record ${i}`)
  assert.equal(many.find(e => e.event === Ev.MANY).steps, 2, 'it ends behind the snapshot')
})

test('E13: the wasm has 200 kB at most, 80 kB with gzip, and asks for nothing', () => {
  const bytes = fs.readFileSync(WASM)
  assert.ok(bytes.length <= 200_000, `${bytes.length} bytes`)
  assert.ok(gzipSync(bytes, { level: 9 }).length <= 80_000)
  assert.deepEqual(WebAssembly.Module.imports(module), [])
})
