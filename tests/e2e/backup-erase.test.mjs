// Rooms that were deleted or erased, and the sinks that have copies of them: a folder and S3.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { startS3 } from '../support/s3.mjs'
import { partyd } from './operator-support.mjs'
import { Client, Y, sleep, startServer, temporary, until } from './support.mjs'

process.setMaxListeners(0) // each provider of y-websocket has one on exit

let s3, prefixes = 0
const running = []
before(async () => { s3 = await startS3() })
afterEach(async () => { for (const server of running.splice(0)) await server.stop('SIGKILL') })
after(() => s3?.stop())

const timing = { 'idle-ms': 30, 'max-age-ms': 1000 }
/** Places for backups: what settings say of them, and all files that are there. */
const sinks = {
  folder () {
    const folder = temporary()
    const files = () => fs.readdirSync(folder, { recursive: true }).map(name => path.join(folder, name)).filter(name => fs.statSync(name).isFile())
    return { setting: { kind: 'directory', path: folder, ...timing }, files, env: {} }
  },
  S3 () {
    const prefix = `e${++prefixes}`
    const files = () => s3.objects().map(name => path.join(s3.directory, 'backups', name)).filter(name => name.includes(`/${prefix}/`))
    return { setting: { kind: 's3', bucket: 'backups', prefix, 'pack-ms': 50, ...timing }, files, env: s3.env }
  }
}
const holds = (files, text) => files().filter(file => fs.readFileSync(file).includes(text)).length

/** A server with one sink, and `saved()`: it has all. */
async function start (sink, data) {
  const config = path.join(temporary(), 'partyd.json')
  fs.writeFileSync(config, JSON.stringify({ backup: { sink: sink.setting } }))
  const server = await startServer({ data, args: ['--config', config], env: sink.env })
  running.push(server)
  server.config = config
  if (data !== undefined) await sleep(400) // what was not noted before a kill is found and sent again
  server.stored = async () => (await (await fetch(`${server.http}/health`)).json()).backup[0].stored
  server.saved = async (action) => {
    const stored = await server.stored()
    await action()
    await until('it to be backed up', async () => {
      const { backup: [state] } = await (await fetch(`${server.http}/health`)).json()
      return state.waiting === 0 && state.stored > stored
    }, 15000)
  }
  return server
}
const open = async (server, room) => {
  const client = new Client(server, 'y-websocket 3', room)
  await client.synced()
  return client
}
/** The code with which a client is closed; it may have had content. */
async function refused (server, room, doc) {
  const client = new Client(server, 'y-websocket 3', room)
  if (doc !== undefined) Y.applyUpdate(client.doc, Y.encodeStateAsUpdate(doc))
  let code
  client.provider.on('connection-close', event => { code ??= event?.code })
  await until('the room to be refused', () => code !== undefined, 8000)
  assert.equal(client.provider.synced, false)
  client.end()
  return code
}
const run = async (server, ...words) => {
  const { status, err, out } = await partyd(server.data, ...words)
  assert.equal(status, 0, err + out)
}

