// Where the server's program is: PARTYD_BINARY, else the package of this platform, else what a checkout has built.
import { accessSync, constants, existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expected } from './error.mjs'

const here = path.dirname(fileURLToPath(import.meta.url))
const platform = `${process.platform}-${process.arch}`
// Which packages there are. The server for the others has to be built from source.
const packages = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']

function runs (file) {
  try { accessSync(file, constants.X_OK); return true } catch { return false }
}

// Beside this package, or, where that is a link into another folder, in the project.
function fromPackage () {
  for (const from of [import.meta.url, path.join(process.cwd(), 'package.json')]) {
    try { return createRequire(from).resolve(`@partyd/${platform}/bin/partyd`) } catch {}
  }
  return undefined
}

export function binaryPath () {
  const own = process.env.PARTYD_BINARY
  if (own) {
    if (!path.isAbsolute(own)) throw expected(`PARTYD_BINARY has to be an absolute path, not '${own}'`)
    if (!runs(own)) throw expected(`PARTYD_BINARY names '${own}', which is no program that can be run`)
    return own
  }
  const source = path.resolve(here, '../../..'), built = path.join(source, 'build/partyd')
  const found = [fromPackage(), built].find(file => file !== undefined && runs(file))
  if (found !== undefined) return found
  if (existsSync(path.join(source, 'server/main.c'))) {
    throw expected(`this is partyd's source code and its server is not built yet; run ${path.join(source, 'dev')} once, or put ` +
      `partyd-${platform}-VERSION.tgz of a release into npm/packages and run npm install again, or set PARTYD_BINARY`)
  }
  if (packages.includes(platform)) {
    throw expected(`the package @partyd/${platform} with the server is missing; install again without --omit=optional, ` +
      'or set PARTYD_BINARY to a partyd that you have built')
  }
  throw expected(`there is no ready-made server for ${platform}; build it from the source code (./dev there), and set ` +
    'PARTYD_BINARY to build/partyd')
}
