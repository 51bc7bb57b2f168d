// npm start: rooms under the local runtime. PORT (1999), HOST (127.0.0.1), STATE (.partyd/edge); settings by
// their names in the environment, see docs/edge.md. Ends with the runtime, and ends it.
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { DIST, endWorker, startWorker } from './worker.mjs'

const port = Number(process.env.PORT ?? 1999)
const host = process.env.HOST ?? '127.0.0.1'
const state = process.env.STATE ?? '.partyd/edge'
if (!Number.isInteger(port) || port < 1 || port > 65535) {
  console.error(`partyd: PORT: '${process.env.PORT}' is no port`)
  process.exit(2)
}
if (!fs.existsSync(path.join(DIST, 'index.js'))) {
  console.error(`partyd: there is no ${path.join(DIST, 'index.js')}; run 'npm run build' first`)
  process.exit(2)
}
const child = startWorker({ port, host, state })
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => endWorker(child))
child.once('exit', (code, signal) => process.exit(signal === null ? code : 0))

const probe = () => net.connect(port, host).once('connect', function () {
  this.destroy()
  console.log(`partyd: listening on http://${host}:${port}, state in ${state}`)
}).once('error', () => { if (child.exitCode === null) setTimeout(probe, 20) })
probe()
