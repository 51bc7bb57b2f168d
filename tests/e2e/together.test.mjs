// All families in one room, for what is harder there than in a room of one family (providers.test.mjs): docs/protocol.md.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Client, families, same, sleep, startServer, until } from './support.mjs'
import { openDocument, openSocket } from './hocuspocus-support.mjs'
import { COLLAB_SECRET, ISSUER, SECRET, ticket } from './access-support.mjs'

const NAMES = Object.keys(families)
const HOCUSPOCUS = NAMES.filter(family => family.startsWith('hocuspocus'))
let server
before(async () => { server = await startServer() })
after(async () => { await server.stop() })

const all = (room, more) => NAMES.map(family => new Client(server, family, room, 'main', more))
const synced = clients => Promise.all(clients.map(c => c.synced()))
const endAll = clients => clients.forEach(c => c.end())
const seeEachOther = (clients, ms = 5000) => until('all to see all', () =>
  clients.every(c => clients.every(other => c === other || c.seesUser(other) === NAMES[clients.indexOf(other)])), ms)
const beSame = (clients, length, ms = 5000) => until('all to be the same', () => clients.every(c => c.text.length === length && same(c, clients[0])), ms)
const beSaved = clients => until('all to be saved', () => clients.filter(c => c.provider.version !== undefined).every(c => c.provider.unsaved <= 0))
const present = clients => clients.forEach((c, n) => c.awareness.setLocalStateField('user', NAMES[n]))

