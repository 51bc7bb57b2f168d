// Recorded edit scripts: every transaction has to give the bytes that Yjs gave, natively and as wasm.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { describe, test } from 'node:test'
import { hex, nativeEngine, wasmEngine } from '../support/engine.mjs'
import { NewType, SELF, root, script } from '../support/script.mjs'

const cases = JSON.parse(fs.readFileSync(new URL('data/edits.json', import.meta.url)))
const engines = [nativeEngine(process.env.YDOC ?? '../build/ydoc'), await wasmEngine(process.env.WASM ?? '../build/wasm/ydoc.wasm')]

/** A value of a recorded script as script.mjs takes it. */
function value (v) {
  if (v === null || typeof v !== 'object') return v
  if (v.$bin !== undefined) return new Uint8Array(Buffer.from(v.$bin, 'hex'))
  if (v.$y === undefined) return v
  const ops = []
  const values = v.items ?? v.children
  if (values?.length) ops.push({ do: 'listInsert', type: SELF, index: 0, values: values.map(value) })
  for (const [key, x] of Object.entries(v.entries ?? v.attrs ?? {})) ops.push({ do: 'mapSet', type: SELF, key, value: value(x) })
  if (v.delta) ops.push({ do: 'delta', type: SELF, delta: v.delta.map(op => ({ ...op, insert: value(op.insert) })) })
  return new NewType(v.$y, v.name, ops)
}

async function typeAt (engine, o) {
  let type = root(o.root)
  let kind = null
  for (const step of o.path ?? []) {
    const where = 'root' in type ? `root ${type.root}` : `type ${type.client} ${type.clock}`
    const answer = await engine.ask(typeof step === 'string' ? `get ${hex(Buffer.from(step))} ${where}` : `at ${step} ${where}`)
    type = { client: answer.type[0], clock: answer.type[1] }
    kind = answer.type[2]
  }
  return { type, isText: kind === null ? o.kind === 'text' : kind === 2 || kind === 6 }
}

/** One recorded operation in the words of script.mjs. */
async function translated (engine, o) {
  const { type, isText } = await typeAt(engine, o)
  switch (o.do) {
    case 'insert': return o.text !== undefined ? { ...o, type } : { do: 'listInsert', type, index: o.index, values: o.content.map(value) }
    case 'push': return { do: 'listPush', type, values: o.content.map(value) }
    case 'embed': return { do: 'embed', type, index: o.index, value: value(o.value), attrs: o.attrs }
    case 'delete': return { do: isText ? 'delete' : 'listDelete', type, index: o.index, length: o.length }
    case 'set': case 'setAttr': return { do: 'mapSet', type, key: o.key, value: value(o.value) }
    case 'remove': case 'removeAttr': return { do: 'mapDelete', type, key: o.key }
    case 'clear': return { do: 'mapClear', type }
    default: return { ...o, type }
  }
}

async function checkCase (engine, c) {
  await engine.ask('new')
  for (const update of c.base) assert.equal((await engine.ask(`apply v1 ${update}`)).ok, true)
  for (const [i, transaction] of c.transactions.entries()) {
    await engine.ask(`begin ${c.client}`)
    for (const o of transaction) {
      const answer = await engine.ask(`edit ${hex(script([await translated(engine, o)]))}`)
      assert.equal(answer.ok, true, `${JSON.stringify(o)}: ${answer.error}`)
    }
    await engine.ask('commit')
    await engine.ask('check')
    const at = `transaction ${i}: ${JSON.stringify(transaction)}`
    assert.equal((await engine.ask('last v1')).hex, c.expect.updates[i]?.v1 ?? '', at)
    assert.equal((await engine.ask('last v2')).hex, c.expect.updates[i]?.v2 ?? '', at)
  }
  assert.equal((await engine.ask('sv')).hex, c.expect.sv)
  assert.equal((await engine.ask('state v1')).hex, c.expect.state_v1)
  assert.equal((await engine.ask('state v2')).hex, c.expect.state_v2)
  assert.equal((await engine.ask('snapshot')).hex, c.expect.snapshot_v1)
  for (const [name, delta] of Object.entries(c.expect.delta ?? {})) {
    assert.deepEqual((await engine.ask(`delta ${name}`)).value, delta)
  }
}

for (const engine of engines) {
  describe(`edits: ${engine.name}`, () => {
    test('the number of cases is as recorded', () => assert.equal(cases.length, 33))
    for (const c of cases) test(c.name, () => checkCase(engine, c))
    test('the end', () => engine.end())
  })
}
