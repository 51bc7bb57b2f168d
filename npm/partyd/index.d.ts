export type { PartydConfig, RoomConfig, SinkConfig } from './config.js'

/** The absolute path of the server's program for this machine. Throws an Error that says the next step if there
 * is none. */
export function binaryPath (): string
