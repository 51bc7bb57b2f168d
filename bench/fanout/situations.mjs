// What presence, idle clients and one that never reads cost, against partyd and its peers in one run.
//   node bench/fanout/situations.mjs [SECONDS] [NAME...]     names: partyd y-websocket hocuspocus; default all
// Needs `make bench` and, for the peers, `npm ci` in bench/peers.
import fs from 'node:fs'
import { dialect, generate, servers, withServer } from '../peers/servers.mjs'

const seconds = Number(process.argv[2] ?? 6)
const names = process.argv.length > 3 ? process.argv.slice(3) : Object.keys(servers)
const pairs = 5

function load (server, name, flags) {
  const { stdout, stderr } = generate('fanout', { json: true, ...server, seconds, dialect: dialect(name), ...flags })
  return stdout ? JSON.parse(stdout) : { error: stderr.trim() }
}

/** Resident memory of a process, KiB: what it is now, and the most it was. */
function memory (pid) {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = name => Number(status.match(new RegExp(`${name}:\\s+(\\d+)`))[1])
  return { now: kib('VmRSS'), most: kib('VmHWM') }
}

const median = values => values.sort((a, b) => a - b)[values.length >> 1]
const mib = kib => (kib / 1024).toFixed(1)

console.log(`300 cursors at 20 Hz in one room, ${seconds} s`)
console.log('| server | cursors that arrive/s | us CPU each | CPU % | p50 ms | p99 ms |\n|---|---|---|---|---|---|')
for (const name of names) {
  const f = await withServer(name, server => load(server, name, { clients: 300, senders: 300, rate: 20, presence: true }))
  console.log(`| ${name} | ${f.error ?? [f.per_second, f.cpu_us, f.cpu_percent, f.p50_ms, f.p99_ms].join(' | ')} |`)
}

console.log('\n10,000 idle connections in one room')
for (const name of names) {
  const { stdout, stderr } = await withServer(name, server => generate('fanout', { ...server, dialect: dialect(name), idle: 10000 }))
  console.log(`${name}: ${(stdout || stderr).trim()}`)
}

// In pairs, each with a server of its own, because the machine's noise changes from minute to minute.
console.log(`\n50 of 60 type 20 times a second for ${seconds} s; one of the others never reads. Medians of ${pairs} pairs`)
console.log('| server | p99 ms, all read | p99 ms, one does not | ratio of pairs | MiB before, after, at most |\n|---|---|---|---|---|')
for (const name of names) {
  const all = []
  const one = []
  let grown
  for (let i = 0; i < pairs; i++) {
    for (const stalled of [0, 1]) {
      await withServer(name, server => {
        const before = memory(server.pid).now
        const f = load(server, name, { clients: 60, senders: 50, rate: 20, ...(stalled ? { stalled } : {}) })
        const after = memory(server.pid)
        if (stalled) grown = [before, after.now, after.most].map(mib)
        ;(stalled ? one : all).push(f.p99_ms ?? NaN)
      })
    }
  }
  const ratios = one.map((ms, i) => ms / all[i])
  console.log(`| ${name} | ${median([...all])} | ${median([...one])} | ${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}) | ${grown.join(', ')} |`)
}
