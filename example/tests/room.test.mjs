// One room of the application with a real server, without a browser.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import * as esbuild from 'esbuild'
import WebSocket from 'ws'
import { until } from './support.mjs'

const example = fileURLToPath(new URL('..', import.meta.url))
const out = path.join(example, 'node_modules/.cache/room-test', `${process.pid}.mjs`)
const data = fs.mkdtempSync(path.join(os.tmpdir(), 'partyd-room-'))
const ME = { id: 'ann', name: 'Ann', email: 'ann@example.com', color: '#808000' }
let Room, Rooms, HocuspocusProviderWebsocket, server, url
globalThis.WebSocket ??= WebSocket // Node has one of its own from 22 on
globalThis.window ??= new EventTarget()
Object.defineProperty(globalThis, 'navigator', { value: { onLine: true }, configurable: true })

const freePort = () => new Promise(resolve => {
  const probe = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = probe.address()
    probe.close(() => resolve(port))
  })
})

before(async () => {
  await esbuild.build({
    stdin: { contents: 'export * from "./room.ts"; export * from "./rooms.ts"; export { HocuspocusProviderWebsocket } from "@hocuspocus/provider"', resolveDir: path.join(example, 'src/rooms') },
    outfile: out, bundle: true, format: 'esm', platform: 'node'
  })
  ;({ Room, Rooms, HocuspocusProviderWebsocket } = await import(pathToFileURL(out).href))
  const port = await freePort()
  url = `ws://127.0.0.1:${port}`
  server = spawn(process.env.PARTYD_BINARY ?? path.join(example, '../build/partyd'), ['dev', '--port', String(port), '--data', data], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  server.stdout.on('data', chunk => { said += chunk })
  await until(() => `the server to listen: ${said}`, () => said.includes('listening on'))
})
after(() => {
  server.kill()
  fs.rmSync(out, { force: true })
  fs.rmSync(data, { recursive: true, force: true })
})

// So React does it in development, and a view that is left before the connection is there.
test('a room that is left before the socket is open does not close the next one of its name', async () => {
  const socket = new HocuspocusProviderWebsocket({ url, autoConnect: false, WebSocketPolyfill: WebSocket })
  const open = name => new Room(name, socket, async () => ({ allowed: true, ticket: '' }), ME)
  try {
    void socket.connect()
    open('doc-a').destroy()
    const room = open('doc-a')
    await until(() => `everything to be saved: ${JSON.stringify(room.state)}`, () => room.state.saved)
    room.doc.getMap('m').set('k', 1)
    assert.equal(room.state.saved, false)
    await until(() => `the change to be saved: ${JSON.stringify(room.state)}`, () => room.state.saved)
    room.destroy()
  } finally {
    socket.destroy()
  }
})

test('without a network nothing is said to be saved, though the socket has not noticed', async () => {
  const socket = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: WebSocket })
  const room = new Room('doc-b', socket, async () => ({ allowed: true, ticket: '' }), ME)
  try {
    await until(() => `everything to be saved: ${JSON.stringify(room.state)}`, () => room.state.saved)
    navigator.onLine = false
    window.dispatchEvent(new Event('offline'))
    assert.deepEqual([room.state.connection, room.state.saved], ['offline', false])
    navigator.onLine = true
    window.dispatchEvent(new Event('online'))
    assert.deepEqual([room.state.connection, room.state.saved], ['connected', true])
  } finally {
    room.destroy()
    socket.destroy()
  }
})

/** The way to the server, which can be cut as a network is: nothing comes through any more, and nobody is told. */
async function openWay () {
  const sockets = new Set()
  const way = net.createServer(near => {
    const far = net.connect(Number(new URL(url).port), '127.0.0.1')
    for (const [from, to] of [[near, far], [far, near]]) {
      sockets.add(from)
      from.on('data', chunk => to.write(chunk)).on('close', () => to.destroy()).on('error', () => {})
    }
  })
  await new Promise(resolve => way.listen(0, '127.0.0.1', resolve))
  return {
    url: `ws://127.0.0.1:${way.address().port}`,
    cut () { for (const socket of sockets) socket.pause() },
    close () { way.close(); for (const socket of sockets) socket.destroy() }
  }
}
const tell = what => {
  navigator.onLine = what === 'online'
  window.dispatchEvent(new Event(what))
}
const isAsked = () => !window.dispatchEvent(new Event('beforeunload', { cancelable: true }))

test('a room that is left without a network keeps what was changed in it, and sends it later', async () => {
  const way = await openWay()
  const rooms = new Rooms(() => new HocuspocusProviderWebsocket({ url: way.url, autoConnect: false, delay: 50, minDelay: 50, WebSocketPolyfill: WebSocket }))
  const others = new Rooms(() => new HocuspocusProviderWebsocket({ url, autoConnect: false, WebSocketPolyfill: WebSocket }))
  const enter = (rooms, name) => rooms.enter(name, async () => ({ allowed: true, ticket: '' }), ME)
  try {
    const [list, room, other] = [enter(rooms, 'list'), enter(rooms, 'doc-c'), enter(others, 'doc-c')]
    await until('all to be there', () => [list, room, other].every(one => one.state.saved))
    assert.equal(isAsked(), false)
    await until('them to see each other', () => room.provider.awareness.getStates().size === 2)
    way.cut()
    tell('offline')
    assert.deepEqual([room.state.connection, rooms.hasUnsent()], ['offline', false], 'nothing was changed')
    assert.equal(room.provider.awareness.getStates().size, 1, 'nobody else is said to be here')
    rooms.leave(room)
    room.doc.getMap('m').set('k', 1) // as an editor does when it goes
    await until('it to be known', () => rooms.getLeft().join() === 'doc-c')
    assert.ok(isAsked(), 'before the window is closed')
    assert.equal(room.provider.awareness.getLocalState(), null, 'who has left is not here')

    const again = enter(rooms, 'doc-c')
    assert.equal(again.doc.getMap('m').get('k'), 1, 'who comes back finds it')
    assert.equal(again.provider.awareness.getLocalState().user.name, 'Ann')
    assert.deepEqual(rooms.getLeft(), [])
    rooms.leave(again)
    await until('it to be known', () => rooms.getLeft().join() === 'doc-c')
    tell('online')
    await until(() => `others to have it: ${JSON.stringify(room.state)}`, () => other.doc.getMap('m').get('k') === 1)
    await until('it to be closed', () => rooms.getLeft().length === 0)
    assert.equal(isAsked(), false)
    await until('the list to be connected', () => list.state.saved)
  } finally {
    rooms.destroy()
    others.destroy()
    way.close()
  }
})
