// What the tests of access control need: tickets, signed requests, and a wire that is listened to.
import { createHash, createHmac, randomUUID } from 'node:crypto'
import net from 'node:net'
import { WebSocket, families, startServer } from './support.mjs'

export const SECRET = 'ticket-secret-of-the-tests-0123456789'
export const COLLAB_SECRET = 'collab-secret-of-the-tests-0123456789'
export const ISSUER = 'https://app.test'
export const now = () => Math.floor(Date.now() / 1000)

const base64 = value => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** A ticket as an application makes it; claims overwrite the usual ones. */
export function ticket (room, perm = 'write', claims = {}, secret = SECRET) {
  const text = `${base64({ alg: 'HS256', typ: 'room+jwt' })}.${base64({ iss: ISSUER, aud: 'partyd', sub: 'ann', room, perm, iat: now(), exp: now() + 60, jti: randomUUID(), ...claims })}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

export const startTicketServer = (options = {}) => startServer({
  ...options,
  env: { PARTYD_AUTH: 'ticket', PARTYD_TICKET_SECRET: SECRET, PARTYD_ISSUERS: ISSUER, COLLAB_SECRET, ...options.env }
})

/** A call of the HTTP API, signed as the application's backend signs it. */
export async function api (server, method, path, body, { secret = COLLAB_SECRET, timestamp = now(), ...headers } = {}) {
  const text = body === undefined ? '' : JSON.stringify(body)
  const room = path.split('/')[3] ?? ''
  const sha = createHash('sha256').update(text).digest('hex')
  const signature = createHmac('sha256', secret).update([method, path, timestamp, room, '', sha].join('\n')).digest('hex')
  const answer = await fetch(server.http + path, {
    method,
    body: body === undefined ? undefined : text,
    headers: { 'X-Collab-Timestamp': String(timestamp), 'X-Collab-Sha256': sha, 'X-Collab-Signature': `v1=${signature}`, ...headers }
  })
  return { status: answer.status, body: await answer.json().catch(() => null) }
}

/** A wire in front of a server: counts connections and bytes up, and keeps every byte that came back. `cut` breaks the
 * first connection when so many bytes have gone `down` or `up`. */
export async function wire (server, cut = {}) {
  let sent = 0
  const w = { attempts: [], received: [], sentOf: [], start: Date.now(), sent: () => sent }
  const listener = net.createServer(client => {
    const bytes = [], n = w.attempts.length
    let down = 0
    w.attempts.push(Date.now() - w.start)
    w.received.push(bytes)
    w.sentOf.push(0)
    const up = net.connect(server.port, '127.0.0.1')
    const end = () => { up.destroy(); client.destroy() }
    const isCut = () => n === 0 && (down >= cut.down || w.sentOf[0] >= cut.up)
    up.on('data', chunk => {
      bytes.push(chunk)
      down += chunk.length
      client.write(chunk)
      if (isCut()) end()
    })
    client.on('data', chunk => {
      sent += chunk.length
      w.sentOf[n] += chunk.length
      up.write(chunk)
      if (isCut()) end()
    })
    up.on('end', () => client.end()).on('error', end).on('close', () => client.end())
    client.on('end', () => up.end()).on('error', end).on('close', () => up.destroy())
  })
  await new Promise(resolve => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address()
  w.url = `ws://127.0.0.1:${port}`
  w.port = port
  w.http = `http://127.0.0.1:${port}`
  w.bytes = () => Buffer.concat(w.received.flat())
  w.close = () => listener.close()
  return w
}

/** Names whose clients send `_pk`. */
export const sendsPk = family => family.startsWith('y-party')
/** Those that are let in, or not, by their request; Hocuspocus asks on the open socket. */
export const familyNames = Object.keys(families).filter(family => !family.startsWith('hocuspocus'))

/** A plain WebSocket that keeps what it gets: opened, refused with a status, or closed with a code. */
export function knock (server, room, token, { query = '', headers = {}, protocols = [] } = {}) {
  const parameters = [query, token === undefined ? '' : `token=${token}`].filter(Boolean).join('&')
  const ws = new WebSocket(`${server.url}/${room}${parameters ? `?${parameters}` : ''}`, protocols, { headers })
  ws.binaryType = 'nodebuffer'
  ws.messages = []
  ws.on('message', (data, binary) => ws.messages.push(binary ? data : String(data)))
  ws.on('error', () => {})
  ws.opened = new Promise(resolve => ws.on('open', () => resolve(true)))
  ws.refused = new Promise(resolve => {
    ws.on('unexpected-response', (request, response) => {
      let body = ''
      response.on('data', chunk => { body += chunk }).on('end', () => resolve({ status: response.statusCode, body }))
    })
    ws.on('close', (code, reason) => resolve({ code, reason: String(reason) }))
  })
  return ws
}
