// Hostile tokens, each refused with the right reason, and the good ones beside them. Keys are new in
// every run. Good tokens come from jose; what it refuses to make is put together by hand.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { after, before, test } from 'node:test'
import * as jose from 'jose'
import { b64, ed25519, jwkOf, mint, now, p256, rsa, signers, startDriver } from './support.mjs'

const ISSUER = 'https://app.convex.site'
const SECRET = crypto.randomBytes(32).toString('hex')
const key = { rsa: rsa(), rsa3: rsa(3072), rsa4: rsa(4096), ec: p256(), ed: ed25519(), other: rsa(), ec2: p256(), ed2: ed25519() }
const claims = (more = {}) => ({ iss: ISSUER, aud: 'convex', sub: 'user1', iat: now(), exp: now() + 60, rooms: { 'doc-*': 'write' }, ...more })
const ticket = (more = {}) => ({ iss: ISSUER, aud: 'partyd', sub: 'user1', room: 'doc-1', perm: 'write', iat: now(), exp: now() + 60, ...more })
const without = (object, name) => { const { [name]: _, ...rest } = object; return rest }
const rs = signers.RS256(key.rsa.privateKey)
const hs = signers.HS256(SECRET)
const RS = { alg: 'RS256' }
const HS = { alg: 'HS256', typ: 'room+jwt' }

const counts = { refused: 0, accepted: 0 }
let driver
before(() => { driver = startDriver() })
after(async () => {
  assert.equal(await driver.end(), 0)
  console.log(`tokens: ${counts.refused} hostile refused, ${counts.accepted} good accepted`)
  assert.ok(counts.refused >= 120, `only ${counts.refused} hostile tokens`)
  assert.ok(counts.accepted >= 40, `only ${counts.accepted} good tokens`)
})

async function refused (rows, reason = 'TOKEN_BAD') {
  for (const [name, token, room] of rows) {
    const answer = await driver.decide(token, room)
    assert.equal(answer.reason, reason, `${name}: ${JSON.stringify(answer)}`)
    assert.equal(answer.permission, 'none', name)
    counts.refused++
  }
}
async function accepted (rows) {
  for (const [name, token, room] of rows) {
    const answer = await driver.decide(token, room)
    assert.equal(answer.reason, 'ALLOWED', `${name}: ${JSON.stringify(answer)}`)
    assert.notEqual(answer.permission, 'none', name)
    counts.accepted++
  }
}

const jwks = (...keys) => JSON.stringify({ keys })
const jwtMode = (keys, more = {}) => driver.open({ mode: 'jwt', issuers: ISSUER, jwks: keys, ...more })
const allKeys = () => jwks(jwkOf(key.rsa.publicKey, { use: 'sig' }), jwkOf(key.ec.publicKey, { kid: 'ec' }), jwkOf(key.ed.publicKey, { kid: 'ed', alg: 'EdDSA' }))
const ticketMode = (more = {}) => driver.open({ mode: 'ticket', ticket_secret: SECRET, ...more })

