// Runs a command of the program `crash`; its tables are printed.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import path from 'node:path'

const CRASH = path.resolve(process.env.CRASH ?? '../build/release/crash/crash')
export const run = (...args) => new Promise((resolve, reject) => {
  const child = spawn(CRASH, args)
  let out = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { out += chunk })
  child.on('error', reject)
  child.on('close', code => {
    process.stdout.write(out)
    try { assert.equal(code, 0, out.slice(-3000)); resolve(out) } catch (error) { reject(error) }
  })
})
export const options = { timeout: 600_000 }
