// The Durable Object asleep and awake, and a large document: rules E7, E9 to E11 of docs/edge.md.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { Y, sleep, startServer, until } from '../e2e/support.mjs'
import { asleep, isUpdate, live, message, open, received, updates } from './support.mjs'

let server
before(async () => { server = await startServer() })
after(async () => { await server.stop() })

describe('sleep', () => {
  test('E7: after a sleep presence of who is idle is there for a newcomer, and the room goes on', { timeout: 60000 }, async () => {
    const ann = await open(server, 'sleep', '?_pk=ann'), bob = await open(server, 'sleep', '?_pk=bob')
    ann.send(message.presence(7, 3, { user: 'ann' }))
    ann.send(message.update(updates(doc => doc.getText('t').insert(0, 'before'))[0]))
    bob.send(message.presence(8, 1, { user: 'bob', big: 'b'.repeat(20000) })) // more than an attachment holds
    await until('both', () => bob.messages.some(m => m.includes('ann')) && ann.messages.some(m => m.includes('bob')))
    await sleep(1500) // what is kept is kept by then
    ann.messages.length = bob.messages.length = 0
    await asleep()
    const quiet = [...ann.messages, ...bob.messages]
    const carl = await open(server, 'sleep', '?_pk=carl')
    await until('ann for the newcomer', () => carl.messages.some(m => m[0] === 1 && m.includes('"user":"ann"')))
    // bob's presence was too large to be kept, so he is asked for it.
    await until('the question', () => bob.messages.some(m => m.equals(Buffer.from([3]))))
    assert.ok(!ann.messages.some(m => m.equals(Buffer.from([3]))))
    bob.send(message.presence(8, 1, { user: 'bob', big: '' }))
    await until('bob', () => carl.messages.some(m => m[0] === 1 && m.includes('"user":"bob"')))
    carl.send(message.step1([0]))
    await until('the document', () => carl.messages.some(m => m[0] === 0 && m[1] === 1 && m.includes('before')))
    bob.send(message.update(updates(doc => doc.getText('t').insert(0, 'after'))[0]))
    await until('an edit', () => ann.messages.some(isUpdate) && carl.messages.some(isUpdate))
    ann.close()
    await until('the end of ann', () => carl.messages.some(m => m[0] === 1 && m.includes('null')))
    assert.deepEqual(quiet, [], 'nothing is said to who sleeps')
    bob.close(); carl.close()
  })

  test('E7: who was removed by somebody else is not back after a sleep', { timeout: 60000 }, async () => {
    const ann = await open(server, 'removed', '?_pk=ann'), bob = await open(server, 'removed', '?_pk=bob')
    ann.send(message.presence(7, 3, { user: 'ann' }))
    ann.send(message.presence(9, 3, { user: 'ann too' }))
    await until('ann', () => bob.messages.some(m => m.includes('ann too')))
    await sleep(1500)
    bob.send(message.presence(7, 4, { user: 'bob' })) // takes it over, as a reconnect does whose old socket is dead
    await until('bob', () => ann.messages.some(m => m.includes('bob')))
    bob.close()
    await until('its end', () => ann.messages.some(m => m.includes('null')))
    await sleep(1500)
    await asleep()
    const carl = await open(server, 'removed', '?_pk=carl')
    await until('who is there', () => carl.messages.some(m => m[0] === 1 && m.includes('ann too')))
    assert.ok(!carl.messages.some(m => m.includes('"user":"ann"') || m.includes('bob')), 'a ghost')
    ann.close(); carl.close()
  })

  test('E7: the object did sleep: it was loaded again', { timeout: 40000 }, async () => {
    const s = await startServer({ args: ['--log-level', 'debug'] })
    const a = await open(s, 'doze'), loads = () => s.log.split('room loaded').length - 1
    await until('the load', () => loads() === 1)
    a.send(message.presence(7, 3, {}))
    await sleep(1500)
    await asleep()
    a.send(message.step1([0]))
    await until('the second', () => loads() === 2)
    a.close()
    await s.stop()
  })

  test('E10: a message in chunks keeps the object awake until its end', { timeout: 60000 }, async () => {
    const a = await open(server, 'chunks', '?_pk=a'), b = await open(server, 'chunks')
    const whole = message.update(updates(doc => doc.getText('t').insert(0, 'in two parts'))[0])
    const marker = type => `y-pk-batch#${JSON.stringify({ id: 'x', type, size: whole.length, count: 2 })}`
    a.send(marker('start')); a.send(whole.subarray(0, 10))
    await sleep(16000)
    a.send(whole.subarray(10)); a.send(marker('end'))
    await until('the update', () => b.messages.some(isUpdate))
    a.close(); b.close()
  })

  test('E9: ping is answered with pong, without waking anybody', async () => {
    const a = await open(server, 'ping', '?_pk=a')
    a.send('ping')
    await until('pong', () => a.messages.includes('pong'))
    a.close()
  })
})

/** What the runtime's process takes; 0 where nobody says. */
function processMb (s, what) {
  const file = `/proc/${s.child.pid}/status`
  return fs.existsSync(file) ? Number(new RegExp(`${what}:\\s+(\\d+) kB`).exec(fs.readFileSync(file, 'utf8'))[1]) / 1000 : 0
}

test('E11: a document of 20 MB is loaded, edited and compacted within 128 MB', { timeout: 90000 }, async () => {
  const s = await startServer({ args: ['--log-level', 'debug'] })
  const doc = new Y.Doc()
  const author = await open(s, 'large')
  let bytes = 0
  doc.on('update', u => { bytes += u.length; author.send(message.update(u)) })
  const text = doc.getText('t')
  for (let i = 0; i < 20; i++) { text.insert(text.length, String.fromCharCode(97 + i).repeat(1_000_000)); await sleep(50) }
  for (let i = 0; i < 200; i++) text.insert(Math.floor(text.length / 200) * i, 'y')
  await until('all echoes', () => received(author).getText('t').length === 20_000_200, 30000)
  author.close()
  await until('the snapshot', () => live(s, 'large') === 0, 20000)
  await s.stop()
  const again = await startServer({ data: s.data, args: ['--log-level', 'debug'] })
  await open(again, 'small')
  const before = processMb(again, 'VmHWM')
  const late = await open(again, 'large')
  late.send(message.step1([0]))
  await until('the step 2', () => late.messages.some(m => m.length > 20_000_000), 10000)
  late.send(message.update(updates(d => d.getText('t').insert(0, 'z'))[0]))
  await until('an echo', () => late.messages.some(isUpdate))
  late.close()
  await sleep(500)
  const most = Math.max(...[...again.log.matchAll(/memory_bytes=(\d+)/g)].map(m => Number(m[1])))
  assert.ok(most > 20_000_000 && most < 100_000_000, `${most} bytes of wasm`)
  // All that it takes is in this process, also what is no isolate's: the pages of the database and 20 MB on their way to a socket.
  const more = processMb(again, 'VmHWM') - before
  assert.ok(process.platform !== 'linux' || (more > 20 && more < 128), `${more} MB more than for a small room`)
  await again.stop('SIGKILL')
})
