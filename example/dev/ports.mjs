// Ports for what runs on this machine: the usual ones, or the next that are free.
import net from 'node:net'

const TRIES = 50

const isFree = port => new Promise(resolve => {
  const probe = net.createServer().once('error', () => resolve(false))
  probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
})

/** @param wanted {name: port}: 0 takes any. @returns the same with ports that are free and different. */
export async function freePorts (wanted) {
  const taken = new Set()
  const found = {}
  for (const [name, first] of Object.entries(wanted)) {
    found[name] = await next(first, taken)
    taken.add(found[name])
  }
  return found
}

async function next (first, taken) {
  // Any port: from the range that systems give out themselves, begun at a different place each time.
  const start = first !== 0 ? first : 20000 + Math.floor(Math.random() * 20000)
  for (let port = start; port < start + TRIES; port++) {
    if (!taken.has(port) && await isFree(port)) return port
  }
  throw new Error(`no port is free from ${start} to ${start + TRIES - 1}`)
}
