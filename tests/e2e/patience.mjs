// What a family does when it is closed for what it says: shared by the native tests and those of the edge (L8).
import assert from 'node:assert/strict'
import { Client, families, sleep } from './support.mjs'
import { wire } from './access-support.mjs'

/** Of those that say an update as it is; on a Hocuspocus socket it is refused by itself (D5). The server takes 20,000 bytes.
 * y-partykit and y-partyserver cut it into chunks, and are closed at the sum of them. */
export async function patienceAfterTooLarge (server) {
  const names = Object.keys(families).filter(family => !family.startsWith('hocuspocus'))
  await Promise.all(names.map(async (family, i) => {
    const w = await wire(server), client = new Client(w, family, `big-${i}`)
    await client.synced()
    client.text.insert(0, 'x'.repeat(100000))
    await sleep(5000)
    assert.ok(w.attempts.length >= 2 && w.attempts.length <= 4, `${family} made ${w.attempts.length} attempts`)
    client.end()
    w.close()
  }))
}
