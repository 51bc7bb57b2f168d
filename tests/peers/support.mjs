// What the recorders share: waiting, free ports, documents and what is expected of them.
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import zlib from 'node:zlib'
import * as Y from 'yjs'

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
export { temporary } from '../support/temporary.mjs'
export const freePort = () => new Promise(resolve => {
  const probe = net.createServer().listen(0, '127.0.0.1', () => { const { port } = probe.address(); probe.close(() => resolve(port)) })
})

/** Text, a map, rich text, something deleted and, if asked for, more than one chunk. */
export async function fill (doc, name, large, pause) {
  doc.getText('text').insert(0, `hello ${name}`)
  doc.getMap('map').set('k', { a: [1, 'ä', null] })
  await pause()
  const paragraph = new Y.XmlElement('paragraph')
  doc.getXmlFragment('xml').insert(0, [paragraph])
  paragraph.insert(0, [new Y.XmlText(`rich ${name}`)])
  if (large) doc.getText('large').insert(0, Array.from({ length: 15000 }, (_, i) => `line ${i}\n`).join(''))
  await pause()
  if (large) doc.getText('large').delete(100, 1000)
  doc.getText('text').delete(0, 1)
  await pause()
}

export const expected = doc => ({
  text: doc.getText('text').toString(),
  map: doc.getMap('map').toJSON(),
  xml: doc.getXmlFragment('xml').toString(),
  large: doc.getText('large').length,
  vector: Buffer.from(Y.encodeStateVector(doc)).toString('base64')
})

/** All files below a directory, gzipped, by their path. */
export function pack (dir, files = {}, prefix = '') {
  for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
    const name = prefix + entry.name
    if (entry.isDirectory()) pack(path.join(dir, entry.name), files, `${name}/`)
    else if (!name.endsWith('-shm')) files[name] = zlib.gzipSync(fs.readFileSync(path.join(dir, entry.name)), { level: 9 }).toString('base64')
  }
  return files
}
