// SIGKILL while `partyd backup` copies a store that is being written: of the server, or of the command. KILLS sets how often.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { partyd } from './operator-support.mjs'
import { BINARY, Client, check, sleep, startServer, temporary, until } from './support.mjs'

process.setMaxListeners(0) // each provider of y-websocket has one on exit
const KILLS = Number(process.env.KILLS ?? 6)

test(`o6: ${KILLS} kills while a backup is made: a whole backup or none, and it can be restored`, { timeout: 900_000 }, async t => {
  const data = temporary(), folder = temporary()
  let written = 0, whole = 0
  const noise = randomBytes(2 << 20).toString('latin1') // so that a copy takes some steps
  for (let kill = 0; kill < KILLS; kill++) {
    const server = await startServer({ data })
    const [writer, eye] = [new Client(server, 'y-websocket 3', 'doc'), new Client(server, 'y-websocket 3', 'doc')]
    await Promise.all([writer.synced(), eye.synced()])
    if (kill === 0) {
      writer.doc.getMap('map').set('noise', noise)
      await until('the large value', () => eye.doc.getMap('map').has('noise'))
    }
    const typing = setInterval(() => writer.doc.getMap('marks').set(`${written++}`, 1), 2)
    const enough = written + 5
    await until('some edits', () => eye.doc.getMap('marks').size > enough)
    const confirmed = eye.doc.getMap('marks').size
    const file = path.join(folder, `${kill}.db`)
    const command = spawn(BINARY, ['backup', file, '--data', data], { stdio: 'ignore' })
    const ended = new Promise(resolve => command.once('exit', resolve))
    await sleep(Math.random() * 150)
    if (kill % 2 === 0) command.kill('SIGKILL')
    else await server.stop('SIGKILL')
    await ended
    clearInterval(typing)
    ;[writer, eye].forEach(client => client.end())
    await server.stop('SIGKILL')
    assert.equal(check(data).status, 0)
    if (!fs.existsSync(file)) continue
    whole++
    const restored = path.join(temporary(), 'new')
    const answer = await partyd(restored, 'restore', file)
    assert.equal(answer.status, 0, answer.err)
    assert.equal(check(restored).status, 0)
    const { marks, map } = (await partyd(restored, 'export', 'doc', '--format', 'json')).json
    assert.ok(Object.keys(marks).length >= confirmed, `${Object.keys(marks).length} of ${confirmed}`)
    assert.equal(map.noise, noise)
  }
  t.diagnostic(`${whole} whole backups`)
  // What a killed server left of its copies goes with its next start.
  fs.writeFileSync(path.join(data, 'backup.tmp'), 'a part of a copy')
  await (await startServer({ data })).stop()
  assert.deepEqual(fs.readdirSync(data).filter(name => name.includes('backup')), [])
})
