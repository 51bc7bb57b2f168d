// What permessage-deflate costs and saves: bytes on the wire and CPU of the server, off and on in turns.
//   node bench/compression/run.mjs [ROUNDS]
// Needs build/partyd and `npm ci` in bench/peers (yjs, ws).
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = path.dirname(fileURLToPath(import.meta.url))
const require = createRequire(path.join(here, '../peers/package.json'))
const Y = require('yjs')
const { WebSocket } = require('ws')
const BINARY = path.resolve(process.env.PARTYD ?? path.join(here, '../../build/partyd'))
const rounds = Number(process.argv[2] ?? 5)
const KINDS = ['off', 'on', '3', '6']
const JOINS = 100 // in each round, one after the other, all with the same document
const LOADS = 20 // of a document that has changed meanwhile: nothing is shared
const TYPISTS = 20, KEYS = 100
const TICKS = Number(spawnOut('getconf', ['CLK_TCK']))

function spawnOut (file, args) { return require('node:child_process').execFileSync(file, args, { encoding: 'utf8' }) }
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
const freePort = () => new Promise(resolve => {
  const probe = net.createServer().listen(0, '127.0.0.1', () => { const { port } = probe.address(); probe.close(() => resolve(port)) })
})
function cpuMs (pid) {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(stat[11]) + Number(stat[12])) * 1000 / TICKS
}

/** A megabyte that several people wrote, in pieces, at many places: the words are those of docs/. */
function document () {
  const docs = path.join(here, '../../docs')
  const words = fs.readdirSync(docs).filter(f => f.endsWith('.md')).sort().map(f => fs.readFileSync(path.join(docs, f), 'utf8')).join(' ')
  let seed = 1, at = 0
  const random = n => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return Math.floor(seed / 2 ** 32 * n) }
  const doc = new Y.Doc()
  for (let author = 0; Y.encodeStateAsUpdate(doc).length < 1_000_000; author++) {
    const own = new Y.Doc()
    own.clientID = 1000 + author * 77777
    Y.applyUpdate(own, Y.encodeStateAsUpdate(doc))
    const fragment = own.getXmlFragment('prosemirror')
    for (let i = 0; i < 150; i++) {
      const block = new Y.XmlElement('paragraph'), text = new Y.XmlText()
      fragment.insert(random(fragment.length + 1), [block])
      block.insert(0, [text])
      for (let k = 0; k < 6; k++) {
        const n = 5 + random(40)
        at = (at + n) % (words.length - 100)
        text.insert(random(text.length + 1), words.slice(at, at + n))
      }
    }
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(own, Y.encodeStateVector(doc)))
  }
  return doc
}

const varuint = n => n < 128 ? [n] : [n % 128 + 128, ...varuint(Math.floor(n / 128))]
const message = (step, bytes) => Buffer.concat([Buffer.from([0, step, ...varuint(bytes.length)]), bytes])
const isStep2 = data => data[0] === 0 && data[1] === 1

async function open (port, room) {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/${room}`, { perMessageDeflate: { threshold: 1024 } })
  ws.count = 0
  ws.on('message', () => ws.count++)
  await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject))
  return ws
}

/** Asks with nothing, until STEP2 has come. Bytes that came over the wire. */
async function join (port, room) {
  const ws = await open(port, room)
  const done = new Promise(resolve => ws.on('message', data => { if (isStep2(data)) resolve() }))
  ws.send(message(0, new Uint8Array([0])))
  await done
  const bytes = ws._socket.bytesRead
  ws.terminate()
  return bytes
}

async function measure (pid, job) {
  const before = cpuMs(pid)
  const value = await job()
  await sleep(50)
  return [value, cpuMs(pid) - before]
}

async function typing (port) {
  const clients = await Promise.all(Array.from({ length: TYPISTS }, () => open(port, 'typing')))
  const docs = clients.map(() => new Y.Doc())
  docs.forEach((doc, i) => doc.on('update', update => clients[i].send(message(2, update))))
  await sleep(100)
  const before = clients.reduce((sum, c) => sum + c._socket.bytesRead, 0)
  for (let key = 0; key < KEYS; key++) {
    docs.forEach(doc => doc.getText('text').insert(doc.getText('text').length, 'x'))
    await sleep(10)
  }
  await sleep(200)
  const bytes = clients.reduce((sum, c) => sum + c._socket.bytesRead, 0) - before
  for (const c of clients) c.terminate()
  return bytes
}

async function paste (port, doc) {
  const ws = await open(port, 'pastes')
  const isBack = new Promise(resolve => ws.on('message', data => { if (data[0] === 0 && data[1] === 2) resolve() }))
  ws.send(message(2, Y.encodeStateAsUpdate(doc)))
  await isBack
  ws.terminate()
}

async function round (kind, doc) {
  const port = await freePort()
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'partyd-bench-'))
  const child = spawn(BINARY, ['dev', '--port', port, '--data', data, '--log-level', 'warn', '--compression', kind], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise(resolve => child.stdout.on('data', out => { if (String(out).includes('listening on')) resolve() }))
  try {
    const result = {}
    await paste(port, doc)
    const writer = await open(port, 'pastes')
    ;[result.joinBytes, result.joinCpu] = await measure(child.pid, async () => {
      let bytes = 0
      for (let i = 0; i < JOINS; i++) bytes += await join(port, 'pastes')
      return bytes / JOINS
    })
    result.joinCpu /= JOINS
    const own = new Y.Doc()
    ;[, result.loadCpu] = await measure(child.pid, async () => {
      for (let i = 0; i < LOADS; i++) {
        const vector = Y.encodeStateVector(own)
        own.getText('t').insert(0, 'y')
        writer.send(message(2, Y.encodeStateAsUpdate(own, vector)))
        await join(port, 'pastes')
      }
    })
    result.loadCpu /= LOADS
    ;[result.typingBytes, result.typingCpu] = await measure(child.pid, () => typing(port))
    return result
  } finally {
    child.kill('SIGKILL')
    fs.rmSync(data, { recursive: true, force: true })
  }
}

const median = list => list.sort((a, b) => a - b)[Math.floor(list.length / 2)]
const doc = document()
const results = Object.fromEntries(KINDS.map(kind => [kind, []]))
for (let i = 0; i < rounds; i++) for (const kind of KINDS) results[kind].push(await round(kind, doc))
console.log(`a document of ${Y.encodeStateAsUpdate(doc).length} bytes; medians of ${rounds} rounds in turns`)
console.log('| compression | first sync, bytes | CPU ms, one of 100 who join | CPU ms, document changed before each | typing, bytes | CPU ms |')
console.log('|---|---|---|---|---|---|')
for (const kind of KINDS) {
  const of = key => median(results[kind].map(r => r[key]))
  console.log(`| ${kind} | ${of('joinBytes').toFixed(0)} | ${of('joinCpu').toFixed(2)} | ${of('loadCpu').toFixed(2)} | ${of('typingBytes')} | ${of('typingCpu').toFixed(0)} |`)
}
