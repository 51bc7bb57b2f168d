// The guides of docs/migrate, as a reader follows them: their snippets, scripts and commands, taken out of the page, on
// what the real predecessors have stored.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import { WebsocketProvider as YWebsocket3 } from 'y-websocket'
import { WebsocketProvider as YWebsocket2 } from 'y-websocket-2'
import YPartyKit from 'y-partykit/provider'
import YPartyServer from 'y-partyserver/provider'
import { WebSocket, Y, freePort, sleep, startServer, temporary, until } from '../e2e/support.mjs'
import { libraries } from '../e2e/hocuspocus-support.mjs'
import { docOf, expected, partyd, recorded, unpack } from '../e2e/operator-support.mjs'
import { answers } from '../support/edge.mjs'
import { Guide } from './guide.mjs'

const children = new Set()
after(() => { for (const child of children) child.kill('SIGKILL') })

// Here a provider has to be given a WebSocket, and tabs of one process must not talk past the server.
const here = { WebSocketPolyfill: WebSocket, disableBc: true }
const outside = Provider => class extends Provider {
  constructor (host, room, doc, options = {}) { super(host, room, doc, { ...options, ...here }) }
}
const hocuspocus = version => class extends libraries[version].HocuspocusProvider {
  constructor ({ url, ...options }) {
    const socket = new libraries[version].HocuspocusProviderWebsocket({ url, WebSocketPolyfill: WebSocket })
    super({ websocketProvider: socket, ...options })
    this.ownSocket = socket
    if (version !== 'hocuspocus 2') this.attach()
  }

  destroy () { super.destroy(); this.ownSocket.destroy() }
}
const isSynced = provider => provider.synced || provider.isSynced

/** What a snippet of the page connects to, as soon as it is there. */
async function content (guide, tag, address, names) {
  const doc = new Y.Doc()
  const provider = guide.provider(tag, address, { ...names, doc })
  await until(`sync of ${tag} in ${guide.page}`, () => isSynced(provider), 10000)
  const found = expected(doc)
  provider.destroy()
  return found
}

/** Somebody who writes with the old server, then leaves. */
async function write (provider, doc, name) {
  await until('sync with the predecessor', () => isSynced(provider), 15000)
  doc.getText('text').insert(0, `hello ${name}`)
  doc.getMap('map').set('k', { a: [1, 'ä', null] })
  await sleep(100)
  doc.getText('text').delete(0, 1)
  await sleep(300)
  provider.destroy()
  return expected(doc)
}

async function assertRooms (server, rooms) {
  const listed = (await partyd(server.data, 'rooms', '--json')).lines.map(l => l.room).sort()
  assert.deepEqual(listed, Object.keys(rooms).sort())
  for (const [room, want] of Object.entries(rooms)) assert.deepEqual(expected(docOf((await partyd(server.data, 'export', room)).bytes)), want, room)
}

for (const [version, Provider] of [['2', YWebsocket2], ['3', YWebsocket3]]) {
  test(`migrate: y-websocket ${version}, with the LevelDB store of its server`, async () => {
    const dir = temporary(), port = await freePort()
    const old = spawn(process.execPath, [path.resolve('node_modules/y-websocket-2/bin/server.cjs')],
      { env: { ...process.env, HOST: '127.0.0.1', PORT: port, YPERSISTENCE: path.join(dir, 'storage') }, stdio: ['ignore', 'pipe', 'inherit'] })
    children.add(old)
    await new Promise(resolve => old.stdout.on('data', chunk => String(chunk).includes('running at') && resolve()))
    const server = await startServer()
    const guide = new Guide('migrate/y-websocket.md', dir, { '127.0.0.1:1234': `127.0.0.1:${port}`, '127.0.0.1:1999': `127.0.0.1:${server.port}` })
    const names = { WebsocketProvider: outside(Provider) }
    const doc = new Y.Doc(), rooms = {}
    rooms['main/doc-1'] = await write(guide.provider('before', 'ws://127.0.0.1:1234', { ...names, doc }), doc, 'doc-1')
    const second = new Y.Doc()
    rooms['main/a%20b%2Fc'] = await write(new names.WebsocketProvider(`ws://127.0.0.1:${port}`, 'a%20b%2Fc', second), second, 'a b/c')
    old.kill()
    await new Promise(resolve => old.once('exit', resolve))

    const done = await guide.run('run', { PARTYD_DATA: server.data })
    assert.equal(done.status, 0, done.err)
    assert.match(done.out, /main\/a%20b%2Fc created/)
    await assertRooms(server, rooms)
    assert.deepEqual(await content(guide, 'after', 'ws://127.0.0.1:1999', names), rooms['main/doc-1'])
    await server.stop()
  })
}

