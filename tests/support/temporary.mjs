// Folders of a test, which end with its process; KEEP=1 leaves them to be looked at.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const made = []
process.once('exit', () => {
  if (process.env.KEEP) return
  for (const folder of made) fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
})

/** A new folder; `what` is a part of its name. */
export function temporary (what = 'test') {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `partyd-${what}-`))
  made.push(folder)
  return folder
}
