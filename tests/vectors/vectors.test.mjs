// Recorded updates with the results that Yjs had, natively and as wasm.
// data/ was recorded from yjs 13.6.33 with its formatting clean-up switched off.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { describe, test } from 'node:test'
import { nativeEngine, wasmEngine } from '../support/engine.mjs'

const load = name => JSON.parse(fs.readFileSync(new URL(`data/${name}.json`, import.meta.url)))
const engines = [nativeEngine(process.env.YDOC ?? '../build/ydoc'), await wasmEngine(process.env.WASM ?? '../build/wasm/ydoc.wasm')]

const sorted = value => {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.keys(value).sort().map(key => [key, sorted(value[key])]))
}

async function hexOf (engine, line) {
  const answer = await engine.ask(line)
  assert.equal(answer.ok, true, `${line.slice(0, 60)}: ${answer.error}`)
  return answer.hex
}

/** The value of a vector without the tags that name a type: plain JSON of nested types. */
function plain (value) {
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== 'object') return value
  if ('$type' in value) return plain(value.json)
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]))
}

async function checkCase (engine, c) {
  await engine.ask(c.gc ? 'new' : 'new nogc')
  for (const update of c.updates) {
    const answer = await engine.ask(`apply v${c.v} ${update || '-'}`)
    assert.equal(answer.ok, true, `apply ${update.slice(0, 80)}: ${answer.error} at ${answer.at}`)
    await engine.ask('check')
  }
  const e = c.expect
  assert.equal(await hexOf(engine, 'sv'), e.sv, 'state vector')
  assert.equal(await hexOf(engine, 'state v1'), e.state_v1, 'state')
  assert.equal(await hexOf(engine, 'state v2'), e.state_v2, 'state V2')
  assert.equal(await hexOf(engine, 'snapshot'), e.snapshot_v1, 'snapshot')
  if (e.diff && !e.pending && !e.pending_ds) {
    assert.equal(await hexOf(engine, `state v1 ${e.diff.target_sv}`), e.diff.v1, 'diff')
    assert.equal(await hexOf(engine, `state v2 ${e.diff.target_sv}`), e.diff.v2, 'diff V2')
  }
  const pending = await engine.ask('pending')
  assert.deepEqual([pending.structs, pending.deletes], [!!e.pending, e.pending_ds], 'pending')
  for (const [name, kind] of Object.entries(c.roots)) {
    const answer = await engine.ask(`json ${kind.replace(/^xml.*/, 'xml')} ${name}`)
    assert.deepEqual(sorted(answer.value), sorted(plain(e.json[name])), `JSON of ${name}`)
  }
  for (const [name, delta] of Object.entries(e.delta ?? {})) {
    assert.deepEqual(sorted((await engine.ask(`delta ${name}`)).value), delta, `delta of ${name}`)
  }
  for (const [name, length] of Object.entries(e.length ?? {})) {
    assert.equal((await engine.ask(`length ${name}`)).value, length, `length of ${name}`)
  }
  for (const v of [1, 2]) {
    await engine.ask(c.gc ? 'new' : 'new nogc')
    assert.equal((await engine.ask(`apply v${v} ${e[`state_v${v}`]}`)).ok, true)
    assert.equal(await hexOf(engine, 'state v1'), e.state_v1_reloaded, `state reloaded from V${v}`)
  }
}

/** The functions that need no document, each in both formats. */
const functions = {
  encodeStateAsUpdate: async (engine, c) => {
    await engine.ask('new')
    for (const update of c.updates) await engine.ask(`apply v1 ${update}`)
    assert.equal(await hexOf(engine, `state v1 ${c.sv}`), c.v1)
    assert.equal(await hexOf(engine, `state v2 ${c.sv}`), c.v2)
  },
  mergeUpdates: async (engine, c) => {
    const v2 = []
    for (const update of c.updates) v2.push(await hexOf(engine, `convert v1 ${update}`))
    assert.equal(await hexOf(engine, `merge v1 ${c.updates.join(' ')}`), c.v1)
    assert.equal(await hexOf(engine, `merge v2 ${v2.join(' ')}`), c.v2)
    assert.equal(await hexOf(engine, `vector v1 ${c.v1}`), c.sv_from_update)
    assert.equal(await hexOf(engine, `vector v2 ${c.v2}`), c.sv_from_update)
  },
  diffUpdate: async (engine, c) => {
    const v2 = await hexOf(engine, `convert v1 ${c.update}`)
    assert.equal(await hexOf(engine, `diff v1 ${c.update} ${c.sv}`), c.v1)
    assert.equal(await hexOf(engine, `diff v2 ${v2} ${c.sv}`), c.v2)
  },
  convert: async (engine, c) => {
    assert.equal(await hexOf(engine, `convert v1 ${c.v1}`), c.v1_to_v2)
    assert.equal(await hexOf(engine, `convert v2 ${c.v1_to_v2}`), c.back)
  },
  relativePosition: async (engine, c) => {
    await engine.ask('new')
    await engine.ask(`apply v1 ${c.doc_v1}`)
    const type = c.json.type ?? (c.type.includes('/') ? { client: 4, clock: 4 } : null)
    const where = type ? `type ${type.client} ${type.clock}` : `root ${c.type}`
    assert.equal(await hexOf(engine, `position ${c.index} ${c.assoc} ${where}`), c.hex)
    assert.deepEqual(await engine.ask(`resolve ${c.hex}`), { ok: true, index: c.absolute, assoc: c.assoc, ...type })
  },
  snapshot: async (engine, c) => {
    await engine.ask('new nogc')
    await engine.ask(`apply v1 ${c.doc_v1}`)
    assert.equal(await hexOf(engine, 'state v1'), c.doc_v1)
  }
}

