// `partyd deploy`: checks what a target needs and runs its script. The scripts are the targets' own:
// deploy/TARGET/deploy.sh of the project, else of this package (the folder deploy/ of partyd's source, as targets/), else of a checkout.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { binaryPath } from './binary.mjs'
import { findConfig } from './config.mjs'
import { expected } from './error.mjs'
import { run } from './run.mjs'

const targets = {
  docker: { programs: [['docker', 'podman']], what: 'an image' },
  fly: { programs: [['fly', 'flyctl']], what: 'a machine with a volume at Fly.io' },
  systemd: { programs: [['ssh'], ['scp', 'rsync']], what: 'a Linux machine of yours' },
  // Its program is the Worker, which has settings of its own.
  edge: { programs: [['npx']], what: 'Durable Objects at Cloudflare', isWorker: true }
}
const list = Object.entries(targets).map(([name, { what }]) => `  ${name.padEnd(8)} ${what}`).join('\n')
const here = path.dirname(fileURLToPath(import.meta.url))

function onPath (program) {
  return (process.env.PATH ?? '').split(path.delimiter).some(dir => {
    try { accessSync(path.join(dir, program), constants.X_OK); return true } catch { return false }
  })
}

const scriptOf = target => [
  path.resolve('deploy', target, 'deploy.sh'),
  path.resolve(here, '../targets', target, 'deploy.sh'),
  path.resolve(here, '../../../deploy', target, 'deploy.sh')
].find(existsSync)

export async function deploy ([target, ...args]) {
  if (target === undefined || target === '--help') {
    console.log(`partyd deploy TARGET [options of its script]\n\n${list}`)
    return target === undefined ? 2 : 0
  }
  if (!Object.hasOwn(targets, target)) throw expected(`there is no target '${target}'; there are ${Object.keys(targets).join(', ')}`)
  const script = scriptOf(target)
  if (script === undefined) {
    throw expected(`this version has no script for ${target}: put one at deploy/${target}/deploy.sh, it is run from here`)
  }
  for (const oneOf of targets[target].programs) {
    if (!oneOf.some(onPath)) throw expected(`deploy ${target} needs ${oneOf.join(' or ')}, which is not on PATH; install it first`)
  }
  if (targets[target].isWorker) return run('sh', [script, ...args], process.env)
  // What would not start there is told here. The secrets are the target's.
  const { flags, file } = findConfig([])
  if (file !== undefined) {
    const { status } = spawnSync(binaryPath(), ['settings', 'serve', ...flags], { stdio: ['ignore', 'ignore', 'inherit'] })
    if (status !== 0) throw expected(`${file} has a mistake; nothing was deployed`)
  }
  const env = { ...process.env, PARTYD_PROGRAM: process.env.PARTYD_PROGRAM ?? binaryPath() }
  return run('sh', [script, ...args], { ...env, ...(file === undefined ? {} : { PARTYD_CONFIG_FILE: path.resolve(file) }) })
}
