// The deployment that runs without the cloud answers as one in it: the HTTP API, tokens, the sync
// socket, with the real clients. What these tests say is what the server relies on.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { after, afterEach, before, describe, test } from 'node:test'
import { ConvexClient, ConvexHttpClient, WebSocket, authorize, example, makeFunctionReference as ref, makePage, setRole, signIn, startConvex, until } from './support.mjs'

const { SignJWT, generateKeyPair, exportJWK, exportPKCS8, importPKCS8 } = await example('jose')
let convex, owner, page, keys
before(async () => {
  keys = await generateKeyPair('RS256', { extractable: true })
  const JWKS = JSON.stringify({ keys: [{ use: 'sig', ...await exportJWK(keys.publicKey) }] })
  convex = await startConvex({ env: { JWT_PRIVATE_KEY: (await exportPKCS8(keys.privateKey)).trimEnd().replaceAll('\n', ' '), JWKS } })
  owner = await signIn(convex)
  page = await makePage(owner)
})
after(() => convex.stop())

const call = async (name, body, headers = {}) => {
  const response = await fetch(`${convex.cloud}/api/${name}`, {
    method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body)
  })
  return { status: response.status, ...await response.json() }
}
const me = { path: 'users:me', args: {}, format: 'json' }
const token = ({ key = keys.privateKey, issuer = convex.site, audience = 'convex', exp = '1h', header = { alg: 'RS256' } } = {}) =>
  new SignJWT({ sub: `${owner.id}|${owner.sessionId}` }).setProtectedHeader(header).setIssuedAt().setIssuer(issuer).setAudience(audience).setExpirationTime(exp).sign(key)

