// What the tests of access share: the driver as a child process, an HTTP server that does as told,
// and tokens that jose would refuse to make.
import { spawn } from 'node:child_process'
import crypto from 'node:crypto'
import http from 'node:http'
import path from 'node:path'
import readline from 'node:readline'

const BINARY = path.resolve(process.env.AUTHDRIVER ?? '../build/release/authdriver')

export const hex = bytes => Buffer.from(bytes).toString('hex')
export const b64 = bytes => Buffer.from(bytes).toString('base64url')
export const now = () => Math.floor(Date.now() / 1000)

/** The driver: ask(object) gives the answer with the same id; troubles collects what it reports. */
export function startDriver () {
  const child = spawn(BINARY, [], { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting = new Map()
  const troubles = []
  let last = 0
  const exited = new Promise(resolve => child.once('exit', (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`the driver ended with ${code ?? signal}`))
    resolve(code ?? signal)
  }))
  readline.createInterface({ input: child.stdout }).on('line', text => {
    const { id, ...answer } = JSON.parse(text)
    if (id < 0) return troubles.push(answer)
    waiting.get(id).resolve(answer)
    waiting.delete(id)
  })
  const ask = request => new Promise((resolve, reject) => {
    const id = ++last
    waiting.set(id, { resolve, reject })
    child.stdin.write(JSON.stringify({ ...request, id }) + '\n')
  })
  return {
    ask,
    troubles,
    open: async opts => {
      const answer = await ask({ do: 'new', opts })
      if (!answer.ok) throw new Error(answer.why)
    },
    decide: (token, room = 'doc-1') => ask({ do: 'decide', token: hex(token), room: hex(room) }),
    advance: ms => ask({ do: 'advance', ms }),
    end: () => { child.stdin.end(); return exited }
  }
}

/** A server on loopback; serve(request, body) answers {status, body, headers} or never. */
export async function startServer (serve) {
  const server = http.createServer(async (request, response) => {
    const parts = []
    for await (const part of request) parts.push(part)
    const answer = await serve(request, Buffer.concat(parts), response)
    if (!answer) return
    response.writeHead(answer.status ?? 200, answer.headers ?? { 'content-type': 'application/json' })
    response.end(typeof answer.body === 'object' && !Buffer.isBuffer(answer.body) ? JSON.stringify(answer.body) : answer.body)
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    port: server.address().port,
    end: () => { server.closeAllConnections(); return new Promise(resolve => server.close(resolve)) }
  }
}

export const sha256 = bytes => crypto.createHash('sha256').update(bytes).digest('hex')
export const hmac = (secret, text) => crypto.createHmac('sha256', secret).update(text).digest()

/** Signatures over any bytes, as RFC 7518 has them. */
export const signers = {
  RS256: key => text => crypto.sign('sha256', text, key),
  PS256: key => text => crypto.sign('sha256', text, { key, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }),
  ES256: key => text => crypto.sign('sha256', text, { key, dsaEncoding: 'ieee-p1363' }),
  EdDSA: key => text => crypto.sign(null, text, key),
  HS256: secret => text => hmac(secret, text),
  none: () => () => Buffer.alloc(0)
}

/** A token of these parts; objects become JSON, text and bytes stay as they are. */
export function mint (header, claims, sign) {
  const part = value => b64(typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value))
  const signed = `${part(header)}.${part(claims)}`
  return `${signed}.${b64(sign(Buffer.from(signed)))}`
}

export const jwkOf = (publicKey, more = {}) => ({ ...publicKey.export({ format: 'jwk' }), ...more })
export const rsa = (bits = 2048, publicExponent = 65537) => crypto.generateKeyPairSync('rsa', { modulusLength: bits, publicExponent })
export const p256 = () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const ed25519 = () => crypto.generateKeyPairSync('ed25519')
