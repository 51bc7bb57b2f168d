// An S3 for tests: s3rver from npm keeps the objects, and in front of it every request is checked as AWS does:
// signature V4 (recomputed by aws4, which shares no code with ours), hash of the body, clock.
import crypto from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import aws4 from 'aws4'
import S3rver from 's3rver'
import { temporary } from './temporary.mjs'

export const KEYS = { accessKeyId: 'AKIDTEST', secretAccessKey: 'a secret of the test/+=' }
export const BUCKET = 'backups'
const SKEW_MS = 15 * 60000

const failure = (status, code) => ({ status, body: `<?xml version="1.0"?><Error><Code>${code}</Code></Error>` })

/** What is wrong with a request; null: nothing. */
function refusal (request, body, now) {
  const authorization = request.headers.authorization ?? ''
  const [, id, region, names] = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=/.exec(authorization) ?? []
  if (id === undefined) return failure(403, 'AccessDenied')
  if (id !== KEYS.accessKeyId) return failure(403, 'InvalidAccessKeyId')
  const stamp = request.headers['x-amz-date']
  const at = Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  if (!(Math.abs(at - now) < SKEW_MS)) return failure(403, 'RequestTimeTooSkewed')
  if (request.headers['x-amz-content-sha256'] !== crypto.createHash('sha256').update(body).digest('hex')) return failure(400, 'XAmzContentSHA256Mismatch')
  const headers = Object.fromEntries(names.split(';').map(name => [name, request.headers[name]]))
  const { headers: expected } = aws4.sign({ method: request.method, path: request.url, service: 's3', region, headers }, KEYS)
  return expected.Authorization === authorization ? null : failure(403, 'SignatureDoesNotMatch')
}

/** {endpoint, requests: [{method, url, status}], fail(request) -> {status, body} | 'hang' | null, addMs, objects(), stop()} */
export async function startS3 () {
  const directory = temporary('s3')
  const store = new S3rver({ address: '127.0.0.1', port: 0, silent: true, directory, configureBuckets: [{ name: BUCKET }], allowMismatchedSignatures: true, vhostBuckets: false })
  const { port } = await store.run()
  const s3 = { requests: [], fail: () => null, addMs: 0, directory }
  const server = http.createServer(async (request, response) => {
    const chunks = []
    try { for await (const chunk of request) chunks.push(chunk) } catch { return } // whoever sent it is gone: nothing is kept
    const body = Buffer.concat(chunks)
    const entry = { method: request.method, url: request.url, bytes: body.length, status: 0 }
    s3.requests.push(entry)
    const send = (status, headers, bytes) => { entry.status = status; response.writeHead(status, { Date: new Date(Date.now() + s3.addMs).toUTCString(), ...headers }); response.end(bytes) }
    const told = s3.fail(entry)
    if (told === 'hang') return
    const refused = told ?? refusal(request, body, Date.now() + s3.addMs)
    if (refused !== null) return send(refused.status, { 'Content-Type': 'application/xml' }, refused.body)
    // s3rver knows its own account only, and believes it unseen; its clock is not moved.
    const now = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
    const headers = { ...request.headers, 'x-amz-date': now, authorization: request.headers.authorization.replace(KEYS.accessKeyId, 'S3RVER') }
    const inner = http.request({ port, host: '127.0.0.1', method: request.method, path: request.url, headers }, async answer => {
      const parts = []
      for await (const part of answer) parts.push(part)
      delete answer.headers.date
      send(answer.statusCode, answer.headers, Buffer.concat(parts))
    })
    inner.on('error', () => send(500, {}, ''))
    inner.end(body)
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  s3.endpoint = `http://127.0.0.1:${server.address().port}`
  s3.env = { AWS_ACCESS_KEY_ID: KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey, AWS_REGION: 'eu-test-1', AWS_ENDPOINT_URL_S3: s3.endpoint }
  s3.objects = () => fs.readdirSync(path.join(directory, BUCKET), { recursive: true }).filter(name => name.endsWith('._S3rver_object'))
  s3.stop = async () => { server.closeAllConnections(); server.close(); await store.close() }
  return s3
}
