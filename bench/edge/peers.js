// The peers as Durable Objects: y-partyserver as its README has it, without storage (its best case); y-partykit
// with persistence on, in the least host that it needs. Every put and delete is a row written.
import { routePartykitRequest } from 'partyserver'
import { onConnect } from 'y-partykit'
import { YServer } from 'y-partyserver'
import { DurableObject } from 'cloudflare:workers'

export class Main extends YServer {}
export class Hibernating extends YServer { static options = { hibernate: true } }

/** What the platform takes for itself: nothing is done with a message. */
export class Nothing extends DurableObject {
  fetch () {
    const { 0: client, 1: server } = new WebSocketPair()
    this.ctx.acceptWebSocket(server)
    return new Response(null, { status: 101, webSocket: client })
  }

  webSocketMessage () {}
}

export class PartyKit extends DurableObject {
  rows = 0
  async fetch (request) {
    if (!request.headers.has('Upgrade')) return new Response(String(this.rows))
    const { 0: client, 1: server } = new WebSocketPair()
    server.accept()
    const { storage } = this.ctx, self = this
    const counted = new Proxy(storage, {
      get (target, key) {
        const value = target[key]
        if (typeof value !== 'function') return value
        return (...args) => {
          if (key === 'put') self.rows += typeof args[0] === 'string' ? 1 : Object.keys(args[0]).length
          if (key === 'delete') self.rows += Array.isArray(args[0]) ? args[0].length : 1
          return value.apply(target, args)
        }
      }
    })
    server.binaryType = 'arraybuffer'
    server.id = crypto.randomUUID()
    await onConnect(server, { id: 'room', storage: counted, context: { parties: {} }, env: {} }, { persist: { mode: 'snapshot' } })
    return new Response(null, { status: 101, webSocket: client })
  }
}

export default {
  async fetch (request, env) {
    const { pathname } = new URL(request.url)
    if (pathname.startsWith('/partykit/')) return env.PartyKit.get(env.PartyKit.idFromName('room')).fetch(request)
    if (pathname.startsWith('/parties/nothing/')) return env.Nothing.get(env.Nothing.idFromName('room')).fetch(request)
    return await routePartykitRequest(request, env) ?? new Response('Not Found', { status: 404 })
  }
}
