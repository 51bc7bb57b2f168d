// Backups into S3, by the real server: packs of many rooms.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { startS3 } from '../support/s3.mjs'
import { Client, startServer, temporary, until } from './support.mjs'

let s3
const running = []
before(async () => { s3 = await startS3() })
afterEach(async () => {
  s3.fail = () => null
  s3.addMs = 0
  for (const server of running.splice(0)) await server.stop('SIGKILL')
})
after(() => s3?.stop())

let prefixes = 0
async function start ({ data, prefix = `t${++prefixes}`, more = {}, env = {} } = {}) {
  const config = path.join(temporary(), 'partyd.json')
  const backup = { cold: { kind: 's3', bucket: 'backups', prefix, 'idle-ms': 30, 'max-age-ms': 1000, 'pack-ms': 100, ...more } }
  fs.writeFileSync(config, JSON.stringify({ backup }))
  const server = await startServer({ data, args: ['--config', config], env: { ...s3.env, ...env } })
  running.push(server)
  server.prefix = prefix
  server.sink = async () => (await (await fetch(`${server.http}/health`)).json()).backup[0]
  server.saved = (count = 1) => until('all to be backed up', async () => {
    const sink = await server.sink()
    return sink.waiting === 0 && sink.stored >= count
  }, 10000)
  return server
}
const open = async (server, room) => {
  const client = new Client(server, 'y-websocket 3', room)
  await client.synced()
  return client
}

test('B1 what was written comes back from S3 on a wiped disk, at the first connect', async () => {
  const first = await start()
  for (let n = 0; n < 30; n++) {
    const client = await open(first, `doc-${n}`)
    client.text.insert(0, `text of ${n}`)
    client.end()
  }
  await first.saved(30)
  await first.stop('SIGKILL')
  const puts = s3.requests.filter(request => request.method === 'PUT').length
  assert.ok(puts <= 10, `${puts} objects for 30 rooms`)
  const second = await start({ prefix: first.prefix })
  for (let n = 0; n < 30; n++) {
    const client = await open(second, `doc-${n}`)
    assert.equal(client.text.toString(), `text of ${n}`)
    client.end()
  }
})
