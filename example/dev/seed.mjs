// A workspace to look at: three people, a document and a diagram, made as the application makes them.
import { ConvexHttpClient } from 'convex/browser'
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import { WebSocket } from 'ws'
import '../offline/globals.mjs' // crypto, on Node 18
import { writeDiagram, writeDocument } from './seed-content.mjs'

const SEED_MS = 15_000
const PASSWORD = 'demo-password'
export const DEMO_USERS = [
  { name: 'Ann', email: 'ann@example.com', password: PASSWORD, role: 'owner' },
  { name: 'Ben', email: 'ben@example.com', password: PASSWORD, role: 'editor' },
  { name: 'Vera', email: 'vera@example.com', password: PASSWORD, role: 'viewer' }
]

export async function seed ({ convexUrl, partydUrl }) {
  const [owner, ...others] = await Promise.all(DEMO_USERS.map(user => signUp(convexUrl, user)))
  const workspaceId = await owner.mutation('workspaces:create', { name: 'Demo workspace' })
  for (const [n, user] of others.entries()) {
    const { id } = await user.query('users:me', {})
    await owner.mutation('workspaces:setMember', { workspaceId, user: { id }, role: DEMO_USERS[n + 1].role })
  }
  const make = (type, title) => owner.mutation('documents:create', { workspaceId, type, title })
  const [plan, map] = await Promise.all([make('doc', 'Welcome'), make('diagram', 'How it fits together')])
  await Promise.all([
    fill(owner, partydUrl, plan.room, writeDocument),
    fill(owner, partydUrl, map.room, writeDiagram)
  ])
}

async function signUp (url, { name, email, password }) {
  const client = new ConvexHttpClient(url)
  const { tokens } = await client.action('auth:signIn', { provider: 'password', params: { flow: 'signUp', name, email, password } })
  client.setAuth(tokens.token)
  return client
}

/** Writes into a room as a client, and waits until the server has it on disk. */
async function fill (user, url, room, write) {
  const { ticket } = await user.mutation('collab:ticket', { room })
  const socket = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: WebSocket })
  const provider = new HocuspocusProvider({ websocketProvider: socket, name: room, token: ticket })
  provider.attach()
  try {
    await new Promise((resolve, reject) => {
      setTimeout(reject, SEED_MS, new Error(`${room} was not written within ${SEED_MS / 1000} s`)).unref()
      provider.on('authenticationFailed', ({ reason }) => reject(new Error(`${room}: ${reason}`)))
      let written = false
      provider.on('unsyncedChanges', ({ number }) => {
        if (number > 0) return
        if (written) return resolve()
        written = true
        provider.document.transact(() => write(provider.document))
      })
    })
  } finally {
    provider.destroy()
    socket.destroy()
  }
}
