// An hour (MINUTES) of coming and going on one real server, with a backup into a folder. Each minute there are new rooms; those
// of two minutes before, which have left memory meanwhile, are read once more, held against what a witness saw, and erased.
// Memory, descriptors and disk must stay where they are after some minutes.
import fs from 'node:fs'
import path from 'node:path'
import { partyd } from '../e2e/operator-support.mjs'
import { Client, check, families, sleep, startServer, temporary } from '../e2e/support.mjs'

process.setMaxListeners(0) // each provider of y-websocket has one on exit

const MINUTES = Number(process.env.MINUTES ?? 60)
const ROOMS = 40 // of a generation
const WITNESSED = 10 // of these: somebody is in them as long as anybody may be
const GUESTS = 30
const EDIT_MS = 200
const STAY_MS = 12_000
const WARM_UP = Math.min(5, MINUTES / 3) // minutes
const MIB = 1 << 20

const folder = temporary()
const config = path.join(temporary(), 'partyd.json')
fs.writeFileSync(config, JSON.stringify({ backup: { disk: { kind: 'directory', path: folder, 'idle-ms': 5000, 'max-age-ms': 30000 } } }))
const server = await startServer({ args: ['--config', config] })
const { pid } = server.child

const total = directory => fs.readdirSync(directory, { recursive: true, withFileTypes: false })
  .reduce((sum, name) => { try { return sum + fs.statSync(path.join(directory, name)).size } catch { return sum } }, 0)
const status = name => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1])
const descriptors = () => fs.readdirSync(`/proc/${pid}/fd`).length
const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * q)] ?? 0
const any = list => list[Math.floor(Math.random() * list.length)]

// Each room has a map; a guest counts under a key of its slot. A witness remembers the newest it was shown.
const roomOf = (generation, n) => `room-${generation}-${n}`
const failures = []
let generation = 0, ended = false, edits = 0, visits = 0, counter = 0, read = 0, erased = 0
const generations = []

async function open () {
  const of = generation
  const seen = Array.from({ length: WITNESSED }, () => new Map())
  generations[of] = { seen }
  generations[of].witnesses = await Promise.all(seen.map(async (newest, n) => {
    const witness = new Client(server, any(Object.keys(families)), roomOf(of, n))
    await witness.synced()
    const map = witness.doc.getMap('map')
    map.observe(event => event.keysChanged.forEach(key => newest.set(key, Math.max(newest.get(key) ?? 0, map.get(key)))))
    return witness
  }))
}

async function verify (of) {
  for (const [n, newest] of generations[of].seen.entries()) {
    const reader = new Client(server, 'y-websocket 3', roomOf(of, n))
    await reader.synced()
    for (const [key, value] of newest) {
      const there = reader.doc.getMap('map').get(key)
      if (!(there >= value)) failures.push(`${roomOf(of, n)}: ${key} is ${there}, ${value} was seen`)
    }
    read += newest.size
    reader.end()
  }
}

async function erase (of) {
  for (let n = 0; n < ROOMS; n++) {
    const { status, err } = await partyd(server.data, 'erase', roomOf(of, n), '--now')
    if (status !== 0 && status !== 3) failures.push(err) // 3: nobody came into that room
    if (status === 0) erased++
  }
  delete generations[of]
}

async function guestsOf (slot) {
  while (!ended) {
    const of = generation
    const guest = new Client(server, any(Object.keys(families)), roomOf(of, Math.floor(Math.random() * ROOMS)))
    await guest.synced()
    visits++
    for (const leaves = Date.now() + STAY_MS * Math.random(); Date.now() < leaves && !ended && generation === of;) {
      guest.doc.getMap('map').set(`slot-${slot}`, ++counter)
      if (guest.text.length > 400) guest.text.delete(0, 200)
      guest.text.insert(Math.floor(guest.text.length * Math.random()), 'word ')
      guest.awareness.setLocalStateField('user', { name: `guest ${slot}`, at: counter })
      edits++
      await sleep(EDIT_MS)
    }
    guest.end()
  }
}
await open()
const guests = Array.from({ length: GUESTS }, (_, slot) => guestsOf(slot))

// How long an edit takes to another one in the room.
const [asks, answers] = [new Client(server, 'y-websocket 3', 'probe'), new Client(server, 'y-websocket 3', 'probe')]
await Promise.all([asks.synced(), answers.synced()])
let waits = []
const all = []
answers.doc.getMap('probe').observe(() => waits.push(performance.now() - answers.doc.getMap('probe').get('at')))
const probing = setInterval(() => asks.doc.getMap('probe').set('at', performance.now()), 500)

let first
const most = {}
for (let minute = 1; minute <= MINUTES; minute++) {
  await sleep(60_000)
  const now = { memory: status('VmRSS') / 1024, descriptors: descriptors(), data: total(server.data) / MIB, backups: total(folder) / MIB }
  const health = await (await fetch(`${server.http}/health`)).json()
  if (minute >= WARM_UP) first ??= now
  for (const [what, value] of Object.entries(now)) most[what] = Math.max(most[what] ?? 0, value)
  console.log(`${String(minute).padStart(4)} min: ${visits} visits, ${edits} edits, ${erased} rooms erased, memory ${now.memory.toFixed(1)} MiB, ${now.descriptors} descriptors, ` +
    `data ${now.data.toFixed(1)} MiB, backups ${now.backups.toFixed(1)} MiB, edit p50 ${quantile(waits, 0.5).toFixed(1)}, p99 ${quantile(waits, 0.99).toFixed(1)} ms; ${health.status}, ${health.backup[0].waiting} wait`)
  all.push(...waits)
  waits = []
  generation++
  await open()
  generations[generation - 1].witnesses.forEach(witness => setTimeout(() => witness.end(), 2000))
  if (minute < 3) continue
  await verify(generation - 3)
  await erase(generation - 3)
}

ended = true
clearInterval(probing)
await Promise.all(guests)
await verify(generation - 1)
;[asks, answers, ...generations[generation].witnesses].forEach(client => client.end())
const end = await server.stop('SIGTERM')
if (end.code !== 0) failures.push(`SIGTERM ended with ${JSON.stringify(end)}`)
const verdict = check(server.data)
if (verdict.status !== 0) failures.push(verdict.stderr)
console.log(`server soak: ${MINUTES} min, ${visits} visits, ${edits} edits, ${erased} rooms erased, ${read} values read again; memory ${first.memory.toFixed(1)} MiB after ${WARM_UP} min, at most ${most.memory.toFixed(1)}; ` +
  `descriptors at most ${most.descriptors}; data at most ${most.data.toFixed(1)} MiB, backups ${most.backups.toFixed(1)} MiB; edit p50 ${quantile(all, 0.5).toFixed(1)}, p99 ${quantile(all, 0.99).toFixed(1)} ms`)
if (most.memory > first.memory + 16) failures.push('memory grows')
if (most.descriptors > 2 * WITNESSED + GUESTS + 40) failures.push('descriptors grow')
if (most.data > 64) failures.push('the store grows')
if (most.backups > first.backups * 2 + 8) failures.push('the backups grow')
failures.forEach(what => console.error(`server soak: ${what}`))
process.exit(failures.length > 0 ? 1 : 0)
