// node --expose-gc js.mjs yjs|ywasm|wasm COMMAND FILE ...: the commands of engine.c for the engines
// that run in Node; `wasm` is ours, built for wasm32. The first half of the repetitions is warm-up
// and left out.
import fs from 'node:fs'
import { createRequire } from 'node:module'
import { engine as ours } from './wasm.mjs'

const [name, command, file, ...args] = process.argv.slice(2)
const v2 = args.at(-1) === 'v2'
const engines = {
  yjs: async () => {
    const Y = await import('yjs')
    return {
      open: listen => {
        const doc = new Y.Doc()
        if (listen) doc.on('update', () => {})
        return doc
      },
      load: (doc, update) => Y.applyUpdate(doc, update),
      apply: v2 ? (doc, update) => Y.applyUpdateV2(doc, update) : (doc, update) => Y.applyUpdate(doc, update),
      encode: v2 ? (doc, sv) => Y.encodeStateAsUpdateV2(doc, sv) : (doc, sv) => Y.encodeStateAsUpdate(doc, sv),
      vector: doc => Y.encodeStateVector(doc),
      merge: updates => Y.mergeUpdates(updates),
      close: doc => doc.destroy()
    }
  },
  ywasm: async () => {
    const Y = createRequire(import.meta.url)('ywasm')
    return {
      open: listen => {
        const doc = new Y.YDoc({})
        if (listen) doc.onUpdate?.(() => {})
        return doc
      },
      load: (doc, update) => Y.applyUpdate(doc, update, undefined),
      apply: v2 ? (doc, update) => Y.applyUpdateV2(doc, update, undefined) : (doc, update) => Y.applyUpdate(doc, update, undefined),
      encode: v2 ? (doc, sv) => Y.encodeStateAsUpdateV2(doc, sv) : (doc, sv) => Y.encodeStateAsUpdate(doc, sv),
      vector: doc => Y.encodeStateVector(doc),
      close: doc => doc.free()
    }
  },
  wasm: () => ours(v2)
}
const engine = await engines[name]()
const bytes = new Uint8Array(fs.readFileSync(file))

function records (limit = Infinity) {
  const list = []
  const view = new DataView(bytes.buffer)
  for (let at = 0; at < bytes.length && list.length < limit;) {
    const size = view.getUint32(at, true)
    list.push(bytes.subarray(at + 4, at + 4 + size))
    at += 4 + size
  }
  return list
}

const result = { engine: name, cmd: command, cpu: [], wall: [] }
function timed (work) {
  const wall = process.hrtime.bigint()
  const cpu = process.cpuUsage()
  const value = work()
  const used = process.cpuUsage(cpu)
  result.cpu.push((used.user + used.system) / 1000)
  result.wall.push(Number(process.hrtime.bigint() - wall) / 1e6)
  return value
}
/** A call that takes far less than the microsecond that the clock knows is made many times. */
function timedShort (work) {
  let rounds = 1
  for (;;) {
    const cpu = process.cpuUsage()
    let value
    for (let i = 0; i < rounds; i++) value = work()
    const used = process.cpuUsage(cpu)
    const ms = (used.user + used.system) / 1000
    if (ms > 2 || rounds >= 4096) {
      result.cpu.push(ms / rounds)
      return value
    }
    rounds *= 4
  }
}
function heap () {
  globalThis.gc?.()
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heap: engine.memory?.() ?? heapUsed + external, rss }
}
/** Runs work in the first repetition between two looks at the memory. */
function measured (repetition, work) {
  if (repetition > 0) return timed(work)
  const before = heap()
  const value = timed(work)
  const after = heap()
  result.mem = { heap: after.heap - before.heap, rss: after.rss - before.rss }
  return value
}
function loaded (updates, listen = false) {
  const doc = engine.open(listen)
  for (const update of updates) engine.apply(doc, update)
  return doc
}

const repetitions = Number(['diff', 'merge'].includes(command) ? args[1] : args[0])
if (command === 'apply' || command === 'load') {
  const updates = command === 'apply' ? records() : [bytes]
  for (let i = 0; i < repetitions; i++) {
    const doc = measured(i, () => loaded(updates, args[1] === 'listen'))
    if (!v2) result.enc = engine.encode(doc).length
    engine.close(doc)
  }
} else if (command === 'many') {
  const updates = records()
  measured(0, () => Array.from({ length: repetitions }, () => updates.map(update => loaded([update]))))
} else if (command === 'merge') {
  const batch = Number(args[0])
  const updates = records(Number(args[2] ?? Infinity))
  if (!engine.merge || batch !== 0) process.exit(1)
  for (let i = 0; i < repetitions; i++) result.enc = timed(() => engine.merge(updates)).length
} else if (['reapply', 'encode', 'diff'].includes(command)) {
  const doc = engine.open(false)
  engine.load(doc, bytes)
  const sv = command !== 'diff' ? undefined : args[0] === 'self' ? engine.vector(doc) : new Uint8Array(fs.readFileSync(args[0]))
  for (let i = 0; i < repetitions; i++) {
    if (command === 'reapply') timed(() => engine.apply(doc, bytes))
    else result.enc = timedShort(() => engine.encode(doc, sv)).length
  }
} else throw new Error(`unknown command ${command}`)

const warm = repetitions > 2 && command !== 'many' ? result.cpu.slice(result.cpu.length >> 1) : result.cpu
result.medcpu = [...warm].sort((a, b) => a - b)[warm.length >> 1]
console.log(JSON.stringify(result))
