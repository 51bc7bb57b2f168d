// `npm run deploy`: what is run, in which order, and what is not when something fails. The programs only write down that they were run;
// what `partyd deploy` does is in tests/npm/deploy.test.mjs of the folder above.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('../dev/deploy.mjs', import.meta.url))
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'partyd-deploy-'))
after(() => fs.rmSync(dir, { recursive: true, force: true }))
const log = path.join(dir, 'log')
for (const name of ['npm', 'convex', 'partyd']) {
  fs.writeFileSync(path.join(dir, name), `#!/bin/sh\necho "${name} $*" >>'${log}'\n[ "$FAILS" != ${name} ] || exit 3\n`, { mode: 0o755 })
}
function deploy (words, env = {}) {
  fs.writeFileSync(log, '')
  const { status, stderr } = spawnSync(process.execPath, [script, ...words], { encoding: 'utf8', env: { PATH: `${dir}:/usr/bin:/bin`, VITE_PARTYKIT_HOST: 'rooms.example.com', ...env } })
  return { status, stderr, ran: fs.readFileSync(log, 'utf8').split('\n').filter(Boolean) }
}
const TESTS = ['npm run typecheck', 'npm test'], CONVEX = 'convex deploy --cmd npm run build', PARTYD = 'partyd deploy systemd me@there --url https://rooms.example.com'
const words = PARTYD.split(' ').slice(2)

test('tests, functions, partyd: each after the one before', () => {
  assert.deepEqual(deploy(words), { status: 0, stderr: '', ran: [...TESTS, CONVEX, PARTYD] })
  assert.deepEqual(deploy(['--no-test', ...words]).ran, [CONVEX, PARTYD])
})

test('what fails ends it with its exit code, and says so', () => {
  assert.deepEqual(deploy(words, { FAILS: 'npm' }).ran, TESTS.slice(0, 1))
  const convex = deploy(words, { FAILS: 'convex' })
  assert.deepEqual([convex.status, convex.ran], [3, [...TESTS, CONVEX]])
  assert.match(convex.stderr, /`convex deploy` ended with 3; what comes after it was not done/)
  assert.equal(deploy(words, { FAILS: 'partyd' }).status, 3)
})

test('without a target, or a page that would not find partyd, nothing is begun', () => {
  assert.deepEqual([deploy([]).status, deploy([]).ran], [2, []])
  const lost = deploy(words, { VITE_PARTYKIT_HOST: '' })
  assert.deepEqual([lost.status, lost.ran], [2, []])
  assert.match(lost.stderr, /VITE_PARTYKIT_HOST/)
})
