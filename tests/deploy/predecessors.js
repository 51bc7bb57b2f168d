// The predecessors of docs/migrate/partykit.md as Durable Objects: y-partykit with its persistence, in the least host that it
// needs, as the party main; y-partyserver, as its README has it, as the party other.
import { routePartykitRequest } from 'partyserver'
import { onConnect } from 'y-partykit'
import { YServer } from 'y-partyserver'
import { DurableObject } from 'cloudflare:workers'

export class Other extends YServer {}

export class PartyKit extends DurableObject {
  async fetch (request) {
    const { 0: client, 1: server } = new WebSocketPair()
    server.accept()
    server.binaryType = 'arraybuffer'
    server.id = crypto.randomUUID()
    const id = new URL(request.url).pathname.split('/').at(-1)
    await onConnect(server, { id, storage: this.ctx.storage, context: { parties: {} }, env: {} }, { persist: { mode: 'snapshot' } })
    return new Response(null, { status: 101, webSocket: client })
  }
}

export default {
  async fetch (request, env) {
    const { pathname } = new URL(request.url)
    if (pathname.startsWith('/parties/main/')) return env.PartyKit.get(env.PartyKit.idFromName(pathname)).fetch(request)
    return await routePartykitRequest(request, env) ?? new Response('Not Found', { status: 404 })
  }
}
