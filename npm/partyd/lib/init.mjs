// `partyd init`: adds partyd to the project in this folder. Says what it does; a second run does nothing.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { names, readPartyKit } from './config.mjs'
import { expected } from './error.mjs'

const own = JSON.parse(readFileSync(fileURLToPath(new URL('../package.json', import.meta.url)), 'utf8'))
const ignored = '.partyd/'

// How a client is told where the server is; the first that the project has.
const snippets = {
  'y-partykit': `import YPartyKitProvider from 'y-partykit/provider'
const provider = new YPartyKitProvider('127.0.0.1:PORT', 'my-document', doc)`,
  'y-partyserver': `import YProvider from 'y-partyserver/provider'
const provider = new YProvider('127.0.0.1:PORT', 'my-document', doc)`,
  '@hocuspocus/provider': `import { HocuspocusProvider } from '@hocuspocus/provider'
const provider = new HocuspocusProvider({ url: 'ws://127.0.0.1:PORT', name: 'my-document', document: doc })`,
  'y-websocket': `import { WebsocketProvider } from 'y-websocket'
const provider = new WebsocketProvider('ws://127.0.0.1:PORT', 'my-document', doc)`
}

function readPackage () {
  if (!existsSync('package.json')) throw expected('there is no package.json here; go to the folder of your project, or make one with npm init -y')
  const text = readFileSync('package.json', 'utf8')
  try {
    return { text, json: JSON.parse(text) }
  } catch (error) {
    throw expected(`package.json: ${error.message}`)
  }
}

function addToPackage (pack, put) {
  const { text, json } = pack
  const said = []
  json.scripts ??= {}
  if (!Object.values(json.scripts).some(script => /\bpartyd (dev|serve)\b/.test(script))) {
    const name = json.scripts.party === undefined ? 'party' : 'partyd'
    json.scripts[name] = 'partyd dev'
    said.push(`script ${name}`)
  }
  if (json.dependencies?.partyd === undefined && json.devDependencies?.partyd === undefined) {
    json.devDependencies = { ...json.devDependencies, partyd: `^${own.version}` }
    said.push('development dependency partyd')
  }
  if (said.length === 0) return
  const indent = /^([ \t]+)"/m.exec(text)?.[1] ?? '  '
  put('package.json', JSON.stringify(json, null, indent) + (text.endsWith('\n') ? '\n' : ''), said.join(', '))
}

function addConfig (put) {
  const there = names.own.find(existsSync)
  if (there !== undefined) return JSON.parse(readFileSync(there, 'utf8')).port ?? 1999
  const old = names.partykit.find(existsSync)
  const { lines, port } = old === undefined ? { lines: [] } : readPartyKit(old)
  for (const line of lines) console.log(line)
  const config = { $schema: '../node_modules/partyd/partyd.schema.json', port: port ?? 1999, rooms: { '*': {} } }
  put('partykit/partyd.json', JSON.stringify(config, null, 2) + '\n', old === undefined ? 'made' : `made from ${old}`)
  return config.port
}

function addIgnored (put) {
  const text = existsSync('.gitignore') ? readFileSync('.gitignore', 'utf8') : ''
  if (text.split(/\r?\n/).some(line => /^\/?\.partyd\/?$/.test(line.trim()))) return
  put('.gitignore', `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${ignored}\n`, `${ignored} added`)
}

export function init (args) {
  const unknown = args.find(arg => arg !== '--dry-run')
  if (unknown !== undefined) throw expected(`init: '${unknown}' is no option; there is --dry-run`)
  const isDry = args.includes('--dry-run')
  const put = (file, text, what) => {
    console.log(`${file}: ${what}${isDry ? ' (not written)' : ''}`)
    if (isDry) return
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  const pack = readPackage()
  const all = { ...pack.json.dependencies, ...pack.json.devDependencies }
  const port = addConfig(put)
  addToPackage(pack, put)
  addIgnored(put)
  const client = Object.keys(snippets).find(name => all[name] !== undefined)
  console.log(`\nIn the client${client === undefined ? ', after npm install y-websocket' : ''}:\n`)
  console.log(snippets[client ?? 'y-websocket'].replace('PORT', port).replace(/^/gm, '  '))
  console.log('\nThen: npm install, and npx partyd dev')
  return 0
}