describe('HTTP API', () => {
  test('C11 a function that fails is 200 with status error; what is no call is not', async () => {
    const thrown = await call('mutation', { path: 'workspaces:create', args: { name: 'x' } })
    assert.equal(thrown.status, 'error')
    assert.match(thrown.errorMessage, /Not signed in/)
    assert.match((await call('query', { path: 'users:nothing', args: {} })).errorMessage, /Could not find public function/)
    assert.match((await call('query', { path: 'users:me', args: { x: 1 } })).errorMessage, /x/)
    assert.match((await call('mutation', me)).errorMessage, /defined as query/)
    for (const [body, status] of [['nonsense', 400], [null, 400], [{ args: {} }, 400], [{ ...me, format: 'xml' }, 400]]) {
      const response = await fetch(`${convex.cloud}/api/query`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
      assert.equal(response.status, status)
      assert.ok((await response.json()).code)
    }
    assert.equal((await fetch(`${convex.cloud}/api/query`, { method: 'POST', body: JSON.stringify(me) })).status, 415)
    assert.equal((await fetch(`${convex.cloud}/api/nothing`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' })).status, 404)
    assert.equal((await fetch(`${convex.cloud}/api/query?path=users:me&args={`)).status, 400)
    assert.deepEqual(await (await fetch(`${convex.cloud}/api/query?path=users:me`)).json(), { status: 'success', value: null })
    assert.equal((await fetch(`${convex.cloud}/version`)).status, 200)
  })
  test('C11 internal functions are hidden from everybody but the administrator', async () => {
    const body = { path: 'backups:find', args: { room: page.room } }
    assert.match((await call('query', body, { Authorization: `Bearer ${owner.token}` })).errorMessage, /Could not find public function/)
    assert.equal((await call('query', body, { Authorization: 'Convex offline|tests' })).value, null)
    assert.deepEqual(await statusOf('Convex offline|other'), [401, 'BadAdminKey'])
    assert.deepEqual(await statusOf('Convex offline|tests:nonsense'), [401, 'InvalidAuthHeader'])
    assert.equal((await fetch(`${convex.cloud}/offline/counters`)).status, 401)
  })

  const statusOf = async authorization => {
    const response = await fetch(`${convex.cloud}/api/query`, {
      method: 'POST', headers: { 'Content-Type': 'application/json', Authorization: authorization }, body: JSON.stringify(me)
    })
    const { code } = await response.json()
    return [response.status, code]
  }
  test('C12 tokens: good, expired, of another key, issuer, audience; and what is none', async () => {
    assert.deepEqual(await statusOf(`Bearer ${await token()}`), [200, undefined])
    assert.deepEqual(await statusOf(`bearer ${owner.token}`), [200, undefined])
    assert.deepEqual(await statusOf(`Bearer ${await token({ exp: Math.floor(Date.now() / 1000) - 1 })}`), [401, 'Unauthenticated'])
    const { privateKey } = await generateKeyPair('RS256')
    assert.deepEqual(await statusOf(`Bearer ${await token({ key: privateKey })}`), [401, 'Unauthenticated'])
    const secret = crypto.createSecretKey(Buffer.from('x'.repeat(32)))
    assert.deepEqual(await statusOf(`Bearer ${await token({ key: secret, header: { alg: 'HS256' } })}`), [401, 'Unauthenticated'])
    const otherWay = await importPKCS8(await exportPKCS8(keys.privateKey), 'PS256')
    assert.deepEqual(await statusOf(`Bearer ${await token({ key: otherWay, header: { alg: 'PS256' } })}`), [401, 'Unauthenticated'])
    assert.deepEqual(await statusOf(`Bearer ${await token({ issuer: 'https://example.com' })}`), [401, 'NoAuthProvider'])
    assert.deepEqual(await statusOf(`Bearer ${await token({ audience: 'other' })}`), [401, 'NoAuthProvider'])
    assert.deepEqual(await statusOf('Bearer nonsense'), [401, 'InvalidAuthHeader'])
    assert.deepEqual(await statusOf('Basic dXNlcjpwdw=='), [400, 'InvalidAuthHeader'])
    assert.deepEqual(await statusOf('x'), [400, 'InvalidAuthHeader'])
  })
  test('C12 a token of Convex Auth has no kid, and its keys are at the site', async () => {
    assert.deepEqual(JSON.parse(Buffer.from(owner.token.split('.')[0], 'base64url')), { alg: 'RS256' })
    const discovery = await (await fetch(`${convex.site}/.well-known/openid-configuration`)).json()
    assert.equal(discovery.issuer, convex.site)
    const { keys: [key] } = await (await fetch(discovery.jwks_uri)).json()
    const [header, payload, signature] = owner.token.split('.')
    assert.ok(crypto.verify('sha256', `${header}.${payload}`, crypto.createPublicKey({ key, format: 'jwk' }), Buffer.from(signature, 'base64url')))
  })
  test('C12 a refreshed token is another one for the same session', async () => {
    const { tokens } = await new ConvexHttpClient(convex.cloud).action('auth:signIn', { refreshToken: owner.refreshToken })
    const { value } = (await authorize(convex, page.room, tokens.token)).body
    assert.equal(value.userId, owner.id)
    assert.notEqual(tokens.refreshToken, owner.refreshToken)
  })
  test('C13 faults and counters', async () => {
    await convex.resetCounters()
    await convex.faults({ match: 'users:me', kind: 'status', status: 503, times: 1 }, { match: 'users:me', kind: 'latency', ms: 150, times: 2 })
    assert.deepEqual([(await call('query', me)).code], ['FaultInjected'])
    const start = Date.now()
    await Promise.all([call('query', me), call('query', me)])
    assert.ok(Date.now() - start >= 150)
    assert.deepEqual(await convex.calls('users:me'), { calls: 3, running: 0, runningMax: 2, failed: 1 })
    await convex.faults({ match: '*', kind: 'hang' })
    await assert.rejects(fetch(`${convex.cloud}/api/query`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(me), signal: AbortSignal.timeout(200) }))
    await until('the call to be over with its caller', async () => (await convex.calls('users:me')).running === 0)
    await convex.faults({ match: '/collab/events', kind: 'close' })
    await assert.rejects(fetch(`${convex.site}/collab/events`, { method: 'POST' }))
    await convex.faults()
    assert.equal((await call('query', me)).status, 'success')
  })
})

describe('sync socket', () => {
  test('C11 nonsense ends the session that sent it, and no other', async () => {
    for (const message of ['nonsense', '{}', 'null', '{"type":"ModifyQuerySet"}', '{"type":"ModifyQuerySet","baseVersion":7,"newVersion":8,"modifications":[]}', '{"type":"Authenticate","tokenType":"User","baseVersion":0,"value":7}']) {
      const socket = new WebSocket(`${convex.cloud.replace('http', 'ws')}/api/1.0.0/sync`)
      await new Promise(resolve => socket.once('open', resolve))
      const ended = new Promise(resolve => socket.once('close', resolve))
      socket.send(message)
      await ended
    }
    assert.equal((await call('query', me)).status, 'success')
  })
  const open = []
  afterEach(async () => { for (const client of open.splice(0)) await client.close() })
  const clientOptions = { webSocketConstructor: WebSocket, unsavedChangesWarning: false, logger: false }
  const connect = getToken => {
    const client = new ConvexClient(convex.cloud, clientOptions)
    open.push(client)
    client.setAuth(getToken)
    return client
  }
  const watch = (client, name, args) => {
    const seen = { values: [], errors: [] }
    client.onUpdate(ref(name), args, value => seen.values.push(value), error => seen.errors.push(error))
    return seen
  }

  test('C14 results change with what others write, and survive a lost socket', async () => {
    const client = connect(async () => owner.token)
    const other = await makePage(owner)
    const list = watch(client, 'documents:list', { workspaceId: other.workspaceId })
    const count = () => list.values.at(-1)?.length
    await until('the first result', () => count() === 1)
    await owner.client.mutation('documents:create', { workspaceId: other.workspaceId, type: 'diagram', title: 'By HTTP' })
    await until('a write by HTTP to show', () => count() === 2)
    await client.mutation(ref('documents:create'), { workspaceId: other.workspaceId, type: 'doc', title: 'By socket' })
    assert.equal(count(), 3, 'a mutation is done when its effect shows')
    await convex.dropSockets()
    await owner.client.mutation('documents:create', { workspaceId: other.workspaceId, type: 'doc', title: 'Meanwhile' })
    await until('what was missed to show', () => count() === 4, 10000)
    await assert.rejects(client.mutation(ref('documents:rename'), { id: owner.id, title: '' }), /Validator error/)
    assert.deepEqual(list.errors, [])
  })
  test('C14 only results that changed are told', async () => {
    const socket = new WebSocket(`${convex.cloud.replace('http', 'ws')}/api/1.0.0/sync`)
    const transitions = []
    socket.on('message', data => { const message = JSON.parse(data); if (message.type === 'Transition') transitions.push(message) })
    await new Promise(resolve => socket.once('open', resolve))
    socket.send(JSON.stringify({ type: 'ModifyQuerySet', baseVersion: 0, newVersion: 1, modifications: [{ type: 'Add', queryId: 0, udfPath: 'users:me', args: [{}] }] }))
    await until('the first result', () => transitions.length === 1)
    await makePage(owner)
    await until('a later version', () => transitions.length > 1)
    assert.deepEqual(transitions.map(({ modifications }) => modifications.length), [1, ...transitions.slice(1).map(() => 0)])
    assert.deepEqual(transitions[1].startVersion, transitions[0].endVersion)
    socket.terminate()
  })
  test('C14 a right that is taken away takes the results away', async () => {
    const viewer = await signIn(convex, 'Vic')
    const other = await makePage(owner)
    await setRole(owner, other, viewer, 'viewer')
    const client = connect(async () => viewer.token)
    const list = watch(client, 'documents:list', { workspaceId: other.workspaceId })
    const rights = watch(client, 'collab:authorize', { room: other.room })
    await until('the results of a viewer', () => list.values.at(-1)?.length === 1 && rights.values.at(-1)?.permission === 'read')
    await owner.client.mutation('workspaces:removeMember', { workspaceId: other.workspaceId, userId: viewer.id })
    await until('the results of a stranger', () => list.values.at(-1)?.length === 0 && rights.values.at(-1)?.reason === 'forbidden')
  })
  test('C15 a token that is not good is asked for again', async () => {
    let asked = 0
    const client = connect(async ({ forceRefreshToken }) => {
      asked++
      return await token(forceRefreshToken ? {} : { exp: Math.floor(Date.now() / 1000) - 10 })
    })
    const user = watch(client, 'users:me', {})
    await until('the user', () => user.values.at(-1)?.id === owner.id)
    assert.ok(asked >= 2)
  })
  test('C16 ConvexReactClient and ConvexAuthProvider: sign-in, results, sign-out', async () => {
    const { default: React } = await example('react')
    const { create } = (await example('react-test-renderer')).default
    const { ConvexReactClient, useQuery, useConvexAuth } = await example('convex/react')
    const auth = await example('@convex-dev/auth/react')
    const client = new ConvexReactClient(convex.cloud, clientOptions)
    open.push(client)
    const stored = new Map()
    const storage = { getItem: key => stored.get(key) ?? null, setItem: (key, value) => stored.set(key, value), removeItem: key => stored.delete(key) }
    const now = {}
    function Page () {
      Object.assign(now, auth.useAuthActions(), useConvexAuth(), { me: useQuery(ref('users:me')), token: auth.useAuthToken() })
      React.useEffect(() => () => { now.gone = true }, [])
      return null
    }
    globalThis.window ??= { addEventListener () {}, removeEventListener () {}, location: { search: '' } }
    const tree = create(React.createElement(auth.ConvexAuthProvider, { client, storage, shouldHandleCode: false }, React.createElement(Page)))
    await until('to know that nobody is signed in', () => !now.isLoading && now.me === null)
    await now.signIn('anonymous', { name: 'React' })
    await until('the signed-in user', () => now.isAuthenticated && now.me?.name === 'React')
    assert.equal([...stored.keys()].filter(key => key.startsWith('__convexAuth')).length, 2)
    assert.equal((await authorize(convex, page.room, now.token)).body.value.reason, 'forbidden')
    const last = now.token
    await now.signOut()
    await until('nobody again', () => !now.isAuthenticated && now.me === null)
    assert.equal((await authorize(convex, page.room, last)).body.value.reason, 'unauthenticated')
    tree.unmount()
    await until('React to have put everything away', () => now.gone)
  })
})