describe('all families in one room', () => {
  test('late join: one of each family comes when the document is written, and has all of it', async () => {
    const first = all('late')
    await synced(first)
    first.forEach((c, n) => { c.text.insert(0, `${n}`.repeat(100)); c.doc.getMap('map').set(NAMES[n], n) })
    first[0].text.delete(3, 50)
    present(first)
    await beSame(first, 750)
    const late = all('late')
    await synced(late)
    await beSame([...first, ...late], 750)
    await until('late ones to see who is there', () => late.every(c => first.every((other, n) => c.seesUser(other) === NAMES[n])))
    late.forEach(c => c.text.insert(0, 'x'))
    await beSame([...first, ...late], 758)
    endAll([...first, ...late])
  })

  test('big documents: each sends a megabyte, all have all of them, and so has who comes then', async () => {
    const clients = all('big')
    await synced(clients)
    // One message of more than 1,000,000 bytes: y-partykit sends it in chunks.
    for (const [n, c] of clients.entries()) c.text.insert(0, `${n}`.repeat(1_050_000))
    await beSame(clients, 8_400_000, 30_000)
    await beSaved(clients)
    endAll(clients)
    const late = all('big')
    await beSame(late, 8_400_000, 30_000)
    endAll(late)
  })

  test('reconnect and offline edits: all go at once, write while they are away, and come back', async () => {
    const clients = all('offline')
    await synced(clients)
    present(clients)
    clients[0].text.insert(0, 'common')
    await beSame(clients, 6)
    const watcher = new Client(server, 'y-websocket 3', 'offline')
    await watcher.synced()
    for (let round = 1; round <= 2; round++) {
      clients.forEach(c => c.provider.disconnect())
      await until('all to be away', () => clients.every(c => !c.provider.wsconnected) && watcher.awareness.getStates().size === 1)
      clients.forEach((c, n) => { c.text.insert(n, `${n}`); c.doc.getMap('map').set(NAMES[n], round); c.doc.getArray('array').push([n]) })
      watcher.text.insert(0, 'm')
      clients.forEach(c => c.provider.connect())
      await beSame([...clients, watcher], 6 + 9 * round, 8000)
      await beSaved(clients)
      // Who has the state of before and no heartbeat is told again by the server.
      await seeEachOther(clients)
      // What comes later is lost to nobody, whoever it was sent with before (`_pk`).
      watcher.doc.getMap('map').set('later', round)
      await until('what comes later', () => clients.every(c => c.doc.getMap('map').get('later') === round), 3000)
    }
    endAll([...clients, watcher])
  })

  test('abrupt loss: each in turn, and all at once; presence goes and comes back, nothing is lost, no ghost stays', async () => {
    const clients = all('abrupt')
    await synced(clients)
    present(clients)
    await seeEachOther(clients)
    for (const [n, c] of clients.entries()) {
      const others = clients.filter(other => other !== c)
      const lost = new Promise(resolve => c.provider.on('connection-close', resolve))
      c.drop()
      c.text.insert(0, `${n}`)
      others[0].text.insert(0, 'o')
      await lost
      c.awareness.setLocalStateField('back', n)
      // Who is back within a tick was never away for the others; what it says then they see all the same.
      await until(`${NAMES[n]} to be back with all`, () => others.every(other => other.awareness.getStates().get(c.id)?.back === n &&
        other.seesUser(c) === NAMES[n] && c.seesUser(other) === NAMES[clients.indexOf(other)]), 8000)
      await beSame(clients, 2 * (n + 1))
    }
    clients.forEach(c => { c.drop(); c.text.insert(0, 'x') })
    await beSame(clients, 24, 8000)
    await seeEachOther(clients)
    await beSaved(clients)
    const [stays, ...leave] = clients
    endAll(leave)
    await until('nobody to be a ghost', () => stays.awareness.getStates().size === 1)
    stays.end()
  })

  test('several documents on a socket: each of Hocuspocus has three, and all families are in each of them', async () => {
    const names = ['many-a', 'many-b', 'many-c']
    const sockets = HOCUSPOCUS.map(version => openSocket(version, server.url))
    const documents = HOCUSPOCUS.map((version, i) => names.map(name => openDocument(version, sockets[i], name, { token: 'x', ...(version === 'hocuspocus 2' ? { preserveConnection: true } : {}) })))
    const alone = NAMES.filter(family => !HOCUSPOCUS.includes(family)).map(family => names.map(name => new Client(server, family, name)))
    const rooms = names.map((_, n) => [...documents.map(list => ({ doc: list[n].document, awareness: list[n].awareness, provider: list[n] })), ...alone.map(list => list[n])])
    const isIn = ({ provider }) => provider.isSynced ?? provider.synced
    const text = ({ doc }) => doc.getText('text')
    await until('all to be in', () => rooms.flat().every(isIn))
    rooms.forEach((room, n) => room.forEach((c, i) => { text(c).insert(0, `${n}`); c.awareness.setLocalStateField('user', `${n}.${i}`) }))
    const areSame = length => until('each room to have its own, and all of it', () => rooms.every((room, n) => room.every(c => text(c).toString() === `${n}`.repeat(length))))
    const seeAll = () => until('all of a room to see all of it, and nobody else', () => rooms.every((room, n) => room.every(c => {
      const seen = [...c.awareness.getStates().values()].map(state => state.user).sort()
      return seen.length === room.length && seen.every(user => user.startsWith(`${n}.`))
    })), 8000)
    await areSame(8)
    await seeAll()
    // The link is lost with all that is on it; what is written meanwhile is in its own room afterwards.
    sockets.forEach(socket => socket.webSocket.terminate())
    rooms.forEach((room, n) => room.forEach(c => text(c).insert(0, `${n}`)))
    await areSame(16)
    await until('all to be saved', () => documents.flat().every(p => p.unsyncedChanges <= 0))
    await seeAll()
    // One document is given back: the others of the socket go on, and it is gone for all.
    documents.forEach(list => list[1].destroy())
    rooms[1].splice(0, HOCUSPOCUS.length)
    await seeAll()
    rooms.forEach((room, n) => text(room.at(-1)).insert(0, `${n}`))
    await areSame(17)
    documents.flat().forEach(p => p.destroy())
    sockets.forEach(socket => socket.destroy())
    endAll(alone.flat())
  })

  test('application text: `__YPS:` of y-partyserver and stateless of Hocuspocus reach both, and nobody else is disturbed', async () => {
    const clients = all('words')
    const heard = clients.map(() => [])
    const closes = []
    clients.forEach((c, n) => {
      c.provider.on('custom-message', message => heard[n].push(message))
      c.provider.on('connection-close', () => closes.push(NAMES[n]))
      if (HOCUSPOCUS.includes(NAMES[n])) c.provider.on('stateless', ({ payload }) => heard[n].push(payload))
    })
    await synced(clients)
    const listens = NAMES.map(family => HOCUSPOCUS.includes(family) || family === 'y-partyserver')
    for (const [n, family] of NAMES.entries()) {
      if (!listens[n]) continue
      const words = `{"from":"${family} ä🙂"}`
      if (family === 'y-partyserver') clients[n].provider.sendMessage(words)
      else clients[n].provider.provider.sendStateless(words)
      await until(`all to hear ${family}`, () => heard.every((list, i) => !listens[i] || list.includes(words)))
    }
    // Text that no client understands goes to nobody.
    clients[NAMES.indexOf('y-partyserver')].provider.ws.send('400000000')
    clients.forEach((c, n) => c.text.insert(0, `${n}`))
    await beSame(clients, NAMES.length)
    heard.forEach((list, n) => assert.equal(list.length, listens[n] ? 4 : 0, NAMES[n]))
    assert.deepEqual(closes, [])
    endAll(clients)
  })

  test('awareness: a change of one is one message to each, however many echo it', async () => {
    const clients = all('echoes')
    await synced(clients)
    present(clients)
    await seeEachOther(clients)
    await sleep(300) // echoes of what was said are over
    const counts = clients.map(() => 0)
    clients.forEach((c, n) => c.provider.ws.on('message', data => { counts[n] += Buffer.from(data).includes('"n":') }))
    for (let n = 0; n < 5; n++) {
      clients[0].awareness.setLocalStateField('n', n)
      await until('all to see it', () => clients.every(c => c.awareness.getStates().get(clients[0].id)?.n === n))
      await sleep(150)
    }
    counts.forEach((count, n) => assert.ok(count >= 5 && count <= 6, `${NAMES[n]} was told ${count} times of 5 changes`))
    endAll(clients)
  })

  test('read-only: readers of each family see all that writers of each family write, and change nothing', async () => {
    const locked = await startServer({ env: { PARTYD_AUTH: 'ticket', PARTYD_TICKET_SECRET: SECRET, PARTYD_ISSUERS: ISSUER, COLLAB_SECRET } })
    const { warn } = console
    console.warn = () => {} // providers say there that they may not write
    const enter = perm => NAMES.map(family => new Client(locked, family, 'doc-1', 'main',
      { params: { get token () { return ticket('doc-1', perm, { sub: `${family} ${perm}` }) } } }))
    const writers = enter('write'), readers = enter('read'), everybody = [...writers, ...readers]
    await synced(everybody)
    writers.forEach((c, n) => c.text.insert(0, `${n}`))
    await beSame(everybody, 8)
    readers.forEach(c => { c.text.insert(0, 'forbidden'); c.text.delete(9, 3); c.awareness.setLocalStateField('cursor', 1) })
    await until('presence of readers', () => everybody.every(c => readers.every(r => c === r || c.seesUser(r)?.id !== undefined)))
    // Those who come back offer what they have. Two families come with the ticket that they had (tokens.test.mjs).
    const comeBack = readers.filter((_, n) => !['y-websocket 1', 'y-partykit'].includes(NAMES[n]))
    const lost = comeBack.map(c => new Promise(resolve => c.provider.on('connection-close', resolve)))
    comeBack.forEach(c => c.drop())
    await Promise.all(lost)
    await until('readers to be back', () => comeBack.every(c => c.provider.synced) && writers.every(c => readers.every(r => c.seesUser(r)?.id !== undefined)), 8000)
    writers.forEach((c, n) => c.text.insert(0, `${n}`))
    await beSame(writers, 16)
    // But for the three that it has deleted, which nobody else misses.
    await until('readers to see what writers wrote', () => readers.every(c => c.text.toString().replaceAll(/[^0-7]/g, '').length === 13))
    for (const c of readers) if (c.provider.version !== undefined) assert.ok(c.provider.unsaved >= 1, `${c.provider.version} shows it as saved`)
    const late = new Client(locked, 'y-websocket 3', 'doc-1', 'main', { params: { token: ticket('doc-1', 'read', { sub: 'late' }) } })
    await late.synced()
    assert.equal(late.text.toString(), writers[0].text.toString())
    assert.equal(late.text.length, 16)
    console.warn = warn
    endAll([...everybody, late])
    await locked.stop()
  })
})
