// What is left of a store after power loss, failing system calls, flipped bits, slow disks and
// refused memory. The work is done by the program `crash`; its tables are printed.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'

const CRASH = path.resolve(process.env.CRASH ?? '../build/release/crash/crash')
const run = (t, ...args) => new Promise((resolve, reject) => {
  const child = spawn(CRASH, args)
  let out = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { out += chunk })
  child.on('error', reject)
  child.on('close', code => {
    process.stdout.write(out)
    try { assert.equal(code, 0, out.slice(-3000)); resolve(out) } catch (error) { reject(error) }
  })
})
const options = { timeout: 600_000 }

test('s8: the power goes at any moment, and nothing confirmed is lost', options, t => run(t, 'power', 'any'))
test('s8: without its syncs the store loses data, and this test sees it', options, t => run(t, 'power', 'wrong'))
test('s9: the power goes during the first start', options, t => run(t, 'power', 'first'))
test('s10: a second fault after a failed sync', options, t => run(t, 'power', 'second'))
test('s11: the n-th system call fails', options, t => run(t, 'faults'))
test('s12: one bit is another', options, t => run(t, 'flips'))
test('s19: a slow disk, and one that stands still', options, t => run(t, 'slow'))
test('s20: memory is refused', options, t => run(t, 'memory'))
