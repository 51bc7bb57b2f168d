// deploy/smoke.mjs and deploy/release.sh: a release that works, and broken ones that are taken back.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import { BINARY, freePort, startServer, temporary } from '../e2e/support.mjs'

const SMOKE = path.resolve('../deploy/smoke.mjs')
const RELEASE = path.resolve('../deploy/release.sh')

function run (program, words, env = {}) {
  const child = spawn(program, words, { env: { ...process.env, ...env } })
  const result = { out: '', err: '' }
  child.stdout.on('data', chunk => { result.out += chunk })
  child.stderr.on('data', chunk => { result.err += chunk })
  return new Promise(resolve => child.on('close', code => resolve({ ...result, status: code })))
}
const smoke = (url, env) => run(process.execPath, [SMOKE, url], { SMOKE_MS: '3000', ...env })

test('smoke: a server that works passes, whoever does not is named', async () => {
  const server = await startServer()
  const good = await smoke(server.http)
  assert.deepEqual([good.status, good.err], [0, ''])
  assert.match(good.out, /typed and read back/)
  const open = await smoke(server.http, { SMOKE_REFUSED: '1' })
  assert.equal(open.status, 1)
  assert.match(open.err, /a client without a token was let in/)
  await server.stop()
  const gone = await smoke(server.http)
  assert.equal(gone.status, 1)
  assert.match(gone.err, /waited 3000 ms for GET \/health to say 200/)

  const guarded = await startServer({ command: 'serve', args: ['--host', '127.0.0.1', '--auth', 'ticket'], env: { PARTYD_TICKET_SECRET: 'x'.repeat(40) } })
  assert.equal((await smoke(guarded.http, { SMOKE_REFUSED: '1' })).status, 0)
  assert.equal((await smoke(guarded.http)).status, 1)
  await guarded.stop()
})

/** A machine with one service: RESTART ends what runs and starts what `partyd` leads to. */
async function machine () {
  const dir = temporary(), port = await freePort(), data = temporary()
  fs.writeFileSync(path.join(dir, 'restart'), `#!/bin/sh
[ ! -f ${dir}/pid ] || { kill "$(cat ${dir}/pid)"; while kill -0 "$(cat ${dir}/pid)"; do sleep 0.05; done; } 2>/dev/null
PARTYD_PORT=${port} PARTYD_DATA=${data} ${dir}/partyd dev >>${dir}/log 2>&1 &
echo $! >${dir}/pid
`, { mode: 0o755 })
  after(() => { try { process.kill(Number(fs.readFileSync(path.join(dir, 'pid'), 'utf8')), 'SIGKILL') } catch {} })
  const env = { INSTALL_DIR: dir, RESTART: path.join(dir, 'restart'), SMOKE: `'${process.execPath}' '${SMOKE}' http://127.0.0.1:${port}`, SMOKE_MS: '3000' }
  return { dir, port, data, release: (binary, more) => run(RELEASE, [binary], { ...env, ...more }), link: () => fs.readlinkSync(path.join(dir, 'partyd')) }
}
const program = text => {
  const file = path.join(temporary(), 'partyd')
  fs.writeFileSync(file, text, { mode: 0o755 })
  return file
}

test('release: the new binary runs, one that is broken is taken back, what is no program touches nothing', async () => {
  const m = await machine()
  const first = await m.release(BINARY)
  assert.equal(first.status, 0, first.err)
  const good = m.link()
  assert.match(good, /^partyd-[\d.]+.*-[0-9a-f]{12}$/)

  // It tells its version and ends when it should serve.
  const dies = await m.release(program('#!/bin/sh\n[ "$1" = --version ] && echo partyd 9.9.9 && exit 0\nexit 1\n'))
  assert.equal(dies.status, 1, dies.err)
  assert.match(dies.err, /partyd-9\.9\.9-\w+ does not work; going back to/)
  assert.equal(m.link(), good)
  assert.equal((await fetch(`http://127.0.0.1:${m.port}/health`)).status, 200)

  // It serves, but nobody gets in: health alone would not have noticed.
  const shut = program(`#!/bin/sh\n[ "$1" = --version ] && echo partyd 9.9.8 && exit 0\nPARTYD_AUTH=ticket PARTYD_TICKET_SECRET=${'x'.repeat(40)} exec '${BINARY}' "$@"\n`)
  const refused = await m.release(shut)
  assert.equal(refused.status, 1, refused.err)
  assert.equal(m.link(), good)

  for (const [binary, more] of [[program('rubbish'), {}], [BINARY, { BACKUP: 'false' }]]) {
    const before = fs.readFileSync(path.join(m.dir, 'pid'), 'utf8')
    assert.equal((await m.release(binary, more)).status, 2)
    assert.equal(fs.readFileSync(path.join(m.dir, 'pid'), 'utf8'), before)
    assert.equal(m.link(), good)
  }
})

test('workflows: what they and docs/deploy.md run is there', () => {
  const makefile = fs.readFileSync('../Makefile', 'utf8')
  for (const page of ['.github/workflows/ci.yml', '.github/workflows/deploy.yml', '.github/workflows/release.yml', 'docs/deploy.md', 'deploy/README.md']) {
    const text = fs.readFileSync(path.resolve('..', page), 'utf8')
    const named = [...text.matchAll(/(?:^|[\s`"./])((?:deploy|tools)\/[\w./-]*\w)/gm)].map(m => m[1]).filter(name => !name.includes('TARGET'))
    if (page.startsWith('docs') || page.endsWith('deploy.yml')) assert.ok(named.length > 3, page)
    for (const name of named) assert.ok(fs.existsSync(path.resolve('..', name)), `${page} names ${name}`)
    for (const [, target] of text.matchAll(/\bmake(?: -\w+)* ([a-z][\w-]*)/g)) assert.match(makefile, new RegExp(`^${target}:`, 'm'), `${page} makes ${target}`)
    for (const [, file] of text.matchAll(/node --test (\S+)/g)) assert.ok(fs.existsSync(file), `${page} runs ${file}`)
  }
})
