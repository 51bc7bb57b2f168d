// node --expose-gc js.mjs yjs|ywasm COMMAND FILE ...: the commands of engine.c for the engines that
// run in Node. The first half of the repetitions is warm-up and left out.
import fs from 'node:fs'
import { createRequire } from 'node:module'

const [name, command, file, ...args] = process.argv.slice(2)
const engines = {
  yjs: async () => {
    const Y = await import('yjs')
    return {
      open: () => new Y.Doc(),
      apply: (doc, update) => Y.applyUpdate(doc, update),
      encode: (doc, sv) => Y.encodeStateAsUpdate(doc, sv),
      vector: doc => Y.encodeStateVector(doc),
      close: doc => doc.destroy()
    }
  },
  ywasm: async () => {
    const Y = createRequire(import.meta.url)('ywasm')
    return {
      open: () => new Y.YDoc({}),
      apply: (doc, update) => Y.applyUpdate(doc, update, undefined),
      encode: (doc, sv) => Y.encodeStateAsUpdate(doc, sv),
      vector: doc => Y.encodeStateVector(doc),
      close: doc => doc.free()
    }
  }
}
const engine = await engines[name]()
const bytes = new Uint8Array(fs.readFileSync(file))

function records () {
  const list = []
  const view = new DataView(bytes.buffer)
  for (let at = 0; at < bytes.length;) {
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
function heap () {
  globalThis.gc?.()
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heap: heapUsed + external, rss }
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
function loaded (updates) {
  const doc = engine.open()
  for (const update of updates) engine.apply(doc, update)
  return doc
}

const repetitions = Number(command === 'diff' ? args[1] : args[0])
if (command === 'apply' || command === 'load') {
  const updates = command === 'apply' ? records() : [bytes]
  for (let i = 0; i < repetitions; i++) {
    const doc = measured(i, () => loaded(updates))
    result.enc = engine.encode(doc).length
    engine.close(doc)
  }
} else if (command === 'many') {
  const updates = records()
  measured(0, () => Array.from({ length: repetitions }, () => updates.map(update => loaded([update]))))
} else if (['reapply', 'encode', 'diff'].includes(command)) {
  const doc = loaded([bytes])
  const sv = command !== 'diff' ? undefined : args[0] === 'self' ? engine.vector(doc) : new Uint8Array(fs.readFileSync(args[0]))
  for (let i = 0; i < repetitions; i++) {
    if (command === 'reapply') timed(() => engine.apply(doc, bytes))
    else result.enc = timed(() => engine.encode(doc, sv)).length
  }
} else throw new Error(`unknown command ${command}`)

const warm = repetitions > 2 && command !== 'many' ? result.cpu.slice(result.cpu.length >> 1) : result.cpu
result.medcpu = warm.toSorted((a, b) => a - b)[warm.length >> 1]
console.log(JSON.stringify(result))