for (const [kind, make] of Object.entries(sinks)) {
  test(`B14 ${kind}: a deleted room does not come back to an empty disk; undeleted, it does`, { timeout: 60000 }, async () => {
    const sink = make()
    const first = await start(sink)
    const away = await open(first, 'gone')
    await first.saved(async () => {
      away.text.insert(0, 'was deleted')
      ;(await open(first, 'kept')).text.insert(0, 'was kept')
    })
    await first.saved(() => run(first, 'erase', 'gone'))
    await first.stop('SIGKILL')
    const second = await start(sink)
    assert.equal(await refused(second, 'gone'), 4404)
    assert.equal(await refused(second, 'gone', away.doc), 4404) // who comes back with all of it
    assert.equal((await open(second, 'kept')).text.toString(), 'was kept')
    await second.stop('SIGKILL')
    const data = temporary()
    const pulled = await partyd(data, 'pull', '--config', second.config, { env: sink.env })
    assert.match(pulled.out, /^main\/kept: .*\n1 restored, 0 were there, 0 failed\n$/, pulled.err)
    assert.match((await partyd(data, 'pull', '--config', second.config, 'gone', { env: sink.env })).err, /main\/gone: it was deleted/)
    const again = await start(sink, first.data)
    await again.saved(() => run(again, 'undelete', 'gone'))
    await again.stop('SIGKILL')
    assert.equal((await open(await start(sink), 'gone')).text.toString(), 'was deleted')
  })

  test(`B14 ${kind}: another server that has the room, or an older copy of the data, does not bring it back`, { timeout: 60000 }, async () => {
    const sink = make()
    const first = await start(sink)
    await first.saved(async () => { (await open(first, 'gone')).text.insert(0, 'first') })
    await first.stop()
    const copy = temporary()
    fs.cpSync(first.data, copy, { recursive: true })
    const again = await start(sink, first.data)
    const other = await start(sink)
    const there = await open(other, 'gone')
    assert.equal(there.text.toString(), 'first')
    await other.saved(() => there.text.insert(0, 'other '))
    await again.saved(() => run(again, 'erase', 'gone'))
    let code
    there.provider.on('connection-close', event => { code ??= event?.code })
    ;(await open(other, 'unknown')).end() // so it looks into the bucket, as it does every ten minutes
    there.text.insert(0, 'more ')
    await until('the other server to hear of it', () => code !== undefined, 10000)
    assert.equal(code, 4404)
    there.end()
    await Promise.all([again.stop('SIGKILL'), other.stop('SIGKILL')])
    const old = await start(sink, copy)
    const reader = await open(old, 'gone')
    let closed
    reader.provider.on('connection-close', event => { closed ??= event?.code })
    reader.text.insert(0, 'x')
    await until('the copy to hear of it', () => closed !== undefined, 10000)
    assert.equal(closed, 4404)
    reader.end()
    await old.stop('SIGKILL')
    assert.equal(await refused(await start(sink), 'gone'), 4404)
  })

  test(`B15 ${kind}: nothing of an erased room is left in the sink; other rooms are, and it may begin anew`, { timeout: 60000 }, async () => {
    const sink = make()
    const first = await start(sink)
    const [gone, kept] = [await open(first, 'gone'), await open(first, 'kept')]
    for (let n = 0; n < 3; n++) {
      await first.saved(() => { gone.text.insert(0, `secret ${n} `); if (n === 1) kept.text.insert(0, 'was kept') })
    }
    assert.ok(holds(sink.files, 'secret 1') > 0)
    await first.saved(() => run(first, 'erase', 'gone', '--now'))
    await until('the sink to hold nothing of it', () => holds(sink.files, 'secret') === 0, 15000)
    assert.ok(holds(sink.files, 'was kept') > 0)
    await first.stop('SIGKILL')
    const second = await start(sink)
    assert.equal(await refused(second, 'gone', gone.doc), 4404)
    assert.equal((await open(second, 'kept')).text.toString(), 'was kept')
    await second.stop('SIGKILL')
    const again = await start(sink, first.data)
    const update = path.join(temporary(), 'new.yjs')
    kept.doc.getMap('map').set('new', true)
    fs.writeFileSync(update, Y.encodeStateAsUpdate(kept.doc))
    await again.saved(() => run(again, 'import', update, 'gone', '--replace'))
    await again.stop('SIGKILL')
    const last = await start(sink)
    assert.equal((await open(last, 'gone')).doc.getMap('map').get('new'), true)
    assert.equal(holds(sink.files, 'secret'), 0)
  })
}

test('B14 folder: what says that a room was deleted may be damaged, and still does', async () => {
  const sink = sinks.folder()
  const first = await start(sink)
  await first.saved(async () => { (await open(first, 'gone')).text.insert(0, 'was deleted') })
  await first.saved(() => run(first, 'erase', 'gone'))
  await first.stop('SIGKILL')
  const [mark] = sink.files().filter(name => name.endsWith('.gone'))
  fs.truncateSync(mark, 5)
  assert.equal(await refused(await start(sink), 'gone'), 4404)
})

test('B15 a room that was erased while no server ran, or before there was a sink, is erased there too', async () => {
  const sink = sinks.folder()
  const first = await start(sink)
  await first.saved(async () => { (await open(first, 'gone')).text.insert(0, 'secret') })
  await first.stop()
  await run(first, 'erase', 'gone', '--now')
  assert.equal(holds(sink.files, 'secret'), 1)
  await start(sink, first.data)
  await until('the folder to hold nothing of it', () => holds(sink.files, 'secret') === 0, 10000)
})
