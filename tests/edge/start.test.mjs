// `npm start` in edge/, as a person starts and ends it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { Client, freePort, temporary, until } from '../e2e/support.mjs'

const edge = path.resolve(process.env.EDGE ?? '../edge')

async function start (state) {
  const port = await freePort()
  const child = spawn(process.execPath, ['dev/start.mjs'], { cwd: edge, env: { ...process.env, PORT: String(port), STATE: state }, stdio: ['ignore', 'pipe', 'inherit'] })
  const server = { port, url: `ws://127.0.0.1:${port}`, out: '' }
  child.stdout.on('data', chunk => { server.out += chunk })
  server.ended = new Promise(resolve => child.once('exit', (code, signal) => resolve({ code, signal })))
  server.stop = signal => { child.kill(signal); return server.ended }
  await until('it to listen', () => server.out.includes('listening on'), 10000)
  return server
}

test('npm start: rooms on PORT, state in STATE; it ends at once with somebody in, and what was confirmed is there again', { timeout: 60000 }, async () => {
  const state = temporary()
  for (const [signal, text] of [['SIGTERM', 'one'], ['SIGINT', 'one two']]) {
    const server = await start(state), ann = new Client(server, 'y-websocket 3', 'kept'), ben = new Client(server, 'hocuspocus 4', 'kept')
    await Promise.all([ann.synced(), ben.synced()])
    ann.text.insert(ann.text.length, text.slice(ann.text.length))
    await until('the other to have it', () => ben.text.toString() === text)
    const begun = Date.now()
    assert.deepEqual(await server.stop(signal), { code: 0, signal: null })
    assert.ok(Date.now() - begun < 5000, `it took ${Date.now() - begun} ms`)
    ann.end(); ben.end()
  }
  const server = await start(state), late = new Client(server, 'y-websocket 3', 'kept')
  await late.synced()
  assert.equal(late.text.toString(), 'one two')
  late.end()
  await server.stop('SIGTERM')
})
