// A token is over when its client comes back: each family presents a fresh one, by itself or with a line of the application.
import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { Client, families, sleep, startServer, until } from './support.mjs'
import { COLLAB_SECRET, ISSUER, now, wire } from './access-support.mjs'

const SKEW_S = 30 // a token counts for so much longer
const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const startJwtServer = args => startServer({ args, env: { PARTYD_AUTH: 'jwt', PARTYD_ISSUERS: ISSUER, PARTYD_JWKS: JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] }), COLLAB_SECRET } })
let server
const { warn, error } = console
before(async () => {
  console.warn = console.error = () => {} // providers say there that they were refused
  server = await startJwtServer([])
})
after(async () => {
  Object.assign(console, { warn, error })
  await server.stop()
})

let minted = 0
/** A token that is good for so many seconds; no two are the same. */
function token (seconds) {
  const base64 = value => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${base64({ alg: 'EdDSA' })}.${base64({ iss: ISSUER, aud: 'convex', sub: 'ann', jti: `${minted++}`, exp: now() + Math.round(seconds) - SKEW_S, rooms: { 'doc-*': 'write' } })}`
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`
}

// How each family is given its token, and what an application does where the provider keeps the one it had.
const asksAgain = give => ({ params: { get token () { return give() } } })
const asksFunction = give => ({ params: async () => ({ token: give() }) })
const ways = {
  'y-websocket 3': { options: asksAgain },
  'y-websocket 2': { options: asksAgain },
  // Its URL is made once: the application makes it anew.
  'y-websocket 1': { options: asksAgain, help: ({ provider }, give) => provider.on('connection-close', () => { provider.url = provider.url.replace(/token=[^&]*/, `token=${give()}`) }) },
  // It asks in connect() only.
  'y-partykit': { options: asksFunction, help: ({ provider }) => provider.on('connection-close', () => { provider.disconnect(); provider.connect() }) },
  'y-partyserver': { options: asksFunction },
  'hocuspocus 2': { options: asksFunction },
  'hocuspocus 3': { options: asksFunction },
  'hocuspocus 4': { options: asksFunction }
}
const reads = (witness, text) => until(`"${text}" to arrive`, () => witness.text.toString().includes(text), 12_000)
const grants = (room, what, s = server) => s.log.split('\n').filter(line => line.includes(`access ${what} room="main/${room}"`)).length

const SESSION_MS = 5000
/** Who writes all the time; `given` has its tokens, of which the first is soon over, `closes` the ends of its connections. */
function startWriter (s, room, family, { options, help }) {
  const given = [], closes = []
  const give = () => { given.push(token(given.length === 0 ? 3 : 60)); return given.at(-1) }
  const client = new Client(s, family, room, 'main', options(give))
  const writer = { family, client, given, closes, since: performance.now(), written: 0 }
  client.provider.on('connection-close', event => {
    if (event === null) return // disconnect()
    closes.push({ code: event.code, lasted: performance.now() - writer.since })
    writer.since = performance.now()
  })
  help?.(client, give)
  return writer
}

