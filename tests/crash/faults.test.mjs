// What is left of a store after failing system calls, flipped bits, slow disks and refused memory.
import { test } from 'node:test'
import { options, run } from './support.mjs'

test('s11: the n-th system call fails', options, () => run('faults'))
test('s12: one bit is another', options, () => run('flips'))
test('s19: a slow disk, and one that stands still', options, () => run('slow'))
test('s20: memory is refused', options, () => run('memory'))
test('s24: a process that copies rooms from one store to another is killed', options, () => run('copy', process.env.KILLS ?? '12'))
test('s34: the disk is full', options, () => run('full'))
