// What of access the platform does its own way: docs/edge.md. The rest is in e2e/access*.test.mjs, which run here too.
import assert from 'node:assert/strict'
import http from 'node:http'
import { test } from 'node:test'
import { startServer, until } from '../e2e/support.mjs'
import { COLLAB_SECRET, api, knock, startTicketServer, ticket } from '../e2e/access-support.mjs'
import { asleep, databases } from './support.mjs'

test('D10: a decision that does not come is a refusal after 10 s, and no room is made for it', async () => {
  const backend = http.createServer(() => {}) // never answers
  await new Promise(resolve => backend.listen(0, '127.0.0.1', resolve))
  const s = await startServer({ args: ['--auth', 'hook', '--hook-url', `http://127.0.0.1:${backend.address().port}/`, '--backend-timeout-ms', '60000'], env: { COLLAB_SECRET } })
  const start = Date.now()
  assert.deepEqual(await knock(s, 'doc-1', 'never').refused, { code: 4503, reason: 'unavailable' })
  assert.ok(Date.now() - start > 9000 && Date.now() - start < 25000)
  assert.equal(databases(s.data).size, 0)
  await s.stop()
  backend.closeAllConnections()
  backend.close()
})

test('D10: a refused client leaves no trace of a room', async () => {
  const s = await startTicketServer()
  await knock(s, 'doc-1', `${ticket('doc-1')}x`).refused
  await knock(s, 'doc-1', ticket('doc-2')).refused
  assert.equal(databases(s.data).size, 0)
  await s.stop()
})

test('A10: a ticket is good once, also after its room has been out of memory', async () => {
  const s = await startTicketServer()
  const once = ticket('doc-1')
  const ws = knock(s, 'doc-1', once)
  await ws.opened
  ws.close()
  await s.stop()
  const again = await startTicketServer({ data: s.data })
  assert.equal((await knock(again, 'doc-1', once).refused).reason, 'token_invalid')
  await again.stop()
})

test('A19: what was decided before a kick does not count after it, also when the object has slept', { timeout: 60000 }, async () => {
  let says = { allowed: true, permission: 'write', userId: 'ann', name: null, ttlMs: 60000 }, asked = 0
  const backend = http.createServer((request, response) => { asked++; request.resume(); response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(says)) })
  await new Promise(resolve => backend.listen(0, '127.0.0.1', resolve))
  const s = await startServer({ args: ['--auth', 'hook', '--hook-url', `http://127.0.0.1:${backend.address().port}/`], env: { COLLAB_SECRET } })
  for (let times = 0; times < 2; times++) {
    const ann = knock(s, 'doc-1', 'of-ann')
    await ann.opened
    ann.close()
  }
  assert.equal(asked, 1)
  assert.equal((await api(s, 'POST', '/api/rooms/doc-1/kick', { userId: 'ann' })).status, 200)
  says = { allowed: false, permission: 'none', userId: null, name: null, reason: 'forbidden', ttlMs: 60000 }
  await asleep()
  assert.deepEqual(await knock(s, 'doc-1', 'of-ann').refused, { code: 4403, reason: 'forbidden' })
  assert.equal(asked, 2)
  await s.stop('SIGKILL')
  backend.closeAllConnections()
  backend.close()
})

test('D11: each decision is one line that says who, where, what and why, and no token', async () => {
  const s = await startTicketServer()
  const token = ticket('doc-audit', 'read')
  const ws = knock(s, 'doc-audit', token)
  await ws.opened
  await knock(s, 'doc-audit', undefined, { query: '_pk=x' }).refused
  ws.close()
  const said = () => s.log.split('\n').slice(0, -1).filter(line => line.includes('access '))
  await until('both lines to come through their pipe', () => said().length >= 2)
  const lines = said()
  assert.equal(lines.length, 2, s.log)
  assert.match(lines[0], /info +access granted room="main\/doc-audit" user="ann" permission="read" why=".+" remembered="no" client="other"/)
  assert.match(lines[1], /info +access refused room="main\/doc-audit" user="" permission="none" why=".+" remembered="no" client="partykit"/)
  assert.ok(!s.log.includes(token.split('.')[2]))
  await s.stop()
})

test('H11: a setting that cannot be used is told in the log, and nobody gets in', async () => {
  const s = await startServer({ args: ['--auth', 'ticket'] })
  assert.equal((await knock(s, 'doc-1', 'x').refused).status, 503)
  await until('the log to come through its pipe', () => /PARTYD_AUTH=ticket needs PARTYD_TICKET_SECRET/.test(s.log))
  await s.stop()
})
