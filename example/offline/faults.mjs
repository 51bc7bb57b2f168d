// Failure on demand, and counting. Tests ask for a slow, refusing or hanging deployment and then
// read how often each function was called and how many calls were under way at the same time.
import { HttpError } from './http.mjs'

/**
 * A fault is {match, kind, status?, ms?, times?}:
 *   match   "collab:authorize" (a function), "/collab/backup" (a path of an HTTP action), "*" (all)
 *   kind    "status" (answers with `status`), "hang" (never answers), "close" (drops the
 *           connection), "latency" (waits `ms`, then goes on)
 *   times   how often it strikes; always, unless given
 */
export function createFaults () {
  let faults = []
  let counters = {}

  const matching = name => faults.find(fault =>
    (fault.match === '*' || fault.match === name) && (fault.times === undefined || fault.times > 0))

  async function strike (name, request) {
    const fault = matching(name)
    if (!fault) return
    if (fault.times !== undefined) fault.times--
    switch (fault.kind) {
      case 'latency': await new Promise(resolve => setTimeout(resolve, fault.ms)); break
      case 'status': throw new HttpError(fault.status, 'FaultInjected', `this deployment was told to answer ${fault.status}`)
      case 'close': request?.socket.destroy(); throw new HttpError(503, 'FaultInjected', 'closed')
      case 'hang': await new Promise(resolve => request?.socket.once('close', resolve)); throw new HttpError(503, 'FaultInjected', 'hung')
      default: throw new HttpError(400, 'BadFault', `there is no kind of fault "${fault.kind}"`)
    }
  }

  return {
    set (list) {
      for (const { match, kind } of list) {
        if (typeof match !== 'string' || !['status', 'hang', 'close', 'latency'].includes(kind)) {
          throw new HttpError(400, 'BadFault', 'a fault is {match, kind: status|hang|close|latency, status?, ms?, times?}')
        }
      }
      faults = list.map(fault => ({ status: 503, ms: 100, ...fault }))
    },
    counters: () => counters,
    reset () { counters = {} },
    /** Runs `work` as one counted call of `name`; faults come first and count as time under way. */
    async counted (name, request, work) {
      const counter = counters[name] ??= { calls: 0, running: 0, runningMax: 0, failed: 0 }
      counter.calls++
      counter.running++
      // A caller who has hung up has no call under way any more, though its function runs on. One that
      // hung up before this call was made may be noticed after it: so the count waits for the turn's end.
      let under = true
      const end = () => { if (under) counter.running--; under = false }
      if (request?.socket.destroyed) end()
      request?.socket.once('close', end)
      setImmediate(() => { counter.runningMax = Math.max(counter.runningMax, counter.running) })
      try {
        await strike(name, request)
        return await work()
      } catch (error) {
        counter.failed++
        throw error
      } finally {
        end()
        request?.socket.off('close', end)
      }
    }
  }
}
