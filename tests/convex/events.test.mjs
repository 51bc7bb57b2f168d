// What the server tells the application, and what the application asks of the server.
import assert from 'node:assert/strict'
import http from 'node:http'
import { after, before, describe, test } from 'node:test'
import { SECRET, freePort, makePage, postJson, removeMember, setRole, sha256, signIn, signed, sleep, startConvex, until } from './support.mjs'

let convex, owner, server, requests
let answers = {}
before(async () => {
  // Stands for partyd at the end of the wire: notes what arrives.
  requests = []
  server = http.createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    requests.push({ method: request.method, path: request.url, headers: request.headers, body })
    response.writeHead(answers[request.method] ?? 204).end()
  })
  const port = await freePort()
  await new Promise(resolve => server.listen(port, '127.0.0.1', resolve))
  convex = await startConvex({ env: { PARTYD_URL: `http://127.0.0.1:${port}/` } })
  owner = await signIn(convex)
})
after(async () => { server.close(); await convex.stop() })

const event = (id, room, more = {}) => ({ id, type: 'user.joined', room, at: 1_700_000_000_000, node: 'node-1', data: { userId: 'u', connectionId: 'c', permission: 'write' }, ...more })
const send = (events, options) => postJson(convex, '/collab/events', { events }, options)

describe('events', () => {
  test('C9 are taken once, however often they come', async () => {
    const events = [event('a', 'doc-1'), event('b', 'doc-1'), event('a', 'doc-1')]
    assert.deepEqual(await send(events), { status: 200, json: { accepted: 2, duplicates: 1 } })
    assert.deepEqual(await send(events), { status: 200, json: { accepted: 0, duplicates: 3 } })
    assert.deepEqual(await send([]), { status: 200, json: { accepted: 0, duplicates: 0 } })
    const hundred = Array.from({ length: 100 }, (_, n) => event(`h${n}`, 'doc-1'))
    assert.equal((await send(hundred)).json.accepted, 100)
  })
  test('C9 what cannot be read is refused whole, what is not signed too', async () => {
    const bad = { status: 400, json: { code: 'bad_request' } }
    for (const change of [{ id: 1 }, { id: undefined }, { type: 'x'.repeat(65) }, { at: 'now' }, { node: null }, { room: undefined }]) {
      assert.deepEqual(await send([event('good', 'doc-1'), event('x', 'doc-1', change)]), bad, JSON.stringify(change))
    }
    assert.deepEqual(await send(Array.from({ length: 101 }, (_, n) => event(`i${n}`, 'doc-1'))), bad)
    assert.deepEqual(await send('no list'), bad)
    assert.equal((await send([event('good', 'doc-1')], { secret: 'x' })).status, 401)
    assert.equal((await send([event('good', 'doc-1')])).json.accepted, 1)
  })
  test('C9 a change of a document is seen in its list, and an old one does not turn it back', async () => {
    const page = await makePage(owner)
    const changedAt = async () => (await owner.client.query('documents:list', { workspaceId: page.workspaceId }))[0].changedAt
    assert.equal(await changedAt(), null)
    const change = (id, at) => event(id, page.room, { type: 'doc.changed', at, data: { epoch: 1, seq: 1, bytes: 10, users: [] } })
    await send([change('c1', 2000)])
    assert.equal(await changedAt(), 2000)
    await send([change('c2', 1000), change('c3', 3000), change('c4', 2500)])
    assert.equal(await changedAt(), 3000)
    assert.equal((await send([change('c5', 4000), event('c6', 'doc-1', { type: 'doc.changed' })])).json.accepted, 2)
  })
})

describe('kick', () => {
  const checkSigned = ({ method, path, headers, body }, room) => {
    const at = Number(headers['x-collab-timestamp']) * 1000
    const expected = signed({ method, path, room, body, at, secret: SECRET })
    assert.equal(headers['x-collab-sha256'], sha256(body))
    assert.equal(headers['x-collab-signature'], expected['X-Collab-Signature'])
    assert.ok(Math.abs(Date.now() - at) < 10_000)
  }

  test('C10 a removed member stays until the next connect, unless the owner wants it now', async () => {
    const page = await makePage(owner)
    const diagram = await owner.client.mutation('documents:create', { workspaceId: page.workspaceId, type: 'diagram', title: 'D' })
    const [lazy, prompt] = [await signIn(convex, 'Lazy'), await signIn(convex, 'Prompt')]
    for (const user of [lazy, prompt]) await setRole(owner, page, user, 'editor')
    requests.length = 0
    await removeMember(owner, page, lazy)
    await sleep(100)
    assert.deepEqual(requests, [])
    await removeMember(owner, page, prompt, { endSessions: true })
    await until('the server to be told of each room', () => requests.length === 3)
    const rooms = [`workspace-${page.workspaceId}`, page.room, diagram.room]
    assert.deepEqual(requests.map(r => `${r.method} ${r.path}`), rooms.map(room => `POST /api/rooms/${room}/kick`))
    requests.forEach((request, n) => {
      checkSigned(request, rooms[n])
      assert.deepEqual(JSON.parse(request.body), { userId: prompt.id, reason: 'no longer a member' })
    })
  })
  test('C10 a deleted document ends its room', async () => {
    const page = await makePage(owner)
    requests.length = 0
    await owner.client.mutation('documents:remove', { id: page.id })
    await until('the server to be told', () => requests.length === 1)
    assert.deepEqual([requests[0].method, requests[0].path, requests[0].body], ['DELETE', `/api/rooms/${page.room}`, ''])
    checkSigned(requests[0], page.room)
  })
  test('C10 a server that cannot delete rooms is asked to close their connections', async () => {
    const page = await makePage(owner)
    requests.length = 0
    answers = { DELETE: 405 }
    await owner.client.mutation('documents:remove', { id: page.id })
    await until('the server to be told', () => requests.length === 2)
    answers = {}
    assert.equal(requests[1].path, `/api/rooms/${page.room}/kick`)
    checkSigned(requests[1], page.room)
    assert.deepEqual(JSON.parse(requests[1].body), { all: true, code: 4404, reason: 'the document was deleted' })
  })
  test('C10 without an address of the server nothing is asked, and nothing fails', async () => {
    await convex.setEnv({ PARTYD_URL: '' })
    const page = await makePage(owner)
    requests.length = 0
    await owner.client.mutation('documents:remove', { id: page.id })
    await sleep(100)
    assert.deepEqual(requests, [])
    assert.doesNotMatch(convex.log, /Error when running scheduled function/)
  })
})
