// What systemd and the server say to each other, and the unit files as systemd itself reads them.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import { BINARY, Client, sleep, temporary, until } from '../e2e/support.mjs'

const MANAGER = path.resolve(process.env.MANAGER ?? '../build/release/deploy/manager')
const UNITS = path.resolve('../deploy/systemd')
const managers = new Set()
after(() => { for (const m of managers) m.kill('SIGTERM') })

function start (sockets, watchdogUs, ...words) {
  const child = spawn(MANAGER, [sockets, watchdogUs, BINARY, ...words].map(String))
  managers.add(child)
  const m = { child, out: '', log: '', port: 0 }
  child.stdout.on('data', chunk => { m.out += chunk; m.port ||= Number(/^socket (\d+)/m.exec(m.out)?.[1] ?? 0) })
  child.stderr.on('data', chunk => { m.log += chunk })
  m.exited = new Promise(resolve => child.once('exit', code => { managers.delete(child); resolve(code) }))
  m.told = what => m.out.split('\n').filter(line => line.startsWith('told ') && line.includes(what)).length
  return m
}

test('h70: a service manager is told when rooms are served, that the loop is alive, and when it stops', async () => {
  const m = start(1, 400000, 'dev', '--data', temporary())
  await until('READY', () => m.told('READY=1') === 1)
  await sleep(2000)
  const alive = m.told('WATCHDOG=1')
  assert.ok(alive >= 4, `told ${alive} times in 2 s that it is alive`)
  m.child.kill('SIGTERM')
  assert.equal(await m.exited, 0)
  assert.equal(m.told('STOPPING=1'), 1)
  assert.ok(m.out.indexOf('READY=1') < m.out.indexOf('STOPPING=1'))
})

test('h70: one that does not ask for signs of life gets none', async () => {
  const m = start(1, 0, 'dev', '--data', temporary())
  await until('READY', () => m.told('READY=1') === 1)
  await sleep(700)
  assert.equal(m.told('WATCHDOG'), 0)
  m.child.kill('SIGTERM')
  await m.exited
})

test('h71: a socket handed over is listened on, and nobody is refused while the server is restarted', async () => {
  const m = start(1, 0, 'dev', '--data', temporary())
  await until('READY', () => m.told('READY=1') === 1)
  const server = { port: m.port, url: `ws://127.0.0.1:${m.port}` }
  const a = new Client(server, 'y-websocket 3', 'doc')
  await a.synced()
  a.text.insert(0, 'before')
  m.child.kill('SIGHUP')
  // Requests go on all the while: each gets an answer, none is refused.
  let asked = 0
  while (m.told('READY=1') < 2) {
    const answer = await fetch(`http://127.0.0.1:${m.port}/health`)
    assert.equal(answer.status, 200)
    asked++
  }
  assert.ok(asked > 0)
  const b = new Client(server, 'y-websocket 3', 'doc')
  await b.synced()
  await until('what was there before', () => b.text.toString() === 'before')
  a.end()
  b.end()
  m.child.kill('SIGTERM')
  assert.equal(await m.exited, 0)
})

test('h71: sockets that cannot be used are named, and nothing listens', async () => {
  const m = start(2, 0, 'dev', '--data', temporary())
  assert.equal(await m.exited, 2)
  assert.match(m.log, /LISTEN_FDS: 2 sockets were handed over and this server listens on one/)
  // Descriptor 3 is a file.
  const file = path.join(temporary(), 'f')
  const r = spawnSync('sh', ['-c', `exec 3>"$1"; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" dev --data "$2"`, BINARY, file, temporary()], { encoding: 'utf8', timeout: 10000 })
  assert.equal(r.status, 2)
  assert.match(r.stderr, /LISTEN_FDS: what was handed over is no TCP socket that listens/)
  // Meant for another process: none of ours.
  const other = spawnSync('sh', ['-c', `exec 3>"$1"; LISTEN_PID=1 LISTEN_FDS=1 exec "$0" dev --port 0 --data "$2"`, BINARY, file, temporary()], { encoding: 'utf8', timeout: 10000 })
  assert.match(other.stderr, /'0' is no value for port/)
})

const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0
test('units: systemd finds nothing to say about them, and little that they may do', { skip: hasAnalyze ? false : 'there is no systemd-analyze here' }, () => {
  // The program of ExecStart= has to be there.
  const dir = temporary()
  for (const name of fs.readdirSync(UNITS)) {
    fs.writeFileSync(path.join(dir, name), fs.readFileSync(path.join(UNITS, name), 'utf8').replace('/usr/local/bin/partyd', BINARY))
  }
  const units = ['partyd.service', 'partyd.socket'].map(name => path.join(dir, name))
  const verify = spawnSync('systemd-analyze', ['verify', '--man=no', ...units], { encoding: 'utf8' })
  assert.equal(verify.status, 0, verify.stderr)
  assert.deepEqual(verify.stderr.split('\n').filter(line => line.includes('partyd')), [])
  const security = spawnSync('systemd-analyze', ['security', '--offline=yes', '--threshold=15', units[0]], { encoding: 'utf8' })
  assert.equal(security.status, 0, `${security.stdout}${security.stderr}`)
})
