// Records what a partyd of some version stores of real documents: PARTYD=that program node vectors/stores/record.mjs OUT
// writes OUT/closed and OUT/killed, each the packed files of a data directory and the documents that were in its rooms.
import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import { Client, Y, sleep, startServer, until } from '../../e2e/support.mjs'

process.setMaxListeners(0) // each provider of y-websocket has one on exit

const [out] = process.argv.slice(2)
const words = n => Array.from({ length: n }, (_, i) => ['the', 'onyx', 'goblin', 'jumps', `${i}`, 'over', 'a', 'dwarf'][i % 8]).join(' ')

const texts = (a, b) => {
  for (let n = 0; n < 40; n++) (n % 2 ? a : b).text.insert((n % 2 ? a : b).text.length >> 1, `${words(3)} `)
  a.text.format(5, 20, { bold: true })
  b.text.delete(30, 60)
  b.text.insertEmbed(3, { image: 'cat.png' })
  a.text.insert(0, 'schöne Grüße 🎈 ')
}
const shapes = (a, b) => {
  for (const { doc, id } of [a, b]) {
    for (let n = 0; n < 30; n++) {
      const shape = new Y.Map()
      doc.getMap('map').set(`shape-${n % 10}-${id % 2}`, shape)
      shape.set('x', n)
      shape.set('label', new Y.Text(`shape ${n}`))
    }
    doc.getArray('array').push([1, 2.5, true, null, 'five', { six: [6] }, new Uint8Array([7, 8])])
    doc.getArray('array').delete(1, 2)
  }
}
const blocks = ({ doc }) => {
  const xml = doc.getXmlFragment('xml')
  for (let n = 0; n < 20; n++) {
    const paragraph = new Y.XmlElement('paragraph')
    xml.insert(0, [paragraph])
    paragraph.setAttribute('id', `p${n}`)
    paragraph.insert(0, [new Y.XmlText(words(8))])
  }
  xml.delete(3, 5)
}
/** Rooms and who fills them. large: a base of several chunks. delta: a base, what came behind it, and updates behind that. */
const rooms = {
  'doc-text': texts,
  'diagram-shapes': shapes,
  'doc-blocks': blocks,
  'doc-large': a => { for (let n = 0; n < 40; n++) a.text.insert(a.text.length, words(2500)) },
  'doc-delta': async (a, b) => {
    for (let n = 0; n < 700; n++) { a.text.insert(0, words(40)); if (n % 50 === 0) await sleep(20) }
    await sleep(15000)
    for (let n = 0; n < 300; n++) { b.doc.getMap('map').set(`k${n % 40}`, n); if (n % 50 === 0) await sleep(20) }
    await sleep(15000)
    for (let n = 0; n < 5; n++) a.text.insert(n, 'late')
  },
  // Comes last, and is killed before there is a reason for a snapshot.
  'doc-journal': async (a, b) => {
    for (let n = 0; n < 12; n++) { (n % 2 ? a : b).text.insert(n, `${n} `); await sleep(30) }
  }
}

for (const how of ['closed', 'killed']) {
  const server = await startServer()
  const documents = {}
  for (const [room, fill] of Object.entries(rooms)) {
    const [a, b] = [new Client(server, 'y-websocket 3', room), new Client(server, 'y-websocket 3', room)]
    await Promise.all([a.synced(), b.synced()])
    await fill(a, b)
    const equal = () => Y.equalSnapshots(Y.snapshot(a.doc), Y.snapshot(b.doc))
    await until(`both to have all of ${room}`, equal, 20000)
    // Both have all of it: so it is stored. Who leaves may be a reason for a snapshot, so they stay if it will be killed.
    documents[room] = Buffer.from(Y.encodeStateAsUpdate(a.doc)).toString('base64')
    if (how === 'closed') [a, b].forEach(client => client.end())
  }
  await server.stop(how === 'closed' ? 'SIGTERM' : 'SIGKILL')
  fs.mkdirSync(path.join(out, how), { recursive: true })
  for (const file of fs.readdirSync(server.data).filter(name => name.startsWith('shard-00.') && !name.endsWith('.ballast') && !name.endsWith('-shm'))) {
    fs.writeFileSync(path.join(out, how, `${file}.gz`), zlib.gzipSync(fs.readFileSync(path.join(server.data, file)), { level: 9 }))
  }
  fs.writeFileSync(path.join(out, how, 'rooms.json.gz'), zlib.gzipSync(JSON.stringify(documents), { level: 9 }))
}
process.exit()
