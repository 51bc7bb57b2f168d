// Outgoing HTTP against a server on loopback.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import https from 'node:https'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { startDriver, startServer } from './support.mjs'

let driver, server
let sockets = new Set()
const seen = []
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
before(async () => {
  driver = startDriver()
  await driver.open({ mode: 'none' })
  server = await startServer(async (request, body, response) => {
    seen.push({ method: request.method, url: request.url, headers: request.headers, body: body.toString() })
    sockets.add(request.socket)
    switch (request.url.split('?')[0]) {
      case '/never': return undefined
      case '/slow': await sleep(300); return { body: 'slow' }
      case '/drip': response.writeHead(200); for (let i = 0; i < 100 && !response.destroyed; i++) { response.write('x'); await sleep(50) } response.end(); return undefined
      case '/big': return { body: 'x'.repeat(1000) }
      case '/endless': response.writeHead(200); while (!response.destroyed) { response.write('x'.repeat(10000)); await sleep(1) } return undefined
      case '/head': return { headers: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x-${i}`, 'y'.repeat(100 + 300 * (request.url.endsWith('?long') ? 1 : 0))])), body: 'ok' }
      case '/away': return { status: 302, headers: { location: '/big' }, body: '' }
      case '/cut': response.writeHead(200, { 'content-length': 100 }); response.write('half'); await sleep(20); response.destroy(); return undefined
      default: return { status: Number(request.url.slice(1)) || 200, body: `${request.method} ${body}` }
    }
  })
})
after(async () => { const status = await driver.end(); await server.end(); assert.equal(status, 0) })
const get = (path, more = {}) => driver.ask({ do: 'fetch', url: path.includes('://') ? path : server.url + path, ...more })

test('A22 requests and answers of every kind', async () => {
  sockets = new Set()
  assert.deepEqual(await get('/200'), { failure: 'ANSWERED', status: 200, body: 'GET ', why: '' })
  assert.equal((await get('/201', { body: 'hello' })).body, 'POST hello')
  assert.equal((await get('/200', { method: 'PUT', body: 'é'.repeat(5000) })).body, `PUT ${'é'.repeat(5000)}`)
  for (const status of [204, 304, 400, 401, 404, 429, 500, 503]) assert.equal((await get(`/${status}`)).status, status)
  await get('/200', { headers: ['X-One: 1', 'Content-Type: application/json'], body: '{}' })
  const last = seen.at(-1)
  assert.deepEqual([last.headers['x-one'], last.headers['content-type'], last.headers.expect], ['1', 'application/json', undefined])
  assert.match(last.headers['user-agent'], /^partyd\//)
  assert.equal(sockets.size, 1, 'the connection is used again')
})

test('A22 many at once', async () => {
  const all = await Promise.all(Array.from({ length: 40 }, (_, i) => get('/slow', { body: String(i) })))
  assert.ok(all.every(a => a.body === 'slow'))
})

test('A22 redirects are answers', async () => {
  const before = seen.length
  assert.equal((await get('/away')).status, 302)
  assert.equal(seen.length, before + 1)
})

test('A22 answers are bounded in body and head', async () => {
  assert.equal((await get('/big', { answer_bytes_max: 1000 })).failure, 'ANSWERED')
  const big = await get('/big', { answer_bytes_max: 999 })
  assert.deepEqual([big.failure, big.status, big.body], ['TOO_BIG', 0, ''])
  assert.equal((await get('/endless')).failure, 'TOO_BIG')
  assert.equal((await get('/head')).failure, 'ANSWERED')
  assert.equal((await get('/head?long')).failure, 'TOO_BIG')
})

test('A22 time is bounded', async () => {
  const begun = Date.now()
  assert.equal((await get('/never', { timeout_ms: 200 })).failure, 'TIMEOUT')
  assert.equal((await get('/drip', { timeout_ms: 200 })).failure, 'TIMEOUT', 'also of an answer that has begun')
  assert.ok(Date.now() - begun < 2000)
})

test('A22 who is not there, and who breaks off', async () => {
  const gone = await startServer(() => ({}))
  await gone.end()
  assert.equal((await get(gone.url)).failure, 'CONNECT')
  assert.equal((await get('/cut')).failure, 'BROKEN')
  const rude = net.createServer(socket => { socket.on('error', () => {}); socket.resume(); socket.end('SSH-2.0-x\r\n') })
  await new Promise(resolve => rude.listen(0, '127.0.0.1', resolve))
  assert.equal((await get(`http://127.0.0.1:${rude.address().port}/`)).failure, 'BROKEN')
  await new Promise(resolve => rude.close(resolve))
  assert.equal((await get('/200')).failure, 'ANSWERED', 'and the client goes on')
})

test('A22 a call is taken back', async () => {
  assert.deepEqual(await get('/never', { cancel_ms: 50 }), { cancelled: true, left: 0 })
  assert.deepEqual(await get('/drip', { cancel_ms: 120 }), { cancelled: true, left: 0 })
  assert.equal((await get('/200')).status, 200)
})

test('A22 addresses and headers that cannot be meant', async () => {
  for (const url of ['', 'x', 'ftp://127.0.0.1/', 'file:///etc/passwd', 'http://', 'gopher://127.0.0.1/', '//127.0.0.1/', 'http:// /']) assert.equal((await driver.ask({ do: 'fetch', url })).error, 'YD_EMALFORMED', url)
  assert.equal((await get('/200', { headers: ['X: a\r\nY: b'] })).error, 'YD_EMALFORMED')
})

test('A22 certificates are checked', async () => {
  // Self-signed: nobody vouches for it.
  const { privateKey, publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const tls = https.createServer({ key: privateKey.export({ format: 'pem', type: 'pkcs8' }), cert: selfSigned(privateKey, publicKey) }, (_, response) => response.end('secret'))
  await new Promise(resolve => tls.listen(0, '127.0.0.1', resolve))
  const answer = await get(`https://127.0.0.1:${tls.address().port}/`)
  assert.deepEqual([answer.failure, answer.body], ['CONNECT', ''])
  assert.match(answer.why, /TLS/)
  tls.closeAllConnections()
  await new Promise(resolve => tls.close(resolve))
})

/** A certificate for 127.0.0.1, put together in DER. */
function selfSigned (privateKey, publicKey) {
  const der = (tag, ...parts) => { const body = Buffer.concat(parts); const n = body.length; return Buffer.concat([Buffer.from(n < 128 ? [tag, n] : n < 256 ? [tag, 0x81, n] : [tag, 0x82, n >> 8, n & 255]), body]) }
  const ecdsa = der(0x30, Buffer.from('06082a8648ce3d040302', 'hex'))
  const name = der(0x30, der(0x31, der(0x30, Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from('127.0.0.1')))))
  const time = s => der(0x17, Buffer.from(s))
  const body = der(0x30, Buffer.from('a003020102', 'hex'), der(0x02, Buffer.from([1])), ecdsa, name, der(0x30, time('200101000000Z'), time('491231235959Z')), name, publicKey.export({ format: 'der', type: 'spki' }))
  const cert = der(0x30, body, ecdsa, der(0x03, Buffer.from([0]), crypto.sign('sha256', body, privateKey)))
  return `-----BEGIN CERTIFICATE-----\n${cert.toString('base64').match(/.{1,64}/g).join('\n')}\n-----END CERTIFICATE-----\n`
}