test('A1 a token is three parts of exact base64url around JSON objects', async () => {
  await jwtMode(allKeys())
  const good = mint(RS, claims(), rs)
  const [h, p, s] = good.split('.')
  const raw = (header, payload) => mint(header, payload, rs)
  const body = JSON.stringify(claims())
  const deep = n => raw(RS, body.slice(0, -1) + `,"x":${'['.repeat(n)}${']'.repeat(n)}}`)
  // A part whose length leaves unused bits: set one of them.
  const spare = text => { for (let i = 0; i < 3; i++) { const t = mint(RS, claims({ pad: 'x'.repeat(i) }), rs).split('.')[1]; if (t.length % 4) return t } }
  const twisted = mint(RS, claims(), text => rs(text)).split('.')
  const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const tail = last[last.indexOf(twisted[2].at(-1)) + 1]
  assert.ok(spare())
  await accepted([['as jose makes it', await new jose.SignJWT(claims()).setProtectedHeader(RS).sign(key.rsa.privateKey)], ['by hand', good], ['nested 100 deep', deep(100)]])
  await refused([['nothing', '']], 'TOKEN_MISSING')
  await refused([
    ['one part', h], ['two parts', `${h}.${p}`], ['no signature', `${h}.${p}.`], ['four parts', `${good}.${s}`],
    ['five parts', `${good}..`], ['dots', '..'], ['dots alone', '....'], ['empty header', `.${p}.${s}`], ['empty payload', `${h}..${s}`],
    ['leading dot', `.${good}`], ['a word', 'hello'], ['padding', `${h}.${p}.${s}==`], ['padding in the header', `${h}=.${p}.${s}`],
    ['padding in the payload', `${h}.${p}=.${s}`], ['white space at the end', `${good} `], ['a line break at the end', `${good}\n`],
    ['white space in front', ` ${good}`], ['white space inside', `${h}. ${p}.${s}`], ['a line break inside', `${h}.${p.slice(0, 9)}\n${p.slice(9)}.${s}`],
    ['plain base64', `${h}.${p}.${s.replace(/[-_]/g, '+') + '+'}`], ['a slash', `${h}.${p}.${s.slice(0, -1)}/`],
    ['spare bits set in the signature', `${twisted[0]}.${twisted[1]}.${twisted[2].slice(0, -1)}${tail}`],
    ['one character too many', `${good}A`], ['cut by one', good.slice(0, -1)], ['cut by ten', good.slice(0, -10)], ['cut in the payload', good.slice(0, h.length + 20)],
    ['NUL at the end', Buffer.concat([Buffer.from(good), Buffer.from([0])])], ['bytes above 127', Buffer.from([0xff, 0xfe, 0x2e, 0xff, 0x2e, 0xff])],
    ['Bearer in front', `Bearer ${good}`], ['percent-encoded', good.replace('.', '%2E')],
    ['8,193 bytes', 'a'.repeat(8193)], ['a megabyte', 'a.'.repeat(500000)], ['huge but signed', mint(RS, claims({ x: 'x'.repeat(9000) }), rs)],
    ['header is an array', raw('[]', body)], ['header is a string', raw('"RS256"', body)], ['header is a number', raw('1', body)], ['header is null', raw('null', body)],
    ['header is not closed', raw('{"alg":"RS256"', body)], ['header with a tail', raw('{"alg":"RS256"}{}', body)], ['header is no JSON', raw("{alg:'RS256'}", body)],
    ['header with a trailing comma', raw('{"alg":"RS256",}', body)], ['header with a comment', raw('{"alg":"RS256"/**/}', body)],
    ['payload is an array', raw(RS, `[${body}]`)], ['payload is a string', raw(RS, JSON.stringify(body))], ['payload is null', raw(RS, 'null')], ['payload with a tail', raw(RS, `${body}x`)],
    ['payload after a byte order mark', raw(RS, `\ufeff${body}`)], ['payload in UTF-16', raw(RS, Buffer.from(body, 'utf16le'))],
    ['nested 129 deep', deep(129)], ['nested 2,000 deep', deep(2000)],
    ['invalid UTF-8 in the payload', raw(RS, Buffer.concat([Buffer.from(body.slice(0, -1) + ',"x":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]))],
    ['overlong UTF-8', raw(RS, Buffer.concat([Buffer.from(body.slice(0, -1) + ',"x":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')]))],
    ['a surrogate in UTF-8', raw(RS, Buffer.concat([Buffer.from(body.slice(0, -1) + ',"x":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]))],
    ['half a surrogate pair, escaped', raw(RS, body.slice(0, -1) + ',"x":"\\ud800"}')],
    ['a claim twice', raw(RS, body.slice(0, -1) + ',"sub":"root"}')], ['a claim twice, escaped', raw(RS, body.slice(0, -1) + ',"s\\u0075b":"root"}')],
    ['a claim twice inside', raw(RS, body.slice(0, -1) + ',"x":{"a":1,"a":2}}')], ['alg twice', raw('{"alg":"RS256","alg":"none"}', body)],
    ['a name with NUL', raw(RS, body.slice(0, -1) + ',"a\\u0000":1}')], ['NaN', raw(RS, body.slice(0, -1) + ',"x":NaN}')], ['a raw control character', raw(RS, body.slice(0, -1) + ',"x":"\x01"}')]
  ])
})

test('A2 only five algorithms, HS256 never with a public key, nothing critical', async () => {
  await jwtMode(allKeys())
  const pem = key.rsa.publicKey.export({ format: 'pem', type: 'spki' })
  const der = key.rsa.publicKey.export({ format: 'der', type: 'spki' })
  const confused = [pem, pem.trim(), der, JSON.stringify(jwkOf(key.rsa.publicKey)), jwkOf(key.rsa.publicKey).n, Buffer.from(jwkOf(key.rsa.publicKey).n, 'base64url'), '', Buffer.from(jwkOf(key.ed.publicKey).x, 'base64url')]
  await refused([
    ...['none', 'None', 'NONE', 'nOnE', ''].map(alg => [`alg "${alg}" unsigned`, mint({ alg }, claims(), () => Buffer.from([0]))]),
    ...['none', 'None'].map(alg => [`alg "${alg}" with a good signature`, mint({ alg }, claims(), rs)]),
    ['alg none and no signature', mint({ alg: 'none' }, claims(), signers.none())],
    ...confused.map((secret, i) => [`HS256 with the public key, form ${i}`, mint({ alg: 'HS256' }, claims(), signers.HS256(secret))]),
    ['HS256 with kid of the RSA key', mint({ alg: 'HS256', kid: 'ec' }, claims(), signers.HS256(pem))],
    ...['RS384', 'RS512', 'PS384', 'ES384', 'ES256K', 'HS384', 'HS512', 'rs256', 'RS256 ', 'EDDSA', 'Ed25519', 'RSA-OAEP', 'dir'].map(alg => [`alg ${alg}`, mint({ alg }, claims(), rs)]),
    ['no alg', mint({ typ: 'JWT' }, claims(), rs)], ['alg null', mint({ alg: null }, claims(), rs)], ['alg number', mint({ alg: 256 }, claims(), rs)],
    ['alg array', mint({ alg: ['RS256'] }, claims(), rs)], ['alg object', mint({ alg: { name: 'RS256' } }, claims(), rs)], ['alg with NUL', mint('{"alg":"RS256\\u0000"}', claims(), rs)],
    ['crit', mint({ ...RS, crit: ['exp'] }, claims(), rs)], ['crit empty', mint({ ...RS, crit: [] }, claims(), rs)], ['crit null', mint({ ...RS, crit: null }, claims(), rs)],
    ['b64 false', mint({ ...RS, b64: false, crit: ['b64'] }, claims(), rs)],
    ['PS256 named, RS256 made', mint({ alg: 'PS256' }, claims(), rs)], ['RS256 named, PS256 made', mint(RS, claims(), signers.PS256(key.rsa.privateKey))],
    ['ES256 named, RS256 made', mint({ alg: 'ES256' }, claims(), rs)], ['EdDSA named, RS256 made', mint({ alg: 'EdDSA' }, claims(), rs)],
    ['RS256 named, EdDSA made', mint(RS, claims(), signers.EdDSA(key.ed.privateKey))], ['EdDSA named, ES256 made', mint({ alg: 'EdDSA' }, claims(), signers.ES256(key.ec.privateKey))]
  ])
  await accepted([
    ['RS256', await new jose.SignJWT(claims()).setProtectedHeader({ alg: 'RS256' }).sign(key.rsa.privateKey)],
    ['PS256', await new jose.SignJWT(claims()).setProtectedHeader({ alg: 'PS256' }).sign(key.rsa.privateKey)],
    ['ES256', await new jose.SignJWT(claims()).setProtectedHeader({ alg: 'ES256' }).sign(key.ec.privateKey)],
    ['EdDSA', await new jose.SignJWT(claims()).setProtectedHeader({ alg: 'EdDSA' }).sign(key.ed.privateKey)]
  ])
  await ticketMode({ ticket_jwks: jwks(jwkOf(key.rsa.publicKey)) })
  await accepted([['HS256 with the secret', await new jose.SignJWT(ticket()).setProtectedHeader(HS).sign(Buffer.from(SECRET))]])
  await refused([
    ...confused.map((secret, i) => [`ticket: HS256 with the public key, form ${i}`, mint(HS, ticket(), signers.HS256(secret))]),
    ['ticket: RS256 named, the secret used', mint(RS, ticket(), hs)],
    ['ticket: one bit of the MAC wrong', mint(HS, ticket(), text => { const m = hs(text); m[31] ^= 1; return m })],
    ['ticket: half a MAC', mint(HS, ticket(), text => hs(text).subarray(0, 16))], ['ticket: an empty MAC', mint(HS, ticket(), signers.none())],
    ['ticket: a MAC and a byte', mint(HS, ticket(), text => Buffer.concat([hs(text), Buffer.from([0])]))],
    ['ticket: another secret', mint(HS, ticket(), signers.HS256(crypto.randomBytes(32)))]
  ])
})

test('A3 keys are found by id, or tried by kind', async () => {
  const many = Array.from({ length: 9 }, () => jwkOf(ed25519().publicKey))
  await jwtMode(jwks(jwkOf(key.other.publicKey, { kid: 'a' }), jwkOf(key.rsa.publicKey, { kid: 'b' }), jwkOf(key.ec.publicKey, { kid: 'c', alg: 'ES256' }), ...many, jwkOf(key.ed.publicKey)))
  await accepted([
    ['by id', mint({ ...RS, kid: 'b' }, claims(), rs)], ['no id: both RSA keys are tried', mint(RS, claims(), rs)],
    ['an id that is not in the set: tried', mint({ ...RS, kid: 'zzz' }, claims(), rs)], ['an empty id', mint({ ...RS, kid: '' }, claims(), rs)]
  ])
  await refused([
    ['the id of another key', mint({ ...RS, kid: 'a' }, claims(), rs)], ['the id of a key of another kind', mint({ ...RS, kid: 'c' }, claims(), rs)],
    ['the ninth key of a kind', mint({ alg: 'EdDSA' }, claims(), signers.EdDSA(key.ed.privateKey))],
    ['id as number', mint({ ...RS, kid: 1 }, claims(), rs)], ['id null', mint({ ...RS, kid: null }, claims(), rs)], ['id array', mint({ ...RS, kid: ['b'] }, claims(), rs)],
    ['own key in the header', mint({ ...RS, jwk: jwkOf(key.rsa3.publicKey) }, claims(), signers.RS256(key.rsa3.privateKey))],
    ['own address in the header', mint({ ...RS, jku: 'http://127.0.0.1:1/jwks', kid: 'evil' }, claims(), signers.RS256(key.rsa3.privateKey))],
    ['own certificate in the header', mint({ ...RS, x5c: ['AAAA'], x5u: 'http://127.0.0.1:1/' }, claims(), signers.RS256(key.rsa3.privateKey))],
    ['a path as id', mint({ ...RS, kid: '../../../../dev/null' }, claims(), signers.RS256(key.rsa3.privateKey))],
    ['a query as id', mint({ ...RS, kid: "b' OR '1'='1" }, claims(), signers.RS256(key.rsa3.privateKey))],
    ['id with NUL', mint('{"alg":"RS256","kid":"b\\u0000"}', claims(), rs)]
  ])
})

test('A4 keys that are weak, for something else or no keys verify nothing', async () => {
  const weak = rsa(1024)
  const even = { ...jwkOf(key.rsa.publicKey), e: b64([1, 0, 0]) }
  const p384 = crypto.generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const k1 = crypto.generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  const x = jwkOf(key.ec.publicKey)
  const one = async (name, jwk, token) => {
    // The good key beside it shows that the set is read.
    await jwtMode(jwks(jwk, jwkOf(key.ed2.publicKey)))
    await accepted([[`${name}: the key beside it`, mint({ alg: 'EdDSA' }, claims(), signers.EdDSA(key.ed2.privateKey))]])
    await refused([[name, token]])
  }
  const rsToken = mint(RS, claims(), rs)
  const esToken = mint({ alg: 'ES256' }, claims(), signers.ES256(key.ec.privateKey))
  const edToken = mint({ alg: 'EdDSA' }, claims(), signers.EdDSA(key.ed.privateKey))
  await one('RSA of 1024 bits', jwkOf(weak.publicKey), mint(RS, claims(), signers.RS256(weak.privateKey)))
  await one('RSA with e even', even, rsToken)
  await one('RSA with e = 1', { ...even, e: b64([1]) }, mint(RS, claims(), text => {
    // With e = 1 the padded hash is its own signature.
    const info = Buffer.from('3031300d060960864801650304020105000420', 'hex')
    const hash = crypto.createHash('sha256').update(text).digest()
    return Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(256 - 3 - info.length - 32, 0xff), Buffer.from([0]), info, hash])
  }))
  await one('RSA with e of 40 bits', { ...even, e: b64([1, 0, 0, 0, 1]) }, rsToken)
  await one('RSA with n even', { ...jwkOf(key.rsa.publicKey), n: b64([...Buffer.from(jwkOf(key.rsa.publicKey).n, 'base64url').subarray(0, 255), 0]) }, rsToken)
  await one('RSA without e', without(jwkOf(key.rsa.publicKey), 'e'), rsToken)
  await one('RSA with n in plain base64', { ...jwkOf(key.rsa.publicKey), n: jwkOf(key.rsa.publicKey).n + '=' }, rsToken)
  await one('RSA of 8192 bits', { ...jwkOf(key.rsa.publicKey), n: b64(Buffer.alloc(1024, 0xff)) }, rsToken)
  await one('for encryption', jwkOf(key.rsa.publicKey, { use: 'enc' }), rsToken)
  await one('use is no text', jwkOf(key.rsa.publicKey, { use: ['sig'] }), rsToken)
  await one('for signing only', jwkOf(key.rsa.publicKey, { key_ops: ['sign'] }), rsToken)
  await one('for another algorithm', jwkOf(key.rsa.publicKey, { alg: 'PS256' }), rsToken)
  await one('for RS512', jwkOf(key.rsa.publicKey, { alg: 'RS512' }), rsToken)
  await one('for HS256', jwkOf(key.rsa.publicKey, { alg: 'HS256' }), mint({ alg: 'HS256' }, claims(), signers.HS256(Buffer.from(jwkOf(key.rsa.publicKey).n, 'base64url'))))
  await one('symmetric', { kty: 'oct', k: b64(SECRET) }, mint({ alg: 'HS256' }, claims(), hs))
  await one('kid is no text', jwkOf(key.rsa.publicKey, { kid: 7 }), rsToken)
  await one('kty in other letters', { ...jwkOf(key.rsa.publicKey), kty: 'rsa' }, rsToken)
  await one('P-384', jwkOf(p384.publicKey), mint({ alg: 'ES256' }, claims(), text => crypto.sign('sha256', text, { key: p384.privateKey, dsaEncoding: 'ieee-p1363' })))
  await one('P-384 that says P-256', { ...jwkOf(p384.publicKey), crv: 'P-256' }, mint({ alg: 'ES256' }, claims(), text => crypto.sign('sha256', text, { key: p384.privateKey, dsaEncoding: 'ieee-p1363' })))
  await one('secp256k1', jwkOf(k1.publicKey), mint({ alg: 'ES256' }, claims(), signers.ES256(k1.privateKey)))
  await one('secp256k1 that says P-256', { ...jwkOf(k1.publicKey), crv: 'P-256' }, mint({ alg: 'ES256' }, claims(), signers.ES256(k1.privateKey)))
  await one('a point beside the curve', { ...x, y: b64([...Buffer.from(x.y, 'base64url').subarray(0, 31), Buffer.from(x.y, 'base64url')[31] ^ 1]) }, esToken)
  await one('the point at infinity', { ...x, x: b64(Buffer.alloc(32)), y: b64(Buffer.alloc(32)) }, esToken)
  await one('x of 31 bytes', { ...x, x: b64(Buffer.from(x.x, 'base64url').subarray(1)) }, esToken)
  await one('y of 33 bytes', { ...x, y: b64([0, ...Buffer.from(x.y, 'base64url')]) }, esToken)
  await one('Ed25519 of 31 bytes', { ...jwkOf(key.ed.publicKey), x: jwkOf(key.ed.publicKey).x.slice(0, -2) }, edToken)
  await one('Ed25519 of 33 bytes', { ...jwkOf(key.ed.publicKey), x: b64([...Buffer.from(jwkOf(key.ed.publicKey).x, 'base64url'), 0]) }, edToken)
  await one('X25519', jwkOf(crypto.generateKeyPairSync('x25519').publicKey), edToken)
  await one('Ed448', jwkOf(crypto.generateKeyPairSync('ed448').publicKey), edToken)
  // With the neutral point as key, R = B and S = 1 verify any message; R = 0-point and S = 0 too.
  const small = ['0100000000000000000000000000000000000000000000000000000000000000', 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', '0000000000000000000000000000000000000000000000000000000000000000', '0000000000000000000000000000000000000000000000000000000000000080',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', '0100000000000000000000000000000000000000000000000000000000000080', 'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f']
  for (const point of small) {
    await one(`Ed25519 of small order ${point.slice(0, 8)}`, { kty: 'OKP', crv: 'Ed25519', x: b64(Buffer.from(point, 'hex')) },
      mint({ alg: 'EdDSA' }, claims(), () => Buffer.concat([Buffer.from('01' + '00'.repeat(31), 'hex'), Buffer.alloc(32)])))
  }
  await jwtMode(jwks(jwkOf(key.rsa3.publicKey), jwkOf(key.rsa4.publicKey, { key_ops: ['verify'], alg: 'RS256' }), null, 7, 'key', [], {}, { kty: 'RSA' }))
  await accepted([['3072 bits', mint(RS, claims(), signers.RS256(key.rsa3.privateKey))], ['4096 bits', mint(RS, claims(), signers.RS256(key.rsa4.privateKey))]])
})

test('A5 signatures have one form each', async () => {
  await jwtMode(allKeys())
  const N = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
  const L = (1n << 252n) + 27742317777372353535851937790883648493n
  const be = n => Buffer.from(n.toString(16).padStart(64, '0'), 'hex')
  const le = n => be(n).reverse()
  const es = (name, change) => [`ES256: ${name}`, mint({ alg: 'ES256' }, claims(), text => change(signers.ES256(key.ec.privateKey)(text), text))]
  const ed = (name, change) => [`EdDSA: ${name}`, mint({ alg: 'EdDSA' }, claims(), text => change(signers.EdDSA(key.ed.privateKey)(text)))]
  const rr = (name, change) => [`RS256: ${name}`, mint(RS, claims(), text => change(rs(text)))]
  const zero = Buffer.alloc(32)
  await refused([
    es('r zero', s => Buffer.concat([zero, s.subarray(32)])), es('s zero', s => Buffer.concat([s.subarray(0, 32), zero])), es('both zero', () => Buffer.alloc(64)),
    es('r = n', s => Buffer.concat([be(N), s.subarray(32)])), es('s = n', s => Buffer.concat([s.subarray(0, 32), be(N)])), es('all bits', () => Buffer.alloc(64, 0xff)),
    es('DER', (_, text) => crypto.sign('sha256', text, key.ec.privateKey)), es('63 bytes', s => s.subarray(0, 63)), es('65 bytes', s => Buffer.concat([s, Buffer.from([0])])),
    es('r and s swapped', s => Buffer.concat([s.subarray(32), s.subarray(0, 32)])), es('one bit', s => { s[5] ^= 1; return s }), es('96 bytes', s => Buffer.concat([s, zero])),
    ed('63 bytes', s => s.subarray(0, 63)), ed('65 bytes', s => Buffer.concat([s, Buffer.from([0])])), ed('zero', () => Buffer.alloc(64)), ed('one bit', s => { s[40] ^= 1; return s }),
    ed('S + L', s => { const v = BigInt('0x' + Buffer.from(s.subarray(32)).reverse().toString('hex')); return Buffer.concat([s.subarray(0, 32), le(v + L)]) }),
    rr('zero', s => Buffer.alloc(s.length)), rr('one', s => Buffer.concat([Buffer.alloc(s.length - 1), Buffer.from([1])])), rr('one bit', s => { s[100] ^= 1; return s }),
    rr('a byte short', s => s.subarray(1)), rr('a byte more', s => Buffer.concat([Buffer.from([0]), s])), rr('512 bytes', s => Buffer.concat([Buffer.alloc(256), s])), rr('600 bytes', () => Buffer.alloc(600)),
    rr('all bits', s => Buffer.alloc(s.length, 0xff)),
    ['RS256: over another digest', mint(RS, claims(), text => crypto.sign('sha1', text, key.rsa.privateKey))], ['RS256: SHA-512 inside', mint(RS, claims(), text => crypto.sign('sha512', text, key.rsa.privateKey))],
    ['PS256: salt of 0', mint({ alg: 'PS256' }, claims(), text => crypto.sign('sha256', text, { key: key.rsa.privateKey, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 0 }))],
    ['PS256: salt of 20', mint({ alg: 'PS256' }, claims(), text => crypto.sign('sha256', text, { key: key.rsa.privateKey, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 20 }))],
    ['ES256: another key', mint({ alg: 'ES256' }, claims(), signers.ES256(key.ec2.privateKey))], ['EdDSA: another key', mint({ alg: 'EdDSA' }, claims(), signers.EdDSA(key.ed2.privateKey))],
    ['RS256: another key', mint(RS, claims(), signers.RS256(key.other.privateKey))],
    ['the payload of another token', (() => { const a = mint(RS, claims({ sub: 'root' }), rs).split('.'); const b = mint(RS, claims(), rs).split('.'); return `${b[0]}.${a[1]}.${b[2]}` })()],
    ['the header of another token', (() => { const a = mint({ ...RS, typ: 'JWT' }, claims(), rs).split('.'); const b = mint(RS, claims(), rs).split('.'); return `${a[0]}.${b[1]}.${b[2]}` })()]
  ])
})

test('A6 claims are there, of the right kind and of this time', async () => {
  await jwtMode(allKeys())
  const row = (name, more) => [name, mint(RS, claims(more), rs)]
  const raw = (name, text) => [name, mint(RS, JSON.stringify(claims()).replace(/"exp":\d+/, text), rs)]
  await accepted([
    row('a year', { exp: now() + 31536000 }), raw('exp with a fraction', `"exp":${now() + 60}.5`), raw('exp in scientific form', `"exp":${(now() + 60) / 1e9}e9`), row('29 s over', { exp: now() - 28 }),
    row('iat 59 s ahead', { iat: now() + 58 }), row('nbf 59 s ahead', { nbf: now() + 58 }), ['no iat', mint(RS, without(claims(), 'iat'), rs)],
    row('sub of 256 bytes', { sub: 'x'.repeat(256) }), row('sub in UTF-8', { sub: 'Zoë✓' }), row('typ of an access token', {})
  ])
  await refused([
    ['no exp', mint(RS, without(claims(), 'exp'), rs)], row('exp as text', { exp: String(now() + 60) }), row('exp null', { exp: null }), row('exp true', { exp: true }), row('exp in an array', { exp: [now() + 60] }),
    row('exp negative', { exp: -1 }), raw('exp huge', '"exp":1e300'), raw('exp beyond doubles', '"exp":1e999'), raw('exp of 20 digits', '"exp":99999999999999999999'), raw('exp of 2^53', '"exp":9007199254740992'),
    raw('exp minus huge', '"exp":-1e300'), raw('exp of 2^63', '"exp":9223372036854775808'), row('iat 61 s ahead', { iat: now() + 64 }), row('iat in milliseconds', { iat: Date.now() }),
    row('nbf 61 s ahead', { nbf: now() + 64 }), row('nbf as text', { nbf: '0' }), row('iat as text', { iat: '0' }), row('iat null', { iat: null }), row('nbf negative', { nbf: -5 }),
    ['no sub', mint(RS, without(claims(), 'sub'), rs)], row('sub empty', { sub: '' }), row('sub number', { sub: 7 }), row('sub null', { sub: null }), row('sub array', { sub: ['user1'] }),
    row('sub of 257 bytes', { sub: 'x'.repeat(257) }), row('sub with NUL', { sub: 'root\0x' }), row('sub with a line break', { sub: 'a\nb' }), row('sub of 86 characters of 3 bytes', { sub: '✓'.repeat(86) })
  ])
  const exp = now() + 500
  assert.equal((await driver.decide(mint(RS, claims({ exp }), rs))).expires, exp)
  const long = await driver.decide(mint(RS, claims({ name: 'é'.repeat(200) }), rs))
  assert.equal(long.name, 'é'.repeat(128))
  const one = 'k57abcdefghjkmnpqrstvwxyz0123456'
  assert.equal((await driver.decide(mint(RS, claims({ sub: `${one}|${one}` }), rs))).user, one)
  assert.equal((await driver.decide(mint(RS, claims({ sub: 'auth0|507f1f77bcf86cd799439020' }), rs))).user, 'auth0|507f1f77bcf86cd799439020')
})

test('A7 a token that is good but for its time is told apart', async () => {
  await jwtMode(allKeys())
  const old = more => mint(RS, claims({ iat: now() - 100, exp: now() - 31, ...more }), rs)
  await refused([['31 s over', old({ exp: now() - 32 })], ['an hour', old({ exp: now() - 3600 })], ['exp 0', old({ exp: 0 })], ['exp with a fraction', old({ exp: now() - 40.5 })]], 'TOKEN_EXPIRED')
  await refused([
    ['expired and another audience', old({ aud: 'x' })], ['expired and another issuer', old({ iss: 'https://evil.example' })], ['expired and no sub', old({ sub: '' })],
    ['expired and badly signed', mint(RS, claims({ exp: now() - 99 }), signers.RS256(key.other.privateKey))], ['expired and iat ahead', old({ iat: now() + 999 })], ['expired, broken rooms', old({ rooms: 7 })]
  ])
  await refused([['expired, for another room', old({ rooms: { 'x-1': 'read' } })]], 'FORBIDDEN')
})

test('A8 the issuer is one of those configured', async () => {
  const first = 'https://one.example/'
  await jwtMode(allKeys(), { issuers: `${first}, two.example ,http://three.example` })
  const row = (name, iss) => [name, mint(RS, claims({ iss }), rs)]
  await accepted([row('as written', first), row('without the slash', 'https://one.example'), row('without the scheme', 'one.example'), row('with a scheme', 'https://two.example'), row('with slashes', 'two.example//'), row('http as written', 'http://three.example')])
  await refused([
    row('unknown', 'https://evil.example'), row('a longer host', 'https://one.example.evil.example'), row('a path', 'https://one.example/x'), row('other letters', 'https://ONE.example'), row('http for https', 'http://one.example'),
    row('https for http', 'https://three.example'), row('user info', 'https://one.example@evil.example'), row('a port', 'https://one.example:443'), row('a blank', ' https://one.example'), row('empty', ''), row('the scheme alone', 'https://'),
    row('the whole list', `${first}, two.example`), row('an array', [first]), row('null', null), ['none', mint(RS, without(claims(), 'iss'), rs)], row('scheme twice', 'https://https://one.example'), row('a number', 1)
  ])
})

test('A9 the audience is ours', async () => {
  const row = (name, aud) => [name, mint(RS, claims({ aud }), rs)]
  await jwtMode(allKeys(), { audience: 'convex, mine' })
  await accepted([row('text', 'convex'), row('array', ['convex']), row('array of several', ['x', 'mine', 'y'])])
  await refused([
    row('another', 'partyd'), row('a part', 'conv'), row('longer', 'convex2'), row('other letters', 'Convex'), row('empty', ''), row('empty array', []), row('array of others', ['x', 'y']), row('array with a number', ['convex', 7]),
    row('array in an array', [['convex']]), row('object', { convex: true }), row('object with index', { 0: 'convex' }), row('true', true), row('null', null), row('number', 0), ['none', mint(RS, without(claims(), 'aud'), rs)], row('both in one text', 'convex, mine'), row('a star', '*'),
    ['foreign issuer, right audience', mint(RS, claims({ iss: 'https://evil.example', aud: 'convex' }), rs)]
  ])
  await jwtMode(allKeys(), { audience: '*' })
  await accepted([row('any', 'whatever'), ['none', mint(RS, without(claims(), 'aud'), rs)]])
})

test('A10 a ticket is for one room, short and good once', async () => {
  await ticketMode({ issuers: ISSUER })
  const row = (name, more, room) => [name, mint(HS, ticket(more), hs), room]
  const once = mint(HS, ticket({ jti: 'j1' }), hs)
  await accepted([row('no jti', {}), row('read', { perm: 'read' }), row('comment', { perm: 'comment' }), ['with jti', once], row('another jti', { jti: 'j2' }), row('an hour', { exp: now() + 3600 }), row('another room', { room: 'diagram-é' }, 'diagram-é')])
  await refused([
    ['again', once], ['again with other claims', mint(HS, ticket({ jti: 'j1', sub: 'user2' }), hs)], row('no room', { room: undefined }), row('room null', { room: null }), row('room array', { room: ['doc-1'] }), row('perm unknown', { perm: 'admin' }), row('perm in capitals', { perm: 'WRITE' }),
    row('no perm', { perm: undefined }), row('perm true', { perm: true }), row('jti number', { jti: 7 }), row('jti empty', { jti: '' }), row('jti null', { jti: null }), row('a day', { exp: now() + 86400 }), row('for convex', { aud: 'convex' }), row('foreign issuer', { iss: 'https://evil.example' })
  ])
  await refused([row('for another room', { room: 'doc-2' }), row('a longer room', { room: 'doc-10' }), row('a pattern', { room: 'doc-*' }), row('empty room', { room: '' }), row('perm none', { perm: 'none' })], 'FORBIDDEN')
  await refused([row('expired', { exp: now() - 60, iat: now() - 120, jti: 'j3' })], 'TOKEN_EXPIRED')
  const name = await driver.decide(mint(HS, ticket({ name: 'Ada', sub: 'u|7', perm: 'read' }), hs))
  assert.deepEqual([name.user, name.name, name.permission, name.expires], ['u|7', 'Ada', 'read', 0], 'who is in may stay')
  // After its time the id is forgotten; the ticket is refused for its time.
  await driver.advance(100000)
  await refused([['after its time', once]], 'TOKEN_EXPIRED')
  // An attacker cannot use up a ticket that he can only see part of.
  const fresh = mint(HS, ticket({ jti: 'j4', iat: now() + 100, exp: now() + 160 }), hs)
  await refused([['forged first', fresh.slice(0, -4) + 'AAAA']])
  await accepted([['then the real one', fresh]])
})

test('A10 tickets by public keys, and by several secrets', async () => {
  const old = crypto.randomBytes(24).toString('hex')
  await driver.open({ mode: 'ticket', ticket_jwks: jwks(jwkOf(key.ec.publicKey), jwkOf(key.ed.publicKey)) })
  await accepted([
    ['ES256', await new jose.SignJWT(ticket()).setProtectedHeader({ alg: 'ES256', typ: 'room+jwt' }).sign(key.ec.privateKey)],
    ['EdDSA', await new jose.SignJWT(ticket()).setProtectedHeader({ alg: 'EdDSA', typ: 'room+jwt' }).sign(key.ed.privateKey)],
    ['any issuer when none is configured', mint({ alg: 'EdDSA' }, without(ticket(), 'iss'), signers.EdDSA(key.ed.privateKey))]
  ])
  await refused([['HS256 where there is no secret', mint(HS, ticket(), hs)], ['HS256 with an empty secret', mint(HS, ticket(), signers.HS256(''))]])
  await ticketMode({ ticket_secret: `${old}, ${SECRET}` })
  await accepted([['the old secret', mint(HS, ticket(), signers.HS256(old))], ['the new secret', mint(HS, ticket(), hs)]])
  await refused([['both in one', mint(HS, ticket(), signers.HS256(`${old}, ${SECRET}`))], ['a public key where there is none', mint({ alg: 'EdDSA' }, ticket(), signers.EdDSA(key.ed.privateKey))]])
})

test('A11 rooms of a token: the most exact pattern decides', async () => {
  await jwtMode(allKeys(), { jwt_rooms_claim: 'https://app.example/rooms' })
  const at = async (rooms, room) => { const a = await driver.decide(mint(RS, claims({ 'https://app.example/rooms': rooms }), rs), room); return a.reason === 'ALLOWED' ? a.permission : a.reason }
  const rooms = { '*': 'read', 'doc-*': 'comment', 'doc-secret*': 'none', 'doc-secret-7': 'write', 'doc-1': 'write' }
  assert.equal(await at(rooms, 'diagram-1'), 'read')
  assert.equal(await at(rooms, 'doc-2'), 'comment')
  assert.equal(await at(rooms, 'doc-1'), 'write')
  assert.equal(await at(rooms, 'doc-12'), 'comment')
  assert.equal(await at(rooms, 'doc-'), 'comment')
  assert.equal(await at(rooms, 'doc'), 'read')
  assert.equal(await at(rooms, 'doc-secret-1'), 'FORBIDDEN')
  assert.equal(await at(rooms, 'doc-secret-7'), 'write')
  assert.equal(await at({ 'doc-1': 'none', '*': 'write' }, 'doc-1'), 'FORBIDDEN')
  for (const none of [{}, { 'doc-2': 'write' }, { Doc: 'write' }, { 'doc-1x': 'write' }, undefined]) assert.equal(await at(none, 'doc-1'), 'FORBIDDEN')
  for (const broken of [7, 'doc-1', ['doc-1'], null, true, { 'd*c-1': 'read' }, { '**': 'read' }, { '*x': 'none', '*': 'write' }, { '': 'read' }, { 'doc-1': 'admin' }, { 'doc-1': true }, { 'doc-1': null }, { 'doc-1': ['write'] }, { 'doc-1': 'write', x: 'Write' }]) {
    assert.equal(await at(broken, 'doc-1'), 'TOKEN_BAD', JSON.stringify(broken))
    counts.refused++
  }
})

test('A21 the room is text', async () => {
  await jwtMode(allKeys())
  const good = mint(RS, claims({ rooms: { '*': 'write' } }), rs)
  await accepted([['a word', good, 'x'], ['UTF-8', good, 'é✓'], ['1,024 bytes', good, 'x'.repeat(1024)], ['percent-encoded', good, 'a%2Fb']])
  await refused([['empty', good, ''], ['a line break', good, 'a\nb'], ['NUL', good, 'a\0b'], ['DEL', good, 'a\x7f'], ['no UTF-8', good, Buffer.from([0xff])], ['1,025 bytes', good, 'x'.repeat(1025)]], 'ROOM_BAD')
  await driver.open({ mode: 'none' })
  await accepted([['no access control', '']])
})
