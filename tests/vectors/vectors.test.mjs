// Recorded updates with the results that Yjs had: everything that concerns V1, natively and as wasm.
// data/ was recorded from yjs 13.6.33 with its formatting clean-up switched off.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { describe, test } from 'node:test'
import { nativeEngine, wasmEngine } from '../support/engine.mjs'

const load = name => JSON.parse(fs.readFileSync(new URL(`data/${name}.json`, import.meta.url)))
const engines = [nativeEngine(process.env.YDOC ?? '../build/ydoc'), await wasmEngine(process.env.WASM ?? '../build/wasm/ydoc.wasm')]
const v1 = c => c.v === 1

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
    const answer = await engine.ask(`apply v1 ${update || '-'}`)
    assert.equal(answer.ok, true, `apply ${update.slice(0, 80)}: ${answer.error} at ${answer.at}`)
    await engine.ask('check')
  }
  const e = c.expect
  assert.equal(await hexOf(engine, 'sv'), e.sv, 'state vector')
  assert.equal(await hexOf(engine, 'state v1'), e.state_v1, 'state')
  assert.equal(await hexOf(engine, 'snapshot'), e.snapshot_v1, 'snapshot')
  if (e.diff && !e.pending && !e.pending_ds) assert.equal(await hexOf(engine, `state v1 ${e.diff.target_sv}`), e.diff.v1, 'diff')
  const pending = await engine.ask('pending')
  assert.deepEqual([pending.structs, pending.deletes], [!!e.pending, e.pending_ds], 'pending')
  for (const [name, kind] of Object.entries(c.roots)) {
    const answer = await engine.ask(`json ${kind.replace(/^xml.*/, 'xml')} ${name}`)
    assert.deepEqual(sorted(answer.value), sorted(plain(e.json[name])), `JSON of ${name}`)
  }
  await engine.ask(c.gc ? 'new' : 'new nogc')
  assert.equal((await engine.ask(`apply v1 ${e.state_v1}`)).ok, true)
  assert.equal(await hexOf(engine, 'state v1'), e.state_v1_reloaded, 'reloaded state')
}

for (const engine of engines) {
  describe(engine.name, () => {
    for (const file of ['handmade', 'random']) {
      const cases = load(file)
      test(`${file}: the number of V1 cases is as recorded`, () => {
        assert.equal(cases.filter(v1).length, { handmade: 87, random: 22 }[file])
      })
      for (const c of cases.filter(v1)) test(`${file}: ${c.name}`, () => checkCase(engine, c))
    }
    test('functions: encodeStateAsUpdate for a state vector', async () => {
      const cases = load('functions').filter(c => c.fn === 'encodeStateAsUpdate')
      assert.ok(cases.length > 3)
      for (const c of cases) {
        await engine.ask('new')
        for (const update of c.updates) await engine.ask(`apply v1 ${update}`)
        assert.equal(await hexOf(engine, `state v1 ${c.sv}`), c.v1, `for ${c.sv}`)
      }
    })
    for (const c of load('malformed').filter(v1)) {
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
