// Says whether a server does what it is there for: node smoke.mjs URL [ROOM]
//   health answers; a client connects, types and leaves; another finds what the first has typed.
// URL: http(s)://host[:port]. SMOKE_TOKEN: a token for the room, where access is controlled; without one the
// server has to refuse (set SMOKE_REFUSED=1). `yjs`, `y-websocket` and `ws` are those of the
// directory it is run in. The room is left empty.
import { createRequire } from 'node:module'
import path from 'node:path'

const require = createRequire(path.resolve('package.json'))
const Y = require('yjs')
const { WebsocketProvider } = require('y-websocket')
const { WebSocket } = require('ws')

const [address, room = `smoke-${Date.now().toString(36)}`] = process.argv.slice(2)
const limitMs = Number(process.env.SMOKE_MS ?? 15000)
const token = process.env.SMOKE_TOKEN
if (address === undefined) fail('usage: node smoke.mjs URL [ROOM]')

function fail (why) {
  console.error(`smoke: ${why}`)
  process.exit(1)
}
async function within (what, check) {
  for (const end = Date.now() + limitMs; Date.now() < end; await new Promise(resolve => setTimeout(resolve, 50))) {
    const found = await check()
    if (found) return found
  }
  fail(`${address}: waited ${limitMs} ms for ${what}`)
}

function join () {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(address.replace(/^http/, 'ws').replace(/\/$/, ''), room, doc,
    { WebSocketPolyfill: WebSocket, disableBc: true, params: token === undefined ? {} : { token } })
  let refused = false
  provider.on('connection-close', event => { refused ||= event?.code === 4401 })
  provider.on('connection-error', () => {})
  return { doc, provider, text: doc.getText('smoke'), refused: () => refused }
}

const health = await within('GET /health to say 200', async () => {
  const answer = await fetch(new URL('/health', address), { signal: AbortSignal.timeout(3000) }).catch(() => null)
  return answer?.status === 200 && answer.json()
})
if (health.status !== 'ok') fail(`${address}/health says ${JSON.stringify(health)}`)

const first = join()
if (process.env.SMOKE_REFUSED === '1') {
  await within('a client without a token to be refused with 4401', () => first.refused() || (first.provider.synced && fail('a client without a token was let in')))
  console.log(`smoke: ${address}: healthy, and refuses who has no token`)
  process.exit(0)
}
await within('the first client to be in sync', () => first.provider.synced)
const typed = `smoke ${Math.random()}`
first.text.insert(0, typed)
const second = join()
await within('the second client to see what the first has typed', () => second.text.toString().includes(typed))
first.provider.destroy()
second.provider.destroy()
const third = join()
await within('a client that comes later to find it', () => third.text.toString().includes(typed))
third.text.delete(0, third.text.length)
await within('it to be taken away again', () => third.provider.synced)
await new Promise(resolve => setTimeout(resolve, 200))
console.log(`smoke: ${address}: healthy, typed and read back`)
process.exit(0)
