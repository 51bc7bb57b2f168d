// The providers of Hocuspocus as the other clients are: one document, one socket, the same few names.
import { WebSocket } from 'ws'
import * as H2 from 'hocuspocus-2'
import * as H3 from 'hocuspocus-3'
import * as H4 from 'hocuspocus-4'

// The providers take their listeners off before they close a socket that is not open yet. Plain frames: tests read them.
class Socket extends WebSocket {
  constructor (url, protocols) { super(url, protocols, { perMessageDeflate: false }); this.on('error', () => {}) }
}

export const libraries = { 'hocuspocus 2': H2, 'hocuspocus 3': H3, 'hocuspocus 4': H4 }

/** A socket that any number of documents may share. */
export const openSocket = (version, url, options = {}) =>
  new libraries[version].HocuspocusProviderWebsocket({ url, WebSocketPolyfill: Socket, ...options })

/** A document on a socket. Provider 3 and 4 are attached by hand if the socket is not their own. */
export function openDocument (version, socket, name, options = {}) {
  const provider = new libraries[version].HocuspocusProvider({ websocketProvider: socket, name, broadcast: false, ...options })
  if (version !== 'hocuspocus 2') provider.attach()
  return provider
}

/** One document on a socket of its own. `params.token` is asked at each connect, as in y-websocket. */
export class Hocuspocus {
  constructor (version, url, name, document, { params, connect = true, socketOptions = {}, ...options } = {}) {
    this.version = version
    this.socket = openSocket(version, url, version === 'hocuspocus 2' ? { connect, ...socketOptions } : { autoConnect: connect, ...socketOptions })
    const token = params === undefined ? {} : { token: async () => (await (typeof params === 'function' ? params() : params)).token ?? '' }
    this.provider = openDocument(version, this.socket, name, { document, ...token, ...options })
  }

  get awareness () { return this.provider.awareness }
  get synced () { return this.provider.isSynced }
  get ws () { return this.socket.webSocket }
  get wsconnected () { return this.socket.status === 'connected' }
  get unsaved () { return this.provider.unsyncedChanges }

  on (name, listener) {
    if (name === 'connection-close') this.socket.on('close', ({ event }) => listener(event))
    else this.provider.on(name, listener)
  }

  disconnect () { this.socket.disconnect() }

  // The provider's own connect() does nothing while the socket is still closing.
  connect () {
    if (this.socket.status === 'connected') setTimeout(() => this.connect(), 5)
    else this.socket.connect()
  }

  destroy () { this.provider.destroy(); this.socket.destroy() }
}

/** A plain socket that speaks frames: {send, received, opened, closed}. */
export function speak (url, options = {}) {
  const ws = new WebSocket(url, options)
  ws.received = []
  ws.on('message', data => ws.received.push(data)).on('error', () => {})
  ws.closed = new Promise(resolve => ws.on('close', (code, reason) => resolve({ code, reason: String(reason) })))
  ws.opened = new Promise(resolve => ws.on('open', resolve))
  return ws
}

const varString = value => {
  const bytes = Buffer.from(value)
  const length = []
  let left = bytes.length
  do { length.push(left > 127 ? (left & 127) | 128 : left); left >>= 7 } while (left > 0)
  return Buffer.concat([Buffer.from(length), bytes])
}
/** A frame about a document; parts are bytes, text with its length in front, or buffers. */
export const frame = (name, ...parts) => Buffer.concat([name, ...parts].map(part =>
  typeof part === 'number' ? Buffer.from([part]) : typeof part === 'string' ? varString(part) : part))
export const auth = (name, token = '', version) => frame(name, 2, 0, token, ...(version === undefined ? [] : [version]))
