// The sync socket: what ConvexClient and ConvexReactClient speak. A session has a version of three
// parts (query set, identity, time); each change of one is told by a Transition from the version
// before to the version after, with the results that changed. The client checks the chain.
import { AsyncResource } from 'node:async_hooks'
import { convexToJson, jsonToConvex } from 'convex/values'
import { WebSocketServer } from 'ws'
import { HttpError } from './http.mjs'

const MESSAGE_BYTES_MAX = 16 * 1024 * 1024
const QUERIES_MAX = 2000
const PING_MS = 15_000
const SYNC_PATH = /^\/api\/[^/]+\/sync$/

const u64 = value => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes.toString('base64')
}

/** Options: runtime, authenticator, faults. wrote() tells that query results may have changed. */
export function createSync ({ runtime, authenticator, faults }) {
  const server = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_BYTES_MAX })
  const sessions = new Set()
  // Nanoseconds, and always later than any earlier run's.
  let now = BigInt(Date.now()) * 1_000_000n
  let woken = false

  // Called from inside of a function, but queries must run outside of its transaction: so bound to
  // the context of now.
  const wake = AsyncResource.bind(() => {
    woken = false
    now += 1n
    for (const session of sessions) session.enqueue(() => session.advance({}))
  })
  function wrote () {
    if (woken) return
    woken = true
    setImmediate(wake)
  }

  function open (socket) {
    const session = createSession({ socket, runtime, authenticator, faults, clock: () => now, wrote })
    sessions.add(session)
    socket.on('close', () => sessions.delete(session))
  }

  const pings = setInterval(() => {
    for (const { socket } of sessions) socket.send('{"type":"Ping"}')
  }, PING_MS)
  pings.unref()

  return {
    wrote,
    sessions: () => sessions.size,
    /** Handles an upgrade request; false if its path is another. */
    upgrade (request, socket, head) {
      if (!SYNC_PATH.test(new URL(request.url, 'http://offline').pathname)) return false
      server.handleUpgrade(request, socket, head, open)
      return true
    },
    /** As a deployment does it when it restarts. */
    drop () { for (const { socket } of sessions) socket.terminate() },
    close () { clearInterval(pings); this.drop(); server.close() }
  }
}

function createSession ({ socket, runtime, authenticator, faults, clock, wrote }) {
  const queries = new Map() // id -> {path, args, last: JSON of the last result}
  let version = { querySet: 0, identity: 0, ts: 0n }
  let caller = authenticator.nobody
  let mutations = Promise.resolve()
  let work = Promise.resolve()

  const send = message => { if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message)) }
  const wire = ({ querySet, identity, ts }) => ({ querySet, identity, ts: u64(ts) })

  /** The clock of a token runs while its session is open. */
  function checkExpiry () {
    if (!(caller.expires <= Date.now())) return true
    refuse('Token expired', false)
    return false
  }
  function refuse (error, authUpdateAttempted) {
    send({ type: 'AuthError', error, baseVersion: version.identity, authUpdateAttempted })
    socket.close(1000, 'AuthError')
  }

  async function evaluate (id, query) {
    let change
    try {
      const value = await faults.counted(query.path, null, () => runtime.call(query.path, 'query', query.args, caller))
      change = { type: 'QueryUpdated', queryId: id, value: convexToJson(value ?? null), logLines: [], journal: null }
    } catch (error) {
      change = { type: 'QueryFailed', queryId: id, errorMessage: error.message, logLines: [], errorData: error.data, journal: null }
    }
    // A request id is new each time, so it does not make a result new.
    const result = JSON.stringify(change).replace(/\[Request ID: [^\]]*\]/, '')
    if (result === query.last) return null
    query.last = result
    return change
  }

  /** Runs all queries and tells the step to the version with `parts` in it. */
  async function advance (parts, removed = []) {
    if (!checkExpiry()) return
    const ts = clock()
    const changes = await Promise.all([...queries].map(([id, query]) => evaluate(id, query)))
    const start = version
    version = { ...version, ...parts, ts }
    send({
      type: 'Transition', startVersion: wire(start), endVersion: wire(version),
      modifications: [...removed, ...changes.filter(change => change !== null)]
    })
  }

  async function modify ({ baseVersion, newVersion, modifications }) {
    if (baseVersion !== version.querySet) throw new Error(`the query set is at version ${version.querySet}, not ${baseVersion}`)
    const removed = []
    for (const change of modifications) {
      if (change.type === 'Remove') {
        queries.delete(change.queryId)
        removed.push({ type: 'QueryRemoved', queryId: change.queryId })
      } else {
        if (queries.size >= QUERIES_MAX) throw new Error(`more than ${QUERIES_MAX} queries in one session`)
        queries.set(change.queryId, { path: change.udfPath, args: jsonToConvex(change.args[0] ?? {}), last: null })
      }
    }
    await advance({ querySet: newVersion }, removed)
  }

  async function authenticate ({ tokenType, value, baseVersion }) {
    if (baseVersion !== version.identity) throw new Error(`the identity is at version ${version.identity}, not ${baseVersion}`)
    try {
      if (tokenType === 'None') caller = authenticator.nobody
      else caller = tokenType === 'Admin' ? authenticator.adminOf(value) : await authenticator.userOf(value)
    } catch (error) {
      if (!(error instanceof HttpError)) throw error
      refuse(error.message, true)
      return
    }
    await advance({ identity: baseVersion + 1 })
  }

  async function call (kind, { requestId, udfPath, args }) {
    if (!checkExpiry()) return
    const as = caller
    const type = kind === 'mutation' ? 'MutationResponse' : 'ActionResponse'
    try {
      const value = await faults.counted(udfPath, null, () => runtime.call(udfPath, kind, jsonToConvex(args[0] ?? {}), as))
      const response = { type, requestId, success: true, result: convexToJson(value ?? null), logLines: [] }
      // A mutation is done for its client when a Transition with this time has arrived.
      send(kind === 'mutation' ? { ...response, ts: u64(clock() + 1n) } : response)
    } catch (error) {
      send({ type, requestId, success: false, result: error.message, logLines: [], errorData: error.data })
    }
    if (kind === 'mutation') wrote()
  }

  const session = {
    socket,
    advance,
    /** One after the other: versions are a chain. */
    enqueue (step) {
      work = work.then(step).catch(error => {
        send({ type: 'FatalError', error: error.message })
        socket.close(1002, 'FatalError')
      })
    }
  }

  function receive (message) {
    switch (message.type) {
      case 'Connect': case 'Event': return
      case 'ModifyQuerySet': return session.enqueue(() => modify(message))
      case 'Authenticate': return session.enqueue(() => authenticate(message))
      // Mutations keep their order, also after an Authenticate before them; actions have none.
      case 'Mutation': { const before = work; mutations = Promise.all([mutations, before]).then(() => call('mutation', message)); return }
      case 'Action': { const before = work; void before.then(() => call('action', message)); return }
      default: throw new Error(`there is no message "${message.type}"`)
    }
  }
  socket.on('message', data => {
    try {
      receive(JSON.parse(data.toString()))
    } catch (error) {
      session.enqueue(() => { throw error })
    }
  })
  socket.on('error', () => socket.terminate())
  return session
}
