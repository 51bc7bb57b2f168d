// What the tests of limits and metrics need: numbers from /metrics, and clients that say who they are.
import assert from 'node:assert/strict'
import net from 'node:net'
import { Client, WebSocket, until } from './support.mjs'

/** Reads /metrics into a map from a line's name and labels to its number; fails on a line that is none. */
export function parse (text) {
  const values = new Map(), types = new Map()
  for (const line of text.split('\n').slice(0, -1)) {
    const comment = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line)
    if (comment !== null) {
      if (comment[1] === 'TYPE') types.set(comment[2], comment[3])
      continue
    }
    const sample = /^([a-z_]+)(\{[a-z_]+="[^"\\\n]*"\})? (-?[0-9.e+-]+|\+Inf|NaN)$/.exec(line)
    if (sample === null) throw new Error(`no line of the format: ${line}`)
    const key = sample[1] + (sample[2] ?? '')
    if (values.has(key)) throw new Error(`twice: ${key}`)
    values.set(key, Number(sample[3]))
  }
  return { values, types }
}

export async function metrics (server, headers = {}) {
  const answer = await fetch(`${server.http}/metrics`, { headers })
  if (answer.status !== 200) throw new Error(`/metrics: ${answer.status}`)
  return parse(await answer.text())
}
export const metric = async (server, key) => (await metrics(server)).values.get(key)
export const hits = async (server, limit) => await metric(server, `partyd_limit_hits_total{limit="${limit}"}`)

/** A request for a room as somebody else's: what came of it, { open } or { status, retryAfter } or { code }. */
export function ask (server, room, headers = {}, perMessageDeflate = false) {
  const ws = new WebSocket(`${server.url}/${room}`, { headers, perMessageDeflate })
  ws.binaryType = 'nodebuffer'
  ws.messages = []
  ws.on('message', data => ws.messages.push(data))
  ws.on('error', () => {})
  ws.closed = new Promise(resolve => ws.on('close', (code, reason) => resolve({ code, reason: String(reason) })))
  ws.result = new Promise(resolve => {
    ws.on('open', () => resolve({ open: true }))
    ws.on('unexpected-response', (request, response) => {
      response.resume()
      resolve({ status: response.statusCode, retryAfter: response.headers['retry-after'] })
      request.destroy()
    })
    ws.on('error', () => resolve({ error: true }))
  })
  return ws
}
export const from = address => ({ 'x-forwarded-for': address })

/** A socket that says what it is told and no more. */
export function raw (server, text) {
  const socket = net.connect(server.port, '127.0.0.1', () => socket.write(text))
  socket.heard = ''
  socket.on('data', chunk => { socket.heard += chunk.toString('latin1') }).on('error', () => {})
  socket.ended = new Promise(resolve => socket.on('close', () => resolve(Date.now())))
  return socket
}

/** An awareness message of one client, as bytes for a WebSocket. */
export function state (client, clock, json) {
  const varuint = n => { const out = []; while (n > 127) { out.push((n & 127) | 128); n = Math.floor(n / 128) } out.push(n); return out }
  const text = Buffer.from(json)
  const body = Buffer.concat([Buffer.from([1, ...varuint(client), ...varuint(clock), ...varuint(text.length)]), text])
  return Buffer.concat([Buffer.from([1, ...varuint(body.length)]), body])
}

/** A text of three quarters of `bytes` is refused in the room `doc`, and taken in `big-1`, whose entry in the table of rooms allows more. */
export async function documentLimits (server, bytes) {
  const clients = ['doc', 'big-1'].map(room => new Client(server, 'hocuspocus 4', room))
  await Promise.all(clients.map(c => c.synced()))
  await until('all to be saved', () => clients.every(c => c.provider.unsaved === 0))
  for (const c of clients) c.text.insert(0, 'x'.repeat(bytes / 4 * 3))
  await until('the larger room to be saved', () => clients[1].provider.unsaved === 0)
  const reader = new Client(server, 'y-websocket 3', 'doc')
  await reader.synced()
  assert.equal(clients[0].provider.unsaved, 1)
  assert.equal(reader.text.length, 0)
  for (const c of [...clients, reader]) c.end()
}
