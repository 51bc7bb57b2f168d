// SIGKILL while copies go to Convex, to the real functions. KILLS sets how often; from 100 on, or with LARGE, one
// room goes by an upload address.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startBetween, startCopying, storm } from '../support/sink-storm.mjs'
import { SECRET, makePage, signIn, startConvex } from './support.mjs'

const KILLS = Number(process.env.KILLS ?? 10)
const LARGE = KILLS >= 100 || process.env.LARGE !== undefined
const open = []
after(() => Promise.all(open.map(one => one.stop())))

test(`B3 B10 ${KILLS} kills while copies are sent to Convex lose nothing, and all comes back from there`, { timeout: 1_800_000 }, async t => {
  const convex = await startConvex()
  open.push(convex)
  const owner = await signIn(convex, 'Olga')
  const between = await startBetween(convex.site)
  open.push(between)
  const rooms = []
  for (let n = 0; n < 3; n++) rooms.push((await makePage(owner)).room)
  const env = { COLLAB_SECRET: SECRET, CONVEX_SITE_URL: between.url }
  const result = await storm({
    kills: KILLS, between, rooms, large: LARGE ? 13 << 20 : 200_000,
    start: data => startCopying({ kind: 'convex' }, data, env),
    pull: { args: ['--backup', 'convex'], env: { ...env, CONVEX_SITE_URL: convex.site } }
  })
  const calls = {}
  for (const way of ['', '/begin', '/commit']) calls[way] = (await convex.calls(`/collab/backup${way}`)).calls
  t.diagnostic(JSON.stringify({ ...result, calls }))
  if (LARGE) assert.ok(calls['/commit'] > 0, 'a copy went by an upload address')
  assert.ok(result.marks > KILLS * 10, `${result.marks} marks were seen`)
  assert.ok(result.struck.random <= KILLS / 2, JSON.stringify(result.struck))
})
