#!/usr/bin/env node
// node offline/main.mjs [--functions convex] [--host 127.0.0.1] [--port 3210] [--site-port 3211] [--admin-key KEY] [--watch] [--end-with-stdin]
// Prints one line when it is ready. Environment variables are those of the functions.
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startBackend } from './backend.mjs'
import { randomSecret } from './keys.mjs'

/** To put things away at the end: no more, whatever hangs. */
const ENDING_MS = 2000
const here = path.dirname(fileURLToPath(import.meta.url))
const { values } = parseArgs({
  options: {
    functions: { type: 'string', default: path.join(here, '..', 'convex') },
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '3210' },
    'site-port': { type: 'string', default: '3211' },
    'admin-key': { type: 'string', default: process.env.OFFLINE_ADMIN_KEY },
    watch: { type: 'boolean', default: false },
    'end-with-stdin': { type: 'boolean', default: false }
  }
})
const adminKey = values['admin-key'] ?? `offline|${randomSecret()}`

try {
  const backend = await startBackend({
    functions: path.resolve(values.functions), host: values.host, port: Number(values.port),
    sitePort: Number(values['site-port']), adminKey, watch: values.watch
  })
  console.log(`offline convex ready: cloud ${backend.cloudUrl} site ${backend.siteUrl} admin-key ${adminKey}`)
  let ending = false
  const end = async () => {
    if (ending) process.exit(1) // asked twice: somebody is in a hurry
    ending = true
    setTimeout(() => process.exit(0), ENDING_MS)
    await backend.close()
    process.exit(0)
  }
  // Whoever started this may be killed: then nobody would end it.
  if (values['end-with-stdin']) process.stdin.on('end', end).resume()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end)
} catch (error) {
  const used = error.code === 'EADDRINUSE' ? `port ${error.port} is in use: choose others with --port and --site-port` : error.stack
  console.error(`offline convex cannot start: ${used}`)
  process.exit(2)
}
// A function of the project that fails on its own time must not end the deployment.
process.on('unhandledRejection', error => console.error('offline:', error))
