// auth = convex, and very many at once: what partyd asks of Convex stays within its limits. With the
// settings that everybody gets.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { Guest, startBoth } from './guests.mjs'
import { makePage, setRole, signIn, until } from './support.mjs'

let both, convex, owner
const open = []
before(async () => {
  both = await startBoth('convex')
  convex = both.convex
  owner = await signIn(convex, 'Olga')
})
after(() => both?.stop())
afterEach(async () => {
  await convex.faults()
  for (const guest of open.splice(0)) await guest.end()
})
const visit = (room, user) => {
  const guest = new Guest(both.server, 'y-websocket 3', room, { params: { token: user.token } })
  open.push(guest)
  return guest
}

describe('convex, many', () => {
  test('C25 equal questions at the same time are asked once', async () => {
    const { room } = await makePage(owner)
    await convex.faults({ match: 'collab:authorize', kind: 'latency', ms: 500 })
    await convex.resetCounters()
    await Promise.all(Array.from({ length: 50 }, () => visit(room, owner).synced()))
    assert.equal((await convex.calls('collab:authorize')).calls, 1)
  })
  test('C25 500 clients that come back at once ask at most 16 questions at the same time', async () => {
    const users = await Promise.all(Array.from({ length: 25 }, (_, n) => signIn(convex, `U${n}`)))
    const page = await makePage(owner)
    const rooms = [page.room]
    while (rooms.length < 20) rooms.push((await owner.client.mutation('documents:create', { workspaceId: page.workspaceId, type: 'doc', title: 'One of many' })).room)
    for (const user of users) await setRole(owner, page, user, 'editor')
    const guests = rooms.flatMap(room => users.map(user => visit(room, user)))
    await Promise.all(guests.map(guest => guest.synced(60000)))
    await convex.faults({ match: 'collab:authorize', kind: 'latency', ms: 50 })
    await convex.resetCounters()
    await both.restart()
    await Promise.all(guests.map(guest => until('a guest to lose the server', () => !guest.provider.synced || guest.provider.wsconnected)))
    await Promise.all(guests.map(guest => guest.synced(60000)))
    const { calls, runningMax, failed } = await convex.calls('collab:authorize')
    assert.ok(calls >= 500, `${calls} calls`)
    assert.ok(runningMax <= 16 && runningMax >= 8, `${runningMax} calls at the same time`)
    assert.equal(failed, 0)
    guests[0].text.insert(0, 'all back')
    await Promise.all(guests.slice(0, 25).map(guest => guest.sees('all back', 10000)))
  })
})
