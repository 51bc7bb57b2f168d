// Backups pushed by the server and pulled back: the routes of http.ts over real HTTP.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { SECRET, makePage, postJson, push, restore, sha256, signIn, signed, startConvex, until } from './support.mjs'

let convex, owner
before(async () => { convex = await startConvex(); owner = await signIn(convex) })
after(() => convex.stop())

const newRoom = async () => (await makePage(owner)).room
const bytes = size => crypto.randomBytes(size)

describe('push', () => {
  test('C4 what is pushed is stored, and comes back byte for byte', async () => {
    const room = await newRoom()
    const body = bytes(3 * 1024 * 1024)
    assert.deepEqual(await push(convex, { room, epoch: 1, seq: 7, body }), { status: 200, json: { result: 'stored', epoch: 1, seq: 7, sha256: sha256(body) } })
    const response = await restore(convex, room)
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'application/octet-stream')
    assert.deepEqual(['epoch', 'seq', 'sha256', 'format'].map(name => response.headers.get(`x-collab-${name}`)), ['1', '7', sha256(body), 'yjs-v1'])
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(body))
  })
  test('C4 the same again is a duplicate, what is older or of another history is stale', async () => {
    const room = await newRoom()
    const body = bytes(100)
    const stored = { epoch: 2, seq: 5, sha256: sha256(body) }
    await push(convex, { room, epoch: 2, seq: 5, body })
    assert.deepEqual(await push(convex, { room, epoch: 2, seq: 5, body }), { status: 200, json: { result: 'duplicate', ...stored } })
    for (const [epoch, seq] of [[2, 4], [1, 900], [2, 5], [0, 0]]) {
      assert.deepEqual(await push(convex, { room, epoch, seq, body: bytes(100) }), { status: 409, json: { result: 'stale', ...stored } }, `${epoch}.${seq}`)
    }
    assert.equal((await push(convex, { room, epoch: 2, seq: 4, body })).status, 409, 'the same bytes under an older number')
    for (const [epoch, seq] of [[2, 6], [3, 0], [3, 1]]) assert.equal((await push(convex, { room, epoch, seq, body: bytes(10) })).json.result, 'stored')
  })
  test('C4 of two servers that push at once, one wins and the other is told', async () => {
    const room = await newRoom()
    const before = await convex.fileCount()
    const answers = await Promise.all(Array.from({ length: 8 }, () => push(convex, { room, epoch: 1, seq: 1, body: bytes(50) })))
    assert.deepEqual(answers.map(a => a.status).sort(), [200, 409, 409, 409, 409, 409, 409, 409])
    assert.equal(await convex.fileCount(), before + 1, 'bytes of those who lost are gone')
  })
  test('C4 bytes that are not taken leave no file behind', async () => {
    const room = await newRoom()
    await push(convex, { room, epoch: 5, seq: 5, body: bytes(10) })
    const before = await convex.fileCount()
    await Promise.all(Array.from({ length: 5 }, () => push(convex, { room, epoch: 5, seq: 5, body: bytes(50) })))
    assert.equal(await convex.fileCount(), before)
  })
  test('C5 a room without a document is gone', async () => {
    const page = await makePage(owner)
    await push(convex, { room: page.room, epoch: 1, seq: 1, body: bytes(10) })
    const before = await convex.fileCount()
    await owner.client.mutation('documents:remove', { id: page.id })
    for (const room of [page.room, 'doc-1', 'nothing', '']) {
      assert.deepEqual(await push(convex, { room, epoch: 1, seq: 2, body: bytes(10) }), { status: 404, json: { code: 'room_gone' } }, room)
      const answer = await restore(convex, room)
      assert.deepEqual([answer.status, await answer.json()], [410, { code: 'room_gone' }], room)
    }
    await until('the backup to be deleted with its document', async () => await convex.fileCount() === before - 1)
  })
  test('C4 the newest three are kept, and for a month the newest of each day', async () => {
    const own = await startConvex()
    const room = (await makePage(await signIn(own))).room
    let now = Date.now()
    const later = async ms => { await own.moveClock(ms); now += ms }
    const keeps = async (kept, all) => {
      for (let seq = 1; seq <= all; seq++) {
        const headers = signed({ method: 'GET', path: '/collab/restore', room, seq, at: now })
        const { status } = await fetch(`${own.site}/collab/restore?room=${room}&epoch=1&seq=${seq}`, { headers })
        assert.equal(status, kept.includes(seq) ? 200 : 404, `seq ${seq}`)
      }
      assert.equal(await own.fileCount(), kept.length)
    }
    await later(86_400_000 - now % 86_400_000) // midnight
    for (let seq = 1; seq <= 6; seq++) await push(own, { room, epoch: 1, seq, body: bytes(10), at: now })
    await keeps([4, 5, 6], 6)
    await later(86_400_000)
    for (let seq = 7; seq <= 11; seq++) await push(own, { room, epoch: 1, seq, body: bytes(10), at: now })
    await keeps([6, 9, 10, 11], 11)
    await later(29.5 * 86_400_000)
    await push(own, { room, epoch: 1, seq: 12, body: bytes(10), at: now })
    await keeps([10, 11, 12], 12)
    await own.stop()
  })
  test('C6 a push that cannot be read is refused', async () => {
    const room = await newRoom()
    const body = bytes(10)
    const bad = { status: 400, json: { code: 'bad_request' } }
    assert.deepEqual(await push(convex, { room, epoch: 1, seq: 1, body, change: { 'X-Collab-Format': 'yjs-v3' } }), bad)
    assert.deepEqual(await push(convex, { room, epoch: 1, seq: 1, body, change: { 'X-Collab-Format': null } }), bad)
    assert.deepEqual(await push(convex, { room, epoch: 1, seq: 1, body, change: { 'X-Collab-Sv': 'A'.repeat(8193) } }), bad)
    for (const [epoch, seq] of [['', 1], [1, ''], [-1, 1], [1, '1.5'], [1, '1e3'], [1, '9'.repeat(17)]]) {
      assert.deepEqual(await push(convex, { room, epoch, seq, body }), bad, `${epoch} ${seq}`)
    }
    assert.deepEqual(await push(convex, { room, epoch: 1, seq: 1, body: bytes(12 * 1024 * 1024 + 1) }), { status: 413, json: { code: 'too_large' } })
    assert.equal((await push(convex, { room, epoch: 1, seq: 1, body: bytes(12 * 1024 * 1024) })).status, 200)
  })
})

