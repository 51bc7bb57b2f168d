// What every test of the Convex side needs: a deployment without the cloud, users who are really
// signed in, and the signature of the server.
import { spawn } from 'node:child_process'
import crypto from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import '../../example/offline/globals.mjs' // for jose on Node 18
import { until } from '../e2e/support.mjs'

export { freePort, sleep, until } from '../e2e/support.mjs'

const folder = fileURLToPath(new URL('../../example', import.meta.url))

/** A package of the example, as its ES module: tests and functions share one set of packages. */
export async function example (name) {
  const [, packageName, rest] = /^((?:@[^/]+\/)?[^/]+)(.*)$/.exec(name)
  const root = path.join(folder, 'node_modules', packageName)
  const { exports, module, main = 'index.js' } = JSON.parse(fs.readFileSync(path.join(root, 'package.json')))
  let target = exports === undefined ? module ?? main : exports[`.${rest}`] ?? exports
  while (typeof target === 'object') target = target.node ?? target.import ?? target.module ?? target.default
  return await import(pathToFileURL(path.join(root, target)).href)
}
export const { ConvexHttpClient, ConvexClient } = await example('convex/browser')
export const { makeFunctionReference } = await example('convex/server')
export const { WebSocket } = await example('ws')

export const SECRET = 'a secret that both sides of a test know'
const ADMIN_KEY = 'offline|tests'
const READY = /offline convex ready: cloud (\S+) site (\S+) admin-key/

/** Starts a deployment. Options: env (of the functions), args. */
export async function startConvex ({ env = {}, args = [] } = {}) {
  const child = spawn(process.execPath, ['offline/main.mjs', '--port', '0', '--site-port', '0', '--admin-key', ADMIN_KEY, '--end-with-stdin', ...args],
    { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, COLLAB_SECRET: SECRET, ...env } })
  const convex = { child, out: '', log: '' }
  child.stdout.on('data', chunk => { convex.out += chunk })
  child.stderr.on('data', chunk => { convex.log += chunk })
  const exited = new Promise(resolve => child.once('exit', resolve))
  convex.stop = async () => { child.kill('SIGTERM'); await exited }
  await Promise.race([
    until('the deployment to be ready', () => READY.test(convex.out), 60000),
    exited.then(code => { throw new Error(`the deployment ended with ${code}: ${convex.log}`) })
  ]).catch(async error => { await convex.stop(); throw error })
  const [, cloud, site] = READY.exec(convex.out)
  return Object.assign(convex, { cloud, site }, controlsOf(cloud))
}

function controlsOf (cloud) {
  const authorization = { Authorization: `Convex ${ADMIN_KEY}` }
  const control = async (name, body) => {
    const response = await fetch(`${cloud}/offline/${name}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { ...authorization, 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body)
    })
    if (!response.ok) throw new Error(`control ${name}: ${response.status} ${await response.text()}`)
    return await response.json()
  }
  return {
    /** Faults of the deployment from now on; without any: none. */
    faults: (...list) => control('faults', { faults: list }),
    resetCounters: () => control('counters', {}),
    calls: async name => (await control('counters'))[name] ?? { calls: 0, running: 0, runningMax: 0, failed: 0 },
    setEnv: env => control('env', env),
    dropSockets: () => control('drop', {}),
    fileCount: async () => (await control('files')).length,
    moveClock: addMs => control('clock', { addMs }),
    /** Runs any function, also an internal one, and as nobody or as the given identity. */
    admin: async (path, args = {}, kind = 'function') => {
      const response = await fetch(`${cloud}/api/${kind}`, {
        method: 'POST', headers: { ...authorization, 'Content-Type': 'application/json' }, body: JSON.stringify({ path, args })
      })
      const answer = await response.json()
      if (answer.status !== 'success') throw new Error(`${path}: ${JSON.stringify(answer)}`)
      return answer.value
    }
  }
}

export const claimsOf = jwt => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'))

/** A user signed in through Convex Auth: {client, token, refreshToken, id, sessionId}. */
export async function signIn (convex, name = 'Ann', credentials = { provider: 'anonymous' }) {
  const client = new ConvexHttpClient(convex.cloud)
  const { provider, ...params } = credentials
  const { tokens } = await client.action('auth:signIn', { provider, params: { name, ...params } })
  client.setAuth(tokens.token)
  const [id, sessionId] = claimsOf(tokens.token).sub.split('|')
  return { client, ...tokens, id, sessionId, name }
}

/** A workspace of `owner` with a document in it: {workspaceId, id, room}. */
export async function makePage (owner, type = 'doc') {
  const workspaceId = await owner.client.mutation('workspaces:create', { name: 'Work' })
  return { workspaceId, ...await owner.client.mutation('documents:create', { workspaceId, type, title: 'Page' }) }
}

export const setRole = (owner, { workspaceId }, user, role) =>
  owner.client.mutation('workspaces:setMember', { workspaceId, user: { id: user.id }, role })
export const removeMember = (owner, { workspaceId }, user, options = {}) =>
  owner.client.mutation('workspaces:removeMember', { workspaceId, userId: user.id, ...options })

/** `authorize` as the server asks it: the raw answer over HTTP. */
export async function authorize (convex, room, token) {
  const response = await fetch(`${convex.cloud}/api/query`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...(token ? { Authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify({ path: 'collab:authorize', args: { room }, format: 'json' })
  })
  return { status: response.status, body: await response.json() }
}

export const sha256 = body => crypto.createHash('sha256').update(body).digest('hex')
const hmac = (secret, text) => crypto.createHmac('sha256', secret).update(text).digest('hex')

/** The headers of a signed request, written down a second time from the contract. */
export function signed ({ method, path, room = '', seq = '', body = '', secret = SECRET, at = Date.now() }) {
  const timestamp = String(Math.floor(at / 1000))
  const digest = sha256(body)
  const text = `${method}\n${path}\n${timestamp}\n${room}\n${seq}\n${digest}`
  return { 'X-Collab-Timestamp': timestamp, 'X-Collab-Sha256': digest, 'X-Collab-Signature': `v1=${hmac(secret, text)}` }
}

/** A push of a backup; `change` replaces headers. Gives {status, json}. */
export async function push (convex, { room, epoch, seq, body, secret, at, change = {}, query = '' }) {
  const headers = {
    ...signed({ method: 'POST', path: '/collab/backup', room, seq, body, secret, at }),
    'Content-Type': 'application/octet-stream', 'X-Collab-Format': 'yjs-v1', 'X-Collab-Sv': 'AA==', 'X-Collab-Server': 'node-1', ...change
  }
  for (const [name, value] of Object.entries(headers)) if (value === null) delete headers[name]
  const response = await fetch(`${convex.site}/collab/backup?room=${room}&epoch=${epoch}&seq=${seq}${query}`, { method: 'POST', headers, body })
  return { status: response.status, json: await response.json() }
}

/** Signed JSON to one of the routes that take it. */
export async function postJson (convex, route, value, { secret, body = JSON.stringify(value) } = {}) {
  const response = await fetch(convex.site + route, {
    method: 'POST', headers: { ...signed({ method: 'POST', path: route, body, secret }), 'Content-Type': 'application/json' }, body
  })
  return { status: response.status, json: await response.json() }
}

export async function restore (convex, room, { epoch, seq, signedRoom = room } = {}) {
  const query = epoch === undefined ? '' : `&epoch=${epoch}&seq=${seq}`
  const headers = signed({ method: 'GET', path: '/collab/restore', room: signedRoom, seq: seq ?? '' })
  return await fetch(`${convex.site}/collab/restore?room=${room}${query}`, { headers })
}
