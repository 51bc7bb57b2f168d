#!/usr/bin/env node
// The edge's side of access on the line protocol of tests/auth/driver.c, so that the same tests with minted tokens
// run against both: `AUTHDRIVER=edge/authdriver.mjs node --test auth/tokens.test.mjs`.
import readline from 'node:readline'
import { fromEdge } from '../support/edge-sources.mjs'

const { decide, isSigned, settingsOf } = await fromEdge('access/decide.ts', 'settings.ts', 'access/signature.ts')

let ahead = 0
const real = Date.now
Date.now = () => real() + ahead

const print = console.log
console.log = (...words) => print(JSON.stringify({ id: -1, trouble: words.join(' ') }))

const NAMES = {
  mode: 'PARTYD_AUTH', ticket_secret: 'PARTYD_TICKET_SECRET', ticket_jwks: 'PARTYD_TICKET_JWKS', issuers: 'PARTYD_ISSUERS', jwks_url: 'PARTYD_JWKS_URL',
  jwks: 'PARTYD_JWKS', audience: 'PARTYD_AUDIENCE', convex_url: 'CONVEX_URL', convex_function: 'PARTYD_CONVEX_FUNCTION', jwt_rooms_claim: 'PARTYD_JWT_ROOMS_CLAIM',
  hook_url: 'PARTYD_HOOK_URL', secret: 'COLLAB_SECRET'
}
const REASONS = { token_invalid: 'TOKEN_BAD', bad_room: 'ROOM_BAD' }
let settings, used

/** As the room's object does it. */
function once ({ id, until }) {
  if ((used.get(id) ?? 0) > Date.now() / 1000) return false
  used.set(id, until)
  return true
}

async function onDecide ({ room, token }) {
  let name = '\0' // what is no text
  try { name = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(room, 'hex')) } catch {}
  const made = settings.auth === 'none'
    ? { decision: { reason: 'allowed', permission: 'write', userId: '', name: '', color: '', expiresAt: 0, why: '' } }
    : await decide(settings, name, Buffer.from(token, 'hex').toString('latin1'), false)
  let d = made.decision
  if (made.ticket && !once(made.ticket)) d = { ...d, reason: 'token_invalid', permission: 'none', why: 'the ticket has been used already' }
  return { reason: REASONS[d.reason] ?? d.reason.toUpperCase(), permission: d.permission, expires: d.expiresAt, remembered: d.remembered, why: d.why, user: d.userId, name: d.name, color: d.color }
}

async function answer (line) {
  switch (line.do) {
    case 'new': try {
      used = new Map()
      ahead = 0
      settings = settingsOf(Object.fromEntries(Object.entries(line.opts).filter(([key]) => key in NAMES).map(([key, value]) => [NAMES[key], value])))
      return { ok: true }
    } catch (error) { return { ok: false, why: error.message } }
    case 'decide': return onDecide(line)
    case 'signature': return { ok: await isSigned({ ...line, hash: line.sha256 }, Buffer.from(line.body, 'hex'), settings.collabSecrets, line.now) }
    case 'advance': ahead += line.ms; return {}
  }
}

for await (const text of readline.createInterface({ input: process.stdin })) {
  const line = JSON.parse(text)
  answer(line).then(reply => print(JSON.stringify({ ...reply, id: line.id })))
}
