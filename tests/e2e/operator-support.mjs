// The operator's commands as a person runs them.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import { BINARY, Y, startServer, temporary } from './support.mjs'

/** Runs `partyd ...words --data data` and gives { status, out, err, json, lines }. */
export function partyd (data, ...words) {
  return new Promise(resolve => {
    const options = typeof words.at(-1) === 'object' ? words.pop() : {}
    const child = spawn(BINARY, [words[0], ...(data === null ? [] : ['--data', data]), ...words.slice(1)], { env: { ...process.env, ...options.env }, cwd: options.cwd })
    const out = []
    let err = ''
    child.stdout.on('data', chunk => out.push(chunk))
    child.stderr.on('data', chunk => { err += chunk })
    if (options.input !== undefined) child.stdin.end(options.input)
    child.on('close', (status, signal) => {
      const bytes = Buffer.concat(out)
      resolve({
        status: status ?? signal,
        bytes,
        out: bytes.toString(),
        err,
        get json () { return JSON.parse(bytes.toString()) },
        get lines () { return bytes.toString().trim().split('\n').filter(Boolean).map(line => JSON.parse(line)) }
      })
    })
  })
}

/** Runs `test(run, state)` on a served store and on the same kind of store that nobody serves; `prepare` fills it. */
export async function liveAndStopped (prepare, test, options = {}) {
  for (const how of ['live', 'stopped']) {
    const server = await startServer({ data: temporary(), ...options })
    const state = await prepare(server)
    if (how === 'stopped') {
      await state?.end?.()
      await server.stop()
    }
    await test((...words) => partyd(server.data, ...words), { how, server, ...state })
    if (how === 'live') {
      await state?.end?.()
      await server.stop()
    }
  }
}

export function docOf (update) {
  const doc = new Y.Doc()
  Y.applyUpdate(doc, update)
  return doc
}
export const expected = doc => ({
  text: doc.getText('text').toString(),
  map: doc.getMap('map').toJSON(),
  xml: doc.getXmlFragment('xml').toString(),
  large: doc.getText('large').length,
  vector: Buffer.from(Y.encodeStateVector(doc)).toString('base64')
})

/** What a real server of another kind has stored: { rooms, files } (tests/peers). */
export const recorded = name => JSON.parse(fs.readFileSync(new URL(`../vectors/data/${name}.json`, import.meta.url)))
/** The files of a recording in a fresh directory. */
export function unpack ({ files }) {
  const dir = temporary()
  for (const [name, bytes] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true })
    fs.writeFileSync(path.join(dir, name), zlib.gunzipSync(Buffer.from(bytes, 'base64')))
  }
  return dir
}
