// Draws for the workloads: the same numbers for the same seed, on every machine.

/** mulberry32: fractions from 0 up to 1. */
function fractions (seed) {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x = (x + Math.imul(x ^ (x >>> 7), x | 61)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

const COMMON = 'etaoinshrdlucmfwypvbgkjqxz' // letters, the frequent ones first

export class Draw {
  constructor (seed) { this.fraction = fractions(seed) }
  below (n) { return Math.floor(this.fraction() * n) }
  id () { return (this.fraction() * 2 ** 32) >>> 0 }
  of (list) { return list[this.below(list.length)] }
  hex (n) { return Array.from({ length: n }, () => this.of('0123456789abcdef')).join('') }
  /** About that many, mostly fewer, sometimes far more. */
  about (n) { return Math.floor(-Math.log(1 - this.fraction()) * n) }
  word () { return Array.from({ length: 2 + this.below(8) }, () => COMMON[Math.min(25, this.about(5))]).join('') }
  shuffled (list) {
    const order = list.map((_, i) => i)
    for (let i = order.length - 1; i > 0; i--) {
      const k = this.below(i + 1);
      [order[i], order[k]] = [order[k], order[i]]
    }
    return order.map(i => list[i])
  }
}
