// auth = convex: the token of Convex Auth goes through to partyd, which asks collab:authorize.
// The real functions, the real sign-in, the real server, the real providers.
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { Guest, families, refusalFor, startBoth } from './guests.mjs'
import { ConvexHttpClient, example, makePage, removeMember, setRole, signIn, sleep, until } from './support.mjs'

const { SignJWT, generateKeyPair, exportJWK, exportPKCS8 } = await example('jose')
/** Decisions are remembered this long here, so that tests need not wait. */
const REMEMBER_MS = 300
const forgotten = () => sleep(REMEMBER_MS + 100)

// Known here, so that tokens of any age can be made.
const keys = await generateKeyPair('RS256', { extractable: true })
process.env.JWKS = JSON.stringify({ keys: [{ use: 'sig', ...await exportJWK(keys.publicKey) }] })
process.env.JWT_PRIVATE_KEY = (await exportPKCS8(keys.privateKey)).trimEnd().replaceAll('\n', ' ')

describe('convex', { concurrency: true }, () => {
  for (const family of Object.keys(families)) describe(family, { concurrency: 1 }, () => chain(family))
})

/** All tests with one family, at a deployment and a server of their own. */
function chain (family) {
  const refusal = reason => refusalFor(family, reason)
  let both, convex, owner, editor, viewer, stranger
  const open = []
  before(async () => {
    both = await startBoth('convex', { PARTYD_REMEMBER_MS: String(REMEMBER_MS), PARTYD_STALE_MS: '2000', PARTYD_BACKEND_TIMEOUT_MS: '1500' })
    convex = both.convex
    ;[owner, editor, viewer, stranger] = await Promise.all(['Olga', 'Ed', 'Vic', 'Sam'].map(name => signIn(convex, name)))
  })
  after(() => both?.stop())
  afterEach(async () => {
    await convex.faults()
    for (const guest of open.splice(0)) await guest.end()
  })

  const visit = (room, user, options = {}) => {
    const guest = new Guest(both.server, family, room, { params: user ? { get token () { return user.token } } : undefined, ...options })
    open.push(guest)
    return guest
  }
  const enter = (...args) => visit(...args).synced()
  async function shared (type) {
    const page = await makePage(owner, type)
    await setRole(owner, page, editor, 'editor')
    await setRole(owner, page, viewer, 'viewer')
    return page
  }
  /** A token for a user's session that ends at `exp`, seconds since 1970. */
  const tokenUntil = (user, exp) => new SignJWT({ sub: `${user.id}|${user.sessionId}` }).setProtectedHeader({ alg: 'RS256' })
    .setIssuedAt(exp - 3600).setIssuer(convex.site).setAudience('convex').setExpirationTime(exp).sign(keys.privateKey)
  const nowS = () => Math.floor(Date.now() / 1000)

  test('C20 who may write writes, in documents and in diagrams', async () => {
    for (const type of ['doc', 'diagram']) {
      const { room } = await shared(type)
      const [a, b] = await Promise.all([enter(room, owner), enter(room, editor)])
      a.text.insert(0, 'from the owner')
      await b.sees('from the owner')
      b.text.insert(0, 'and the editor ')
      await a.sees('and the editor from the owner')
    }
  })
  test('C20 a viewer sees everything, is seen, and changes nothing', async () => {
    const { room } = await shared()
    const [a, v] = await Promise.all([enter(room, owner), enter(room, viewer)])
    a.text.insert(0, 'text')
    await v.sees('text')
    v.awareness.setLocalStateField('user', { id: owner.id, name: 'Olga' })
    await until('the viewer to be seen', () => a.seesUser(v)?.name === 'Vic')
    assert.equal(a.seesUser(v).id, viewer.id)
    v.text.insert(0, 'no ')
    await sleep(200)
    assert.equal(a.says, 'text')
    const late = await enter(room, editor)
    assert.equal(late.says, 'text')
  })
  test('C20 who may not enter is told why, and gets nothing', async () => {
    const { room, workspaceId } = await shared()
    const a = await enter(room, owner)
    a.text.insert(0, 'secret')
    const cases = [[room, stranger, 'forbidden'], [room, null, 'unauthenticated'], [room, { token: 'nonsense' }, 'unauthenticated'],
      ['doc-1', owner, 'not_found'], [`doc-${workspaceId}`, owner, 'not_found'], ['nothing-1', owner, 'bad_room']]
    await Promise.all(cases.map(async ([name, user, reason]) => {
      const guest = visit(name, user)
      assert.equal(await guest.refused(), refusal(reason), `${name}: ${reason}`)
      assert.equal(guest.says, '')
      assert.equal(guest.provider.synced, false)
    }))
  })
  test('C21 a member who is removed goes on, and is refused at the next connect', async () => {
    const page = await shared()
    const [a, e] = await Promise.all([enter(page.room, owner), enter(page.room, editor)])
    await removeMember(owner, page, editor)
    await forgotten()
    e.text.insert(0, 'still here')
    await a.sees('still here')
    const refused = e.refused()
    e.drop()
    assert.equal(await refused, refusal('forbidden'))
  })
  test('C21 a removed member is out at once if the owner says so, and stays out', async () => {
    const page = await shared()
    const [a, e] = await Promise.all([enter(page.room, owner), enter(page.room, editor)])
    const refused = e.refused()
    await removeMember(owner, page, editor, { endSessions: true })
    assert.equal(await refused, families[family].word ? 'no longer a member' : 4403)
    if (families[family].http) assert.equal(await e.refused(), refusal('forbidden'))
    a.text.insert(0, 'alone')
    await sleep(300)
    assert.equal(e.says, '')
    assert.equal(a.provider.wsconnected, true)
  })
  test('C21 who becomes a viewer is one at the next connect', async () => {
    const page = await shared()
    const [a, e] = await Promise.all([enter(page.room, owner), enter(page.room, editor)])
    await setRole(owner, page, editor, 'viewer')
    await forgotten()
    await e.lose()
    await e.synced()
    e.text.insert(0, 'no')
    a.text.insert(0, 'yes')
    await until('the text of the owner', () => e.says.includes('yes'))
    await sleep(200)
    assert.equal(a.says, 'yes')
  })
  test('C22 who signed out is refused at the next connect', async () => {
    const user = await signIn(convex, 'Out')
    const page = await shared()
    await setRole(owner, page, user, 'editor')
    const guest = await enter(page.room, user)
    await user.client.action('auth:signOut', {})
    await forgotten()
    const refused = guest.refused()
    guest.drop()
    assert.equal(await refused, refusal('unauthenticated'))
  })
  test('C22 an expired token is refused; with a fresh one the client gets in', async () => {
    const { room } = await shared()
    const user = { ...editor, token: await tokenUntil(editor, nowS() - 100) }
    const guest = visit(room, user)
    assert.equal(await guest.refused(), refusal('expired'))
    const { tokens } = await new ConvexHttpClient(convex.cloud).action('auth:signIn', { refreshToken: editor.refreshToken })
    Object.assign(editor, tokens)
    user.token = tokens.token
    if (family === 'y-partykit') { // reads its token in connect() only
      guest.provider.disconnect()
      await until('the end of its socket', () => guest.provider.ws === null)
      guest.provider.connect()
    }
    await guest.synced(10000)
  })
  test('C23 a deleted document ends for those who are in it, and is not found by others', async () => {
    const page = await shared()
    const e = await enter(page.room, editor)
    const refused = e.refused()
    await owner.client.mutation('documents:remove', { id: page.id })
    assert.equal(await refused, families[family].word ? 'the document was deleted' : 4404)
    await forgotten()
    assert.equal(await visit(page.room, owner).refused(), refusal('not_found'))
  })
  test('C24 while Convex is down known people get in for a while, others come again', async () => {
    const page = await shared()
    const a = await enter(page.room, owner)
    await forgotten()
    await convex.faults({ match: 'collab:authorize', kind: 'status', status: 503 })
    await a.lose()
    await a.synced() // decided from memory
    const e = visit(page.room, editor)
    assert.equal(await e.refused(), refusal('unavailable'))
    await sleep(2000)
    const again = a.refused()
    a.drop()
    assert.equal(await again, refusal('unavailable'))
    await convex.faults()
    await Promise.all([a.synced(10000), e.synced(10000)])
  })
  test('C24 a slow Convex is waited for, one that hangs is not', async () => {
    const { room } = await shared()
    await convex.faults({ match: 'collab:authorize', kind: 'latency', ms: 700 })
    const start = Date.now()
    const a = await enter(room, owner)
    assert.ok(Date.now() - start >= 700)
    a.text.insert(0, 'patience')
    await convex.faults({ match: 'collab:authorize', kind: 'hang' })
    const e = visit(room, editor)
    assert.equal(await e.refused(), refusal('unavailable'))
    await convex.faults()
    await e.sees('patience', 10000)
  })
}
