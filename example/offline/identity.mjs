// From the Authorization header to a user, as a Convex deployment does it: the provider is chosen by
// the project's own auth.config.ts, its keys are fetched over HTTP (with Convex Auth: from the
// routes of this deployment's own site port).
import crypto from 'node:crypto'
import { createLocalJWKSet, decodeJwt, errors, jwtVerify } from 'jose'
import { HttpError } from './http.mjs'

const KEYS_KEPT_MS = 15_000
const FETCH_MS = 5_000

/** Claims that have a name of their own in a user identity. */
const ATTRIBUTES = {
  sub: 'subject', iss: 'issuer', name: 'name', given_name: 'givenName', family_name: 'familyName',
  nickname: 'nickname', preferred_username: 'preferredUsername', profile: 'profileUrl',
  picture: 'pictureUrl', email: 'email', email_verified: 'emailVerified', gender: 'gender',
  birthdate: 'birthday', zoneinfo: 'timezone', locale: 'language', phone_number: 'phoneNumber',
  phone_number_verified: 'phoneNumberVerified', address: 'address', updated_at: 'updatedAt'
}
const DROPPED = new Set(['aud', 'exp', 'iat', 'nbf', 'jti', 'fva'])

const origin = text => (/^[a-z]+:\/\//.test(text) ? text : `https://${text}`).replace(/\/+$/, '')
const unauthorized = (code, message) => new HttpError(401, code, message)

/** The keys of the providers, each fetched when needed and kept for a moment. */
function createKeys () {
  const keySets = new Map()

  async function fetchJson (url) {
    const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_MS) })
    if (!response.ok) throw unauthorized('AuthProviderDiscoveryFailed', `${url} answered ${response.status}`)
    return await response.json()
  }
  return async provider => {
    const known = keySets.get(provider)
    if (known && Date.now() - known.at < KEYS_KEPT_MS) return known.keys
    let url = provider.jwks
    if (!url) {
      const discovery = await fetchJson(`${origin(provider.domain)}/.well-known/openid-configuration`)
      url = discovery.jwks_uri
    }
    const keys = createLocalJWKSet(await fetchJson(url))
    keySets.set(provider, { keys, at: Date.now() })
    return keys
  }
}

function providerOf (providers, { iss, aud }) {
  const audiences = [aud].flat()
  return providers.find(provider =>
    origin(provider.domain ?? provider.issuer) === origin(String(iss)) &&
    (provider.applicationID === undefined || audiences.includes(provider.applicationID)))
}

async function verify (token, provider, keys) {
  const custom = provider.type === 'customJwt'
  try {
    await jwtVerify(token, keys, {
      algorithms: custom ? [provider.algorithm] : ['RS256', 'EdDSA'],
      clockTolerance: custom ? 5 : 0
    })
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error
    throw unauthorized('Unauthenticated', `Could not verify the token: ${error.message}`)
  }
}

function checkAdminKey (key, adminKey) {
  const same = key.length === adminKey.length && crypto.timingSafeEqual(Buffer.from(key), Buffer.from(adminKey))
  if (!same) throw unauthorized('BadAdminKey', 'The provided admin key was invalid for this instance')
}

/** `providers` is that of auth.config.ts; `adminKey` opens everything. */
export function createAuthenticator (providers, adminKey) {
  const keysOf = createKeys()
  const nobody = { kind: 'none', identity: null }

  async function userOf (token) {
    let claims
    try {
      claims = decodeJwt(token)
    } catch {
      throw unauthorized('InvalidAuthHeader', 'Could not parse as a JWT')
    }
    const provider = providerOf(providers, claims)
    if (!provider) throw unauthorized('NoAuthProvider', `No auth provider found matching the given token: issuer ${claims.iss}, audience ${claims.aud}`)
    await verify(token, provider, await keysOf(provider))
    return { kind: 'user', identity: identityOf(claims), expires: claims.exp * 1000 }
  }

  /** Of a key, or of a key and who to act as. */
  function adminOf (value) {
    const at = value.indexOf(':')
    checkAdminKey(at < 0 ? value : value.slice(0, at), adminKey)
    if (at < 0) return { kind: 'admin', identity: null }
    let given
    try {
      given = JSON.parse(Buffer.from(value.slice(at + 1), 'base64').toString())
    } catch {
      throw unauthorized('InvalidAuthHeader', 'The identity to act as is no base64 JSON')
    }
    return { kind: 'admin', identity: { tokenIdentifier: `${given.issuer}|${given.subject}`, ...given } }
  }

  /** `tolerant`: what is not understood is nobody (HTTP actions), not an error. */
  async function ofHeader (header, tolerant = false) {
    if (header === undefined) return nobody
    try {
      if (header.length < 7) throw new HttpError(400, 'InvalidAuthHeader', 'The Authorization header is too short')
      const [scheme, value = ''] = header.split(/\s+/, 2)
      switch (scheme.toLowerCase()) {
        case 'bearer': return await userOf(value)
        case 'convex': return adminOf(value)
        default: throw new HttpError(400, 'InvalidAuthHeader', `There is no authorization scheme ${scheme}`)
      }
    } catch (error) {
      if (tolerant && error instanceof HttpError) return nobody
      throw error
    }
  }
  return { nobody, userOf, adminOf, ofHeader }
}

function identityOf (claims) {
  const identity = { tokenIdentifier: `${claims.iss}|${claims.sub}` }
  for (const [claim, value] of Object.entries(claims)) {
    if (!DROPPED.has(claim)) identity[ATTRIBUTES[claim] ?? claim] = value
  }
  return identity
}