/** Primitives of lib0, each in an update that holds it and must give it back: a client id, a text, a value. */
const primitives = {
  varUint: (hex, value) => ({ update: `0101${hex}0004010174016100`, sv: value > 0 && `01${hex}01` }),
  varString: (hex, value) => ({ update: `010107000401 0174 ${hex} 00`, json: ['text', 't', value], empty: hex === '00' }),
  any: (hex, value) => ({ update: `01010700080101610 1${hex} 00`, json: ['array', 'a', [value]] })
}

async function checkPrimitive (engine, c) {
  const [decode, kind] = c.kind.startsWith('decode:') ? [true, c.kind.slice(7)] : [false, c.kind]
  const p = primitives[kind](c.hex, c.value)
  const update = p.update.replaceAll(' ', '')
  await engine.ask('new')
  const answer = await engine.ask(`apply v1 ${update}`)
  if (p.empty || (decode && c.reference.throws)) return assert.equal(answer.error, 'YD_EMALFORMED')
  if (decode) return // what JavaScript reads without a limit
  assert.equal(answer.ok, true, answer.error)
  const v2 = await hexOf(engine, 'state v2')
  for (const state of [`v1 ${update}`, `v2 ${v2}`]) {
    await engine.ask('new')
    await engine.ask(`apply ${state}`)
    assert.equal(await hexOf(engine, 'state v1'), update)
    if (p.sv) assert.equal(await hexOf(engine, 'sv'), p.sv)
    if (p.json && !('$u16' in Object(c.value))) assert.deepEqual((await engine.ask(`json ${p.json[0]} ${p.json[1]}`)).value, p.json[2])
  }
}

for (const engine of engines) {
  describe(engine.name, () => {
    for (const file of ['handmade', 'random']) {
      const cases = load(file)
      test(`${file}: the number of cases is as recorded`, () => {
        assert.equal(cases.length, { handmade: 121, random: 22 }[file])
      })
      for (const c of cases) test(`${file}: ${c.name}`, () => checkCase(engine, c))
    }
    for (const c of load('functions').filter(c => c.fn in functions)) {
      test(`functions: ${c.fn}: ${c.name}`, () => functions[c.fn](engine, c))
    }
    load('lib0').filter(c => c.kind.replace('decode:', '') in primitives).forEach((c, i) => {
      test(`lib0: ${c.kind} ${i}: ${c.hex}`, () => checkPrimitive(engine, c))
    })
    for (const c of load('malformed')) {
      test(`malformed: ${c.name}: ${c.advice}`, async () => {
        await engine.ask('new')
        for (const update of c.pre) await engine.ask(`apply v1 ${update}`)
        const before = await hexOf(engine, 'state v1')
        const answer = await engine.ask(`apply v1 ${c.update || '-'}`)
        await engine.ask('check')
        if (/^accept/.test(c.advice)) {
          assert.equal(answer.ok, true, answer.error)
          assert.equal(await hexOf(engine, 'state v1'), c.reference.state_after)
        } else if (/^reject/.test(c.advice)) {
          assert.equal(answer.ok, false)
          assert.match(answer.error, /^YD_E/)
          assert.equal(await hexOf(engine, 'state v1'), before)
        } else if (!answer.ok) {
          assert.equal(await hexOf(engine, 'state v1'), before)
        }
      })
    }
    test('the end', () => engine.end())
  })
}
