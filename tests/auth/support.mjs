// What the tests of access share: the driver as a child process, an HTTP server that does as told,
// and tokens that jose would refuse to make.
import { spawn } from 'node:child_process'
import crypto from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import readline from 'node:readline'

const BINARY = path.resolve(process.env.AUTHDRIVER ?? '../build/release/authdriver')

export const hex = bytes => Buffer.from(bytes).toString('hex')
export const b64 = bytes => Buffer.from(bytes).toString('base64url')
export const now = () => Math.floor(Date.now() / 1000)

const ANSWER_MS = 60_000 // the driver's own calls end after 5 s at most

/** Where a silent process stands; what /proc does not tell is left out. */
function whereabouts (pid) {
  const read = name => { try { return `${name}: ${fs.readFileSync(`/proc/${pid}/${name}`, 'utf8').trim()}` } catch { return '' } }
  const state = read('status').split('\n').filter(line => /^(status|State|Threads|Sig)/.test(line)).join(' ')
  return [state, read('wchan'), read('syscall'), read('stack')].filter(Boolean).join('\n')
}

/** The driver: ask(object) gives the answer with the same id; troubles collects what it reports. */
export function startDriver () {
  const child = spawn(BINARY, [], { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting = new Map()
  const troubles = []
  let last = 0
  let ended = null
  const exited = new Promise(resolve => child.once('exit', (code, signal) => {
    ended = new Error(`the driver ended with ${code ?? signal}`)
    for (const { reject } of waiting.values()) reject(ended)
    resolve(code ?? signal)
  }))
  child.stdin.on('error', () => {}) // it is gone: its exit says so
  readline.createInterface({ input: child.stdout }).on('line', text => {
    const { id, ...answer } = JSON.parse(text)
    if (id < 0) return troubles.push(answer)
    waiting.get(id).resolve(answer)
    waiting.delete(id)
  })
  const ask = request => new Promise((resolve, reject) => {
    if (ended) return reject(ended)
    const id = ++last
    const late = setTimeout(() => reject(new Error(`no answer of the driver to ${request.do} in ${ANSWER_MS / 1000} s\n${whereabouts(child.pid)}`)), ANSWER_MS)
    const settle = how => value => { clearTimeout(late); how(value) }
    waiting.set(id, { resolve: settle(resolve), reject: settle(reject) })
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
    end: () => {
      child.stdin.end()
      const late = setTimeout(() => { console.error(`the driver does not end\n${whereabouts(child.pid)}`); child.kill('SIGKILL') }, ANSWER_MS)
      return exited.finally(() => clearTimeout(late))
    }
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
