// What the tests of the edge share: a Worker, its databases, and raw sockets.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { WebSocket, Y, sleep, startServer, temporary } from '../e2e/support.mjs'

/** The databases of rooms, by their names. */
export function databases (data) {
  const files = fs.readdirSync(data, { recursive: true }).filter(name => name.endsWith('.sqlite') && !name.includes('metadata')).map(name => path.join(data, name))
  return new Map(files.map(file => [sql(file, "SELECT v FROM meta WHERE k = 'name'"), file]))
}

export function sql (file, statement) {
  const run = spawnSync('sqlite3', [file, statement], { encoding: 'utf8' })
  return run.status === 0 ? run.stdout.trim() : `failed: ${run.stderr}`
}

/** A socket that keeps what it gets. */
export function open (server, room, query = '') {
  const ws = new WebSocket(`${server.url}/${room}${query}`)
  ws.binaryType = 'nodebuffer'
  ws.messages = []
  ws.on('message', (data, binary) => ws.messages.push(binary ? data : String(data)))
  ws.on('error', () => {})
  ws.closed = new Promise(resolve => ws.on('close', (code, reason) => resolve({ code, reason: String(reason) })))
  return new Promise((resolve, reject) => ws.on('open', () => resolve(ws)).on('close', () => reject(new Error('closed'))))
}

/** Long enough for the runtime to put an object to sleep: it does so after 10 s without an event. */
export const asleep = () => sleep(12_000)

export const varint = n => { const out = []; for (; n > 127; n = Math.floor(n / 128)) out.push((n % 128) | 128); return Buffer.from([...out, n]) }
const bytes = b => Buffer.concat([varint(b.length), Buffer.from(b)])
export const message = { step1: sv => Buffer.concat([Buffer.from([0, 0]), bytes(sv)]), update: u => Buffer.concat([Buffer.from([0, 2]), bytes(u)]), presence: (client, clock, state) => Buffer.concat([Buffer.from([1]), bytes(Buffer.concat([varint(1), varint(client), varint(clock), bytes(Buffer.from(JSON.stringify(state)))]))]) }
/** A document that has what a socket got. */
export function received (ws) {
  const doc = new Y.Doc()
  for (const m of ws.messages.filter(isUpdate)) {
    let at = 2
    while (m[at] > 127) at++
    Y.applyUpdate(doc, m.subarray(at + 1))
  }
  return doc
}
export const isUpdate = m => Buffer.isBuffer(m) && m[0] === 0 && m[1] === 2

/** What Yjs says while something is edited. */
export const updates = (edit, client) => { const doc = new Y.Doc(), list = []; if (client) doc.clientID = client; doc.on('update', u => list.push(u)); edit(doc); return list }

/** How many journal rows of a room are in no snapshot. */
export const live = (s, room) => Number(sql(databases(s.data).get(`main/${room}`), 'SELECT count(*) FROM journal WHERE no > (SELECT COALESCE(MAX(through), 0) FROM snapshot)'))

async function startPreloaded (source, variable, options) {
  const folder = temporary(), library = path.join(folder, 'preload.so'), flag = path.join(folder, 'broken')
  const cc = spawnSync('cc', ['-O2', '-D_GNU_SOURCE', '-shared', '-fPIC', `../tests/preload/${source}`, '-o', library, '-ldl'], { encoding: 'utf8' })
  if (cc.status !== 0) throw new Error(cc.stderr)
  const server = await startServer({ ...options, env: { ...options.env, LD_PRELOAD: library, [variable]: flag } })
  server.break = () => fs.writeFileSync(flag, '')
  server.mend = () => fs.rmSync(flag)
  return server
}

/** A server whose disk is full from break() on. */
export const startFragile = (options = {}) => startPreloaded('faildisk.c', 'FAILDISK_FILE', options)
/** One whose disk cannot be read. */
export const startUnreadable = (options = {}) => startPreloaded('failread.c', 'FAILREAD_FILE', options)
