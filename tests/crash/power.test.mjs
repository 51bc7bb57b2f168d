// What is left of a store after the power went.
import { test } from 'node:test'
import { options, run } from './support.mjs'

test('s8: the power goes at any moment, and nothing confirmed is lost', options, () => run('power', 'any'))
test('s8: without its syncs the store loses data, and this test sees it', options, () => run('power', 'wrong'))
test('s9: the power goes during the first start', options, () => run('power', 'first'))
test('s10: a second fault after a failed sync', options, () => run('power', 'second'))
test('s22: the power goes while an old store is taken over', options, () => run('upgrade'))
