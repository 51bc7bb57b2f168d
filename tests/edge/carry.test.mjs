// Content that goes between the edge and the native server, is deleted and comes back: rules E14 to E16 of docs/edge.md.
import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { COLLAB_SECRET, api, now } from '../e2e/access-support.mjs'
import { BINARY, Client, Y, freePort, startServer, temporary, until } from '../e2e/support.mjs'
import { databases, open, sql } from './support.mjs'

let server
before(async () => { server = await startServer({ env: { COLLAB_SECRET } }) })
after(async () => { await server.stop() })

/** A signed call whose body and answer are bytes. */
async function carry (method, target, body = Buffer.alloc(0), query = '') {
  const timestamp = now(), sha = createHash('sha256').update(body).digest('hex')
  const signature = createHmac('sha256', COLLAB_SECRET).update([method, target, timestamp, target.split('/')[3], '', sha].join('\n')).digest('hex')
  const answer = await fetch(server.http + target + query, { method, body: method === 'GET' ? undefined : body, headers: { 'X-Collab-Timestamp': String(timestamp), 'X-Collab-Sha256': sha, 'X-Collab-Signature': `v1=${signature}` } })
  return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) }
}
const native = (...args) => spawnSync(BINARY, args, { encoding: 'utf8' })

/** A document with marks, maps, deletions and two authors. */
function content () {
  const [a, b] = [new Y.Doc(), new Y.Doc()]
  a.getText('text').insert(0, 'hello world', { bold: true }); a.getMap('map').set('k', [1, { n: null }])
  Y.applyUpdate(b, Y.encodeStateAsUpdate(a))
  b.getText('text').delete(3, 5); b.getArray('array').push(['ä', 2.5, new Y.Map([['x', true]])])
  Y.applyUpdate(a, Y.encodeStateAsUpdate(b))
  return a
}

test('E15: a room goes from the edge to the native server and back, with equal bytes', async () => {
  const folder = temporary(), file = name => path.join(folder, name)
  const ann = new Client(server, 'y-websocket 3', 'travels')
  await ann.synced()
  Y.applyUpdate(ann.doc, Y.encodeStateAsUpdate(content()))
  await until('it to be stored', async () => (await api(server, 'GET', '/api/rooms/travels')).body.stored?.seq > 0)
  const out = await carry('GET', '/api/rooms/travels/snapshot')
  assert.equal(out.status, 200)
  fs.writeFileSync(file('edge.yjs'), out.bytes)
  const data = file('native')
  const other = spawn(BINARY, ['dev', '--port', String(await freePort()), '--data', data], { stdio: ['ignore', 'pipe', 'ignore'] })
  after(() => other.kill('SIGKILL'))
  await new Promise(resolve => other.stdout.once('data', resolve))
  for (const args of [['import', file('edge.yjs'), 'travels'], ['export', 'travels', file('native.yjs')]]) {
    const run = native(...args, '--data', data)
    assert.equal(run.status, 0, run.stderr)
  }
  assert.deepEqual(fs.readFileSync(file('native.yjs')), out.bytes)
  // And back, as another room.
  assert.equal((await carry('PUT', '/api/rooms/came-back/snapshot', fs.readFileSync(file('native.yjs')))).status, 200)
  assert.deepEqual((await carry('GET', '/api/rooms/came-back/snapshot')).bytes, out.bytes)
  const bob = new Client(server, 'y-websocket 3', 'came-back')
  await bob.synced()
  assert.deepEqual(bob.text.toDelta(), ann.text.toDelta())
  assert.deepEqual(bob.doc.getMap('map').toJSON(), ann.doc.getMap('map').toJSON())
  ann.end(); bob.end()
})

