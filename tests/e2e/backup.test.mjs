// Backups into a folder, by the real server: what is edited is copied, and what is lost here comes back.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import { Client, Y, sleep, startServer, temporary, until } from './support.mjs'

const running = []
after(() => Promise.all(running.map(server => server.stop('SIGKILL'))))

/** A server whose rooms go into `folder` soon after they are quiet. */
async function start ({ folder, data, idle = 30, more = {}, args = [], env, rooms }) {
  const config = path.join(temporary(), 'partyd.json')
  const backup = { disk: { kind: 'directory', path: folder, 'idle-ms': idle, 'max-age-ms': 1000, ...more } }
  fs.writeFileSync(config, JSON.stringify({ backup, ...(rooms ? { rooms } : {}) }))
  const server = await startServer({ data, args: ['--config', config, ...args], env })
  running.push(server)
  server.sink = async () => (await (await fetch(`${server.http}/health`)).json()).backup[0]
  server.saved = (count = 1) => until('all to be backed up', async () => {
    const sink = await server.sink()
    return sink.waiting === 0 && sink.stored >= count
  }, 10000)
  return server
}
const open = async (server, room, family = 'y-websocket 3') => {
  const client = new Client(server, family, room)
  await client.synced()
  return client
}
/** Files of backups below a folder. */
const files = folder => fs.readdirSync(folder, { recursive: true }).filter(name => name.endsWith('.room')).map(name => path.join(folder, name))

test('B1 what was written comes back on a wiped disk, at the first connect', async () => {
  const folder = temporary()
  const first = await start({ folder })
  const texts = new Map()
  for (let n = 0; n < 20; n++) {
    const client = await open(first, `doc-${n}`)
    client.text.insert(0, `text of ${n}`)
    texts.set(`doc-${n}`, `text of ${n}`)
    if (n % 2 === 0) client.end()
  }
  await first.saved(20)
  await first.stop('SIGKILL')
  const second = await start({ folder })
  assert.notEqual(second.data, first.data)
  for (const [room, text] of texts) {
    const client = await open(second, room)
    assert.equal(client.text.toString(), text)
    client.end()
  }
})
