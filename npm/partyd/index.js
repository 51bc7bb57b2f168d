export { binaryPath } from './lib/binary.mjs'
