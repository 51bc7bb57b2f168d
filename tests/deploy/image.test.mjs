// The container image: made, unpacked, and its program run in it, as its user, with what its configuration says.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import { freePort, temporary, until } from '../e2e/support.mjs'

const STATIC = path.resolve(process.env.STATIC ?? '../build/static/partyd')
const IMAGE = path.resolve('../deploy/docker/image.mjs')
const sha = bytes => createHash('sha256').update(bytes).digest('hex')
const command = (program, ...words) => {
  const r = spawnSync(program, words, { encoding: 'utf8' })
  assert.equal(r.status, 0, `${program} ${words.join(' ')}: ${r.stderr}`)
  return r.stdout
}

test('image: at most 20 MB, the same each time, every digest right', () => {
  const dir = temporary()
  for (const name of ['a.tar', 'b.tar']) command(process.execPath, IMAGE, STATIC, path.join(dir, name), 'partyd:test')
  const bytes = fs.readFileSync(path.join(dir, 'a.tar'))
  assert.equal(sha(bytes), sha(fs.readFileSync(path.join(dir, 'b.tar'))))
  command('tar', '-xf', path.join(dir, 'a.tar'), '-C', dir)
  for (const name of fs.readdirSync(path.join(dir, 'blobs/sha256'))) assert.equal(sha(fs.readFileSync(path.join(dir, 'blobs/sha256', name))), name)
  const index = JSON.parse(fs.readFileSync(path.join(dir, 'index.json')))
  const blob = d => { const b = fs.readFileSync(path.join(dir, 'blobs', d.digest.replace(':', '/'))); assert.equal(b.length, d.size); return b }
  const manifest = JSON.parse(blob(index.manifests[0]))
  assert.ok(manifest.layers.reduce((sum, l) => sum + l.size, 0) < 20e6)
  blob(manifest.layers[0])
  const config = JSON.parse(blob(manifest.config))
  const layer = spawnSync('gzip', ['-dc', path.join(dir, 'blobs', manifest.layers[0].digest.replace(':', '/'))], { maxBuffer: 1 << 28 }).stdout
  assert.ok(layer.length < 20e6, `${layer.length} bytes unpacked`)
  assert.equal(config.rootfs.diff_ids[0], `sha256:${sha(layer)}`)
})

const isRoot = process.getuid() === 0
test('image: its program serves in it as its user, and says when it is well', { skip: isRoot ? false : 'only root may change the root directory' }, async () => {
  const dir = temporary(), root = path.join(dir, 'root')
  fs.chmodSync(dir, 0o755)
  command(process.execPath, IMAGE, STATIC, path.join(dir, 'i.tar'))
  command('tar', '-xf', path.join(dir, 'i.tar'), '-C', dir)
  const [{ Config, Layers }] = JSON.parse(fs.readFileSync(path.join(dir, 'manifest.json')))
  fs.mkdirSync(root)
  command('tar', '-xpf', path.join(dir, Layers[0]), '-C', root)
  const { config } = JSON.parse(fs.readFileSync(path.join(dir, Config)))
  const port = await freePort()
  const env = { PATH: process.env.PATH, ...Object.fromEntries(config.Env.map(e => e.split(/=(.*)/s, 2))), PARTYD_PORT: String(port), PARTYD_HOST: '127.0.0.1', PARTYD_AUTH: 'ticket', PARTYD_TICKET_SECRET: 'x'.repeat(40) }
  const inside = words => ['chroot', [`--userspec=${config.User}`, '--groups=', root, ...words]]
  const health = () => spawnSync(...inside(config.Healthcheck.Test.slice(1)), { env, encoding: 'utf8', timeout: 8000 })

  assert.equal(health().status, 4) // nobody is there
  const child = spawn(...inside([...config.Entrypoint, ...config.Cmd]), { env, stdio: ['ignore', 'pipe', 'pipe'] })
  after(() => child.kill('SIGKILL'))
  let out = ''
  child.stdout.on('data', chunk => { out += chunk })
  child.stderr.on('data', chunk => { out += chunk })
  await until('the server in the image', () => out.includes('listening on'), 10000).catch(e => { throw new Error(`${e.message}: ${out}`) })
  const well = health()
  assert.equal(well.status, 0, well.stderr)
  assert.equal(JSON.parse(well.stdout).status, 'ok')
  assert.equal(fs.statSync(path.join(root, 'data/shard-00.db')).uid, 65532)
  assert.match(fs.readFileSync(`/proc/${child.pid}/status`, 'utf8'), /^Uid:\s+65532\s+65532/m)
  const smoke = spawnSync(process.execPath, ['../deploy/smoke.mjs', `http://127.0.0.1:${port}`], { env: { ...process.env, SMOKE_REFUSED: '1' }, encoding: 'utf8', timeout: 30000 })
  assert.equal(smoke.status, 0, smoke.stderr)
  child.kill(config.StopSignal)
  assert.equal(await new Promise(resolve => child.on('exit', resolve)), 0)
})
