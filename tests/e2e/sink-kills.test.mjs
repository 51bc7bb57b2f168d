// SIGKILL while packs go to S3. KILLS sets how often.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startS3 } from '../support/s3.mjs'
import { startBetween, startCopying, storm } from '../support/sink-storm.mjs'

const KILLS = Number(process.env.KILLS ?? 10)
const open = []
after(() => Promise.all(open.map(one => one.stop())))

test(`B3 B9 ${KILLS} kills while packs are sent to S3 lose nothing, and all comes back from there`, { timeout: 1_800_000 }, async t => {
  const s3 = await startS3()
  open.push(s3)
  const between = await startBetween(s3.endpoint)
  open.push(between)
  const env = { ...s3.env, AWS_ENDPOINT_URL_S3: between.url }
  const result = await storm({
    kills: KILLS, between, rooms: ['doc-1', 'doc-2', 'doc-3'],
    start: data => startCopying({ kind: 's3', bucket: 'backups', prefix: 'storm', 'pack-ms': 20 }, data, env),
    pull: { args: ['--backup', 's3:backups/storm'], env: s3.env }
  })
  t.diagnostic(JSON.stringify(result))
  assert.ok(result.marks > KILLS * 10, `${result.marks} marks were seen`)
  assert.ok(result.struck.random <= KILLS / 2, JSON.stringify(result.struck))
})
