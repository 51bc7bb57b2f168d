// A Convex deployment on this machine, without the cloud: two HTTP ports and the sync socket over
// the functions of one project. Everything is in memory and ends with the process.
import './globals.mjs'
import http from 'node:http'
import { createApi } from './api.mjs'
import { createFaults } from './faults.mjs'
import { HttpError, listener } from './http.mjs'
import { createAuthenticator } from './identity.mjs'
import { authKeys } from './keys.mjs'
import { openProject } from './project.mjs'
import { createRuntime } from './runtime.mjs'
import { createSite } from './site.mjs'
import { createSync } from './sync.mjs'

const REQUEST_MS = 300_000
/** Longer than clients keep idle connections: who closes first must not be the server. */
const KEEP_ALIVE_MS = 120_000

const listen = (server, port, host) => new Promise((resolve, reject) => {
  server.once('error', reject).listen(port, host, () => resolve(server.address().port))
})

/** Time goes on from a later point, for the functions (Date.now) and for what they store. */
function moveClock (addMs) {
  const before = Date.now
  Date.now = () => before() + addMs
}

/**
 * Starts a deployment. Options: functions (folder), host (default 127.0.0.1), port and sitePort (0:
 * any free one), adminKey, watch (reload functions that change), log(text).
 * Sets variables of process.env, as the functions read those. @returns cloudUrl, siteUrl, close()
 */
export async function startBackend ({ functions, host = '127.0.0.1', port = 0, sitePort = 0, adminKey, watch = false, log = console.error }) {
  // Both addresses must be known before the functions are loaded: they read them.
  let handleCloud, handleSite
  const cloud = http.createServer(listener((...args) => handleCloud(...args)))
  const site = http.createServer(listener((...args) => handleSite(...args)))
  for (const server of [cloud, site]) Object.assign(server, { requestTimeout: REQUEST_MS, keepAliveTimeout: KEEP_ALIVE_MS })
  const early = () => { throw new HttpError(503, 'Starting', 'this deployment is starting') }
  handleCloud = handleSite = early
  const cloudUrl = `http://${host}:${await listen(cloud, port, host)}`
  const siteUrl = `http://${host}:${await listen(site, sitePort, host)}`
  Object.assign(process.env, { CONVEX_CLOUD_URL: cloudUrl, CONVEX_SITE_URL: siteUrl }, await authKeys(process.env))

  let sync = null
  const onWrite = () => sync?.wrote()
  const onChange = () => { log('functions changed: loaded again'); onWrite() }
  const project = await openProject(functions, { ...(watch ? { onChange } : {}), onProblem: text => log(`functions: ${text}`) })
  const faults = createFaults()
  const runtime = await createRuntime({ project, cloudUrl, onWrite })
  const providers = project.names.includes('auth.config') ? (await project.load('auth.config')).default.providers : []
  const authenticator = createAuthenticator(providers, adminKey)
  sync = createSync({ runtime, authenticator, faults })

  /** What tests may do to this program; for `faults` and `counters` see faults.mjs. */
  async function control (name, body) {
    switch (name) {
      case 'counters': if (body !== null) faults.reset(); return faults.counters()
      case 'faults': faults.set(body?.faults ?? []); return {}
      case 'env': Object.assign(process.env, body); return {}
      case 'drop': sync.drop(); return {}
      case 'files': return await runtime.files.list()
      case 'clock': moveClock(body.addMs); return {}
      default: throw new HttpError(404, 'NotFound', `there is no control ${name}: counters, faults, env, drop, files, clock`)
    }
  }
  handleCloud = createApi({ runtime, authenticator, faults, onWrite, control })
  handleSite = createSite({ runtime, authenticator, faults, onWrite })
  cloud.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    if (!sync.upgrade(request, socket, head)) socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n')
  })
  return {
    cloudUrl,
    siteUrl,
    async close () {
      sync.close()
      for (const server of [cloud, site]) { server.close(); server.closeAllConnections?.() }
      await project.close()
    }
  }
}
