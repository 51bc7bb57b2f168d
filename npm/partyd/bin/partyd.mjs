#!/usr/bin/env node
// The commands of the npm package; every other one is the server's own and goes to its program as it is.
import { binaryPath } from '../lib/binary.mjs'
import { deploy } from '../lib/deploy.mjs'
import { dev } from '../lib/dev.mjs'
import { env } from '../lib/env.mjs'
import { init } from '../lib/init.mjs'
import { findConfig } from '../lib/config.mjs'
import { run } from '../lib/run.mjs'

const help = `
of the npm package, in a project:
  partyd dev [flags]          as above; reads partyd.json or partykit.json and .env.local, and starts anew when
                              they change
  partyd init [--dry-run]     adds partyd to the project in this folder
  partyd env [--write]        which settings and secrets come from where; --write puts missing secrets in .env.local
  partyd deploy [TARGET]      docker, fly, systemd or edge
`

async function main ([command, ...args]) {
  switch (command) {
    case 'init': return init(args)
    case 'env': return env(args)
    case 'deploy': return deploy(args)
    case 'dev': return dev(args)
    case 'serve': case 'settings': case 'pull': {
      const { flags } = args.includes('--schema') ? { flags: [] } : findConfig(args)
      const at = command === 'settings' && /^(dev|serve)$/.test(args[0] ?? '') ? 1 : 0
      return run(binaryPath(), [command, ...args.slice(0, at), ...flags, ...args.slice(at)])
    }
    case '--help': case 'help': {
      const status = await run(binaryPath(), [command, ...args])
      process.stdout.write(help)
      return status
    }
    default: return run(binaryPath(), command === undefined ? [] : [command, ...args])
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (error.expected !== true) throw error
  console.error(`partyd: ${error.message}`)
  process.exitCode = 2
}