describe('a token that is over', { concurrency: true }, () => {
  assert.deepEqual(Object.keys(ways).sort(), Object.keys(families).sort())
  for (const [family, { options, help }] of Object.entries(ways)) {
    const room = what => `doc-${what}-${family.replace(' ', '-')}`
    /** In with a token that is over by the time this returns. */
    const enter = async (name, give, assist) => {
      const w = await wire(server)
      const client = new Client(w, family, name, 'main', options(give))
      if (assist) help?.(client, give)
      const witness = new Client(server, 'y-websocket 3', name, 'main', { params: { token: token(60) } })
      await Promise.all([client.synced(), witness.synced()])
      client.text.insert(0, 'before ')
      await reads(witness, 'before ')
      await sleep(3500)
      // The session goes on.
      client.text.insert(0, 'over ')
      await reads(witness, 'over ')
      assert.equal(w.attempts.length, 1)
      return { w, client, witness }
    }
    const end = ({ w, client, witness }) => { client.end(); witness.end(); w.close() }

    test(`D19: ${family}: a fresh one is presented, and what was written meanwhile arrives`, async () => {
      const name = room('fresh'), given = []
      const give = () => { given.push(token(given.length === 0 ? 2 : 60)); return given.at(-1) }
      const all = await enter(name, give, true)
      all.client.drop()
      all.client.text.insert(0, 'offline ')
      await reads(all.witness, 'offline ')
      await all.client.synced()
      assert.ok(given.length >= 2 && all.w.attempts.length === 2, `asked ${given.length} times, ${all.w.attempts.length} connections`)
      assert.equal(grants(name, 'refused'), 0)
      assert.equal(grants(name, 'granted'), 3) // twice, and the witness
      end(all)
    })

    test(`D19: ${family}: the old one is presented first, told to be over, and then a fresh one`, async () => {
      const name = room('stale'), given = []
      let isOver = false
      const give = () => { given.push(given.length === 0 || isOver ? token(isOver ? -60 : 2) : token(60)); isOver = false; return given.at(-1) }
      const all = await enter(name, give, true)
      isOver = true
      all.client.drop()
      all.client.text.insert(0, 'offline ')
      await reads(all.witness, 'offline ')
      await all.client.synced()
      assert.equal(grants(name, 'refused'), 1)
      assert.ok(all.w.attempts.length <= 4, all.w.attempts.join(' '))
      end(all)
    })

    if (help !== undefined) {
      test(`D19: ${family}: without a line of the application it comes with the old one, is told so each time, and does not hammer`, async () => {
        const name = room('alone')
        const all = await enter(name, () => token(2), false)
        const dropped = Date.now() - all.w.start
        all.client.drop()
        all.client.text.insert(0, 'offline ')
        await sleep(5000)
        const tries = all.w.attempts.length - 1
        assert.ok(tries >= 1 && tries <= 3, all.w.attempts.map(at => at - dropped).join(' '))
        assert.ok(grants(name, 'refused') >= 1)
        assert.equal(all.client.provider.synced, false)
        assert.ok(!all.witness.text.toString().includes('offline'))
        help(all.client, () => token(60))
        await reads(all.witness, 'offline ')
        end(all)
      })
    }
  }

  test('D44: each refreshes its token as it can, in time and at the end of its session; others write on, and nothing is lost', async () => {
    const s = await startJwtServer(['--max-session-ms', String(SESSION_MS)])
    const room = 'doc-all'
    const writers = Object.entries(ways).map(([family, way]) => startWriter(s, room, family, way))
    const canBeAsked = ({ family }) => family === 'hocuspocus 3' || family === 'hocuspocus 4'
    await Promise.all(writers.map(w => w.client.synced()))
    const writing = setInterval(() => writers.forEach(w => w.client.doc.getMap('map').set(`${w.family} ${w.written++}`, 1)), 50)
    // The first tokens are over, the sessions are not: nobody has been asked to come again.
    await sleep(3100)
    assert.deepEqual(writers.map(w => [w.given.length, w.closes.length]), writers.map(() => [1, 0]))
    for (const w of writers) {
      if (canBeAsked(w)) await w.client.provider.provider.sendToken()
      else w.client.drop()
      await sleep(50)
    }
    await until('all to be in with a fresh token', () => writers.every(w => w.given.length >= 2 && w.client.provider.synced), 8000)
    // Provider 2 does not know the question, and has 10 s to answer.
    await until('the sessions to be over', () => writers.every(w => w.family === 'hocuspocus 2' ||
      (canBeAsked(w) ? w.given.length >= 3 : w.closes.some(({ code }) => code === 4501))), 2 * SESSION_MS)
    clearInterval(writing)
    const written = writers.reduce((sum, w) => sum + w.written, 0)
    await until('all to have all that was written', () => writers.every(w => w.client.provider.synced && w.client.doc.getMap('map').size === written), 8000)
    await until('all to be saved', () => writers.every(w => (w.client.provider.unsaved ?? 0) <= 0))
    for (const { family, closes } of writers.filter(canBeAsked)) assert.deepEqual(closes, [], family)
    for (const { family, closes } of writers.filter(w => !canBeAsked(w))) {
      const [own, ...more] = closes.filter(({ code }) => code !== 4501) // its own: the link that it gave up
      assert.ok(own !== undefined && more.length === 0, `${family}: ${JSON.stringify(closes)}`)
      // Who came with a fresh token has a whole session; it ends up to a tenth earlier.
      for (const { code, lasted } of closes) assert.ok(code !== 4501 || lasted >= 0.9 * SESSION_MS - 50, `${family}: ${JSON.stringify(closes)}`)
    }
    assert.equal(grants(room, 'refused', s), 0)
    writers.forEach(w => w.client.end())
    await s.stop()
  })
})
