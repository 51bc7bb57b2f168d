// Who may enter a room: the query that the server asks, the tickets that clients fetch.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { ConvexHttpClient, SECRET, authorize, claimsOf, makePage, removeMember, setRole, signIn, startConvex } from './support.mjs'

let convex, owner, editor, viewer, stranger, page
before(async () => {
  convex = await startConvex()
  ;[owner, editor, viewer, stranger] = await Promise.all(['Olga', 'Ed', 'Vic', 'Sam'].map(name => signIn(convex, name)))
  page = await makePage(owner)
  await setRole(owner, page, editor, 'editor')
  await setRole(owner, page, viewer, 'viewer')
})
after(() => convex.stop())

const valueOf = async (room, user) => {
  const { status, body } = await authorize(convex, room, user?.token)
  assert.equal(status, 200)
  assert.equal(body.status, 'success', body.errorMessage)
  return body.value
}
const refused = (reason, userId = null) =>
  ({ allowed: false, permission: 'none', userId, name: null, color: null, avatarUrl: null, reason })

describe('authorize', () => {
  test('C1 owner and editor write, a viewer reads, and each is told who they are', async () => {
    for (const [user, permission] of [[owner, 'write'], [editor, 'write'], [viewer, 'read']]) {
      const { color, ...value } = await valueOf(page.room, user)
      assert.match(color, /^#[0-9a-f]{6}$/)
      assert.deepEqual(value, { allowed: true, permission, userId: user.id, name: user.name, avatarUrl: null, reason: null })
    }
  })
  test('C1 a diagram is a room like a document; the room of a workspace is for presence only', async () => {
    const diagram = await makePage(owner, 'diagram')
    assert.match(diagram.room, /^diagram-/)
    assert.equal((await valueOf(diagram.room, owner)).permission, 'write')
    assert.equal((await valueOf(`workspace-${page.workspaceId}`, owner)).permission, 'read')
    assert.deepEqual(await valueOf(`workspace-${page.workspaceId}`, stranger), refused('forbidden', stranger.id))
  })
  test('C1 nobody else gets in, and the reason says why', async () => {
    assert.deepEqual(await valueOf(page.room, stranger), refused('forbidden', stranger.id))
    assert.deepEqual(await valueOf(page.room, null), refused('unauthenticated'))
    for (const room of ['', 'doc', 'doc-', 'nothing-1', `doc-${page.id}/x`, `doc-${'x'.repeat(200)}`, `doc-${page.id} `, '-']) {
      assert.deepEqual(await valueOf(room, owner), refused('bad_room'), room)
    }
    // An id of another table is an id of no document.
    for (const room of ['doc-1', `doc-${owner.id}`, `diagram-${page.id}`, `doc-${page.id}0`]) {
      assert.deepEqual(await valueOf(room, owner), refused('not_found', owner.id), room)
    }
  })
  test('C1 a deleted document is not found, a removed member is a stranger, a demoted one reads', async () => {
    const own = await makePage(owner)
    await setRole(owner, own, editor, 'editor')
    assert.equal((await valueOf(own.room, editor)).permission, 'write')
    await setRole(owner, own, editor, 'viewer')
    assert.equal((await valueOf(own.room, editor)).permission, 'read')
    await removeMember(owner, own, editor)
    assert.equal((await valueOf(own.room, editor)).reason, 'forbidden')
    await owner.client.mutation('documents:remove', { id: own.id })
    assert.equal((await valueOf(own.room, owner)).reason, 'not_found')
  })
  test('C2 who signed out is nobody, though the token is good for an hour', async () => {
    const user = await signIn(convex, 'Out')
    await setRole(owner, page, user, 'editor')
    assert.equal((await valueOf(page.room, user)).allowed, true)
    await user.client.action('auth:signOut', {})
    assert.ok(claimsOf(user.token).exp * 1000 > Date.now() + 3_000_000)
    assert.deepEqual(await valueOf(page.room, user), refused('unauthenticated'))
    assert.deepEqual(await user.client.mutation('collab:ticket', { room: page.room }), { allowed: false, reason: 'unauthenticated' })
  })
  test('C2 a session that is over is nobody', async () => {
    await convex.setEnv({ AUTH_SESSION_TOTAL_DURATION_MS: '1' })
    const user = await signIn(convex, 'Late')
    await convex.setEnv({ AUTH_SESSION_TOTAL_DURATION_MS: '2592000000' })
    await setRole(owner, page, user, 'editor')
    assert.deepEqual(await valueOf(page.room, user), refused('unauthenticated'))
  })
  test('C2 a token for another user\'s session is nobody', async () => {
    const identity = { issuer: convex.site, subject: `${owner.id}|${viewer.sessionId}` }
    const response = await fetch(`${convex.cloud}/api/query`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Convex offline|tests:${Buffer.from(JSON.stringify(identity)).toString('base64')}` },
      body: JSON.stringify({ path: 'collab:authorize', args: { room: page.room }, format: 'json' })
    })
    assert.deepEqual((await response.json()).value, refused('unauthenticated'))
  })
  test('C1 with a password, and found by e-mail address', async () => {
    const credentials = { provider: 'password', email: 'Pat@Example.com', password: 'correct horse', flow: 'signUp' }
    const pat = await signIn(convex, 'Pat', credentials)
    await owner.client.mutation('workspaces:setMember', { workspaceId: page.workspaceId, user: { email: 'pat@example.com' }, role: 'viewer' })
    assert.equal((await valueOf(page.room, pat)).permission, 'read')
    const again = await signIn(convex, 'Pat', { ...credentials, flow: 'signIn' })
    assert.equal(again.id, pat.id)
    await assert.rejects(signIn(convex, 'Pat', { ...credentials, password: 'wrong horse', flow: 'signIn' }), /InvalidSecret/)
  })
})

describe('ticket', () => {
  const ticketOf = (user, room = page.room) => user.client.mutation('collab:ticket', { room })

  test('C3 is signed for one user, one room, one permission and one minute', async () => {
    for (const [user, permission] of [[owner, 'write'], [viewer, 'read']]) {
      const before = Math.floor(Date.now() / 1000)
      const { ticket, ...rest } = await ticketOf(user)
      const [header, payload, signature] = ticket.split('.')
      assert.deepEqual(JSON.parse(Buffer.from(header, 'base64url')), { alg: 'HS256', typ: 'room+jwt' })
      assert.equal(signature, crypto.createHmac('sha256', SECRET).update(`${header}.${payload}`).digest('base64url'))
      const { iat, exp, jti, color, ...claims } = claimsOf(ticket)
      assert.deepEqual(claims, { iss: convex.site, aud: 'partyd', sub: user.id, room: page.room, perm: permission, name: user.name })
      assert.ok(iat >= before && iat <= Date.now() / 1000)
      assert.equal(exp, iat + 60)
      assert.match(jti, /^[A-Za-z0-9_-]{16}$/)
      assert.deepEqual(rest, { allowed: true, permission, expiresAt: exp * 1000 })
    }
  })
  test('C3 no two are the same', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, async () => claimsOf((await ticketOf(owner)).ticket).jti))
    assert.equal(new Set(ids).size, 20)
  })
  test('C3 nobody gets one who would not be let in', async () => {
    assert.deepEqual(await ticketOf(stranger), { allowed: false, reason: 'forbidden' })
    assert.deepEqual(await ticketOf(owner, 'doc-1'), { allowed: false, reason: 'not_found' })
    assert.deepEqual(await ticketOf(owner, 'nothing'), { allowed: false, reason: 'bad_room' })
    const nobody = { client: new ConvexHttpClient(convex.cloud) }
    assert.deepEqual(await ticketOf(nobody), { allowed: false, reason: 'unauthenticated' })
  })
  test('C3 of several secrets the first signs; without any there are no tickets', async () => {
    await convex.setEnv({ COLLAB_SECRET: 'new one, old one' })
    const [header, payload, signature] = (await ticketOf(owner)).ticket.split('.')
    assert.equal(signature, crypto.createHmac('sha256', 'new one').update(`${header}.${payload}`).digest('base64url'))
    await convex.setEnv({ COLLAB_SECRET: '' })
    await assert.rejects(ticketOf(owner), /Set COLLAB_SECRET/)
    await convex.setEnv({ COLLAB_SECRET: SECRET })
  })
})

describe('workspaces', () => {
  test('C1 only an owner gives and takes rights, and one owner stays', async () => {
    await assert.rejects(setRole(editor, page, stranger, 'viewer'), /Not allowed/)
    await assert.rejects(removeMember(editor, page, viewer), /Not allowed/)
    await assert.rejects(removeMember(owner, page, owner), /keeps one owner/)
    await assert.rejects(setRole(owner, page, owner, 'viewer'), /keeps one owner/)
    await assert.rejects(stranger.client.mutation('documents:remove', { id: page.id }), /Not allowed/)
    await assert.rejects(viewer.client.mutation('documents:create', { workspaceId: page.workspaceId, type: 'doc', title: 'x' }), /Not allowed/)
    await assert.rejects(stranger.client.query('workspaces:members', { workspaceId: page.workspaceId }), /Not allowed/)
    assert.deepEqual(await stranger.client.query('documents:list', { workspaceId: page.workspaceId }), [])
  })
})