describe('signature', () => {
  test('C6 is needed, and covers method, path, time, room, seq and body', async () => {
    const room = await newRoom()
    const other = await newRoom()
    const body = bytes(10)
    const bad = { status: 401, json: { code: 'bad_signature' } }
    const request = { room, epoch: 1, seq: 1, body }
    assert.deepEqual(await push(convex, { ...request, secret: 'another' }), bad)
    for (const change of [
      { 'X-Collab-Signature': null }, { 'X-Collab-Timestamp': null }, { 'X-Collab-Sha256': null }, { 'X-Collab-Signature': 'v1=' },
      { 'X-Collab-Timestamp': String(Math.floor(Date.now() / 1000) + 100) }, { 'X-Collab-Sha256': sha256('other') }
    ]) assert.deepEqual(await push(convex, { ...request, change }), bad, JSON.stringify(change))
    // What was signed for one request is no signature for another.
    const headersFor = (path, room, seq, method = 'POST') => signed({ method, path, room, seq, body })
    for (const headers of [
      headersFor('/collab/backup', other, 1), headersFor('/collab/backup', room, 2),
      headersFor('/collab/events', room, 1), headersFor('/collab/backup', room, 1, 'PUT')
    ]) assert.deepEqual(await push(convex, { ...request, change: headers }), bad)
    assert.deepEqual(await push(convex, { ...request, at: Date.now() - 301_000 }), { status: 401, json: { code: 'stale_timestamp' } })
    assert.deepEqual(await push(convex, { ...request, at: Date.now() + 310_000 }), { status: 401, json: { code: 'stale_timestamp' } })
    // The right signature with another body: headers of one, bytes of the other.
    const change = signed({ method: 'POST', path: '/collab/backup', room, seq: 1, body })
    assert.deepEqual(await push(convex, { ...request, body: bytes(10), change }), { status: 400, json: { code: 'sha_mismatch' } })
    assert.equal((await restore(convex, room, { signedRoom: other })).status, 401)
    assert.equal((await push(convex, { ...request, at: Date.now() - 290_000 })).status, 200)
  })
  test('C6 while secrets are changed the old and the new one are good', async () => {
    const room = await newRoom()
    await convex.setEnv({ COLLAB_SECRET: 'new one,old one' })
    for (const [secret, status] of [['new one', 200], ['old one', 200], ['new one,old one', 401], [SECRET, 401]]) {
      assert.equal((await push(convex, { room, epoch: 1, seq: 1, body: 'x', secret })).status, status, secret)
    }
    await convex.setEnv({ COLLAB_SECRET: '' })
    assert.deepEqual(await push(convex, { room, epoch: 1, seq: 1, body: 'x', secret: ' ' }), { status: 500, json: { code: 'no_secret' } })
    await convex.setEnv({ COLLAB_SECRET: SECRET })
  })
})

