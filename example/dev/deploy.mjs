#!/usr/bin/env node
// npm run deploy -- TARGET [options of `partyd deploy TARGET`]      e.g. systemd me@rooms.example.com --url https://rooms.example.com
// Types and tests, then the functions with the page built for them, then partyd, which is taken back if it does not work.
// In that order: partyd asks the functions who may come in, and a page of the new version asks both.
// VITE_PARTYKIT_HOST (in .env.production): where pages find partyd. --no-test: CI has run the tests already.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'

const example = fileURLToPath(new URL('..', import.meta.url))
const words = process.argv.slice(2)
const tested = words.includes('--no-test')
const target = words.filter(word => word !== '--no-test')

function fail (message, code) {
  console.error(`deploy: ${message}`)
  process.exit(code)
}
function step (program, ...args) {
  console.log(`\ndeploy: ${program} ${args.join(' ')}`)
  const { status, error } = spawnSync(program, args, { cwd: example, stdio: 'inherit' })
  if (status !== 0) fail(`\`${program} ${args[0]}\` ${error ? `cannot be run: ${error.message}` : `ended with ${status}`}; what comes after it was not done`, status ?? 1)
}

if (target.length === 0) fail('which target? npm run deploy -- docker, edge, fly or systemd, and its options', 2)
const file = `${example}.env.production`
const settings = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : ''
if (!process.env.VITE_PARTYKIT_HOST && !/^VITE_PARTYKIT_HOST=./m.test(settings)) {
  fail('pages would not know where partyd is: set VITE_PARTYKIT_HOST=rooms.example.com in .env.production', 2)
}
if (!tested) {
  step('npm', 'run', 'typecheck')
  step('npm', 'test')
}
step('convex', 'deploy', '--cmd', 'npm run build')
step('partyd', 'deploy', ...target)
console.log('\ndeploy: done; dist/ has the page, for any host of files')
