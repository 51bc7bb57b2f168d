// Small things about HTTP that every route needs.

export class HttpError extends Error {
  constructor (status, code, message) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** The body of a request, whole. Refuses more than `max` bytes with 413. */
export async function readBody (request, max) {
  const parts = []
  let size = 0
  for await (const part of request) {
    size += part.length
    if (size > max) throw new HttpError(413, 'PayloadTooLarge', `the body is larger than ${max} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

export function sendJson (response, status, value, headers = {}) {
  send(response, status, Buffer.from(JSON.stringify(value)), { 'Content-Type': 'application/json', ...headers })
}

export function send (response, status, body, headers = {}) {
  if (response.destroyed || response.headersSent) return
  response.writeHead(status, { ...headers, 'Content-Length': body.length })
  response.end(body)
}

/** Browsers call the deployment from the address of the development server. */
export const corsHeaders = request => ({
  'Access-Control-Allow-Origin': request.headers.origin ?? '*',
  'Access-Control-Allow-Credentials': 'true',
  'Access-Control-Expose-Headers': 'Digest',
  Vary: 'Origin'
})

export const preflightHeaders = request => ({
  ...corsHeaders(request),
  'Access-Control-Allow-Methods': 'GET, POST, OPTIONS',
  'Access-Control-Allow-Headers': request.headers['access-control-request-headers'] ?? 'Content-Type, Authorization, Convex-Client, Digest',
  'Access-Control-Max-Age': '86400'
})

/** One of the two servers: `handle(request, response, url)` may throw HttpError. */
export function listener (handle) {
  return (request, response) => {
    const url = new URL(request.url, 'http://offline')
    Promise.resolve(handle(request, response, url)).catch(error => {
      if (!(error instanceof HttpError)) console.error('offline:', error)
      const { status = 500, code = 'InternalServerError', message } = error
      sendJson(response, status, { code, message }, corsHeaders(request))
    })
  }
}
