// Packs the npm packages:
//   node tools/npm-pack.mjs OUT PLATFORM=PROGRAM... FOLDER...     e.g. build/npm linux-x64=build/static/partyd edge
// OUT then has partyd-VERSION.tgz, for each platform partyd-PLATFORM-VERSION.tgz, and each folder that is a package and built, as
// partyd-edge-VERSION.tgz. Nothing is fetched.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const [, , out, ...given] = process.argv
const version = fs.readFileSync(path.join(root, 'VERSION'), 'utf8').trim()
const source = path.join(root, 'npm/partyd')
// partyd asks for all of them, in its own version; npm installs the one that fits.
const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']

function fail (message) {
  console.error(`npm-pack: ${message}`)
  process.exit(1)
}
const readJson = file => JSON.parse(fs.readFileSync(file, 'utf8'))
const writeJson = (file, json) => fs.writeFileSync(file, JSON.stringify(json, null, 2) + '\n')

const main = readJson(path.join(source, 'package.json'))
if (main.version !== version) fail(`npm/partyd/package.json says version ${main.version}, VERSION says ${version}`)
// Where a package comes from can only be said by who publishes it: REPOSITORY=https://... of the public source.
const provenance = process.env.REPOSITORY ? { repository: { type: 'git', url: process.env.REPOSITORY } } : {}

function pack (folder) {
  fs.copyFileSync(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'))
  execFileSync('npm', ['pack', '--silent', '--pack-destination', path.resolve(out), folder], { stdio: ['ignore', 'ignore', 'inherit'] })
}

function packPlatform (platform, program) {
  if (!platforms.includes(platform)) fail(`there is no platform '${platform}'; there are ${platforms.join(', ')}`)
  const [os, cpu] = platform.split('-')
  const folder = path.join(out, platform)
  fs.mkdirSync(path.join(folder, 'bin'), { recursive: true })
  fs.copyFileSync(program, path.join(folder, 'bin/partyd'))
  fs.chmodSync(path.join(folder, 'bin/partyd'), 0o755)
  const notices = path.join(root, `build/static/libs-${cpu === 'x64' ? 'amd64' : cpu}/THIRD-PARTY.txt`)
  if (os === 'linux' && fs.existsSync(notices)) fs.copyFileSync(notices, path.join(folder, 'THIRD-PARTY.txt'))
  fs.writeFileSync(path.join(folder, 'README.md'), `# @partyd/${platform}\n\nThe server of [partyd](https://www.npmjs.com/package/partyd) for ${platform}. Install \`partyd\`, which brings this.\n`)
  writeJson(path.join(folder, 'package.json'), {
    name: `@partyd/${platform}`, version, description: `The partyd server for ${platform}`, license: main.license,
    ...provenance, os: [os], cpu: [cpu], preferUnplugged: true, files: ['bin', 'LICENSE', 'THIRD-PARTY.txt'],
    publishConfig: { access: 'public', provenance: true }
  })
  pack(folder)
}

/** A package of this repository as it is, with what all of them say. */
function packFolder (name) {
  const from = path.join(root, name), folder = path.join(out, path.basename(name))
  const json = readJson(path.join(from, 'package.json'))
  if (json.version !== version) fail(`${name}/package.json says version ${json.version}, VERSION says ${version}`)
  if (!fs.existsSync(path.join(from, json.exports['.'].default))) fail(`${name} is not built`)
  for (const part of json.files.filter(part => fs.existsSync(path.join(from, part)))) fs.cpSync(path.join(from, part), path.join(folder, part), { recursive: true })
  const { scripts, devDependencies, ...plain } = json
  writeJson(path.join(folder, 'package.json'), { ...plain, files: [...json.files, 'LICENSE'], ...provenance, publishConfig: { access: 'public', provenance: true } })
  pack(folder)
}

fs.rmSync(out, { recursive: true, force: true })
fs.mkdirSync(out, { recursive: true })
for (const each of given) {
  if (!each.includes('=')) {
    packFolder(each)
    continue
  }
  const [platform, program] = each.split('=')
  if (!program || !fs.existsSync(program)) fail(`'${each}': say PLATFORM=PROGRAM, with a program that is there`)
  packPlatform(platform, program)
}
const folder = path.join(out, 'partyd')
fs.cpSync(source, folder, { recursive: true })
// What `partyd deploy` runs.
fs.cpSync(path.join(root, 'deploy'), path.join(folder, 'targets'), { recursive: true })
writeJson(path.join(folder, 'package.json'), {
  ...main, ...provenance, publishConfig: { access: 'public', provenance: true },
  optionalDependencies: Object.fromEntries(platforms.map(platform => [`@partyd/${platform}`, version]))
})
pack(folder)
for (const file of fs.readdirSync(out).filter(file => file.endsWith('.tgz')).sort()) {
  console.log(`${path.join(out, file)} ${fs.statSync(path.join(out, file)).size} bytes`)
}
