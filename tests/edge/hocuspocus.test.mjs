// Hocuspocus at the edge: the socket ends in the Worker, the rooms sleep, and "saved" is said behind the gate. Rules E17, E18
// of docs/edge.md; all else that this family needs is in e2e/hocuspocus*.test.mjs, which run here too.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Y, sleep, startServer, until } from '../e2e/support.mjs'
import { auth, frame, speak } from '../e2e/hocuspocus-support.mjs'
import { asleep, message, open, startFragile, updates } from './support.mjs'

const SAVED = [8, 1]
const about = (name, m) => frame(name, m) // a message of y-websocket, with the address in front
/** A raw socket with these documents open. */
async function enter (server, ...names) {
  const ws = speak(server.url, { perMessageDeflate: false })
  await ws.opened
  for (const name of names) {
    ws.send(auth(name, 'x'))
    await until(`${name} to be let in`, () => ws.received.some(m => m.equals(frame(name, 2, 2, 'read-write'))))
  }
  ws.has = (name, ...parts) => ws.received.some(m => m.subarray(0, frame(name, ...parts).length).equals(frame(name, ...parts)))
  return ws
}

test('E17: rooms of a socket sleep, each with its presence, and go on; nobody is told anything', { timeout: 60000 }, async () => {
  const s = await startServer({ args: ['--log-level', 'debug'] }), loads = room => s.log.split(`room loaded room="main/${room}"`).length - 1
  const ann = await enter(s, 'doze-1', 'doze-2')
  ann.send(about('doze-1', message.presence(7, 3, { user: 'ann' })))
  ann.send(about('doze-1', message.update(updates(doc => doc.getText('t').insert(0, 'before'))[0])))
  await until('it to be saved', () => ann.has('doze-1', ...SAVED))
  await sleep(1500) // what is kept is kept by then
  ann.received.length = 0
  await asleep()
  const quiet = [...ann.received]
  const bob = await open(s, 'doze-1', '?_pk=bob')
  await until('ann for the newcomer', () => bob.messages.some(m => m[0] === 1 && m.includes('"user":"ann"')))
  assert.equal(loads('doze-1'), 2, 'the room did sleep')
  bob.send(message.update(updates(doc => doc.getText('t').insert(0, 'after'))[0]))
  await until('the update, with its address', () => ann.has('doze-1', 0, 2))
  ann.send(about('doze-2', message.update(updates(doc => doc.getText('t').insert(0, 'there too'))[0])))
  await until('it to be saved', () => ann.has('doze-2', ...SAVED))
  assert.equal(loads('doze-2'), 2)
  ann.close()
  await until('the end of ann', () => bob.messages.some(m => m[0] === 1 && m.includes('null')))
  assert.deepEqual(quiet, [], 'nothing is said to who sleeps')
  bob.close()
  await s.stop()
})

test('E18: nothing is said to be saved that the disk does not take, nor relayed; its socket comes again', async t => {
  if (process.platform !== 'linux') return t.skip('the disk is broken by LD_PRELOAD')
  const s = await startFragile()
  const [ann, bob] = [await enter(s, 'gate'), await enter(s, 'gate')]
  const [first, second] = updates(doc => { doc.getText('t').insert(0, 'kept'); doc.getText('t').insert(4, ' lost') })
  ann.send(about('gate', message.update(first)))
  await until('it to be saved and relayed', () => ann.has('gate', ...SAVED) && bob.has('gate', 0, 2))
  await sleep(300) // nothing is under way
  ann.received.length = bob.received.length = 0
  s.break()
  ann.send(about('gate', message.update(second)))
  const codes = await Promise.all([ann.closed, bob.closed])
  for (const { code } of codes) assert.ok(code > 1001 && (code < 4400 || code >= 4500), `${code} is no code to come again after`)
  assert.ok(!ann.has('gate', 8) && !ann.has('gate', 0, 2) && !bob.has('gate', 0, 2), 'something got out')
  s.mend()
  const late = await enter(s, 'gate')
  late.send(frame('gate', 0, 0, 1, 0))
  await until('what was kept', () => late.has('gate', 0, 1))
  const step2 = late.received.find(m => m.subarray(0, 7).equals(frame('gate', 0, 1)))
  const doc = new Y.Doc()
  Y.applyUpdate(doc, step2.subarray(8))
  assert.equal(doc.getText('t').toString(), 'kept')
  late.close()
  await s.stop()
})
