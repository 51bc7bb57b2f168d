// The engine in wasm32 (make wasm-bench) behind the calls that js.mjs makes. Bytes are copied in and
// out, as any host in JavaScript has to.
import fs from 'node:fs'

const file = process.env.BENCH_WASM ?? new URL('../../build/bench/engine.wasm', import.meta.url)

export async function engine (v2) {
  const { instance } = await WebAssembly.instantiate(fs.readFileSync(file), {})
  const abi = instance.exports
  // A view as long as the memory does not move: to make one costs as much as a small update does.
  let view = new Uint8Array(abi.memory.buffer)
  const memory = () => {
    if (view.length === 0) view = new Uint8Array(abi.memory.buffer)
    return view
  }
  const give = bytes => {
    const at = abi.bench_in(bytes.length)
    memory().set(bytes, at)
    return bytes.length
  }
  const take = length => {
    const at = abi.bench_out()
    return memory().slice(at, at + length)
  }
  const format = v2 ? 2 : 1
  let listening = false
  return {
    open: listen => { listening = listen; abi.bench_in(1); return abi.bench_open() },
    load: (doc, update) => abi.bench_apply(doc, give(update), 1),
    apply: (doc, update) => {
      abi.bench_apply(doc, give(update), format)
      if (listening) abi.bench_last(doc)
    },
    encode: (doc, sv) => take(abi.bench_encode(doc, sv === undefined ? 0 : give(sv), format)),
    vector: doc => take(abi.bench_vector(doc)),
    memory: () => abi.memory.buffer.byteLength,
    close: doc => abi.bench_close(doc)
  }
}
