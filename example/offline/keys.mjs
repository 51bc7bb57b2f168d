// What a deployment has in its environment before any function runs.
import crypto from 'node:crypto'
import { exportJWK, exportPKCS8, generateKeyPair } from 'jose'

/** The keys of Convex Auth: given ones, else new ones, so tokens of an earlier run end with it. */
export async function authKeys (env) {
  if (env.JWT_PRIVATE_KEY && env.JWKS) return {}
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true })
  return {
    JWT_PRIVATE_KEY: (await exportPKCS8(privateKey)).trimEnd().replaceAll('\n', ' '),
    JWKS: JSON.stringify({ keys: [{ use: 'sig', ...await exportJWK(publicKey) }] })
  }
}

export const randomSecret = () => crypto.randomBytes(32).toString('hex')
