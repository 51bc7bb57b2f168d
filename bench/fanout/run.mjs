// Five loads against partyd and its peers: server on core 0, generator on core 1, one table.
//   bench/fanout/run [SECONDS] [NAME...]     names: partyd y-websocket hocuspocus; default all
// Needs `make bench` and, for the peers, `npm ci` in bench/peers.
import { dialect, generate, servers, withServer } from '../peers/servers.mjs'

const seconds = process.argv[2] ?? '5'
const rows = [[10, 20, 100, 1], [50, 30, 100, 1], [100, 100, 100, 1], [100, 250, 100, 1], [1000, 10, 1000, 100]]

async function row (name, [senders, rate, clients, rooms]) {
  return withServer(name, server => {
    const { stdout, stderr } = generate('fanout', { json: true, ...server, senders, rate, clients, rooms, seconds, dialect: dialect(name) })
    return stdout ? JSON.parse(stdout) : { error: stderr.trim() }
  })
}

console.log('| load | server | expected | delivered | per s | p50 ms | p99 ms | p99.9 ms | max ms | us CPU/delivery | CPU % | late sends | dropped | update frames |')
console.log('|---|---|---|---|---|---|---|---|---|---|---|---|---|---|')
const names = process.argv.length > 3 ? process.argv.slice(3) : Object.keys(servers)
for (const r of rows) {
  for (const name of names) {
    const f = await row(name, r)
    const cells = f.error ? [f.error] : [f.expected, f.got, f.per_second, f.p50_ms, f.p99_ms, f.p999_ms, f.max_ms, f.cpu_us, f.cpu_percent, f.late, f.dropped, f.frames]
    console.log(`| ${r[0]} x ${r[1]}/s, ${r[2]} in ${r[3]} | ${name} | ${cells.join(' | ')} |`)
  }
}
