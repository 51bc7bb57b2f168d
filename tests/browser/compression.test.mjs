// permessage-deflate as a real browser does it, with stock providers in the page: docs/server.md H80 to H85.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { Client, startServer, until } from '../e2e/support.mjs'
import { wire } from '../e2e/access-support.mjs'
import { EXECUTABLE, launch } from './support.mjs'

const MODULES = path.resolve('node_modules')
// What a bundler would find; the page gets the files from here.
const imports = {
  yjs: '/modules/yjs/dist/yjs.mjs',
  'y-websocket': '/modules/y-websocket/src/y-websocket.js',
  'hocuspocus-4': '/modules/hocuspocus-4/dist/hocuspocus-provider.esm.js',
  '@hocuspocus/common': '/modules/hocuspocus-4/node_modules/@hocuspocus/common/dist/hocuspocus-common.esm.js',
  '@lifeomic/attempt': '/modules/@lifeomic/attempt/dist/es6/src/index.js',
  'lib0/': '/modules/lib0/',
  'y-protocols/': '/modules/y-protocols/'
}
const PAGE = `<!doctype html><link rel="icon" href="data:,"><title>compression</title><script type="importmap">${JSON.stringify({ imports })}</script><script type="module">
import * as Y from 'yjs'
import { WebsocketProvider } from 'y-websocket'
import { HocuspocusProvider, HocuspocusProviderWebsocket } from 'hocuspocus-4'
globalThis.openRoom = (url, family, room) => {
  const doc = new Y.Doc(), text = doc.getText('text')
  const sockets = []
  class Socket extends WebSocket { constructor (...args) { super(...args); sockets.push(this) } }
  const provider = family === 'y-websocket 3'
    ? new WebsocketProvider(url, room, doc, { WebSocketPolyfill: Socket, disableBc: true })
    : new HocuspocusProvider({ websocketProvider: new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: Socket }), name: room, document: doc, token: 'x' })
  provider.attach?.()
  globalThis.it = { text, provider, extensions: () => sockets.map(s => s.extensions), count: () => sockets.length }
}
globalThis.isReady = true
</script>`

/** The page and what it imports, from this machine: a browser lets no other page to a server here. */
const site = http.createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://x')
  const asked = path.join(MODULES, pathname.replace(/^\/modules\//, ''))
  const file = [asked, `${asked}.js`].find(name => pathname.startsWith('/modules/') && fs.statSync(name, { throwIfNoEntry: false })?.isFile())
  response.writeHead(file === undefined && pathname !== '/' ? 404 : 200, { 'Content-Type': file === undefined ? 'text/html' : 'text/javascript' })
  response.end(file !== undefined ? fs.readFileSync(file) : pathname === '/' ? PAGE : '')
})

let server, browser
before(async () => {
  assert.ok(EXECUTABLE, 'no Chromium found: install the package chromium or set CHROMIUM to the program')
  await new Promise(resolve => site.listen(0, '127.0.0.1', resolve))
  server = await startServer()
  browser = await launch()
})
after(async () => {
  await browser?.close()
  await server?.stop()
  site.close()
})

async function newPage () {
  const context = await browser.newContext()
  const page = await context.newPage()
  const problems = []
  page.on('console', message => { if (message.type() === 'error') problems.push(message.text()) })
  page.on('pageerror', error => problems.push(String(error)))
  await page.goto(`http://127.0.0.1:${site.address().port}/`)
  await page.waitForFunction(() => globalThis.isReady)
  assert.deepEqual(problems, [])
  return { page, problems, context }
}

const words = count => Array.from({ length: count }, (_, i) => `paragraph ${i} of a document that people wrote; `).join('')

for (const family of ['y-websocket 3', 'hocuspocus 4']) {
  test(`H85 ${family} in Chromium: negotiated, a large document goes up and comes down compressed, edits go both ways`, async () => {
    const room = `chromium-${family.replace(' ', '-')}`, w = await wire(server)
    const { page, problems, context } = await newPage()
    const url = family === 'y-websocket 3' ? w.url : `${w.url}/`
    await page.evaluate(([url, family, room]) => globalThis.openRoom(url, family, room), [url, family, room])
    await page.waitForFunction(() => globalThis.it.provider.synced ?? globalThis.it.provider.isSynced)
    assert.deepEqual(await page.evaluate(() => globalThis.it.extensions()), ['permessage-deflate; server_no_context_takeover; client_no_context_takeover'])
    // Down: from a stock client without compression.
    const writer = new Client(server, 'hocuspocus 3', room)
    await writer.synced()
    const down = words(20_000), up = words(15_000).toUpperCase()
    const before = w.bytes().length
    writer.text.insert(0, down)
    await page.waitForFunction(length => globalThis.it.text.length === length, down.length)
    const came = w.bytes().length - before
    assert.ok(down.length > 900_000 && came < down.length / 4, `${came} bytes for ${down.length}`)
    // Up, from the page.
    const sentBefore = w.sent()
    await page.evaluate(up => { globalThis.it.text.insert(0, up) }, up)
    await until('the writer to have it', () => writer.text.toString() === up + down, 20_000)
    assert.ok(w.sent() - sentBefore < up.length / 4, `${w.sent() - sentBefore} bytes for ${up.length}`)
    // A page that comes later gets all of it, compressed.
    const second = await newPage(), w2 = await wire(server)
    await second.page.evaluate(([url, family, room]) => globalThis.openRoom(url, family, room), [family === 'y-websocket 3' ? w2.url : `${w2.url}/`, family, room])
    await second.page.waitForFunction(length => globalThis.it.text.length === length, up.length + down.length)
    assert.ok(w2.bytes().length < (up.length + down.length) / 4, `${w2.bytes().length} bytes`)
    // Small ones both ways, and between the pages.
    await second.page.evaluate(() => { globalThis.it.text.insert(0, 'from the second page 🙂 ') })
    writer.text.insert(writer.text.length, ' from the writer')
    const all = `from the second page 🙂 ${up}${down} from the writer`
    for (const one of [page, second.page]) {
      await one.waitForFunction(length => globalThis.it.text.length === length, all.length)
      assert.ok(await one.evaluate(() => globalThis.it.text.toString()) === all, 'it is another text')
      assert.equal(await one.evaluate(() => globalThis.it.count()), 1)
    }
    assert.deepEqual([...problems, ...second.problems], [])
    await context.close()
    await second.context.close()
    writer.end()
    w.close(); w2.close()
  })
}
