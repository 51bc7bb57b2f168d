// Clocks of a server that a test moves: see preload/clock.c.
import fs from 'node:fs'
import path from 'node:path'
import { temporary } from './temporary.mjs'

/** {env, move({monotonic, day})}: env is for the server; move adds ms from now on. */
export function movableClock () {
  const file = path.join(temporary('clock'), 'clock')
  const ahead = [0, 0]
  const write = () => {
    const bytes = Buffer.alloc(16)
    ahead.forEach((ms, i) => bytes.writeBigInt64LE(BigInt(ms), 8 * i))
    const fd = fs.openSync(file, fs.existsSync(file) ? 'r+' : 'w+')
    fs.writeSync(fd, bytes, 0, 16, 0) // in place: it is mapped
    fs.closeSync(fd)
  }
  write()
  return {
    env: { LD_PRELOAD: path.resolve(process.env.CLOCK ?? '../build/release/preload/clock.so'), CLOCK_FILE: file },
    move ({ monotonic = 0, day = 0 }) {
      ahead[0] += monotonic
      ahead[1] += day
      write()
    }
  }
}
