// A token is over when its client comes back: each family presents a fresh one, by itself or with a line of the application.
import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { Client, families, sleep, startServer, until } from './support.mjs'
import { COLLAB_SECRET, ISSUER, now, wire } from './access-support.mjs'

const SKEW_S = 30 // a token counts for so much longer
const { publicKey, privateKey } = generateKeyPairSync('ed25519')
let server
const { warn, error } = console
before(async () => {
  console.warn = console.error = () => {} // providers say there that they were refused
  server = await startServer({ env: { PARTYD_AUTH: 'jwt', PARTYD_ISSUERS: ISSUER, PARTYD_JWKS: JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] }), COLLAB_SECRET } })
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
const grants = (room, what) => server.log.split('\n').filter(line => line.includes(`access ${what} room="main/${room}"`)).length

describe('D19: a token that is over at the reconnect', { concurrency: true }, () => {
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

    test(`${family}: a fresh one is presented, and what was written meanwhile arrives`, async () => {
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

    test(`${family}: the old one is presented first, told to be over, and then a fresh one`, async () => {
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
      test(`${family}: without a line of the application it comes with the old one, is told so each time, and does not hammer`, async () => {
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
})
