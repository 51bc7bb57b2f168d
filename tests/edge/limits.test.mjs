// Limits of a room at the edge: those of docs/limits.md that are the room's, not the platform's.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, families, sleep, startServer, temporary, until } from '../e2e/support.mjs'
import { knock, startTicketServer, ticket, wire } from '../e2e/access-support.mjs'
import { documentLimits } from '../e2e/limits-support.mjs'
import { patienceAfterTooLarge } from '../e2e/patience.mjs'
import { message, open } from './support.mjs'
import fs from 'node:fs'
import path from 'node:path'

function withRooms (rooms) {
  const file = path.join(temporary(), 'partyd.json')
  fs.writeFileSync(file, JSON.stringify({ rooms }))
  return ['--config', file]
}

test('R71: who says a thousand states a second costs the others a few, and they see the last', async () => {
  const s = await startServer({ args: ['--presence-updates-per-s', '20'] })
  const [loud, seer] = [await open(s, 'loud'), await open(s, 'loud')]
  const start = Date.now()
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 100; i++) loud.send(message.presence(7, round * 100 + i + 1, { n: round * 100 + i }))
    await sleep(50)
  }
  await until('the last state', () => seer.messages.some(m => m.includes('{"n":999}')))
  const told = seer.messages.filter(m => m.includes('{"n":')).length, most = 20 + 20 * (Date.now() - start) / 1000
  assert.ok(told >= 3 && told <= most + 2, `told ${told} times, ${most} are allowed`)
  loud.close(); seer.close()
  await s.stop('SIGKILL')
})

test('R70: client ids of one connection, and bytes of a state', async () => {
  const s = await startServer({ args: ['--presence-clients-max', '3', '--presence-bytes-max', '100'] })
  const many = await open(s, 'many'), seer = new Client(s, 'y-websocket 3', 'many')
  await seer.synced()
  for (let client = 1; client <= 5; client++) many.send(message.presence(client, 1, { ok: client }))
  many.send(message.presence(1, 2, { long: 'x'.repeat(200) }))
  many.send(message.presence(3, 2, { ok: 'last' }))
  await until('three of them', () => seer.awareness.getStates().get(3)?.ok === 'last')
  assert.deepEqual([...seer.awareness.getStates().keys()].filter(id => id < 6).sort(), [1, 2, 3])
  assert.deepEqual(seer.awareness.getStates().get(1), { ok: 1 })
  seer.end(); many.close()
  await s.stop('SIGKILL')
})

test('L11: document-bytes-max is a setting, and the table of rooms says other numbers', async () => {
  const small = 300000
  const s = await startServer({ args: ['--document-bytes-max', String(small), ...withRooms({ 'big-*': { 'document-bytes-max': 10 * small }, '*': {} })] })
  await documentLimits(s, small)
  await s.stop('SIGKILL')
})

test('L7: connections in a room, by the setting and by the table of rooms', async () => {
  const s = await startServer({ args: ['--room-connections-max', '3', ...withRooms({ 'two-*': { 'connections-max': 2 }, '*': {} })] })
  const sockets = []
  for (const [room, count] of [['one', 3], ['two-a', 2], ['two-b', 1]]) for (let i = 0; i < count; i++) sockets.push(await open(s, room))
  for (const room of ['one', 'two-a']) assert.deepEqual(await (await open(s, room)).closed, { code: 4503, reason: 'room_full' }, room)
  sockets.push(await open(s, 'two-b'))
  assert.equal(sockets.at(-1).readyState, 1)
  for (const ws of sockets) ws.close()
  await s.stop('SIGKILL')
})

test('L7: a ticket is not used up where there is no place', async () => {
  const s = await startTicketServer({ args: withRooms({ '*': { 'connections-max': 1 } }) })
  const ann = knock(s, 'full', ticket('full')), second = ticket('full', 'write', { sub: 'bob' })
  await ann.opened
  assert.equal((await knock(s, 'full', second).refused).reason, 'room_full')
  ann.close()
  await sleep(200)
  const bob = knock(s, 'full', second)
  await bob.opened
  await until('the room to speak', () => bob.messages.length > 0)
  bob.close()
  await s.stop('SIGKILL')
})

test('L8: after a message that is too large no family hammers', async () => {
  const s = await startServer({ args: ['--message-bytes-max', '20000'] })
  await patienceAfterTooLarge(s)
  await s.stop('SIGKILL')
})

test('L8: no family hammers a full room, and all come in when there is room', async () => {
  const s = await startServer({ args: withRooms({ '*': { 'connections-max': 1 } }) })
  const names = Object.keys(families), quiet = [console.warn, console.error]
  console.warn = console.error = () => {}
  const full = await Promise.all(names.map((_, i) => open(s, `room-${i}`)))
  await Promise.all(names.map(async (family, i) => {
    const w = await wire(s), client = new Client(w, family, `room-${i}`)
    await sleep(5000)
    const attempts = w.attempts.filter(at => at < 5000).length
    assert.ok(attempts >= 1 && attempts <= 3, `${family} made ${attempts} attempts`)
    full[i].close()
    await until(`${family} to come in`, () => client.provider.synced, 20000)
    client.end()
    w.close()
  }))
  ;[console.warn, console.error] = quiet
  await s.stop('SIGKILL')
})
