// Rules of docs/encoding.md that whole updates show best. Every vector and every differential session
// exercises them too; these name them.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { nativeEngine } from '../support/engine.mjs'

const engine = nativeEngine(process.env.YDOC ?? '../build/ydoc')
after(() => engine.end())
const squeeze = hex => hex.replaceAll(' ', '')
async function play (...updates) {
  await engine.ask('new')
  for (const update of updates) assert.equal((await engine.ask(`apply v1 ${squeeze(update)}`)).ok, true, update)
}
const hexOf = async line => (await engine.ask(line)).hex

test('u24: an item between two others has them as neighbours', async () => {
  await play('0101050004010174046162636400', '01010504c405010502015800')
  assert.equal((await engine.ask('json text t')).value, 'abXcd')
  assert.equal(await hexOf('state v1'), squeeze('0103050004010174026162 840501026364 c405010502015800'))
})

test('u40: what is deleted is collected and the cut neighbours stay apart; u41: it keeps place and length', async () => {
  await play('01010500040101740661626364656600', '00 01 05 01 02 02')
  assert.equal(await hexOf('state v1'), squeeze('0103050004010174026162 81050102 8405030265660105010202'))
})

test('u41: a collected item keeps its place and its length', async () => {
  await play('0101050004010174016100', '000105010001')
  assert.equal(await hexOf('state v1'), squeeze('01 01 0500 01010174 01 01 05 01 00 01'))
})

test('u42: below a collected type everything becomes GC', async () => {
  await play('01010500070101610200', '01010501040005000361626300', '01010504c405010502015a00', '0102050587050001280005050171017d0100', '000105010007')
  assert.equal(await hexOf('state v1'), squeeze('01 04 0500 0101016101 0004 81050001 0001 0105010007'))
})

test('u51: a state vector does not count what is parked', async () => {
  await play('010107048407030365666700')
  assert.equal(await hexOf('sv'), '00')
  assert.equal((await engine.ask('pending')).structs, true)
})

test('u52: a payload is written as it came', async () => {
  const embed = '01010502c505000501 20 7b22696d616765223a22782e706e67222c2277223a332c226e223a6e756c6c7d 00'
  await play('010105000401017402616200', embed)
  assert.match(await hexOf('state v1'), /207b22696d616765223a22782e706e67222c2277223a332c226e223a6e756c6c7d/)
})

test('u56: the last update is what the last apply brought', async () => {
  await play('01010700040101740361626300', '01010700040101740661626364656600')
  assert.equal(await hexOf('last v1'), squeeze('01 01 07 03 84 07 02 03 646566 00'))
})
