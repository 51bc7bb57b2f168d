// Backups to Convex: the real functions, the real server, the real providers.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { signTicket } from '../../web/convex/dist/index.js'
import { freePort, startServer, temporary } from '../e2e/support.mjs'
import { Guest } from './guests.mjs'
import { SECRET, makePage, push, restore, setRole, sha256, signIn, sleep, startConvex, until } from './support.mjs'

let convex, owner
const open = []
before(async () => {
  convex = await startConvex()
  owner = await signIn(convex, 'Olga')
})
after(() => convex?.stop())
afterEach(async () => {
  await convex.faults()
  for (const end of open.splice(0).reverse()) await end()
})

/** A server that backs up to the deployment. */
async function start ({ data, secret = SECRET, site = convex.site, idle = 50, maxAge = 1000, more = {} } = {}) {
  const config = path.join(temporary(), 'partyd.json')
  fs.writeFileSync(config, JSON.stringify({ backup: { convex: { kind: 'convex', 'idle-ms': idle, 'max-age-ms': maxAge } }, ...more }))
  const env = {
    PARTYD_AUTH: 'ticket', PARTYD_TICKET_SECRET: SECRET, CONVEX_URL: convex.cloud, CONVEX_SITE_URL: site, COLLAB_SECRET: secret
  }
  const server = await startServer({ data, port: await freePort(), args: ['--config', config], env })
  open.push(() => server.stop('SIGKILL'))
  server.sink = async () => (await (await fetch(`${server.http}/health`)).json()).backup[0]
  server.saved = count => until('all to be backed up', async () => {
    const sink = await server.sink()
    return sink.waiting === 0 && sink.stored >= count
  }, 20000)
  return server
}
async function enter (server, room) {
  const { ticket } = await signTicket({ key: SECRET, issuer: convex.site, userId: owner.id, room, permission: 'write' })
  const guest = new Guest(server, 'y-websocket 3', room, { params: { token: ticket } })
  open.push(() => guest.end())
  return guest
}

test('B1 a wiped disk: everything is back from Convex at first connect', async () => {
  const pages = await Promise.all([1, 2, 3, 4, 5].map(() => makePage(owner)))
  const first = await start()
  for (const { room } of pages) (await (await enter(first, room)).synced()).text.insert(0, `text of ${room}`)
  await first.saved(5)
  await first.stop('SIGKILL')
  const second = await start()
  for (const { room } of pages) await (await (await enter(second, room)).synced()).sees(`text of ${room}`)
})
