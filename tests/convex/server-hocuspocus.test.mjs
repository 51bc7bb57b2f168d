// auth = ticket with Hocuspocus: its `token` function asks the application for a ticket at each connect.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { signTicket } from '../../web/convex/dist/index.js'
import { Guest, families, startBoth } from './guests.mjs'
import { SECRET, makePage, removeMember, setRole, signIn, sleep, until } from './support.mjs'

const versions = Object.keys(families).filter(family => families[family].word)
describe('ticket, Hocuspocus', { concurrency: true }, () => {
  for (const version of versions) describe(version, { concurrency: 1 }, () => chain(version))
})

function chain (version) {
  let both, convex, owner, editor, viewer, stranger
  const open = []
  before(async () => {
    both = await startBoth('ticket')
    convex = both.convex
    ;[owner, editor, viewer, stranger] = await Promise.all(['Olga', 'Ed', 'Vic', 'Sam'].map(name => signIn(convex, name)))
  })
  after(() => both?.stop())
  afterEach(async () => { for (const guest of open.splice(0)) await guest.end() })

  /** `asked` counts its tickets; without one it presents nothing. */
  function visit (room, user) {
    const visitor = { asked: 0 }
    const params = async () => {
      visitor.asked++
      const answer = await user.client.mutation('collab:ticket', { room })
      return { token: answer.allowed ? answer.ticket : '' }
    }
    const guest = Object.assign(new Guest(both.server, version, room, { params }), { visitor })
    open.push(guest)
    return guest
  }
  const enter = (...args) => visit(...args).synced()
  function present (room, token) {
    const guest = new Guest(both.server, version, room, { params: { token } })
    open.push(guest)
    return guest
  }
  async function shared () {
    const page = await makePage(owner)
    await setRole(owner, page, editor, 'editor')
    await setRole(owner, page, viewer, 'viewer')
    return page
  }

  test('C30 who may write writes, a viewer reads, nobody else gets in', async () => {
    const { room } = await shared()
    const [a, e, v] = await Promise.all([owner, editor, viewer].map(user => enter(room, user)))
    a.text.insert(0, 'text')
    await Promise.all([e.sees('text'), v.sees('text')])
    v.awareness.setLocalStateField('user', { id: owner.id, name: 'Olga' })
    await until('the viewer to be seen', () => a.seesUser(v)?.name === 'Vic')
    v.text.insert(0, 'no ')
    await sleep(200)
    assert.equal(a.says, 'text')
    assert.ok(v.provider.unsaved >= 1)
    await Promise.all([visit(room, stranger), present(room, 'nonsense'), present(room, '')].map(async guest => {
      assert.equal(await guest.refused(), 'unauthenticated')
      assert.equal(guest.says, '')
    }))
  })
  test('C31 each connect has a ticket of its own, which is good once', async () => {
    const { room } = await shared()
    const [a, e] = await Promise.all([enter(room, owner), enter(room, editor)])
    for (let n = 1; n <= 3; n++) {
      await e.lose()
      await e.synced()
      a.text.insert(0, `${n}`)
      await until('the text', () => e.says === a.says)
    }
    assert.equal(e.visitor.asked, 4)
    const { ticket } = await owner.client.mutation('collab:ticket', { room })
    await present(room, ticket).synced()
    assert.equal(await present(room, ticket).refused(), 'unauthenticated')
    const old = await signTicket({ key: SECRET, issuer: convex.site, userId: owner.id, room, permission: 'write', now: Date.now() - 200_000 })
    assert.equal(await present(room, old.ticket).refused(), 4501)
  })
  test('C32 a member who is removed goes on, and is refused at the next connect; or is out at once', async () => {
    const page = await shared()
    const [a, e, v] = await Promise.all([owner, editor, viewer].map(user => enter(page.room, user)))
    await removeMember(owner, page, editor)
    e.text.insert(0, 'still here')
    await a.sees('still here')
    await e.lose()
    assert.equal(await e.refused(), 'unauthenticated')
    const refused = v.refused()
    await removeMember(owner, page, viewer, { endSessions: true })
    assert.equal(await refused, 'no longer a member')
    a.text.insert(0, 'alone ')
    await sleep(200)
    assert.equal(v.says, 'still here')
  })
}
