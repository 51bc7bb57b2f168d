// Makes a container image of a static binary without a daemon: node image.mjs BINARY OUT.tar [TAG]
// OUT.tar is an OCI layout with the manifest of `docker load` in it: docker load, podman load, skopeo copy oci-archive:...
// Nothing but the binary, certificates, an empty /data and a user: no shell, no libraries.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import zlib from 'node:zlib'
import { execFileSync } from 'node:child_process'

const [binary, out, tag = 'partyd:latest'] = process.argv.slice(2)
if (out === undefined) {
  console.error('usage: node image.mjs BINARY OUT.tar [TAG]')
  process.exit(2)
}
const USER = 65532
const sha = bytes => createHash('sha256').update(bytes).digest('hex')

/** One entry of a tar: header and content in blocks of 512. Times are zero: the same input, the same image. */
function entry (name, content, { mode = 0o644, type = '0', owner = 0 } = {}) {
  const head = Buffer.alloc(512)
  const octal = (value, at, width) => head.write(value.toString(8).padStart(width - 1, '0') + '\0', at)
  head.write(name, 0)
  octal(mode, 100, 8); octal(owner, 108, 8); octal(owner, 116, 8); octal(content.length, 124, 12); octal(0, 136, 12)
  head.write('        ', 148)
  head.write(type, 156)
  head.write('ustar\x0000', 257)
  octal(head.reduce((sum, byte) => sum + byte, 0), 148, 7)
  return Buffer.concat([head, content, Buffer.alloc((512 - content.length % 512) % 512)])
}
const file = (name, content, options) => entry(name, Buffer.from(content), options)
const folder = (name, options) => entry(name, Buffer.alloc(0), { mode: 0o755, type: '5', ...options })
const tar = entries => Buffer.concat([...entries, Buffer.alloc(1024)])

const program = fs.readFileSync(binary)
if (program.readUInt32BE(0) !== 0x7f454c46) {
  console.error(`image: ${binary} is no ELF program; build it with: make static`)
  process.exit(1)
}
const architecture = { 62: 'amd64', 183: 'arm64' }[program.readUInt16LE(18)]
const certificates = ['/etc/ssl/certs/ca-certificates.crt', '/etc/ssl/cert.pem'].find(f => fs.existsSync(f))
const layer = tar([
  folder('etc/'),
  file('etc/passwd', `partyd:x:${USER}:${USER}::/data:/partyd\n`),
  file('etc/group', `partyd:x:${USER}:\n`),
  folder('etc/ssl/'), folder('etc/ssl/certs/'),
  file('etc/ssl/certs/ca-certificates.crt', certificates === undefined ? '' : fs.readFileSync(certificates)),
  folder('tmp/', { mode: 0o1777 }),
  folder('data/', { mode: 0o700, owner: USER }),
  file('partyd', program, { mode: 0o755 })
])
let version = 'unknown'
try { version = execFileSync(binary, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim().split(' ').at(-1) } catch {} // another machine's
const packed = zlib.gzipSync(layer, { level: 9 })
const config = Buffer.from(JSON.stringify({
  architecture,
  os: 'linux',
  created: '1970-01-01T00:00:00Z',
  config: {
    User: `${USER}:${USER}`,
    Entrypoint: ['/partyd'],
    Cmd: ['serve'],
    Env: ['PARTYD_DATA=/data', 'PARTYD_HOST=0.0.0.0', 'PARTYD_PORT=1999'],
    ExposedPorts: { '1999/tcp': {} },
    Volumes: { '/data': {} },
    WorkingDir: '/data',
    StopSignal: 'SIGTERM',
    Healthcheck: { Test: ['CMD', '/partyd', 'health'], Interval: 10e9, Timeout: 5e9, StartPeriod: 5e9, Retries: 3 },
    Labels: { 'org.opencontainers.image.version': version, 'org.opencontainers.image.licenses': 'MIT' }
  },
  rootfs: { type: 'layers', diff_ids: [`sha256:${sha(layer)}`] },
  history: [{ created: '1970-01-01T00:00:00Z', created_by: 'image.mjs' }]
}))
const descriptor = (type, bytes) => ({ mediaType: `application/vnd.oci.image.${type}`, size: bytes.length, digest: `sha256:${sha(bytes)}` })
const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config: descriptor('config.v1+json', config), layers: [descriptor('layer.v1.tar+gzip', packed)] }))
const index = { schemaVersion: 2, manifests: [{ ...descriptor('manifest.v1+json', manifest), platform: { os: 'linux', architecture }, annotations: { 'io.containerd.image.name': tag, 'org.opencontainers.image.ref.name': tag.split(':').at(-1) } }] }
const blob = bytes => `blobs/sha256/${sha(bytes)}`
const archive = tar([
  file('oci-layout', JSON.stringify({ imageLayoutVersion: '1.0.0' })),
  file('index.json', JSON.stringify(index)),
  file('manifest.json', JSON.stringify([{ Config: blob(config), RepoTags: [tag], Layers: [blob(packed)] }])),
  folder('blobs/'), folder('blobs/sha256/'),
  ...[config, packed, manifest].map(bytes => file(blob(bytes), bytes))
])
fs.writeFileSync(out, archive)
console.log(`${out}: ${tag}, ${architecture}, ${(layer.length / 1e6).toFixed(1)} MB (${(packed.length / 1e6).toFixed(1)} MB packed)`)
