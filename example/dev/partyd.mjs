// Where the server's program is: the one place that knows.
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const example = fileURLToPath(new URL('..', import.meta.url))

/** PARTYD_BINARY if it is set, the npm package if it is installed, else what was built beside this folder. */
export function partydProgram () {
  const given = process.env.PARTYD_BINARY
  const candidates = given ? [given] : [path.join(example, 'node_modules/.bin/partyd'), path.join(example, '../build/partyd')]
  const found = candidates.find(file => fs.existsSync(file))
  if (found === undefined) throw new Error(`there is no partyd at ${candidates.join(' nor ')}: run \`npm install\`, or build it (\`make\` in the folder above)`)
  return found
}
