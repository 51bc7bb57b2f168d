// A project's work with the package: dev with a configuration that changes, init, env, deploy.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { before, test } from 'node:test'
import { Client } from '../e2e/support.mjs'
import { Project, freePort, until } from './support.mjs'

let installed
before(() => { installed = new Project().install() })
/** A project of its own with the installed packages. */
function fresh (files) {
  const project = new Project(files)
  fs.symlinkSync(installed.path('node_modules'), project.path('node_modules'))
  return project
}
const url = port => ({ url: `ws://127.0.0.1:${port}`, port })

test('dev starts anew when the configuration changes, clients come back and nothing is lost', async () => {
  const port = await freePort()
  const project = fresh({ 'partykit/partyd.json': { port, 'log-level': 'info', rooms: { 'doc-*': {} } } })
  const running = project.start(['dev'], { npx: true })
  await running.said(`listening on http://127.0.0.1:${port}`)
  const a = new Client(url(port), 'y-websocket 3', 'doc-1')
  const b = new Client(url(port), 'y-partykit', 'doc-1')
  await Promise.all([a.synced(), b.synced()])
  a.text.insert(0, 'before')
  await until('b to have it', () => b.text.toString() === 'before')

  // A mistake changes nothing: the same sockets go on.
  let drops = 0
  a.provider.on('status', ({ status }) => { if (status === 'disconnected') drops++ })
  project.write('partykit/partyd.json', '{\n  "port": ' + port + ',\n  "romos": {}\n}')
  await running.said('partykit/partyd.json:3: there is no setting "romos"; did you mean "rooms"?')
  await running.said('partykit/partyd.json has a mistake; the server goes on as it was')
  a.text.insert(6, ', during')
  await until('b to have that', () => b.text.toString() === 'before, during')
  assert.equal(drops, 0)

  project.write('partykit/partyd.json', { port, rooms: { 'doc-*': {}, 'new-*': {} } })
  await running.said('partykit/partyd.json has changed, starting again')
  await until('the drop', () => drops > 0)
  a.text.insert(0, 'after, ')
  await until('both to have all', () => b.text.toString() === 'after, before, during' && b.provider.synced, 15000)
  const c = new Client(url(port), 'y-websocket 3', 'new-1')
  await c.synced()
  for (const client of [a, b, c]) client.end()
  running.interrupt()
  await running.exited
  assert.match(running.text, /stopped/)

  // What the rooms held is in the store.
  const again = project.start(['dev'])
  await again.said('listening on')
  const d = new Client(url(port), 'y-websocket 3', 'doc-1')
  await until('the text from the disk', () => d.text.toString() === 'after, before, during')
  d.end()
  again.child.kill('SIGTERM')
  assert.equal((await again.exited).code, 0)
})

test('dev is told by .env.local, the environment wins, and what a bundler calls CONVEX_URL is found', async () => {
  const project = fresh({ '.env': 'PARTYD_LOG_LEVEL=warn\n', '.env.local': 'export PARTYD_PORT="1"  # one\nVITE_CONVEX_URL=http://127.0.0.1:3210\nOTHER=x\n' })
  const { text } = await project.run(['env'], { env: { PARTYD_PORT: '7' } })
  assert.match(text, /^port +7 +environment PARTYD_PORT$/m)
  assert.match(text, /^log-level +warn +\.env PARTYD_LOG_LEVEL$/m)
  assert.match(text, /^convex-url +http:\/\/127\.0\.0\.1:3210 +\.env\.local VITE_CONVEX_URL CONVEX_URL$/m)
  const port = await freePort()
  const running = project.start(['dev', '--port', port, '--log-level=info'])
  await running.said('listening on')
  project.write('.env.local', 'PARTYD_ROOM_IDLE_MS=5\n')
  await running.said('.env.local has changed, starting again')
  await until('the second start', () => running.text.split('listening on').length === 3)
  running.child.kill('SIGTERM')
  await running.exited
})

for (const [name, files, words] of [
  ['an unknown key', { 'partyd.json': '{\n  "prot": 1\n}' }, 'partyd.json:2: there is no setting "prot"; did you mean "port"?'],
  ['a key twice', { 'partyd.json': '{\n  "port": 1,\n  "port": 2\n}' }, 'partyd.json:3: duplicate object key near \'"port"\''],
  ['a wrong type', { 'partykit/partyd.json': '{\n\n  "port": "1"\n}' }, 'partykit/partyd.json:3: port: that is no value of the right type; it takes a whole number from 1 to 65535, without quotes'],
  ['a key of a room', { 'partyd.json': '{\n"rooms": {\n"a": {\n"stroe": "none" }}}' }, 'partyd.json:4: rooms."a": there is no key "stroe"; did you mean "store"?'],
  ['a secret', { 'partyd.json': '{\n"collab-secret": "hunter2"}' }, 'partyd.json:2: collab-secret is a secret and read from the environment only; set COLLAB_SECRET'],
  ['a file of PartyKit that is none', { 'partykit.json': '{,}' }, 'partykit.json: '],
  ['a port of PartyKit', { 'partykit.json': { port: '1999' } }, 'partykit.json: port: it takes a whole number']
]) {
  test(`dev and serve tell ${name} and do not start`, async () => {
    const project = fresh(files)
    for (const command of ['dev', 'serve']) {
      const { code, text } = await project.run([command])
      assert.equal(code, 2)
      assert.ok(text.startsWith(`partyd: ${words}`), text)
      assert.ok(!text.includes('hunter2'))
    }
  })
}

