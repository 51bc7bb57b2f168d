// Runs Hocuspocus with its SQLite extension, lets real providers write, and records what it stored:
//   node hocuspocus.mjs > ../vectors/data/hocuspocus.json
import path from 'node:path'
import { Server } from '@hocuspocus/server'
import { SQLite } from '@hocuspocus/extension-sqlite'
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { expected, fill, freePort, pack, sleep, temporary } from './support.mjs'

const home = temporary()
const port = await freePort()
const server = new Server({ port, address: '127.0.0.1', quiet: true, debounce: 100, extensions: [new SQLite({ database: path.join(home, 'db.sqlite') })] })
await server.listen()

const rooms = {}
for (const [name, room] of [['doc-1', 'doc-1'], ['a b/c', 'a%20b%2Fc'], ['Grüße', 'Gr%C3%BC%C3%9Fe'], ['100%', '100%25']]) {
  const doc = new Y.Doc()
  const socket = new HocuspocusProviderWebsocket({ url: `ws://127.0.0.1:${port}`, WebSocketPolyfill: WebSocket })
  const provider = new HocuspocusProvider({ websocketProvider: socket, name, document: doc, token: 'x' })
  provider.attach()
  await new Promise(resolve => provider.on('synced', resolve))
  await fill(doc, name, false, () => sleep(200))
  await sleep(500)
  rooms[`main/${room}`] = expected(doc)
  provider.destroy()
  socket.destroy()
  await sleep(300)
}
process.stdout.write(JSON.stringify({ rooms, files: pack(home) }, null, 1) + '\n', () => process.exit())
