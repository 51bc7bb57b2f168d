// Real providers at a server that asks who they are, and what became of each.
import * as Y from 'yjs'
import { WebsocketProvider as YWebsocket3 } from 'y-websocket'
import YPartyKit from 'y-partykit/provider'
import YPartyServer from 'y-partyserver/provider'
import { WebSocket } from 'ws'
import { signTicket } from '../../web/convex/dist/index.js'
import { freePort, startServer } from '../e2e/support.mjs'
import { Hocuspocus, libraries } from '../e2e/hocuspocus-support.mjs'
import { SECRET, restore, startConvex, until } from './support.mjs'

process.setMaxListeners(0) // each provider of y-websocket has one on exit

/** Client families. `http`: a refusal is told by status of the handshake; `word`: by a word to the document if it is for
 * good; else by close code. */
export const families = {
  'y-websocket 3': { open: (s, room, doc, options) => new YWebsocket3(s.url, room, doc, options), http: false },
  'y-partykit': { open: (s, room, doc, options) => new YPartyKit(`127.0.0.1:${s.port}`, room, doc, options), http: true },
  'y-partyserver': { open: (s, room, doc, options) => new YPartyServer(`127.0.0.1:${s.port}`, room, doc, { ...options, party: 'main' }), http: true }
}
for (const version of Object.keys(libraries)) {
  families[version] = { open: (s, room, doc, { params, connect }) => new Hocuspocus(version, s.url, room, doc, { params, connect }), word: true }
}

/** What each refusal is, for each way of telling it. */
export const REFUSALS = {
  unauthenticated: { code: 4401, status: 401, word: 'unauthenticated' },
  expired: { code: 4501, status: 401 },
  forbidden: { code: 4403, status: 403, word: 'forbidden' },
  not_found: { code: 4404, status: 404, word: 'not_found' },
  bad_room: { code: 4400, status: 400, word: 'bad_room' },
  unavailable: { code: 4503, status: 503 }
}
export function refusalFor (family, reason) {
  const how = REFUSALS[reason]
  return families[family].http ? how.status : (families[family].word && how.word) || how.code
}

/** A provider with a document. Options: params, connect. Remembers each refusal in `told`. */
export class Guest {
  constructor (server, family, room, { params, connect = true } = {}) {
    this.doc = new Y.Doc()
    this.told = []
    this.losses = 0
    this.provider = families[family].open(server, room, this.doc, { WebSocketPolyfill: WebSocket, disableBc: true, params, connect: false })
    this.provider.on('connection-close', event => { if (event && event.code !== 1006) this.told.push(event.code) })
    this.provider.on('connection-close', () => { this.losses++ })
    this.provider.on('authenticationFailed', ({ reason }) => this.told.push(reason.startsWith('token_') ? 'unauthenticated' : reason))
    this.provider.on('connection-error', event => {
      const status = /Unexpected server response: (\d+)/.exec(event.message)
      if (status) this.told.push(Number(status[1]))
    })
    if (connect) this.provider.connect()
  }

  get text () { return this.doc.getText('text') }
  get says () { return this.text.toString() }
  get awareness () { return this.provider.awareness }
  seesUser (other) { return this.awareness.getStates().get(other.doc.clientID)?.user }
  async synced (ms) { await until('a guest to be in', () => this.provider.synced, ms); return this }
  async sees (text, ms) { await until(`a guest to see "${text}"`, () => this.says === text, ms) }
  /** The first refusal that comes from now on. */
  async refused (ms = 8000) {
    const before = this.told.length
    await until('a guest to be refused', () => this.told.length > before, ms)
    return this.told[before]
  }

  /** The network loses the socket. */
  drop () { this.provider.ws?.terminate() }
  /** Until it has noticed; some providers are back in the same moment. */
  async lose () { const before = this.losses; this.drop(); await until('the loss', () => this.losses > before) }
  async end () {
    await Promise.resolve() // a connect() that has just begun
    this.provider.destroy()
    this.doc.destroy()
  }
}

/** A guest whose tickets are signed here, a fresh one for each connect: Convex is not asked. */
export async function enterAs (user, convex, server, family, room) {
  const guest = new Guest(server, family, room, { params: { get token () { return guest.token } }, connect: false })
  const ticket = async () => { guest.token = (await signTicket({ key: SECRET, issuer: convex.site, userId: user.id, room, permission: 'write' })).ticket }
  await ticket()
  guest.provider.on('connection-close', ticket)
  guest.provider.connect()
  return guest
}

/** What the newest backup of a room says; null: there is none. */
export async function newestBackup (convex, room) {
  const answer = await restore(convex, room)
  if (answer.status !== 200) return null
  const doc = new Y.Doc()
  Y.applyUpdate(doc, new Uint8Array(await answer.arrayBuffer()))
  const number = name => Number(answer.headers.get(`x-collab-${name}`))
  return { text: doc.getText('text').toString(), map: doc.getMap('map').toJSON(), epoch: number('epoch'), seq: number('seq') }
}

/** A deployment and a server that know each other. `mode`: "convex" or "ticket"; `settings` of the server. */
export async function startBoth (mode, settings = {}) {
  const port = await freePort()
  const convex = await startConvex({ env: { PARTYD_URL: `http://127.0.0.1:${port}` } })
  const env = {
    PARTYD_AUTH: mode, CONVEX_URL: convex.cloud, CONVEX_SITE_URL: convex.site, COLLAB_SECRET: SECRET,
    ...(mode === 'ticket' ? { PARTYD_TICKET_SECRET: SECRET } : {}), ...settings
  }
  const server = await startServer({ port, env }).catch(async error => { await convex.stop(); throw error })
  const both = { convex, server }
  both.restart = async () => {
    await both.server.stop('SIGKILL')
    both.server = await startServer({ port, env, data: both.server.data })
  }
  both.stop = async () => { await both.server.stop(); await convex.stop() }
  return both
}