test('a partykit.json is taken for what it says here, one line for each key', async () => {
  const port = await freePort()
  const project = fresh({ 'partykit.json': { $schema: 'x', name: 'app', main: 'party/index.ts', port, vars: { KEY: 'hunter2' }, prot: 1 } })
  const running = project.start(['dev'])
  await running.said(`listening on http://127.0.0.1:${port}`)
  running.child.kill('SIGTERM')
  await running.exited
  const lines = running.text.split('\n').filter(line => line.includes('partykit.json'))
  assert.deepEqual(lines.map(line => line.split(':')[2].trim()), ['name', 'main', 'port', 'vars', 'prot'])
  assert.ok(!running.text.includes('hunter2'))
})

test('init adds partyd once, and what it has made runs', async () => {
  const project = fresh({ 'package.json': '{\n    "name": "app",\n    "scripts": { "party": "x" },\n    "dependencies": { "y-partykit": "^0.0.33" }\n}\n', '.gitignore': 'node_modules' })
  const before = project.read('package.json')
  assert.match((await project.run(['init', '--dry-run'])).text, /not written/)
  assert.equal(project.read('package.json'), before)
  const first = await project.run(['init'])
  assert.equal(first.code, 0)
  assert.match(first.text, /new YPartyKitProvider\('127\.0\.0\.1:1999'/)
  assert.match(project.read('package.json'), /^ {4}"scripts": \{\n {8}"party": "x",\n {8}"partyd": "partyd dev"/m)
  assert.equal(project.read('.gitignore'), 'node_modules\n.partyd/\n')
  const config = JSON.parse(project.read('partykit/partyd.json'))
  assert.ok(fs.existsSync(project.path(`partykit/${config.$schema}`)))
  const all = ['package.json', '.gitignore', 'partykit/partyd.json'].map(name => project.read(name))
  assert.equal((await project.run(['init'])).code, 0)
  assert.deepEqual(['package.json', '.gitignore', 'partykit/partyd.json'].map(name => project.read(name)), all)
  const running = project.start(['dev', '--port', await freePort()])
  await running.said('listening on')
  running.child.kill('SIGTERM')
  await running.exited
  const none = await (() => { const p = fresh(); fs.rmSync(p.path('package.json')); return p.run(['init']) })()
  assert.equal(none.code, 2)
  assert.match(none.text, /^partyd: there is no package\.json here; .*\n$/)
})

test('env shows no secret, and writes those that are missing once', async () => {
  const project = fresh({ 'partyd.json': { auth: 'ticket' } })
  const shown = await project.run(['env'], { env: { COLLAB_SECRET: 'hunter2-hunter2-hunter2-hunter2-hunter2' } })
  assert.match(shown.text, /^collab-secret +set +environment COLLAB_SECRET$/m)
  assert.match(shown.text, /^ticket-secret +not set +would be PARTYD_TICKET_SECRET$/m)
  assert.match(shown.text, /^auth +ticket +partyd\.json$/m)
  assert.ok(!shown.text.includes('hunter2'))
  const wrote = await project.run(['env', '--write'])
  assert.match(wrote.text, /not in \.gitignore/)
  const secrets = project.read('.env.local')
  assert.match(secrets, /^PARTYD_TICKET_SECRET=[0-9a-f]{64}\nCOLLAB_SECRET=[0-9a-f]{64}\n$/)
  assert.equal(fs.statSync(project.path('.env.local')).mode & 0o777, 0o600)
  assert.ok(!wrote.text.includes(secrets.slice(21, 40)))
  assert.match((await project.run(['env', '--write'])).text, /nothing to add/)
  assert.equal(project.read('.env.local'), secrets)
  const running = project.start(['dev', '--port', await freePort()])
  await running.said('listening on') // ticket mode does not start without them
  running.child.kill('SIGTERM')
  await running.exited
})

test('deploy checks, runs the script of the target and keeps its exit code; it never claims what it did not do', async () => {
  const project = fresh()
  assert.equal((await project.run(['deploy'])).code, 2)
  assert.match((await project.run(['deploy', 'heroku'])).text, /^partyd: there is no target 'heroku'; there are docker, fly, systemd, edge\n$/)
  project.write('deploy/fly/deploy.sh', 'echo "deploying $*"; exit 4\n')
  const without = await project.run(['deploy', 'fly'], { env: { PATH: project.path('empty') } })
  assert.deepEqual([without.code, without.text], [2, 'partyd: deploy fly needs fly or flyctl, which is not on PATH; install it first\n'])
  project.write('bin/fly', '#!/bin/sh\n')
  fs.chmodSync(project.path('bin/fly'), 0o755)
  const env = { PATH: `${project.path('bin')}:${process.env.PATH}` }
  const ran = await project.run(['deploy', 'fly', '--region', 'ams'], { env })
  assert.deepEqual([ran.code, ran.text], [4, 'deploying --region ams\n'])
  project.write('partyd.json', '{\n"prot": 1}')
  const wrong = await project.run(['deploy', 'fly'], { env })
  assert.equal(wrong.code, 2)
  assert.match(wrong.text, /partyd\.json:2: [\s\S]*nothing was deployed\n$/)
  assert.ok(!wrong.text.includes('deploying'))
})
