// What the tests of the application need: `npm run dev:offline` as a person starts it, and people, each
// with a browser profile of their own.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const example = fileURLToPath(new URL('..', import.meta.url))
export const SHOTS = path.resolve(example, '../build/screenshots')
const EXECUTABLE = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser',
  '/Applications/Chromium.app/Contents/MacOS/Chromium'].find(file => fs.existsSync(file))
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
const DESKTOP = { width: 1280, height: 800 }
/** What a browser itself says when it is offline, or when the server is being restarted. */
const NO_NETWORK = /ERR_INTERNET_DISCONNECTED|ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|WebSocket connection to .* failed/

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

/** Waits until `check` is true; fails with `what` (text, or what makes it) after `ms`. */
export async function until (what, check, ms = 8000) {
  const end = Date.now() + ms
  while (!await check()) {
    if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${typeof what === 'function' ? what() : what}`)
    await sleep(25)
  }
}

/** EXAMPLE_EDGE=1: with the rooms of partykit/edge in the place of partyd.
 * @returns url, out (what it has printed), restartPartyd(), stop(): its exit code. */
export async function startDev (args = []) {
  const edge = process.env.EXAMPLE_EDGE ? ['--edge'] : []
  const child = spawn(process.execPath, ['dev/main.mjs', '--offline', '--port', '0', ...edge, ...args], { cwd: example, stdio: ['pipe', 'pipe', 'inherit'] })
  const dev = { child, out: '' }
  child.stdout.on('data', chunk => { dev.out += chunk })
  const exited = new Promise(resolve => child.once('exit', (code, signal) => resolve(code ?? signal)))
  dev.stop = async (signal = 'SIGINT') => { child.kill(signal); return await exited }
  const ready = /ready in \S+ s: (\S+)/
  await Promise.race([
    until('the application to be ready', () => ready.test(dev.out), 60000),
    exited.then(code => { throw new Error(`it ended with ${code}: ${dev.out}`) })
  ]).catch(async error => { await dev.stop(); throw new Error(`${error.message}\n${dev.out}`) })
  dev.url = ready.exec(dev.out)[1]
  dev.restartPartyd = async () => {
    const starts = () => dev.out.split('partyd listening on').length
    const before = starts()
    child.stdin.write('r\n')
    await until('partyd to be started again', () => starts() > before)
  }
  return dev
}

/** A browser, and what pages in it complained about or asked of others. */
export async function openBrowser () {
  assert.ok(EXECUTABLE, 'no Chromium found: install the package chromium or set CHROMIUM to the program')
  fs.mkdirSync(SHOTS, { recursive: true })
  const browser = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS })
  const problems = []
  let networkMayFail = false
  /** A page in a profile of its own. */
  async function open (name, url, options = {}) {
    const context = await browser.newContext({ viewport: DESKTOP, reducedMotion: 'no-preference', ...options })
    const page = await context.newPage()
    page.setDefaultTimeout(10000)
    const say = text => { if (!(networkMayFail && NO_NETWORK.test(text))) problems.push(`${name}: ${text}`) }
    page.on('console', message => { if (message.type() === 'error') say(`${message.text()} (${message.location().url})`) })
    page.on('pageerror', error => say(error.stack ?? String(error)))
    context.on('request', request => {
      const { protocol, hostname } = new URL(request.url())
      if (!['data:', 'blob:'].includes(protocol) && hostname !== '127.0.0.1') problems.push(`${name} asked ${request.url()}`)
    })
    page.on('websocket', socket => { if (new URL(socket.url()).hostname !== '127.0.0.1') problems.push(`${name} asked ${socket.url()}`) })
    await page.goto(url)
    return page
  }
  return {
    open,
    problems,
    close: () => browser.close(),
    /** While `work` is done, browsers may complain that there is no network. */
    async withoutNetwork (work) {
      networkMayFail = true
      try { await work() } finally { networkMayFail = false }
    }
  }
}

/** Signs in as one of the demo users and goes to the demo workspace. */
export async function enter (page, name) {
  await page.getByRole('button', { name: new RegExp(`^${name}`) }).click()
  await page.getByRole('link', { name: /Demo workspace/ }).click()
  await page.getByRole('heading', { name: 'Demo workspace' }).waitFor()
}
export const openPage = async (page, title) => {
  await page.getByRole('link', { name: title }).locator('visible=true').first().click()
  await status(page, /Saved|Live/)
}
export const status = (page, wanted) => until(`the page to say ${wanted}`, async () => wanted.test(await page.getByRole('status').innerText()))
export const shot = (page, name) => page.screenshot({ path: path.join(SHOTS, `app-${name}.png`) })
