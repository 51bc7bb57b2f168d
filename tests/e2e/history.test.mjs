// A room whose history is kept, as it was at a moment: docs/operations.md O13.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Client, sleep, temporary, until } from './support.mjs'
import { docOf, liveAndStopped } from './operator-support.mjs'

const config = path.join(temporary(), 'partyd.json')
fs.writeFileSync(config, JSON.stringify({ rooms: { 'doc-*': { store: 'history' }, 'short-*': { store: 'history', 'history-updates-max': 10 }, '*': {} } }))

/** Moments as a person writes them, and what the room was then. */
async function prepare (server) {
  const client = new Client(server, 'hocuspocus 4', 'doc-1')
  await client.synced()
  const saved = () => until('it to be saved', () => client.provider.unsaved <= 0)
  const before = new Date().toISOString()
  const moments = []
  await sleep(5)
  for (let n = 0; n < 4; n++) {
    client.text.delete(0, n % 2 === 0 ? client.text.length : 2)
    client.text.insert(0, `state ${n} `)
    client.doc.getMap('map').set('n', n)
    await saved()
    await sleep(5)
    moments.push({ at: new Date().toISOString(), text: client.text.toString(), n })
    await sleep(5)
  }
  const plain = new Client(server, 'hocuspocus 4', 'plain'), short = new Client(server, 'hocuspocus 4', 'short-1')
  await Promise.all([plain.synced(), short.synced()])
  plain.text.insert(0, 'x')
  for (let n = 0; n < 60; n++) { short.text.insert(0, `${n} `); await until('it to be saved', () => short.provider.unsaved <= 0) }
  await until('it to be saved', () => plain.provider.unsaved <= 0)
  return { before, moments, client, end: () => { for (const c of [client, plain, short]) c.end() } }
}

test('O13: export --at gives a room as it was, before and after it was compacted, served or not', { timeout: 60_000 }, async () => {
  await liveAndStopped(prepare, async (partyd, { before, moments, how }) => {
    const looks = async when => {
      for (const { at, text, n } of moments) {
        const { status, bytes, err } = await partyd('export', 'doc-1', '--at', at)
        assert.equal(status, 0, `${how}, ${when}, ${at}: ${err}`)
        const doc = docOf(bytes)
        assert.deepEqual([doc.getText('text').toString(), doc.getMap('map').get('n')], [text, n], `${how}, ${when}, ${at}`)
      }
    }
    await looks('before')
    assert.equal((await partyd('compact', '--config', config)).status, 0)
    await looks('after')
    const told = async (status, words, ...args) => {
      const answer = await partyd('export', ...args)
      assert.deepEqual([answer.status, answer.out], [status, ''], answer.err)
      assert.match(answer.err, words)
    }
    await told(1, /^partyd export: main\/doc-1: nothing is kept of that moment: its history begins at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\n$/, 'doc-1', '--at', before)
    await told(1, /main\/short-1: nothing is kept of that moment/, 'short-1', '--at', before)
    // A snapshot says nothing of what came before it. One that is open takes its own, later.
    if (how === 'stopped') await told(1, /main\/plain: no history is kept of it; see `store` in the table of rooms/, 'plain', '--at', moments[3].at)
    await told(3, /no such room/, 'doc-2', '--at', moments[3].at)
    for (const at of ['yesterday', '2026-11-26', '2026-13-26T12:00:00Z', '2026-11-26T12:00:00', '2026-11-26T12:00:00.1Z', '']) await told(2, /a moment is written/, 'doc-1', '--at', at)
    const file = path.join(temporary(), 'then.json')
    const json = await partyd('export', 'doc-1', file, '--at', moments[1].at, '--format', 'json', '--json')
    assert.equal(json.status, 0, json.err)
    assert.deepEqual(JSON.parse(fs.readFileSync(file, 'utf8')).map, { n: 1 })
  }, { args: ['--config', config] })
})

test('O13: an older state becomes the content again', async () => {
  await liveAndStopped(prepare, async (partyd, { moments, how, client }) => {
    if (how === 'live') client.end() // else it brings back what it has
    const file = path.join(temporary(), 'then.yjs')
    assert.equal((await partyd('export', 'doc-1', file, '--at', moments[0].at)).status, 0)
    const replaced = await partyd('import', file, 'doc-1', '--replace')
    assert.equal(replaced.status, 0, replaced.err)
    const now = docOf((await partyd('export', 'doc-1')).bytes)
    assert.deepEqual([now.getText('text').toString(), now.getMap('map').get('n')], [moments[0].text, 0])
  }, { args: ['--config', config] })
})
