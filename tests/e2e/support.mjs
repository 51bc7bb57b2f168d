// What every end-to-end test needs: a freshly started server, the real clients, and waiting.
import { spawn, spawnSync } from 'node:child_process'
import net from 'node:net'
import path from 'node:path'
import { after } from 'node:test'
import * as Y from 'yjs'
import { WebSocket } from 'ws'
import { WebsocketProvider as YWebsocket3 } from 'y-websocket'
import { WebsocketProvider as YWebsocket2 } from 'y-websocket-2'
import { WebsocketProvider as YWebsocket1 } from 'y-websocket-1'
import YPartyKit from 'y-partykit/provider'
import YPartyServer from 'y-partyserver/provider'
import { Hocuspocus, libraries } from './hocuspocus-support.mjs'

import { temporary } from '../support/temporary.mjs'
import { EDGE, checkEdge, nativeOnly, startEdge } from '../support/edge.mjs'

export { Y, WebSocket, EDGE, nativeOnly }

// A test that fails leaves its server and its clients behind, and both keep the process from ending:
// the servers are killed with the last test, and whatever still holds the process then is cut off.
const servers = new Set()
after(() => {
  for (const child of servers) child.kill('SIGKILL')
  setTimeout(() => process.exit(), 5000).unref()
})

export const BINARY = path.resolve(process.env.PARTYD ?? '../build/partyd')
export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

/** Waits until `check` is true; fails with `what` after `ms`. */
export async function until (what, check, ms = 5000) {
  const end = Date.now() + ms
  while (!await check()) {
    if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${what}`)
    await sleep(10)
  }
}

export const freePort = () => new Promise((resolve, reject) => {
  const probe = net.createServer().once('error', reject).listen(0, '127.0.0.1', () => {
    const { port } = probe.address()
    probe.close(() => resolve(port))
  })
})

export { temporary }

/** Starts the server and waits for its line. Options: command, data, port, args, env, files (how many it may
 * open). */
export async function startServer (options = {}) {
  const port = options.port ?? await freePort()
  const data = options.data ?? temporary()
  if (EDGE !== undefined) {
    const server = await startEdge({ ...options, port, data, command: undefined })
    servers.add(server.child)
    return server
  }
  const limit = options.files === undefined ? [] : ['-c', `ulimit -n ${options.files} && exec "$0" "$@"`, BINARY]
  const child = spawn(limit.length > 0 ? 'sh' : BINARY, [...limit, options.command ?? 'dev', '--port', port, '--data', data, ...(options.args ?? [])],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.env } })
  servers.add(child)
  child.once('exit', () => servers.delete(child))
  const server = { port, data, child, log: '', out: '', url: `ws://127.0.0.1:${port}`, http: `http://127.0.0.1:${port}` }
  child.stderr.on('data', chunk => { server.log += chunk })
  child.stdout.on('data', chunk => { server.out += chunk })
  server.exited = new Promise(resolve => child.once('exit', (code, signal) => resolve({ code, signal })))
  server.stop = async (signal = 'SIGTERM') => { child.kill(signal); return await server.exited }
  await Promise.race([
    until('the server to listen', () => server.out.includes('listening on'), 10000),
    server.exited.then(({ code }) => { throw new Error(`the server ended with ${code}: ${server.log}`) })
  ])
  return server
}

export const check = data => EDGE === undefined ? spawnSync(BINARY, ['check', '--data', data], { encoding: 'utf8' }) : checkEdge(data)

const options = { WebSocketPolyfill: WebSocket, disableBc: true }
/** The client families; open(server, room, doc, party, more) gives a provider; more: its options. */
export const families = {
  'y-websocket 3': (s, room, doc, party = 'main', more = {}) => new YWebsocket3(party === 'main' ? s.url : `${s.url}/parties/${party}`, room, doc, { ...options, ...more }),
  'y-websocket 2': (s, room, doc, party = 'main', more = {}) => new YWebsocket2(party === 'main' ? s.url : `${s.url}/parties/${party}`, room, doc, { ...options, ...more }),
  'y-websocket 1': (s, room, doc, party = 'main', more = {}) => new YWebsocket1(party === 'main' ? s.url : `${s.url}/parties/${party}`, room, doc, { ...options, ...more }),
  'y-partykit': (s, room, doc, party = 'main', more = {}) => new YPartyKit(`127.0.0.1:${s.port}`, room, doc, { ...options, party, ...more }),
  'y-partyserver': (s, room, doc, party = 'main', more = {}) => new YPartyServer(`127.0.0.1:${s.port}`, room, doc, { ...options, party, ...more })
}
for (const version of Object.keys(libraries)) {
  families[version] = (s, room, doc, party = 'main', more = {}) => new Hocuspocus(version, party === 'main' ? s.url : `${s.url}/parties/${party}`, room, doc, more)
}

export class Client {
  constructor (server, family, room, party, more) {
    this.doc = new Y.Doc()
    this.provider = families[family](server, room, this.doc, party, more)
  }

  get text () { return this.doc.getText('text') }
  get awareness () { return this.provider.awareness }
  get id () { return this.doc.clientID }
  synced () { return until('sync', () => this.provider.synced) }
  seesUser (other) { return this.awareness.getStates().get(other.id)?.user }
  drop () { this.provider.ws.terminate() }
  end () { this.provider.destroy(); this.doc.destroy() }
}

export async function pair (server, family, room, party) {
  const clients = [new Client(server, family, room, party), new Client(server, family, room, party)]
  await Promise.all(clients.map(c => c.synced()))
  return clients
}

export const same = (a, b) => Buffer.from(Y.encodeStateAsUpdate(a.doc)).equals(Buffer.from(Y.encodeStateAsUpdate(b.doc))) ||
  (Buffer.from(Y.encodeStateVector(a.doc)).equals(Buffer.from(Y.encodeStateVector(b.doc))) && JSON.stringify(roots(a.doc)) === JSON.stringify(roots(b.doc)))

const roots = doc => [doc.getText('text').toDelta(), sorted(doc.getMap('map').toJSON()), doc.getArray('array').toJSON(), doc.getXmlFragment('xml').toString()]
const sorted = value => Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1)
