// What is in the packages, and what the launcher does with the server in them.
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { before, test } from 'node:test'
import { Project, descendants, freePort, lives, root, temporary, until } from './support.mjs'

let project
before(() => { project = new Project().install() })
const version = fs.readFileSync(path.join(root, 'VERSION'), 'utf8').trim()
const json = file => JSON.parse(fs.readFileSync(file, 'utf8'))
const platform = `linux-${process.arch}`
const files = dir => fs.readdirSync(dir, { recursive: true, withFileTypes: true }).filter(f => f.isFile()).map(f => f.name)

test('the packages say version and licence, and hold nothing else than what they need', async () => {
  const main = json(project.path('node_modules/partyd/package.json'))
  const own = json(project.path(`node_modules/@partyd/${platform}/package.json`))
  for (const each of [main, own]) {
    assert.equal(each.version, version)
    assert.equal(each.license, 'MIT')
    assert.equal(each.publishConfig.provenance, true)
    assert.deepEqual(Object.keys(each.scripts ?? {}), [], 'nothing runs at install')
  }
  assert.deepEqual([own.os, own.cpu], [['linux'], [process.arch]])
  for (const wanted of Object.values(main.optionalDependencies)) assert.equal(wanted, version)
  assert.deepEqual(fs.readdirSync(project.path('node_modules/partyd')).sort(), ['LICENSE', 'README.md', 'bin', 'config.d.ts', 'index.d.ts', 'index.js', 'lib', 'package.json', 'partyd.schema.json', 'targets'])
  assert.deepEqual(files(project.path(`node_modules/@partyd/${platform}`)).filter(name => name !== 'THIRD-PARTY.txt').sort(), ['LICENSE', 'README.md', 'package.json', 'partyd'])
  assert.equal((await project.run(['--version'], { npx: true })).text, `partyd ${version}\n`)
})

test('what a Convex backend needs is a package too', { skip: !fs.existsSync(path.join(root, 'web/convex/dist/index.js')) }, () => {
  const out = temporary(), own = new Project()
  execFileSync('node', [path.join(root, 'tools/npm-pack.mjs'), out, 'web/convex'], { stdio: ['ignore', 'ignore', 'inherit'] })
  const file = path.join(out, `partyd-convex-${version}.tgz`)
  execFileSync('npm', ['install', '--offline', '--no-save', '--no-audit', '--no-fund', '--loglevel=error', file], { cwd: own.dir, stdio: ['ignore', 'ignore', 'inherit'] })
  const { license, scripts, publishConfig } = json(own.path('node_modules/@partyd/convex/package.json'))
  assert.deepEqual([license, scripts, publishConfig], ['MIT', undefined, { access: 'public', provenance: true }])
  assert.ok(fs.existsSync(own.path('node_modules/@partyd/convex/LICENSE')))
  own.write('a.mjs', "import { parseRoom } from '@partyd/convex'\nconsole.log(JSON.stringify(parseRoom('doc-5', ['doc'])))\n")
  assert.match(execFileSync('node', ['a.mjs'], { cwd: own.dir, encoding: 'utf8' }), /"doc"/)
})

test('schema and types in the repository are those of the server', () => {
  const out = temporary()
  execFileSync('node', [path.join(root, 'tools/npm-types.mjs'), process.env.PARTYD ?? '../build/partyd', out])
  for (const name of ['partyd.schema.json', 'config.d.ts']) {
    const there = fs.readFileSync(path.join(root, 'npm/partyd', name), 'utf8')
    assert.equal(there, fs.readFileSync(path.join(out, name), 'utf8'), `${name}: run make npm-types`)
  }
})

test('the types take a right configuration and refuse wrong ones', { skip: !fs.existsSync(path.join(root, 'example/node_modules/typescript')) }, () => {
  project.write('ok.ts', `import type { PartydConfig } from 'partyd'
import { binaryPath } from 'partyd'
export const config: PartydConfig = { port: 5, auth: 'ticket', rooms: { 'doc-*': { store: 'history', backup: ['night'] } }, backup: { night: { kind: 's3', bucket: 'b' } } }
export const at: string = binaryPath()
// @ts-expect-error no such setting
export const a: PartydConfig = { prot: 5 }
// @ts-expect-error no such choice
export const b: PartydConfig = { auth: 'tickets' }
// @ts-expect-error another type
export const c: PartydConfig = { rooms: { x: { gc: 'false' } } }
// @ts-expect-error a secret
export const d: PartydConfig = { 'collab-secret': 'x' }
`)
  const { status, stdout } = spawnSync(path.join(root, 'example/node_modules/.bin/tsc'), ['--noEmit', '--strict', '--module', 'nodenext', '--moduleResolution', 'nodenext', '--lib', 'es2022', 'ok.ts'], { cwd: project.dir, encoding: 'utf8' })
  assert.equal(status, 0, stdout)
})

