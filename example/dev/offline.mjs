// A Convex deployment in memory beside the two others. It begins empty each time, so partyd's data
// is in a folder that goes with it.
import crypto from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { DEMO_USERS, seed } from './seed.mjs'

export async function startOffline ({ ports, start, seed: wanted }) {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'partyd-offline-'))
  process.on('exit', () => fs.rmSync(data, { recursive: true, force: true }))
  const secret = process.env.COLLAB_SECRET || crypto.randomBytes(32).toString('hex')
  const convex = start('convex', process.execPath,
    ['offline/main.mjs', '--watch', '--end-with-stdin', '--port', String(ports.convex), '--site-port', String(ports.site)],
    { env: { COLLAB_SECRET: secret, PARTYD_URL: `http://127.0.0.1:${ports.partyd}` } })
  const cloud = `http://127.0.0.1:${ports.convex}`
  const site = `http://127.0.0.1:${ports.site}`
  return {
    ready: convex.line(/offline convex ready/),
    partydArgs: ['--data', data],
    partydEnv: { COLLAB_SECRET: secret, PARTYD_TICKET_SECRET: secret, CONVEX_URL: cloud, CONVEX_SITE_URL: site },
    viteEnv: { VITE_CONVEX_URL: cloud, VITE_DEMO_USERS: wanted ? JSON.stringify(DEMO_USERS) : '' },
    after: wanted ? () => seed({ convexUrl: cloud, partydUrl: `ws://127.0.0.1:${ports.partyd}` }) : undefined,
    hint: wanted ? `  a demo workspace is there; sign in as one of ${DEMO_USERS.map(user => user.name).join(', ')}\n` : ''
  }
}
