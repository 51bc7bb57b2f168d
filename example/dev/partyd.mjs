// Where the server's program is: the one place that knows. The npm package starts it and watches its configuration;
// PARTYD_BINARY names another program for it.
import fs from 'node:fs'
import { fileURLToPath } from 'node:url'

export function partydProgram () {
  const program = fileURLToPath(new URL('../node_modules/.bin/partyd', import.meta.url))
  if (!fs.existsSync(program)) throw new Error('there is no node_modules/.bin/partyd: run `npm install`')
  return program
}
