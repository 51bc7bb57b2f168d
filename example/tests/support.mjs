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
// No name is looked up: what is not on this machine is not reached, and asking for it is an error in the console.
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1']
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

/** `npm run dev:offline`, or another `command` with another environment and folder. EXAMPLE_EDGE=1: with the rooms of partykit/edge in
 * the place of partyd.
 * @returns url, out (what it has printed), restartPartyd(), stop(): its exit code. */
export async function startDev (args = [], { cwd = example, env = process.env, command } = {}) {
  const edge = process.env.EXAMPLE_EDGE ? ['--edge'] : []
  const [program, ...words] = command ?? [process.execPath, 'dev/main.mjs', '--offline', '--port', '0', ...edge, ...args]
  const child = spawn(program, words, { cwd, env, stdio: ['pipe', 'pipe', 'inherit'], detached: true })
  const dev = { child, out: '' }
  child.stdout.on('data', chunk => { dev.out += chunk })
  const exited = new Promise(resolve => child.once('exit', (code, signal) => resolve(code ?? signal)))
  // As a terminal's Ctrl-C, which all of the group get: npm passes nothing on.
  dev.stop = async () => { try { process.kill(-child.pid, 'SIGINT') } catch {} return await exited }
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

/** A browser, what pages in it complained about or asked of others, and the largest message that one has sent. */
export async function openBrowser () {
  assert.ok(EXECUTABLE, 'no Chromium found: install the package chromium or set CHROMIUM to the program')
  fs.mkdirSync(SHOTS, { recursive: true })
  const browser = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS })
  const problems = []
  let networkMayFail = false
  /** A page in a profile of its own. */
  async function open (name, url, { timeout = 10000, ...options } = {}) {
    const context = await browser.newContext({ viewport: DESKTOP, reducedMotion: 'no-preference', ...options })
    const page = await context.newPage()
    page.setDefaultTimeout(timeout)
    const say = text => { if (!(networkMayFail && NO_NETWORK.test(text))) problems.push(`${name}: ${text}`) }
    page.on('console', message => { if (message.type() === 'error') say(`${message.text()} (${message.location().url})`) })
    page.on('pageerror', error => say(error.stack ?? String(error)))
    context.on('request', request => {
      const { protocol, hostname } = new URL(request.url())
      if (!['data:', 'blob:'].includes(protocol) && hostname !== '127.0.0.1') problems.push(`${name} asked ${request.url()}`)
    })
    page.on('websocket', socket => {
      if (new URL(socket.url()).hostname !== '127.0.0.1') problems.push(`${name} asked ${socket.url()}`)
      socket.on('framesent', ({ payload }) => { opened.largest = Math.max(opened.largest, payload.length) })
    })
    await page.goto(url)
    return page
  }
  const opened = {
    open,
    problems,
    largest: 0,
    close: () => browser.close(),
    /** While `work` is done, browsers may complain that there is no network. */
    async withoutNetwork (work) {
      networkMayFail = true
      try { await work() } finally { networkMayFail = false }
    }
  }
  return opened
}

/** Signs in as one of the demo users and goes to the demo workspace. */
export async function enter (page, name) {
  await page.getByRole('button', { name: new RegExp(`^${name}`) }).click()
  await page.getByRole('link', { name: /Demo workspace/ }).click()
  await page.getByRole('heading', { name: 'Demo workspace' }).waitFor()
}
/** Nothing is cut off or behind the edge: the page is as large as the window, and its bar is in it. */
export async function fits (page) {
  const { wide, high, bar } = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth - innerWidth,
    high: document.documentElement.scrollHeight - innerHeight,
    bar: document.querySelector('header')?.getBoundingClientRect().top
  }))
  assert.ok(wide <= 0, `the page is ${wide} px wider than the window`)
  if (await page.locator('.page').count() > 0) {
    assert.ok(high <= 0, `the page is ${high} px higher than the window`)
    assert.equal(bar, 0, 'its bar is at the top')
  }
}
export async function openPage (page, title, ms) {
  const link = page.getByRole('link', { name: title }).locator('visible=true').first()
  const path = await link.getAttribute('href')
  await link.click()
  await until(`${title} to be open`, () => new URL(page.url()).pathname === path)
  await status(page, /Saved|Live/, ms)
}
export async function status (page, wanted, ms) {
  let said
  await until(() => `the page to say ${wanted}, not ${said}`, async () => wanted.test(said = await page.getByRole('status').innerText()), ms)
}
export const shot = (page, name) => page.screenshot({ path: path.join(SHOTS, `app-${name}.png`) })