test('migrate: Hocuspocus, with the database of its SQLite extension', async () => {
  const { rooms, files } = recorded('hocuspocus')
  const server = await startServer()
  const guide = new Guide('migrate/hocuspocus.md', unpack({ files }), { '127.0.0.1:1999': `127.0.0.1:${server.port}` })
  const done = await guide.run('run', { PARTYD_DATA: server.data })
  assert.equal(done.status, 0, done.err)
  assert.match(done.out, /main\/doc-1 merged/)
  await assertRooms(server, rooms)
  for (const version of Object.keys(libraries)) {
    assert.deepEqual(await content(guide, 'after', 'ws://127.0.0.1:1999', { HocuspocusProvider: hocuspocus(version) }), rooms['main/doc-1'], version)
  }
  await server.stop()
})

test('migrate: PartyKit, with the state of `partykit dev`', async () => {
  const { rooms, files } = recorded('partykit')
  const dir = temporary()
  fs.mkdirSync(path.join(dir, '.partykit'))
  fs.renameSync(unpack({ files }), path.join(dir, '.partykit/state'))
  const server = await startServer()
  const guide = new Guide('migrate/partykit.md', dir, { '127.0.0.1:1999': `127.0.0.1:${server.port}` })
  const done = await guide.run('run', { PARTYD_DATA: server.data })
  assert.equal(done.status, 0, done.err)
  await assertRooms(server, rooms)
  assert.deepEqual(await content(guide, 'after', '127.0.0.1:1999', { YPartyKitProvider: outside(YPartyKit) }), rooms['main/doc-1'])
  assert.deepEqual(await content(guide, 'after-partyserver', '127.0.0.1:1999', { YProvider: outside(YPartyServer) }), rooms['main/doc-1'])
  await server.stop()
})

/** y-partykit (party main) and y-partyserver (party other) in Cloudflare's runtime. */
async function startPredecessors () {
  const { buildSync } = (await import('../../edge/node_modules/esbuild/lib/main.js')).default
  const bundle = path.join(temporary(), 'predecessors.js')
  buildSync({ entryPoints: ['deploy/predecessors.js'], outfile: bundle, bundle: true, format: 'esm', conditions: ['workerd', 'worker', 'browser'], external: ['cloudflare:*', 'node:*'], logLevel: 'error' })
  const { startWorker } = await import('../../edge/dev/worker.mjs')
  const port = await freePort()
  const child = startWorker({ state: temporary(), port, stdio: ['ignore', 'inherit', 'inherit'], modules: [{ name: 'predecessors.js', esModule: bundle }], classes: ['Other', 'PartyKit'], bindings: [['Other', 'Other'], ['PartyKit', 'PartyKit']], flags: ['nodejs_compat'] })
  children.add(child)
  await until('the runtime to answer', () => answers(port), 15000)
  return { port, child }
}

test('migrate: y-partykit and y-partyserver in the cloud, through a client', async () => {
  const old = await startPredecessors()
  const server = await startServer()
  const host = { 'my-app.me.partykit.dev': `127.0.0.1:${old.port}` }
  for (const [party, Provider, from] of [['main', YPartyKit, 'y-partykit'], ['other', YPartyServer, 'y-partyserver']]) {
    const dir = temporary()
    const guide = new Guide('migrate/partykit.md', dir, { ...host, ' main ./documents': ` ${party} ./documents`, '"main/': `"${party}/` })
    const script = path.join(dir, 'export.mjs')
    fs.writeFileSync(script, fs.readFileSync(script, 'utf8').replace('y-partykit/provider', `${from}/provider`))
    const rooms = {}, open = []
    for (const room of ['doc-1', 'a%20b%2Fc']) {
      const doc = new Y.Doc()
      const stays = new Provider(`127.0.0.1:${old.port}`, room, new Y.Doc(), { ...here, party })
      open.push(stays) // y-partyserver without a store of its own forgets a room that nobody has open
      rooms[`${party}/${room}`] = await write(room === 'doc-1' && party === 'main'
        ? guide.provider('before', 'my-app.me.partykit.dev', { YPartyKitProvider: outside(Provider), doc })
        : new Provider(`127.0.0.1:${old.port}`, room, doc, { ...here, party }), doc, room)
    }
    const done = await guide.run('run-cloud', { PARTYD_DATA: server.data })
    assert.equal(done.status, 0, done.err)
    for (const provider of open) provider.destroy()
    for (const [room, want] of Object.entries(rooms)) assert.deepEqual(expected(docOf((await partyd(server.data, 'export', room)).bytes)), want, room)
  }
  old.child.kill()
  await server.stop()
})
