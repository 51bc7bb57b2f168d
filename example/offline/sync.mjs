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

const wire = ({ querySet, identity, ts }) => ({ querySet, identity, ts: u64(ts) })

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
    const session = new Session(socket, { runtime, authenticator, faults, clock: () => now, wrote })
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

/** One client: its queries, who it is, and the version it has been told. */
class Session {
  #queries = new Map() // id -> {path, args, last: JSON of the last result}
  #version = { querySet: 0, identity: 0, ts: 0n }
  #mutations = Promise.resolve()
  #work = Promise.resolve()

  /** `to`: {runtime, authenticator, faults, clock, wrote}. */
  constructor (socket, to) {
    this.socket = socket
    this.to = to
    this.caller = to.authenticator.nobody
    socket.on('message', data => {
      try {
        this.#receive(JSON.parse(data.toString()))
      } catch (error) {
        this.enqueue(() => { throw error })
      }
    })
    socket.on('error', () => socket.terminate())
  }

  /** One after the other: versions are a chain. */
  enqueue (step) {
    this.#work = this.#work.then(step).catch(error => {
      this.#send({ type: 'FatalError', error: error.message })
      this.socket.close(1002, 'FatalError')
    })
  }

  /** Runs all queries and tells the step to the version with `parts` in it. */
  async advance (parts, removed = []) {
    if (!this.#checkExpiry()) return
    const ts = this.to.clock()
    const changes = await Promise.all([...this.#queries].map(([id, query]) => this.#evaluate(id, query)))
    const start = this.#version
    this.#version = { ...this.#version, ...parts, ts }
    this.#send({
      type: 'Transition', startVersion: wire(start), endVersion: wire(this.#version),
      modifications: [...removed, ...changes.filter(change => change !== null)]
    })
  }

  #receive (message) {
    const before = this.#work
    switch (message.type) {
      case 'Connect': case 'Event': return
      case 'ModifyQuerySet': return this.enqueue(() => this.#modify(message))
      case 'Authenticate': return this.enqueue(() => this.#authenticate(message))
      // Mutations keep their order, also after an Authenticate before them; actions have none.
      case 'Mutation':
        this.#mutations = Promise.all([this.#mutations, before]).then(() => this.#call('mutation', message))
        return
      case 'Action': void before.then(() => this.#call('action', message)); return
      default: throw new Error(`there is no message "${message.type}"`)
    }
  }

  #send (message) {
    if (this.socket.readyState === this.socket.OPEN) this.socket.send(JSON.stringify(message))
  }

  /** The clock of a token runs while its session is open. */
  #checkExpiry () {
    if (!(this.caller.expires <= Date.now())) return true
    this.#refuse('Token expired', false)
    return false
  }

  #refuse (error, authUpdateAttempted) {
    this.#send({ type: 'AuthError', error, baseVersion: this.#version.identity, authUpdateAttempted })
    this.socket.close(1000, 'AuthError')
  }

  #run (path, kind, args, caller) {
    return this.to.faults.counted(path, null, () => this.to.runtime.call(path, kind, args, caller))
  }

  async #evaluate (id, query) {
    let change
    try {
      const value = await this.#run(query.path, 'query', query.args, this.caller)
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

  async #modify ({ baseVersion, newVersion, modifications }) {
    const { querySet } = this.#version
    if (baseVersion !== querySet) throw new Error(`the query set is at version ${querySet}, not ${baseVersion}`)
    const removed = []
    for (const change of modifications) {
      if (change.type === 'Remove') {
        this.#queries.delete(change.queryId)
        removed.push({ type: 'QueryRemoved', queryId: change.queryId })
      } else {
        if (this.#queries.size >= QUERIES_MAX) throw new Error(`more than ${QUERIES_MAX} queries in one session`)
        this.#queries.set(change.queryId, { path: change.udfPath, args: jsonToConvex(change.args[0] ?? {}), last: null })
      }
    }
    await this.advance({ querySet: newVersion }, removed)
  }

  async #authenticate ({ tokenType, value, baseVersion }) {
    const { identity } = this.#version
    if (baseVersion !== identity) throw new Error(`the identity is at version ${identity}, not ${baseVersion}`)
    const { authenticator } = this.to
    try {
      if (tokenType === 'None') this.caller = authenticator.nobody
      else this.caller = tokenType === 'Admin' ? authenticator.adminOf(value) : await authenticator.userOf(value)
    } catch (error) {
      if (!(error instanceof HttpError)) throw error
      this.#refuse(error.message, true)
      return
    }
    await this.advance({ identity: baseVersion + 1 })
  }

  async #call (kind, { requestId, udfPath, args }) {
    if (!this.#checkExpiry()) return
    const type = kind === 'mutation' ? 'MutationResponse' : 'ActionResponse'
    try {
      const value = await this.#run(udfPath, kind, jsonToConvex(args[0] ?? {}), this.caller)
      const response = { type, requestId, success: true, result: convexToJson(value ?? null), logLines: [] }
      // A mutation is done for its client when a Transition with this time has arrived.
      this.#send(kind === 'mutation' ? { ...response, ts: u64(this.to.clock() + 1n) } : response)
    } catch (error) {
      this.#send({ type, requestId, success: false, result: error.message, logLines: [], errorData: error.data })
    }
    if (kind === 'mutation') this.to.wrote()
  }
}
