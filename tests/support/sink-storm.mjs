// A server is killed again and again while it copies rooms to a sink, by whoever stands between the two: he knows
// when a copy is half sent, kept but not answered, answered but not yet noted.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { Client, Y, check, sleep, startServer, temporary, until } from '../e2e/support.mjs'
import { docOf, expected, partyd } from '../e2e/operator-support.mjs'

process.setMaxListeners(0) // each provider of y-websocket has one on exit

/** head: nothing was passed on; half: a part of the body; kept: the sink has it, the server does not know; told: it knows. */
const MOMENTS = ['head', 'half', 'kept', 'told']
const PART = 1 << 20
const any = list => list[Math.floor(Math.random() * list.length)]

/** Passes on to `target`. While `aim` is a moment, a request that puts something ends in it, the next one but `skip`: `strike()` is called and the
 * connection cut. lost: so many answers are not given, though nobody is killed; busy: so many puts are answered 503. */
export async function startBetween (target) {
  const { hostname, port } = new URL(target)
  const between = { aim: null, skip: 0, strike: () => {}, lost: 0, busy: 0, puts: 0, last: '' }
  const server = http.createServer((request, response) => {
    const isPut = ['PUT', 'POST'].includes(request.method)
    const cut = () => { request.destroy(); response.destroy() }
    const strikes = (moment) => {
      if (!isPut || between.aim !== moment || between.skip-- > 0) return false
      between.aim = null
      between.last = `${request.method} ${request.url.split('?')[0]}`
      between.strike()
      return true
    }
    request.on('error', () => {})
    response.on('error', () => {})
    if (isPut) between.puts++
    if (strikes('head')) return cut()
    if (isPut && between.busy > 0) {
      between.busy--
      request.resume()
      return request.on('end', () => { response.writeHead(503, { 'Content-Length': 0 }); response.end() })
    }
    const inner = http.request({ hostname, port, method: request.method, path: request.url, headers: request.headers })
    inner.on('error', cut)
    inner.on('response', answer => {
      const parts = []
      answer.on('error', () => {})
      answer.on('data', part => parts.push(part))
      answer.on('end', () => {
        if (strikes('kept')) return cut()
        if (isPut && between.lost > 0) { between.lost--; return cut() }
        response.writeHead(answer.statusCode, answer.headers)
        response.end(Buffer.concat(parts), () => strikes('told'))
      })
    })
    const total = Number(request.headers['content-length'] ?? 0)
    let passed = 0
    request.on('data', chunk => {
      const half = chunk.subarray(0, Math.max(0, Math.floor(total / 2) - passed))
      passed += chunk.length
      if (passed * 2 < total || !strikes('half')) return inner.write(chunk)
      inner.write(half, () => inner.destroy())
      cut()
    })
    request.on('end', () => inner.end())
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  between.url = `http://127.0.0.1:${server.address().port}`
  between.stop = () => { server.closeAllConnections(); server.close() }
  return between
}

// A large room on a busy machine takes its time.
const synced = client => until('sync', () => client.provider.synced, 60_000)
const stateOf = doc => Buffer.from(Y.encodeStateAsUpdate(doc))
const noise = bytes => Array.from({ length: Math.ceil(bytes / 11) }, () => Math.random().toString(36).slice(2, 13)).join('')

/** Something large in a room, in parts, as no message may be as large as that. How many requests to let pass afterwards. */
async function fill ([writer, witness], bytes) {
  for (let at = 0; at < bytes; at += PART) writer.doc.getMap('large').set(`${at}`, noise(Math.min(PART, bytes - at)))
  await until('all of it to have come', () => Y.equalSnapshots(Y.snapshot(writer.doc), Y.snapshot(witness.doc)), 60_000)
  return Math.floor(Math.random() * 3)
}

/** `kills` times; then all that anybody else had seen must come back from the sink alone. Options: between; rooms: their names;
 * start(data): a server that copies through `between`; pull: arguments and environment of `partyd pull`;
 * large: bytes that the last room gets in addition, now and then. */
export async function storm ({ kills, between, rooms, start, pull, large = 200_000 }) {
  const seen = new Map(rooms.map(room => [room, new Set()]))
  const struck = Object.fromEntries([...MOMENTS, 'random'].map(moment => [moment, 0]))
  const data = temporary()
  let written = 0
  for (let kill = 0; kill < kills; kill++) {
    const server = await start(data)
    const clients = rooms.map(room => [0, 1].map(() => new Client(server, 'y-websocket 3', room)))
    await Promise.all(clients.flat().map(synced))
    for (const [n, room] of rooms.entries()) {
      const map = clients[n][0].doc.getMap('marks')
      for (const mark of seen.get(room)) assert.ok(map.has(mark), `${mark} of ${room} is lost after kill ${kill}`)
      for (const { doc } of clients[n]) {
        doc.getMap('marks').observe((event, { local }) => { if (!local) event.keysChanged.forEach(key => seen.get(room).add(key)) })
      }
    }
    between.lost = Math.random() < 0.3 ? 1 : 0
    between.busy = Math.random() < 0.1 ? 1 : 0
    const dead = new Promise(resolve => { between.strike = () => { struck[moment]++; resolve() } })
    const moment = any(MOMENTS)
    if (kill % 4 === 0) between.skip = await fill(clients.at(-1), large)
    between.aim = moment
    const typing = setInterval(() => clients.flat().forEach((client, n) => client.doc.getMap('marks').set(`${kill}-${n}-${written++}`, 1)), 10)
    // No copy may be due in time: then it is a kill at a random moment.
    await Promise.race([dead, sleep(1500 + Math.random() * 500)])
    if (between.aim !== null) struck.random++
    between.aim = null
    between.skip = 0
    await server.stop('SIGKILL')
    clearInterval(typing)
    clients.flat().forEach(client => client.end())
    const verdict = check(data)
    assert.equal(verdict.status, 0, verdict.stderr)
    if (kill % 20 === 19) console.error(`${kill + 1} kills: ${JSON.stringify(struck)}`)
  }
  between.lost = between.busy = 0
  await restored({ data, rooms, seen, start, pull })
  const total = [...seen.values()].reduce((sum, marks) => sum + marks.size, 0)
  return { struck, marks: total, puts: between.puts }
}

/** The server goes on where it was killed until all is copied. What the sink then gives is what the server has. */
async function restored ({ data, rooms, seen, start, pull }) {
  const last = await start(data)
  const kept = new Map()
  for (const room of rooms) {
    const [reader, witness] = [new Client(last, 'y-websocket 3', room), new Client(last, 'y-websocket 3', room)]
    await Promise.all([reader, witness].map(synced))
    for (const mark of seen.get(room)) assert.ok(reader.doc.getMap('marks').has(mark), `${mark} of ${room} is lost at the end`)
    // One more change, or "nothing waits" could mean that nothing was looked at yet.
    reader.doc.getMap('marks').set('last', 1)
    await until('the last change to be there', () => witness.doc.getMap('marks').has('last'), 60_000)
    kept.set(room, reader.doc)
    for (const { provider } of [reader, witness]) provider.destroy()
  }
  await until('all to be copied', async () => {
    const [sink] = (await (await fetch(`${last.http}/health`)).json()).backup
    return sink.works && sink.waiting === 0 && sink.stored >= rooms.length
  }, 120_000)
  await last.stop('SIGKILL')

  const empty = temporary()
  const pulled = await partyd(empty, 'pull', ...pull.args, { env: pull.env })
  assert.equal(pulled.status, 0, pulled.err)
  for (const room of rooms) {
    const { status, bytes, err } = await partyd(empty, 'export', room)
    assert.equal(status, 0, err)
    const doc = docOf(bytes)
    assert.deepEqual(expected(doc), expected(kept.get(room)), `${room} as it was pulled`)
    assert.deepEqual(doc.getMap('marks').toJSON(), kept.get(room).getMap('marks').toJSON())
  }
  const fresh = await start(temporary())
  for (const room of rooms) {
    const reader = new Client(fresh, 'y-websocket 3', room)
    await synced(reader)
    assert.ok(stateOf(reader.doc).equals(stateOf(kept.get(room))), `${room} at the first connect to an empty disk`)
    reader.end()
  }
  await fresh.stop('SIGKILL')
}

/** A server that copies to one sink, soon and often. */
export async function startCopying (sink, data, env) {
  const config = path.join(temporary(), 'partyd.json')
  fs.writeFileSync(config, JSON.stringify({ backup: { sink: { 'idle-ms': 20, 'max-age-ms': 100, ...sink } } }))
  // Of hundreds of starts one meets a port that was taken in the same moment.
  for (let attempt = 1; ; attempt++) {
    try { return await startServer({ data, args: ['--config', config], env }) } catch (error) {
      if (attempt === 5 || !/address already in use/.test(error.message)) throw error
    }
  }
}
