// One engine in this process: the wasm module behind its line protocol, without waiting.
import fs from 'node:fs'

const file = process.env.WASM ?? new URL('../../build/wasm/ydoc.wasm', import.meta.url)
const compiled = new WebAssembly.Module(fs.readFileSync(file))

/** ask(line) gives the answer; an answer that is not ok is thrown. */
export function newEngine () {
  const abi = new WebAssembly.Instance(compiled, {}).exports
  return line => {
    const bytes = Buffer.from(line)
    const at = abi.ydoc_in(bytes.length)
    new Uint8Array(abi.memory.buffer).set(bytes, at)
    if (abi.ydoc_line(bytes.length) !== 0) throw new Error('the engine failed')
    const answer = JSON.parse(Buffer.from(abi.memory.buffer, abi.ydoc_out(), abi.ydoc_out_len()).toString())
    if (!answer.ok) throw Object.assign(new Error(`${answer.error}: ${line.slice(0, 120)}`), { answer })
    return answer
  }
}

export const hex = bytes => Buffer.from(bytes).toString('hex') || '-'
export const unhex = text => new Uint8Array(Buffer.from(text, 'hex'))

/** A value that the engine tagged, as JavaScript has it. */
export function untagged (v) {
  if (v === null || typeof v !== 'object') return v
  if (Array.isArray(v)) return v.map(untagged)
  if (v.$ !== undefined && Object.keys(v).length === 1) return { undefined, NaN, Infinity, '-Infinity': -Infinity, '-0': -0 }[v.$]
  if (v.$bin !== undefined) return unhex(v.$bin)
  if (v.$big !== undefined) return BigInt(v.$big)
  if (v.$u16 !== undefined) return String.fromCharCode(...v.$u16)
  return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, untagged(x)]))
}