describe('large push', () => {
  const offer = (room, body, more = {}) => ({ room, epoch: 1, seq: 1, size: body.length, sha256: sha256(body), ...more })
  const upload = async (url, body, digest = sha256(body)) => {
    const response = await fetch(url, { method: 'POST', headers: { Digest: `sha-256=${Buffer.from(digest, 'hex').toString('base64')}` }, body })
    return { status: response.status, ...await response.json() }
  }
  const begin = (...args) => postJson(convex, '/collab/backup/begin', offer(...args))
  const commit = (room, body, storageId, more = {}) =>
    postJson(convex, '/collab/backup/commit', { ...offer(room, body), storageId, format: 'yjs-v1', sv: 'AA==', ...more })

  test('C7 begin, upload, commit; a restore gives an address', async () => {
    const room = await newRoom()
    const body = bytes(30 * 1024 * 1024)
    const { status, json } = await begin(room, body)
    assert.equal(status, 200)
    const { storageId } = await upload(json.uploadUrl, body)
    const stored = { epoch: 1, seq: 1, sha256: sha256(body) }
    assert.deepEqual(await commit(room, body, storageId), { status: 200, json: { result: 'stored', ...stored } })
    assert.deepEqual(await commit(room, body, storageId), { status: 200, json: { result: 'duplicate', ...stored } })
    assert.deepEqual(await begin(room, body), { status: 200, json: { result: 'duplicate', ...stored } })
    const answer = await restore(convex, room)
    assert.equal(answer.headers.get('content-type'), 'application/json')
    const { url, ...rest } = await answer.json()
    assert.deepEqual(rest, { ...stored, size: body.length, format: 'yjs-v1' })
    assert.ok(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(body))
  })
  test('C7 only the bytes that were announced are taken', async () => {
    const room = await newRoom()
    const body = bytes(100)
    const { json } = await begin(room, body)
    assert.equal((await upload(json.uploadUrl, body, sha256('else'))).status, 400)
    const { storageId } = await upload(json.uploadUrl, bytes(100))
    assert.deepEqual(await commit(room, body, storageId), { status: 400, json: { code: 'sha_mismatch' } })
    assert.deepEqual(await commit(room, body, storageId), { status: 400, json: { code: 'no_upload' } })
    assert.deepEqual(await commit(room, body, 'nothing'), { status: 400, json: { code: 'no_upload' } })
    const unbegun = await newRoom()
    const second = await upload(json.uploadUrl, body)
    assert.deepEqual(await commit(unbegun, body, second.storageId), { status: 400, json: { code: 'no_upload' } })
    assert.equal((await commit(room, body, second.storageId)).json.result, 'stored')
    assert.equal((await fetch(json.uploadUrl.replace(/.$/, '_'), { method: 'POST', body })).status, 401)
  })
  test('C7 what is stale or gone is said before anything is sent', async () => {
    const room = await newRoom()
    const body = bytes(10)
    await push(convex, { room, epoch: 3, seq: 3, body })
    assert.deepEqual(await begin(room, bytes(10)), { status: 409, json: { result: 'stale', epoch: 3, seq: 3, sha256: sha256(body) } })
    assert.deepEqual(await begin('doc-1', body), { status: 404, json: { code: 'room_gone' } })
    for (const more of [{ epoch: -1 }, { seq: 1.5 }, { size: '1' }, { sha256: 'AB' }, { room: 1 }]) {
      assert.deepEqual(await begin(room, body, more), { status: 400, json: { code: 'bad_request' } }, JSON.stringify(more))
    }
    assert.equal((await postJson(convex, '/collab/backup/begin', null, { body: 'nonsense' })).status, 400)
    assert.equal((await postJson(convex, '/collab/backup/begin', offer(room, body), { secret: 'x' })).status, 401)
  })
  test('C7 a file that nobody committed is deleted a day later', async () => {
    const room = await newRoom()
    const body = bytes(1000)
    const { json } = await begin(room, body)
    const { storageId } = await upload(json.uploadUrl, body)
    assert.equal(await convex.admin('backups:sweepUploads'), 0)
    assert.equal(await convex.admin('backups:sweepUploads', { before: Date.now() + 1000 }), 1)
    assert.deepEqual(await commit(room, body, storageId), { status: 400, json: { code: 'no_upload' } })
    // A push that was begun twice and committed once: its file is in use.
    await begin(room, body)
    const again = await upload((await begin(room, body)).json.uploadUrl, body)
    assert.equal((await commit(room, body, again.storageId)).json.result, 'stored')
    assert.equal(await convex.admin('backups:sweepUploads', { before: Date.now() + 1000 }), 0)
    assert.equal(sha256(Buffer.from(await (await restore(convex, room)).arrayBuffer())), sha256(body))
  })
})

