// What README.md says to somebody with Node and nothing else: a fresh clone, the packages of a release beside it, two commands.
//   PACKAGES=folder of `make npm`, npm's cache for everything that is not ours.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { enter, openBrowser, openPage, startDev, status, until } from '../support.mjs'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const packages = path.resolve(process.env.PACKAGES ?? path.join(root, 'build/npm'))
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'partyd-clone-'))
const clone = path.join(dir, 'partyd')
const example = path.join(clone, 'example')
let dev, browser
after(async () => {
  await browser?.close()
  await dev?.stop()
  fs.rmSync(dir, { recursive: true, force: true })
})

/** Node with npm, git, a shell and what every system has: programs as links in one folder, so that nothing else is found. */
function programs () {
  const bin = path.join(dir, 'bin')
  fs.mkdirSync(bin)
  const find = name => process.env.PATH.split(path.delimiter).map(folder => path.join(folder, name)).find(file => fs.existsSync(file))
  const coreutils = spawnSync('dpkg', ['-L', 'coreutils'], { encoding: 'utf8' }).stdout?.match(/(?<=bin\/)\S+$/gm) ?? ['env', 'uname', 'dirname', 'sed', 'cat', 'ls', 'mkdir', 'cp', 'rm']
  for (const name of new Set(['node', 'npm', 'npx', 'git', 'sh', ...coreutils])) {
    const file = find(name)
    if (file !== undefined) fs.symlinkSync(fs.realpathSync(file), path.join(bin, name))
  }
  return bin
}
const env = { PATH: programs(), HOME: dir, npm_config_cache: spawnSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).stdout.trim(), npm_config_prefer_offline: 'true' }
function run (cwd, command) {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { cwd, env, encoding: 'utf8', timeout: 300_000 })
  assert.equal(status, 0, `${command}: ${stdout}${stderr}`)
  return stdout
}

before(() => {
  for (const tool of ['cc', 'gcc', 'clang', 'make', 'ld', 'pkg-config']) assert.notEqual(spawnSync('sh', ['-c', `command -v ${tool}`], { env }).status, 0, `${tool} is within reach`)
  run(dir, `git clone --quiet --no-hardlinks '${root}' partyd`)
  assert.ok(!fs.existsSync(path.join(clone, 'build')))
})

test('without the packages there is a next step in one line', () => {
  const without = spawnSync('sh', ['-c', 'node ../npm/partyd/bin/partyd.mjs dev'], { cwd: example, env, encoding: 'utf8' })
  assert.equal(without.status, 2)
  assert.match(without.stderr, /^partyd: .* put partyd-\S+-VERSION\.tgz of a release into npm\/packages and run npm install again, .*\n$/)
})

test('npm install && npm run dev:offline in a fresh clone: both editors, with the server of the package', async () => {
  fs.cpSync(packages, path.join(clone, 'npm/packages'), { recursive: true, filter: file => !/\.tgz$/.test(file) || fs.statSync(file).isFile() })
  const started = performance.now()
  run(example, 'npm install')
  console.log(`npm install: ${((performance.now() - started) / 1000).toFixed(1)} s`)
  assert.equal(run(clone, 'git status --porcelain'), '', 'the clone is as it was')

  browser = await openBrowser()
  dev = await startDev([], { cwd: example, env, command: ['npm', 'run', 'dev:offline', '--', '--port', '0'] })
  const [ann, ben] = await Promise.all(['Ann', 'Ben'].map(async name => {
    const page = await browser.open(name, dev.url, { timeout: 60_000 }) // Vite prepares the packages once
    await enter(page, name)
    return page
  }))
  await openPage(ann, 'Welcome', 60_000)
  await ann.locator('.bn-editor').getByText('This page is shared').click()
  await ann.keyboard.type('A fresh clone. ')
  await status(ann, /Saved/)
  await openPage(ben, 'How it fits together', 60_000)
  await ben.locator('[data-testid="toolbar-rectangle"]').first().waitFor({ state: 'attached' })
  await openPage(ben, 'Welcome', 60_000)
  await until('Ben to read it', async () => (await ben.locator('.bn-editor').innerText()).includes('A fresh clone.'))
  assert.deepEqual(browser.problems, [])

  const platform = `${process.platform}-${process.arch}`
  const program = path.join(clone, `npm/node_modules/@partyd/${platform}/bin/partyd`)
  if (process.platform === 'linux') {
    const running = fs.readdirSync('/proc').filter(name => /^\d+$/.test(name)).map(pid => { try { return fs.readlinkSync(`/proc/${pid}/exe`) } catch { return '' } })
    assert.ok(running.includes(program), 'the server that runs is that of the package')
  }
  console.log(`dev:offline: ${/ready in \S+ s/.exec(dev.out)[0]}`)
})
