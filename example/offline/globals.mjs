// Node 18 has these, but not as globals.
import { webcrypto } from 'node:crypto'

globalThis.crypto ??= webcrypto
