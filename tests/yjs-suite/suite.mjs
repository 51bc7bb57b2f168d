// A test case runs three times: with the engine, with yjs itself, and with peers of both.
import { describe, test } from 'node:test'
import { CASTS } from './network.mjs'

/** cases: { name of the test in yjs: cast => ... }; `casts` leaves some out. */
export function suite (file, cases, casts = Object.keys(CASTS)) {
  describe(file, () => {
    for (const [name, run] of Object.entries(cases)) {
      for (const cast of run.casts ?? casts) test(`${name}, ${cast}`, () => run(CASTS[cast], cast))
    }
  })
}

/** A case with documents of one kind only. */
export const alone = run => Object.assign(run, { casts: ['libydoc', 'yjs'] })
/** A case that asks for what only one of them has. */
export const only = (cast, run) => Object.assign(run, { casts: [cast] })
