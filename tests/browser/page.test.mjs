// The page at GET / as a newcomer meets it: two tabs of a real browser, and a stock client beside them.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { EXECUTABLE, launch } from './support.mjs'
import { Client, sleep, startServer, until } from '../e2e/support.mjs'

const SHOTS = path.resolve('../build/screenshots')

let server, browser
const problems = []
before(async () => {
  assert.ok(EXECUTABLE, 'no Chromium found: install the package chromium or set CHROMIUM to the program')
  fs.mkdirSync(SHOTS, { recursive: true })
  server = await startServer()
  browser = await launch()
})
after(async () => {
  await browser?.close()
  await server?.stop()
})

/** A tab with a profile of its own; everything it complains about or asks of others is noted. */
async function tab (name, options = {}) {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  page.on('console', message => { if (message.type() === 'error') problems.push(`${name}: ${message.text()}`) })
  page.on('pageerror', error => problems.push(`${name}: ${error}`))
  page.on('request', request => { if (new URL(request.url()).hostname !== '127.0.0.1') problems.push(`${name} asked ${request.url()}`) })
  await page.goto(`${server.http}/#${encodeURIComponent('first steps')}`)
  await page.getByLabel('Your name').fill(name)
  await page.locator('#text:enabled').waitFor()
  return page
}
const text = page => page.getByLabel('Shared text')
const people = page => page.getByLabel('People in this room').getByRole('listitem').allInnerTexts()
const reads = (page, wanted) => until(`the page to read ${JSON.stringify(wanted)}`, async () => await text(page).inputValue() === wanted)
const sees = (page, ...names) => until(`the page to list ${names}`, async () => {
  const all = (await people(page)).join('\n')
  return names.every(name => all.includes(name)) && (await people(page)).length === names.length
})

test('two tabs write one text, each sees who is there, and nothing is lost by reload or restart', async () => {
  const ann = await tab('Ann')
  const ben = await tab('Ben')
  await text(ann).pressSequentially('Hello from Ann. ')
  await reads(ben, 'Hello from Ann. ')
  await text(ben).press('Control+End')
  await Promise.all([text(ben).pressSequentially('And Ben 🙂'), text(ann).press('Control+Home').then(() => text(ann).pressSequentially('> '))])
  await reads(ann, '> Hello from Ann. And Ben 🙂')
  await reads(ben, '> Hello from Ann. And Ben 🙂')
  await sees(ann, 'Ann', 'Ben')
  await sees(ben, 'Ann', 'Ben')
  await ann.screenshot({ path: path.join(SHOTS, 'page-desktop.png') })

  const stock = new Client(server, 'y-websocket 3', encodeURIComponent('first steps'))
  await stock.synced()
  assert.equal(stock.text.toString(), '> Hello from Ann. And Ben 🙂')
  stock.text.insert(0, '# ')
  await reads(ann, '# > Hello from Ann. And Ben 🙂')
  stock.end()

  await ben.close()
  await sees(ann, 'Ann')
  await ann.reload()
  await ann.locator('#text:enabled').waitFor()
  await reads(ann, '# > Hello from Ann. And Ben 🙂')
  assert.deepEqual(problems, [])

  await server.stop()
  await until('the page to say so', async () => /trying again/.test(await ann.getByRole('status').innerText()))
  await text(ann).press('Control+Home')
  await text(ann).pressSequentially('offline ')
  server = await startServer({ port: server.port, data: server.data })
  await until('the page to be back', async () => await ann.getByRole('status').innerText() === 'connected', 10000)
  const late = new Client(server, 'y-websocket 2', encodeURIComponent('first steps'))
  await until('what was typed meanwhile', () => late.text.toString() === 'offline # > Hello from Ann. And Ben 🙂')
  late.end()
})

test('the page fits a telephone, in the dark', async () => {
  const phone = await tab('Cem', { viewport: { width: 390, height: 844 }, colorScheme: 'dark' })
  await sees(phone, 'Cem', 'Ann')
  await sleep(100)
  await phone.screenshot({ path: path.join(SHOTS, 'page-phone-dark.png') })
  const overflow = await phone.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
  assert.ok(overflow <= 0, `the page is ${overflow} px wider than the screen`)
})
