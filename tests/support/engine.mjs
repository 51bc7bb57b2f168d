// The engine behind its line protocol: as a child process, or as a wasm module in this one.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import readline from 'node:readline'

export const hex = bytes => Buffer.from(bytes).toString('hex') || '-'

/** A native engine: ask(line) gives the answer as an object. */
export function nativeEngine (binary) {
  const child = spawn(binary, [], { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting = []
  let ended = null
  child.on('exit', (code, signal) => {
    ended = new Error(`the engine ended with ${code ?? signal}`)
    for (const { reject } of waiting.splice(0)) reject(ended)
  })
  readline.createInterface({ input: child.stdout }).on('line', line => {
    const { resolve, reject } = waiting.shift()
    try { resolve(JSON.parse(line)) } catch (error) { reject(new Error(`no JSON: ${line.slice(0, 200)}`, { cause: error })) }
  })
  return {
    name: 'native',
    ask: line => new Promise((resolve, reject) => {
      if (ended) return reject(ended)
      waiting.push({ resolve, reject })
      child.stdin.write(line + '\n')
    }),
    end: () => { child.stdin.end() }
  }
}

/** The same as wasm. */
export async function wasmEngine (file) {
  const { instance } = await WebAssembly.instantiate(fs.readFileSync(file), {})
  const abi = instance.exports
  return {
    name: 'wasm',
    ask: async line => {
      const bytes = Buffer.from(line)
      const at = abi.ydoc_in(bytes.length)
      new Uint8Array(abi.memory.buffer).set(bytes, at)
      const err = abi.ydoc_line(bytes.length)
      if (err !== 0) throw new Error(`the engine failed: ${err}`)
      return JSON.parse(Buffer.from(abi.memory.buffer, abi.ydoc_out(), abi.ydoc_out_len()).toString())
    },
    end: () => {}
  }
}
