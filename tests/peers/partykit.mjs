// Runs `partykit dev` with a y-partykit server, lets real providers write, and records what it stored:
//   node partykit.mjs > ../vectors/data/partykit.json
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import YPartyKit from 'y-partykit/provider'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { expected, fill, freePort, pack, sleep, temporary } from './support.mjs'

const home = temporary()
const state = path.join(home, 'state')
const port = await freePort()
fs.mkdirSync(path.join(home, 'src'))
fs.writeFileSync(path.join(home, 'src/server.js'), `import { onConnect } from 'y-partykit'
export default { async onConnect (conn, room) { return onConnect(conn, room, { persist: { mode: 'snapshot' } }) } }\n`)
fs.writeFileSync(path.join(home, 'partykit.json'), JSON.stringify({ name: 'peer', main: 'src/server.js', parties: { other: 'src/server.js' }, compatibilityDate: '2024-07-18' }))
fs.symlinkSync(path.resolve('node_modules'), path.join(home, 'node_modules'))
// It has no option to listen on loopback only, so a copy of its program does.
const program = path.resolve('node_modules/partykit/dist/bin.mjs')
const own = program.replace('bin.mjs', 'bin-loopback.mjs')
fs.writeFileSync(own, fs.readFileSync(program, 'utf8').replace('host: "0.0.0.0"', 'host: "127.0.0.1"'))
const server = spawn(process.execPath, [own, 'dev', 'src/server.js', '--port', String(port), '--disable-request-cf-fetch', '--no-hotkeys', '--persist', state],
  { cwd: home, env: { ...process.env, CI: '1', NO_UPDATE_NOTIFIER: '1', PARTYKIT_LOG: 'warn' }, stdio: ['ignore', 'pipe', 'inherit'] })
let said = ''
server.stdout.on('data', chunk => { said += chunk })
while (!said.includes('Ready')) await sleep(50)

const rooms = {}
for (const [party, room, stays] of [['main', 'doc-1', true], ['main', 'a b/c', false], ['other', 'elsewhere', false], ['main', 'left', false]]) {
  const doc = new Y.Doc()
  const segment = encodeURIComponent(room)
  const provider = new YPartyKit(`127.0.0.1:${port}`, segment, doc, { WebSocketPolyfill: WebSocket, disableBc: true, party })
  await new Promise(resolve => provider.on('synced', resolve))
  await fill(doc, room, room === 'doc-1', () => sleep(300))
  await sleep(500)
  rooms[`${party}/${segment}`] = expected(doc)
  if (!stays) provider.destroy() // then all updates become one
  await sleep(500)
}
// A process that is killed leaves its WAL behind.
server.kill('SIGKILL')
await sleep(300)
process.stdout.write(JSON.stringify({ rooms, files: pack(state) }, null, 1) + '\n', () => {
  fs.rmSync(own)
  fs.rmSync(home, { recursive: true, force: true })
  process.exit()
})