describe('restore', () => {
  test('C8 a new room has none; an older one is had by its numbers', async () => {
    const room = await newRoom()
    const none = await restore(convex, room)
    assert.deepEqual([none.status, await none.json()], [404, { code: 'no_snapshot' }])
    await push(convex, { room, epoch: 1, seq: 1, body: 'first' })
    await push(convex, { room, epoch: 1, seq: 2, body: 'second', change: { 'X-Collab-Format': 'yjs-v2' } })
    const newest = await restore(convex, room)
    assert.deepEqual([await newest.text(), newest.headers.get('x-collab-format')], ['second', 'yjs-v2'])
    assert.equal(await (await restore(convex, room, { epoch: 1, seq: 1 })).text(), 'first')
    assert.equal((await restore(convex, room, { epoch: 1, seq: 3 })).status, 404)
  })
  test('C8 a backup is found by its order, not by when it came', async () => {
    const room = await newRoom()
    for (const [epoch, seq] of [[1, 9], [1, 10], [2, 1]]) await push(convex, { room, epoch, seq, body: `${epoch}.${seq}` })
    assert.equal(await (await restore(convex, room)).text(), '2.1')
  })
})

describe('list', () => {
  test('C17 rooms with a backup, by name, in pages, each with its newest version', async () => {
    const own = await startConvex()
    const user = await signIn(own, 'Lister')
    const rooms = []
    for (let n = 0; n < 5; n++) rooms.push((await makePage(user)).room)
    rooms.sort()
    for (const room of rooms) for (const seq of [1, 2, 3, 4]) await push(own, { room, epoch: 1, seq, body: `${room} ${seq}` })
    const list = async (query, secret) => {
      const headers = signed({ method: 'GET', path: '/collab/backups', secret })
      const response = await fetch(`${own.site}/collab/backups?${query}`, { headers })
      return { status: response.status, ...await response.json() }
    }
    const newest = room => ({ room, epoch: 1, seq: 4, size: room.length + 2, sha256: sha256(`${room} 4`) })
    assert.deepEqual(await list(''), { status: 200, rooms: rooms.map(newest), next: null })
    assert.deepEqual(await list('limit=2'), { status: 200, rooms: rooms.slice(0, 2).map(newest), next: rooms[1] })
    assert.deepEqual(await list(`limit=2&after=${rooms[1]}`), { status: 200, rooms: rooms.slice(2, 4).map(newest), next: rooms[3] })
    assert.deepEqual(await list(`limit=2&after=${rooms[3]}`), { status: 200, rooms: rooms.slice(4).map(newest), next: null })
    for (const query of ['limit=0', 'limit=101', `after=${'x'.repeat(513)}`]) assert.equal((await list(query)).status, 400, query)
    assert.equal((await list('', 'another')).status, 401)
    await own.stop()
  })
})
