// A Chromium for tests.
import fs from 'node:fs'
import { chromium } from 'playwright-core'

export const EXECUTABLE = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser',
  '/Applications/Chromium.app/Contents/MacOS/Chromium'].find(file => fs.existsSync(file))

export const launch = () => chromium.launch({
  executablePath: EXECUTABLE,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
})
