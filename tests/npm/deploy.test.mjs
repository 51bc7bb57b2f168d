// `partyd deploy` of the installed package. A machine is a folder here: `ssh` runs in it, `systemctl restart` ends and starts the server.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { after, test } from 'node:test'
import { Project, freePort, temporary } from './support.mjs'

const binary = path.resolve(process.env.NPM_BINARY ?? '../build/partyd')
function programs (texts) {
  const dir = temporary()
  for (const [name, text] of Object.entries(texts)) fs.writeFileSync(path.join(dir, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  return `${dir}:${process.env.PATH}`
}
const healthy = url => fetch(`${url}/health`).then(answer => answer.ok, () => false)

test('deploy systemd brings a machine to run it, and takes back what does not work there or from outside', async () => {
  const project = new Project({ 'partyd.json': { 'room-idle-ms': 1234 } }).install()
  const machine = temporary(), port = await freePort(), url = `http://127.0.0.1:${port}`
  const pid = path.join(machine, 'pid')
  after(() => { try { process.kill(Number(fs.readFileSync(pid, 'utf8')), 'SIGKILL') } catch {} })
  const env = {
    PATH: programs({
      ssh: `shift; cd '${machine}' && exec sh -c "$*"`,
      scp: `for last; do :; done; to=\${last#*:}; while [ $# -gt 1 ]; do [ "$1" = -q ] || cp "$1" '${machine}'/"$to"; shift; done`,
      sudo: 'exec env "$@"',
      systemctl: `echo "$*" >>'${machine}/systemctl'; [ "$1" = restart ] || exit 0
[ ! -f '${pid}' ] || { kill "$(cat '${pid}')"; while kill -0 "$(cat '${pid}')"; do sleep 0.05; done; } 2>/dev/null
set -a; . '${machine}/etc/partyd/env'; set +a
PARTYD_PORT=${port} PARTYD_HOST=127.0.0.1 PARTYD_DATA='${machine}/data' '${machine}/bin/partyd' serve >>'${machine}/log' 2>&1 & echo $! >'${pid}'`
    }),
    ETC: path.join(machine, 'etc'),
    INSTALL_DIR: path.join(machine, 'bin'),
    SMOKE: `curl -fsS --retry 2 --retry-delay 1 --retry-all-errors --max-time 5 -o /dev/null ${url}/health`,
    TRIES: '1'
  }
  fs.mkdirSync(env.INSTALL_DIR)
  const deploy = (words, more) => project.run(['deploy', 'systemd', 'me@machine', ...words], { env: { ...env, ...more } })
  const link = () => fs.readlinkSync(path.join(env.INSTALL_DIR, 'partyd'))

  const first = await deploy(['--url', url])
  assert.equal(first.code, 0, `${first.text}${fs.readFileSync(path.join(machine, 'log'))}`)
  assert.match(first.text, new RegExp(`deploy: ${url} answers`))
  const good = link()
  const secrets = path.join(env.ETC, 'partyd/env')
  assert.equal(fs.statSync(secrets).mode & 0o777, 0o600)
  const made = fs.readFileSync(secrets, 'utf8')
  assert.match(made, /^PARTYD_AUTH=ticket\nPARTYD_TICKET_SECRET=\S{40,}\nPARTYD_CONFIG=\S+\/etc\/partyd\.json\n$/)
  assert.ok(!first.text.includes(/SECRET=(\S+)/.exec(made)[1]), 'the secret is in the output')
  assert.deepEqual(fs.readdirSync(path.join(env.ETC, 'systemd/system')), ['partyd.service', 'partyd.socket'])
  assert.match(fs.readFileSync(path.join(machine, 'systemctl'), 'utf8'), /^daemon-reload\nenable --quiet partyd\.socket partyd\.service\nrestart partyd\n$/)

  const broken = path.join(temporary(), 'partyd')
  fs.writeFileSync(broken, '#!/bin/sh\n[ "$1" = --version ] && echo "partyd 9.9.9" || exit 1\n', { mode: 0o755 })
  assert.equal((await deploy([], { PARTYD_PROGRAM: broken })).code, 1)
  assert.deepEqual([link(), await healthy(url)], [good, true])

  // Works there, but not through the proxy.
  const other = path.join(temporary(), 'partyd')
  fs.writeFileSync(other, Buffer.concat([fs.readFileSync(binary), Buffer.alloc(1)]), { mode: 0o755 })
  const outside = await deploy(['--url', `http://127.0.0.1:${await freePort()}`], { PARTYD_PROGRAM: other })
  assert.equal(outside.code, 1, outside.text)
  assert.match(outside.text, /does not answer as it should; going back/)
  assert.deepEqual([link(), await healthy(url)], [good, true])
  // Answers, and does not do what it is there for.
  const asked = await deploy(['--url', url], { PARTYD_PROGRAM: other, ASK: `echo "asked ${url}"; false` })
  assert.equal(asked.code, 1, asked.text)
  assert.match(asked.text, new RegExp(`asked ${url}`))
  assert.deepEqual([link(), await healthy(url)], [good, true])
  assert.equal(fs.readFileSync(secrets, 'utf8'), made, 'secrets are made once')
  assert.equal((await deploy([], { PARTYD_PROGRAM: other })).code, 0)
  assert.notEqual(link(), good)
})

test('deploy edge gives the Worker of the project to wrangler, and takes back what does not answer', async () => {
  const project = new Project().install()
  const seen = path.join(temporary(), 'npx')
  const env = { PATH: programs({ npx: `echo "$*" >>'${seen}'; [ "$FAILS" != "$3" ]` }), TRIES: '1' }
  const deploy = async (words, more) => {
    fs.writeFileSync(seen, '')
    const { code, text } = await project.run(['deploy', 'edge', ...words], { env: { ...env, ...more } })
    return { code, text, ran: fs.readFileSync(seen, 'utf8').replace(/wrangler@[0-9.]+/g, 'wrangler').split('\n').filter(Boolean) }
  }
  const without = await deploy([])
  assert.deepEqual([without.code, without.ran], [2, []])
  assert.match(without.text, /there is no wrangler\.jsonc in partykit\/edge\//)

  const config = 'partykit/edge/wrangler.jsonc'
  project.write(config, '{ "vars": { "CONVEX_SITE_URL": "https://YOUR-DEPLOYMENT.convex.site" } }')
  const unready = await deploy([])
  assert.deepEqual([unready.code, unready.ran], [2, []])
  assert.match(unready.text, /YOUR-DEPLOYMENT.*nothing was deployed/)
  assert.deepEqual((await deploy(['--dry-run', '--outdir', 'a b'])).ran, [`--yes wrangler deploy --config ${config} --dry-run --outdir a b`])

  project.write(config, '{ "vars": {} }')
  const answers = http.createServer((request, response) => response.end(request.url))
  await new Promise(resolve => answers.listen(0, '127.0.0.1', resolve))
  after(() => answers.close())
  const url = `http://127.0.0.1:${answers.address().port}`, nobody = `http://127.0.0.1:${await freePort()}`
  const ran = [`--yes wrangler deploy --config ${config} --env production`]
  assert.deepEqual((({ code, ran }) => ({ code, ran }))(await deploy(['--url', url, '--env', 'production'])), { code: 0, ran })
  assert.equal((await deploy(['--url', url], { FAILS: 'deploy' })).code, 2)
  const back = await deploy(['--env', 'production', '--url', nobody])
  assert.equal(back.code, 1, back.text)
  assert.deepEqual(back.ran, [...ran, `--yes wrangler rollback --config ${config} --env production --yes --message ${nobody}/health did not answer`])
  assert.equal((await deploy(['--url', nobody], { FAILS: 'rollback' })).code, 3)
})

test('deploy docker and fly give their tools the program of the package', async () => {
  const project = new Project().install()
  const seen = temporary()
  const env = { PATH: programs({ docker: `echo "$*" >>'${seen}/docker'; [ "$1" != load ] || cp "$3" '${seen}/image.tar'`, fly: `echo "$*" >>'${seen}/fly'; [ "$1" != deploy ] || cp -r . '${seen}/sent'` }) }
  const docker = await project.run(['deploy', 'docker', 'registry.example.com/rooms:1', '--push'], { env })
  assert.equal(docker.code, 0, docker.text)
  assert.match(fs.readFileSync(path.join(seen, 'docker'), 'utf8'), /^load -i \S+\npush registry\.example\.com\/rooms:1\n$/)
  assert.ok(fs.statSync(path.join(seen, 'image.tar')).size > 1e6)

  const unnamed = await project.run(['deploy', 'fly'], { env })
  assert.equal(unnamed.code, 2)
  assert.match(unnamed.text, /made fly\.toml.*nothing was deployed/)
  assert.ok(!fs.existsSync(path.join(seen, 'fly')))
  const fly = await project.run(['deploy', 'fly', '--region', 'ams'], { env })
  assert.equal(fly.code, 0, fly.text)
  assert.equal(fs.readFileSync(path.join(seen, 'fly'), 'utf8'), 'deploy --remote-only --region ams\n')
  assert.deepEqual(fs.readdirSync(path.join(seen, 'sent')).sort(), ['Dockerfile', 'ca-certificates.crt', 'data', 'fly.toml', 'partyd', 'passwd'])
  assert.ok(fs.readFileSync(path.join(seen, 'sent/partyd')).equals(fs.readFileSync(binary)))
  for (const [, from] of fs.readFileSync(path.join(seen, 'sent/Dockerfile'), 'utf8').matchAll(/^COPY (?:--\S+ )?(\S+)/gm)) assert.ok(fs.existsSync(path.join(seen, 'sent', from)), from)
})
