// The call that goes back in time, against what Cloudflare documents of its storage: the local runtime does not go back, so
// only the order of calls and what comes of errors can be shown here (carry.test.mjs asks the real one). Rule E16.
import assert from 'node:assert/strict'
import path from 'node:path'
import { createRequire } from 'node:module'
import { test } from 'node:test'

const edge = path.resolve(process.env.EDGE ?? '../edge')
const { buildSync } = createRequire(path.join(edge, 'package.json'))('esbuild')
const { outputFiles: [{ text }] } = buildSync({ entryPoints: [path.join(edge, 'src/rewind.ts')], bundle: true, format: 'esm', target: 'es2022', write: false })
const { NoSuchMoment, rewind } = await import(`data:text/javascript;base64,${Buffer.from(text).toString('base64')}`)

function platform (fails = []) {
  const calls = []
  const says = (name, answer) => async (...args) => {
    calls.push([name, ...args])
    if (fails.includes(name)) throw new Error('not here')
    return answer
  }
  return {
    calls,
    time: { getCurrentBookmark: says('now', 'b-now'), getBookmarkForTime: says('at', 'b-then'), onNextSessionRestoreBookmark: says('restore', 'b-undo') },
    letGo: () => calls.push(['let go']),
    again: () => calls.push(['again'])
  }
}

test('E16: the moment is looked up, the platform told, all are let go, and then the object begins anew', async () => {
  const p = platform()
  assert.deepEqual(await rewind(p.time, { bookmark: '', at: 1000 }, p.letGo, p.again), { bookmark: 'b-then', undo: 'b-undo' })
  assert.deepEqual(p.calls, [['at', 1000], ['restore', 'b-then'], ['let go'], ['again']])
  const q = platform()
  assert.deepEqual(await rewind(q.time, { bookmark: 'b-7', at: 0 }, q.letGo, q.again), { bookmark: 'b-7', undo: 'b-undo' })
  assert.deepEqual(q.calls, [['restore', 'b-7'], ['let go'], ['again']])
})

test('E16: where the platform cannot, nobody is sent away and the answer says what it said', async () => {
  for (const [fails, says, moment] of [['at', /no bookmark for that time: not here/, { bookmark: '', at: 5 }], ['restore', /does not go back to that bookmark: not here/, { bookmark: 'b', at: 0 }]]) {
    const p = platform([fails])
    await assert.rejects(rewind(p.time, moment, p.letGo, p.again), error => error instanceof NoSuchMoment && says.test(error.message))
    assert.deepEqual(p.calls.at(-1)[0], fails)
  }
})
