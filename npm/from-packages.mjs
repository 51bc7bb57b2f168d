// The server for a checkout that is not built: out of the packages of a release, laid into npm/packages. `npm install` in example/
// runs this; it installs the one for this machine into npm/node_modules, where the launcher finds it. Nothing is fetched.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const packages = path.join(here, 'packages')
const platform = `${process.platform}-${process.arch}`
const version = fs.readFileSync(path.join(here, '../VERSION'), 'utf8').trim()
const wanted = `partyd-${platform}-${version}.tgz`

const there = fs.existsSync(packages) ? fs.readdirSync(packages).filter(name => name.endsWith('.tgz')) : []
if (there.includes(wanted)) {
  // npm itself, so that the package's own word on platforms holds. Not the options of the install that has called this.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_(config_(?!cache)|package_|lifecycle_)/.test(name)))
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm']
  execFileSync(npm[0], [...npm.slice(1), 'install', '--prefix', here, '--offline', '--no-save', '--no-package-lock', '--ignore-scripts',
    '--no-audit', '--no-fund', '--loglevel=error', path.join(packages, wanted)], { env, stdio: ['ignore', 'ignore', 'inherit'] })
} else if (there.length > 0) {
  throw new Error(`npm/packages has ${there.join(', ')}, but this checkout on this machine needs ${wanted}`)
}
