// The cloud port: function calls, files, version, and the controls of this program itself.
import crypto from 'node:crypto'
import { convexToJson, jsonToConvex } from 'convex/values'
import { HttpError, corsHeaders, preflightHeaders, readBody, send, sendJson } from './http.mjs'
import { FunctionError } from './runtime.mjs'

const CALL_BYTES_MAX = 16 * 1024 * 1024 + 2000
const UPLOAD_BYTES_MAX = 512 * 1024 * 1024
const BATCH_MAX = 100
const KINDS = { query: 'query', mutation: 'mutation', action: 'action', function: 'any' }

async function jsonBody (request) {
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) throw new HttpError(415, 'UnsupportedMediaType', 'Content-Type must be application/json')
  return parse((await readBody(request, CALL_BYTES_MAX)).toString())
}

async function upload (files, request, response, url) {
  if (!files.mayUpload(url.searchParams.get('token'))) throw new HttpError(401, 'StorageTokenInvalid', 'this upload address is not, or no longer, good')
  const body = await readBody(request, UPLOAD_BYTES_MAX)
  const expected = /^sha-256=(.+)$/i.exec(request.headers.digest ?? '')?.[1]
  if (expected !== undefined && expected !== crypto.createHash('sha256').update(body).digest('base64')) throw new HttpError(400, 'BadDigest', 'the body is not the one that Digest names')
  const blob = new Blob([body], { type: request.headers['content-type'] ?? '' })
  sendJson(response, 200, { storageId: await files.store(blob) }, corsHeaders(request))
}

async function download (files, request, response, url) {
  const blob = await files.read(url.pathname.slice('/api/storage/'.length))
  if (blob === null) throw new HttpError(404, 'FileNotFound', 'there is no such file')
  send(response, 200, Buffer.from(await blob.arrayBuffer()), {
    ...corsHeaders(request), 'Content-Type': blob.type || 'application/octet-stream', 'Cache-Control': 'private, max-age=2592000'
  })
}

/** One call of a function, and its answer. */
async function run ({ runtime, faults }, request, kind, { path, args, format }, caller) {
  if (typeof path !== 'string') throw new HttpError(400, 'BadJsonBody', 'path must be the name of a function, like "messages:list"')
  if (format !== undefined && !['json', 'convex_encoded_json', 'export_json'].includes(format)) throw new HttpError(400, 'BadFormat', `there is no format ${format}`)
  const given = Array.isArray(args) ? args[0] ?? {} : args ?? {}
  let decoded
  try {
    decoded = jsonToConvex(given)
  } catch (error) {
    throw new HttpError(400, 'BadConvexJson', error.message)
  }
  return await faults.counted(path, request, async () => {
    try {
      const value = await runtime.call(path, kind, decoded, caller)
      return { status: 'success', value: format === 'convex_encoded_json' ? convexToJson(value ?? null) : clean(value ?? null) }
    } catch (error) {
      if (!(error instanceof FunctionError)) throw error
      const data = error.data === undefined ? {} : { errorData: error.data }
      return { status: 'error', errorMessage: error.message, ...data }
    }
  })
}

/** `parts`: runtime, authenticator, faults, onWrite, control(name, body). */
export function createApi (parts) {
  const { runtime, authenticator, onWrite, control } = parts

  async function calls (request, response, url) {
    const cors = corsHeaders(request)
    const name = url.pathname.slice('/api/'.length)
    const query = url.searchParams
    const admin = query.get('adminKey')
    const caller = admin === null ? await authenticator.ofHeader(request.headers.authorization) : authenticator.adminOf(admin)
    if (request.method === 'GET' && name === 'query') {
      const call = { path: query.get('path'), args: parse(query.get('args') ?? '{}'), format: query.get('format') ?? undefined }
      return sendJson(response, 200, await run(parts, request, 'query', call, caller), cors)
    }
    if (request.method !== 'POST') throw new HttpError(405, 'MethodNotAllowed', 'functions are called by POST')
    const body = await jsonBody(request)
    let answer
    if (name === 'query_batch') {
      if (!Array.isArray(body.queries) || body.queries.length > BATCH_MAX) throw new HttpError(400, 'BadJsonBody', `queries must be at most ${BATCH_MAX} calls`)
      answer = { results: await Promise.all(body.queries.map(call => run(parts, request, 'query', call, caller))) }
    } else if (name.startsWith('run/')) {
      const parts = name.slice('run/'.length).split('/')
      const path = `${parts.slice(0, -1).join('/')}:${parts.at(-1)}`
      answer = await run(parts, request, 'any', { ...body, path }, caller)
    } else if (Object.hasOwn(KINDS, name)) {
      answer = await run(parts, request, KINDS[name], body, caller)
    } else {
      throw new HttpError(404, 'NotFound', `there is no ${url.pathname}`)
    }
    if (name !== 'query' && name !== 'query_batch') onWrite()
    sendJson(response, 200, answer, cors)
  }

  async function controls (request, response, url) {
    const caller = await authenticator.ofHeader(request.headers.authorization)
    if (caller.kind !== 'admin') throw new HttpError(401, 'BadAdminKey', 'the controls want Authorization: Convex <admin key>')
    const body = request.method === 'POST' ? await jsonBody(request) : null
    sendJson(response, 200, await control(url.pathname.slice('/offline/'.length), body))
  }

  return async (request, response, url) => {
    const { pathname } = url
    if (pathname.startsWith('/offline/')) return await controls(request, response, url)
    if (request.method === 'OPTIONS') return send(response, 204, Buffer.alloc(0), preflightHeaders(request))
    if (pathname === '/version') return send(response, 200, Buffer.from('offline'), corsHeaders(request))
    if (pathname === '/api/storage/upload') return await upload(runtime.files, request, response, url)
    if (pathname.startsWith('/api/storage/')) return await download(runtime.files, request, response, url)
    if (pathname.startsWith('/api/')) return await calls(request, response, url)
    if (pathname === '/') return send(response, 200, Buffer.from('This Convex deployment is running. See https://docs.convex.dev/.'))
    throw new HttpError(404, 'NotFound', `there is no ${pathname}`)
  }
}

function parse (text) {
  let value
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new HttpError(400, 'BadJsonBody', error.message)
  }
  if (value === null || typeof value !== 'object') throw new HttpError(400, 'BadJsonBody', 'expected a JSON object')
  return value
}

/** The format "json": readable, and not reversible for bytes, int64 and special numbers. */
function clean (value) {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map(clean)
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, clean(one)]))
  return value
}
