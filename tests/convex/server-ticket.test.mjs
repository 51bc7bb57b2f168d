// auth = ticket: the application gives each client a ticket for one room; partyd asks nobody.
// The real functions, the real sign-in, the real server, the real providers.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { roomTickets } from '../../web/convex/dist/client.js'
import { signTicket } from '../../web/convex/dist/index.js'
import { Guest, families, refusalFor, startBoth } from './guests.mjs'
import { SECRET, makePage, removeMember, setRole, signIn, sleep, until } from './support.mjs'

describe('ticket', { concurrency: true }, () => {
  // Hocuspocus asks for a ticket by itself: server-hocuspocus.test.mjs.
  for (const family of Object.keys(families).filter(f => !families[f].word)) describe(family, { concurrency: 1 }, () => chain(family))
})

/** All tests with one family, at a deployment and a server of their own. */
function chain (family) {
  const refusal = reason => refusalFor(family, reason)
  let both, convex, owner, editor, viewer, stranger
  const open = []
  before(async () => {
    both = await startBoth('ticket')
    convex = both.convex
    ;[owner, editor, viewer, stranger] = await Promise.all(['Olga', 'Ed', 'Vic', 'Sam'].map(name => signIn(convex, name)))
  })
  after(() => both?.stop())
  afterEach(async () => {
    await convex.faults()
    for (const end of open.splice(0)) await end()
  })

  /** As an application does it: a ticket for each connect. `asked` counts them. */
  function visit (room, user) {
    const visitor = { asked: 0, refusals: [], permission: null, errors: 0 }
    const tickets = roomTickets(() => { visitor.asked++; return user.client.mutation('collab:ticket', { room }) })
    const guest = new Guest(both.server, family, room, { connect: false, params: tickets.params })
    const stop = tickets.connect(guest.provider, {
      onRefused: reason => visitor.refusals.push(reason),
      onAllowed: permission => { visitor.permission = permission },
      onError: () => visitor.errors++
    })
    open.push(async () => { stop(); await guest.end() })
    return Object.assign(guest, { visitor })
  }
  const enter = (...args) => visit(...args).synced()
  /** With this very ticket, as somebody does who has found it. */
  function present (room, ticket) {
    const guest = new Guest(both.server, family, room, { params: { token: ticket } })
    open.push(() => guest.end())
    return guest
  }
  async function shared (type) {
    const page = await makePage(owner, type)
    await setRole(owner, page, editor, 'editor')
    await setRole(owner, page, viewer, 'viewer')
    return page
  }
  const refusedBy = (guest, ms = 8000) => until('the application to refuse', () => guest.visitor.refusals.length > 0, ms)

  test('C30 who may write writes, a viewer reads, and the server asks nobody', async () => {
    const { room } = await shared()
    await convex.resetCounters()
    const [a, e, v] = await Promise.all([owner, editor, viewer].map(user => enter(room, user)))
    assert.deepEqual([a, e, v].map(guest => guest.visitor.permission), ['write', 'write', 'read'])
    a.text.insert(0, 'text')
    await Promise.all([e.sees('text'), v.sees('text')])
    v.awareness.setLocalStateField('user', { id: owner.id, name: 'Olga' })
    await until('the viewer to be seen', () => a.seesUser(v)?.name === 'Vic')
    assert.equal(a.seesUser(v).id, viewer.id)
    v.text.insert(0, 'no ')
    await sleep(200)
    assert.equal(a.says, 'text')
    assert.equal((await convex.calls('collab:authorize')).calls, 0)
  })
  test('C30 nobody else gets a ticket, and without one nobody gets in', async () => {
    const { room } = await shared()
    for (const [user, name, reason] of [[stranger, room, 'forbidden'], [owner, 'doc-1', 'not_found'], [owner, 'nothing', 'bad_room']]) {
      const guest = visit(name, user)
      await refusedBy(guest)
      assert.deepEqual(guest.visitor.refusals, [reason])
      assert.equal(guest.visitor.asked, 1)
    }
    const guest = new Guest(both.server, family, room)
    open.push(() => guest.end())
    assert.equal(await guest.refused(), refusal('unauthenticated'))
  })
  test('C31 each connect has a ticket of its own; the network may fail', async () => {
    const { room } = await shared()
    const [a, e] = await Promise.all([enter(room, owner), enter(room, editor)])
    for (let n = 1; n <= 3; n++) {
      e.drop()
      await until('the loss', () => !e.provider.synced)
      await e.synced()
      a.text.insert(0, `${n}`)
      await until('the text', () => e.says === a.says)
    }
    assert.equal(e.visitor.asked, 4)
    assert.deepEqual(e.told, [])
  })
  test('C31 a ticket is good once, for one room, until it expires', async () => {
    const { room } = await shared()
    const { room: other } = await shared()
    const { ticket } = await owner.client.mutation('collab:ticket', { room })
    const wrongRoom = present(other, ticket)
    assert.ok([refusal('forbidden'), refusal('unauthenticated')].includes(await wrongRoom.refused()))
    const first = await present(room, ticket).synced()
    first.text.insert(0, 'once')
    const second = present(room, ticket)
    assert.equal(await second.refused(), refusal('unauthenticated'))
    assert.equal(second.says, '')
    const made = (change = {}) => signTicket({ key: SECRET, issuer: convex.site, userId: owner.id, room, permission: 'write', ...change })
    const cases = [[{ key: 'another' }, 'unauthenticated'], [{ issuer: 'https://example.com' }, 'unauthenticated'],
      [{ audience: 'convex' }, 'unauthenticated'], [{ now: Date.now() - 200_000 }, 'expired']]
    await Promise.all(cases.map(async ([change, reason]) => {
      assert.equal(await present(room, (await made(change)).ticket).refused(), refusal(reason), JSON.stringify(change))
    }))
    await present(room, (await made()).ticket).synced()
  })
  test('C32 a member who is removed goes on, and gets no ticket for the next connect', async () => {
    const page = await shared()
    const [a, e] = await Promise.all([enter(page.room, owner), enter(page.room, editor)])
    await removeMember(owner, page, editor)
    e.text.insert(0, 'still here')
    await a.sees('still here')
    e.drop()
    await refusedBy(e)
    assert.deepEqual(e.visitor.refusals, ['forbidden'])
  })
  test('C32 a removed member is out at once if the owner says so', async () => {
    const page = await shared()
    const [a, e] = await Promise.all([enter(page.room, owner), enter(page.room, editor)])
    await removeMember(owner, page, editor, { endSessions: true })
    await refusedBy(e)
    assert.deepEqual(e.visitor.refusals, ['closed_4403'])
    assert.equal(a.provider.wsconnected, true)
  })
  test('C32 who signed out gets no ticket; a deleted document ends', async () => {
    const user = await signIn(convex, 'Out')
    const page = await shared()
    await setRole(owner, page, user, 'editor')
    const [guest, e] = await Promise.all([enter(page.room, user), enter(page.room, editor)])
    await user.client.action('auth:signOut', {})
    guest.drop()
    await refusedBy(guest)
    assert.deepEqual(guest.visitor.refusals, ['unauthenticated'])
    await owner.client.mutation('documents:remove', { id: page.id })
    await refusedBy(e)
    assert.deepEqual(e.visitor.refusals, ['closed_4404'])
  })
  test('C33 without Convex those who are in stay, and the others come in when it is back', async () => {
    const { room } = await shared()
    const a = await enter(room, owner)
    await convex.faults({ match: 'collab:ticket', kind: 'status', status: 503 })
    const e = visit(room, editor)
    await until('two failed questions', () => e.visitor.errors >= 2)
    a.text.insert(0, 'meanwhile')
    await sleep(100)
    assert.equal(a.provider.synced, true)
    await convex.faults()
    await e.sees('meanwhile', 10000)
  })
}