test('exit codes are kept, and a signal that ends the server ends the launcher', async () => {
  assert.equal((await project.run(['no-such-command'])).code, 2)
  assert.equal((await project.run(['settings', '--port', '0'])).code, 2)
  assert.equal((await project.run(['settings', 'serve', '--port', '7'])).code, 0)
  const running = project.start(['dev', '--port', await freePort()])
  await running.said('listening on')
  process.kill(descendants(running.child.pid)[0], 'SIGKILL')
  assert.equal((await running.exited).signal, 'SIGKILL')
})

for (const [signal, npx] of [['SIGTERM', false], ['SIGINT', false], ['SIGHUP', false], ['SIGINT', true], ['SIGTERM', true]]) {
  test(`${signal}${npx ? ' to npx' : ''} ends the server in good order, and nothing is left`, async () => {
    const running = project.start(['dev', '--port', await freePort()], { npx })
    await running.said('listening on')
    const below = descendants(running.child.pid)
    assert.ok(below.length > 0)
    if (npx && signal === 'SIGINT') running.interrupt()
    else running.child.kill(signal)
    await until('all to have gone', () => !below.some(lives), 15000).finally(() => below.filter(lives).forEach(pid => process.kill(pid, 'SIGKILL')))
    const { code } = await running.exited
    assert.match(running.text, /stopped/)
    if (!npx) assert.equal(code, 0)
  })
}

test('a signal that npm and the terminal both send is one for the server', async () => {
  const port = await freePort()
  const running = project.start(['dev', '--port', port])
  await running.said('listening on')
  // Somebody who does not answer its close keeps the server from being done at once.
  const socket = net.connect(port, '127.0.0.1', () => socket.write('GET /parties/main/a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'))
  socket.on('error', () => {})
  await new Promise(resolve => socket.once('data', resolve))
  running.child.kill('SIGINT')
  await running.said('stopping')
  running.child.kill('SIGINT')
  assert.equal((await running.exited).code, 0)
  assert.match(running.text, /stopped/)
  socket.destroy()
})

test('a Ctrl-C of the terminal is one signal for the server', async () => {
  const port = await freePort()
  // script gives the launcher a terminal; the byte 3 in it is Ctrl-C. Without exec the shell in between would get it too,
  // and some shells then say 130 whatever their command ended with.
  const launcher = `exec node "${project.path('node_modules/partyd/bin/partyd.mjs')}" dev --port ${port}`
  const terminal = spawn('timeout', ['20', 'script', '-qec', launcher, '/dev/null'], { cwd: project.dir, env: { ...process.env, SHELL: '/bin/sh' }, stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(terminal, 'exit')
  let text = ''
  terminal.stdout.on('data', chunk => { text += chunk })
  await until(`the server to listen: ${text}`, () => text.includes('listening on'), 10000)
  terminal.stdin.write('\x03')
  const [status] = await exited
  assert.match(text, /stopped/)
  assert.equal(status, 0)
})

test('PARTYD_BINARY comes first, and without a server there is one line with the next step', async () => {
  const fake = path.join(temporary(), 'partyd')
  fs.writeFileSync(fake, '#!/bin/sh\necho "other $*"; exit 7\n', { mode: 0o755 })
  assert.deepEqual(await project.run(['serve', '--x'], { env: { PARTYD_BINARY: fake } }), { code: 7, signal: null, text: 'other serve --x\n' })
  assert.match((await project.run(['dev'], { env: { PARTYD_BINARY: 'build/partyd' } })).text, /^partyd: PARTYD_BINARY has to be an absolute path/)
  assert.match((await project.run(['dev'], { env: { PARTYD_BINARY: '/no/such' } })).text, /^partyd: PARTYD_BINARY names '\/no\/such'/)
  const other = path.join(temporary(), 'other.cjs')
  fs.writeFileSync(other, "Object.defineProperty(process, 'platform', { value: 'sunos' })\n")
  const sunos = await project.run(['dev'], { env: { NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --require ${other}` } })
  assert.equal(sunos.code, 2)
  assert.match(sunos.text, new RegExp(`^partyd: there is no ready-made server for sunos-${process.arch}; build it .*PARTYD_BINARY.*\n$`))
  const bare = new Project().install()
  fs.rmSync(bare.path('node_modules/@partyd'), { recursive: true })
  const missing = await bare.run(['dev'])
  assert.equal(missing.code, 2)
  assert.match(missing.text, new RegExp(`^partyd: the package @partyd/${platform} .* is missing; install again.*\n$`))
  const checkout = new Project({ 'server/main.c': '' })
  fs.cpSync(path.join(root, 'npm/partyd'), checkout.path('npm/partyd'), { recursive: true })
  const unbuilt = spawnSync('node', [checkout.path('npm/partyd/bin/partyd.mjs'), 'dev'], { cwd: checkout.dir, encoding: 'utf8', env: { PATH: process.env.PATH } })
  assert.equal(unbuilt.status, 2)
  assert.match(unbuilt.stderr, /^partyd: this is partyd's source code and its server is not built yet; run \S+\/dev once.*\n$/)
})
