// The site port: the project's HTTP actions.
import { corsHeaders, readBody, send } from './http.mjs'

const BODY_BYTES_MAX = 20 * 1024 * 1024

export function createSite ({ runtime, authenticator, faults, onWrite }) {
  return async (request, response, url) => {
    const path = url.pathname.replace(/^\/http(?=\/)/, '')
    await faults.counted(path, request, async () => {
      // The body first: who is refused may still be sending it.
      const body = await readBody(request, BODY_BYTES_MAX)
      const caller = await authenticator.ofHeader(request.headers.authorization, true)
      const headers = Object.entries(request.headersDistinct ?? request.headers)
        .filter(([name]) => !['connection', 'transfer-encoding', 'keep-alive', 'upgrade', 'expect', 'host'].includes(name))
        .flatMap(([name, values]) => [values].flat().map(value => [name, value]))
      const init = { method: request.method, headers }
      if (request.method !== 'GET' && request.method !== 'HEAD') init.body = body
      const answer = await runtime.fetch(path + url.search, init, caller)
      if (request.method !== 'GET') onWrite()
      send(response, answer.status, Buffer.from(await answer.arrayBuffer()), { ...Object.fromEntries(answer.headers), ...lastResort(request, answer) })
    })
  }
}

/** The routes of sign-in are also read by browsers from another port. */
const lastResort = (request, answer) =>
  new URL(request.url, 'http://offline').pathname.startsWith('/.well-known/') && !answer.headers.has('Access-Control-Allow-Origin') ? corsHeaders(request) : {}