test('E15: what is there is replaced or merged only if that is asked for; who is in comes back to it', async () => {
  const room = '/api/rooms/occupied'
  const ann = new Client(server, 'y-websocket 3', 'occupied')
  const codes = []
  ann.provider.on('connection-close', event => codes.push(event?.code))
  await ann.synced()
  ann.text.insert(0, 'mine')
  await until('it to be stored', async () => (await api(server, 'GET', room)).body.stored?.seq > 0)
  const before = (await api(server, 'GET', room)).body.stored
  const update = Buffer.from(Y.encodeStateAsUpdate(content()))
  assert.equal((await carry('PUT', `${room}/snapshot`, update)).status, 409)
  assert.equal((await carry('PUT', `${room}/replace`, Buffer.from('no update'))).status, 400)
  const half = new Y.Doc(), parts = []
  half.on('update', u => parts.push(u))
  half.getText('text').insert(0, 'a'); half.getText('text').insert(1, 'b')
  assert.equal((await carry('PUT', `${room}/replace`, Buffer.from(parts[1]))).status, 400)
  assert.deepEqual((await api(server, 'GET', room)).body.stored.epoch, before.epoch)
  const merged = await carry('PUT', `${room}/merge`, update)
  assert.equal(merged.status, 200, String(merged.bytes))
  await until('both', () => ann.text.toString().includes('mine') && ann.text.toString().includes('hel'))
  await until('the close', () => codes.length > 0)
  assert.deepEqual(codes, [1012])
  ann.end()
  await until('nobody to be in', async () => (await api(server, 'GET', room)).body.connections === 0)
  const replaced = await carry('PUT', `${room}/replace`, update)
  assert.equal(replaced.status, 200, String(replaced.bytes))
  const after = (await api(server, 'GET', room)).body.stored
  assert.ok(after.epoch === before.epoch + 1 && after.seq > before.seq, JSON.stringify(after))
  const bob = new Client(server, 'y-websocket 3', 'occupied')
  await bob.synced()
  assert.deepEqual(bob.text.toDelta(), content().getText('text').toDelta())
  bob.end()
})

test('E14: a deleted room is erased by alarm when its grace is over, and stays refused', { timeout: 30000 }, async () => {
  const room = '/api/rooms/grace'
  const ann = new Client(server, 'y-websocket 3', 'grace')
  await ann.synced()
  ann.text.insert(0, 'secret')
  await until('it to be stored', async () => (await api(server, 'GET', room)).body.stored?.seq > 0)
  ann.end()
  assert.equal((await api(server, 'DELETE', room, { graceMs: 1500 })).status, 200)
  assert.equal((await carry('GET', `${room}/snapshot`)).status, 404)
  assert.equal((await carry('PUT', `${room}/merge`, Buffer.from(Y.encodeStateAsUpdate(content())))).status, 404)
  await until('it to be erased', async () => (await api(server, 'GET', room)).body.stored.status === 'erased', 10000)
  const file = databases(server.data).get('main/grace')
  assert.equal(sql(file, 'SELECT (SELECT count(*) FROM journal) + (SELECT count(*) FROM snapshot)'), '0')
  const late = await open(server, 'grace')
  assert.equal((await late.closed).code, 4404)
  assert.equal((await api(server, 'POST', `${room}/undelete`, {})).status, 404)
})

test('E16: a room goes back to a bookmark, where the runtime has them', async t => {
  const room = '/api/rooms/back'
  const ann = new Client(server, 'y-websocket 3', 'back')
  await ann.synced()
  ann.text.insert(0, 'then')
  await until('it to be stored', async () => (await api(server, 'GET', room)).body.stored?.seq > 0)
  assert.equal((await api(server, 'POST', `${room}/rewind`, {})).status, 400)
  assert.equal((await api(server, 'POST', `${room}/rewind`, { at: 1, bookmark: '0-1' })).status, 400)
  const { bookmark } = (await api(server, 'GET', `${room}/bookmark`)).body
  ann.text.insert(4, ' and now')
  await until('it to be stored', async () => (await api(server, 'GET', room)).body.stored.seq > 1)
  const rewound = await api(server, 'POST', `${room}/rewind`, { bookmark })
  if (rewound.status === 501) { // nothing happens then, and nobody is closed
    assert.equal(rewound.body.code, 'unsupported')
    assert.match(rewound.body.message, /the platform does not go back to that bookmark: .+; Cloudflare keeps 30 days, the local runtime keeps none/)
    assert.equal((await api(server, 'POST', `${room}/rewind`, { at: Date.now() - 1000 })).status, 501)
    assert.equal(ann.provider.wsconnected, true)
    ann.end()
    return t.diagnostic('the local runtime has bookmarks, but does not go back to them')
  }
  ann.end()
  assert.equal(rewound.status, 200, JSON.stringify(rewound.body))
  const bob = new Client(server, 'y-websocket 3', 'back')
  await until('the text of then', () => bob.text.toString() === 'then')
  bob.end()
})
