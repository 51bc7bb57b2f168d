// The application as two and three people use it, each in a browser profile of their own.
import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { clickOn, drawRectangle, hasColor, isColorful, pasteImage, showsExactly } from './diagram-support.mjs'
import { hasPictures, pasteFile, pastePicture, uploadPicture } from './picture-support.mjs'
import { enter, fits, openBrowser, openPage, shot, sleep, startDev, status, until } from './support.mjs'

let dev, browser, ann, ben, vera
const editor = page => page.locator('.bn-editor')
const reads = (page, text) => until(() => `the document to say "${text}"`, async () => (await editor(page).innerText()).includes(text))
/** Puts the caret at the end of the block that says `where`. */
async function place (page, where) {
  await editor(page).getByText(where).click()
  await page.keyboard.press('End')
}
async function type (page, where, text) {
  await place(page, where)
  await page.keyboard.type(text, { delay: 5 })
}

before(async () => {
  [dev, browser] = await Promise.all([startDev(), openBrowser()])
  ann = await browser.open('Ann', dev.url)
  ben = await browser.open('Ben', dev.url, { colorScheme: 'dark' })
  await Promise.all([enter(ann, 'Ann'), enter(ben, 'Ben')])
})
afterEach(() => assert.deepEqual(browser.problems.splice(0), []))
after(async () => {
  await browser?.close()
  if (dev !== undefined) {
    assert.equal(await dev.stop(), 0)
    assert.match(dev.out, /\[partyd\].* stopped/)
  }
})

test('somebody new makes an account and a workspace, signs out, and in again', async () => {
  const page = await browser.open('Cleo', dev.url)
  await shot(page, 'sign-in')
  const account = { 'E-mail': 'cleo@example.com', Password: 'a good password' }
  const fill = async () => { for (const [label, value] of Object.entries(account)) await page.getByLabel(label).fill(value) }
  await page.getByRole('button', { name: /Create one/ }).click()
  await page.getByLabel('Your name').fill('Cleo')
  await fill()
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByRole('heading', { name: 'Hello, Cleo' }).waitFor()
  await page.getByLabel('Name of a new workspace').fill('Cleo’s things')
  await page.getByRole('button', { name: 'Create' }).click()
  await page.getByRole('heading', { name: 'Cleo’s things' }).waitFor()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor()
  await fill()
  await page.getByLabel('Password').fill('a wrong password')
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.getByRole('alert').waitFor()
  const [said, ...more] = browser.problems.splice(0)
  assert.match(said, /auth:signIn/) // Convex's client writes a failed action to the console
  assert.deepEqual(more, [])
  await fill()
  await browser.withoutNetwork(async () => {
    await page.context().setOffline(true)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.getByRole('alert').getByText('The server does not answer yet').waitFor()
    await page.context().setOffline(false)
    await page.getByRole('link', { name: /Cleo’s things/ }).waitFor()
  })
  await page.goto(new URL('/nowhere', dev.url).href)
  await page.getByRole('alert').getByText('There is no page at this address').waitFor()
  await page.goto(ann.url())
  await page.getByText('You have no access to this workspace').waitFor()
  await page.context().close()
})

test('the list shows who is where, and pointers are at the same place', async () => {
  const title = await ann.getByRole('heading', { name: 'Members' }).boundingBox()
  const link = await ben.locator('nav').getByRole('link', { name: 'Welcome' }).elementHandle()
  await ann.mouse.move(title.x + 50, title.y + 10)
  await ann.mouse.move(title.x + 60, title.y + 10)
  await until('the pointer to be where it is', async () => {
    const box = await ben.locator('.cursor[data-user="Ann"]').boundingBox().catch(() => null)
    return box !== null && Math.abs(box.x - title.x - 60) < 3 && Math.abs(box.y - title.y - 10) < 3
  })
  await openPage(ann, 'Welcome')
  assert.equal(await ann.title(), 'Welcome – Together')
  await ben.getByRole('img', { name: 'In here now: Ann' }).first().waitFor()
  assert.ok(await link.evaluate(node => node.isConnected), 'a link that somebody may be clicking stays, whatever others do')
  await shot(ben, 'overview-dark')
})

test('two people write one document and see each other by name', async () => {
  await openPage(ben, 'Welcome')
  await type(ann, 'This page is shared', ' Ann was here.')
  await reads(ben, 'Ann was here.')
  await place(ann, 'Press / for blocks')
  await place(ben, 'Go offline')
  await Promise.all([ann.keyboard.type(' one', { delay: 15 }), ben.keyboard.type(' two', { delay: 15 })])
  for (const page of [ann, ben]) { await reads(page, 'pictures one'); await reads(page, 'come back two') }
  // Each sees the other's caret where the other writes, with the name.
  for (const [page, other, where] of [[ann, 'Ben', 'come back two'], [ben, 'Ann', 'pictures one']]) {
    await page.locator('.bn-block-content', { hasText: where }).locator('.bn-collaboration-cursor__caret', { hasText: other }).waitFor({ state: 'attached' })
  }
  await status(ann, /Saved/)
  const word = await editor(ben).getByText('Sign in as Vera').boundingBox()
  await ben.mouse.move(word.x + 90, word.y + 10)
  await ben.mouse.move(word.x + 100, word.y + 10)
  await until('Ben’s pointer to be at the word', async () => {
    const [box, there] = await Promise.all([ann.locator('.cursor[data-user="Ben"]').boundingBox().catch(() => null), editor(ann).getByText('Sign in as Vera').boundingBox()])
    return box !== null && Math.abs(box.x - there.x - 100) < 3 && Math.abs(box.y - there.y - 10) < 3
  })
  await shot(ann, 'document')
  await shot(ben, 'document-dark')
})

test('pictures in a document are seen by the others, and come back with the page; the room has only their keys', async () => {
  browser.largest = 0
  await place(ann, 'What you see above')
  const bytes = await uploadPicture(ann)
  assert.ok(bytes > 100_000)
  await place(ben, 'This page is shared')
  await pastePicture(ben)
  for (const page of [ann, ben]) {
    await hasPictures(page, 2)
    await status(page, /Saved/)
  }
  assert.ok(browser.largest < 20_000, `a picture of ${bytes} bytes and a message of ${browser.largest}`)
  await ann.reload()
  await hasPictures(ann, 2)
  await shot(ann, 'document-pictures')
})

test('a file that is no picture is refused with a word, and leaves nothing behind', async () => {
  await place(ben, 'Go offline')
  await pasteFile(ben, 'plan.pdf', 'application/pdf', btoa('%PDF-1.7'))
  await ben.getByRole('alert').getByText('plan.pdf: Only pictures can be added').waitFor()
  // The block comes and goes, and at the edge it is a row of the journal in between: who has read what was written behind it is past that.
  await type(ben, 'Go offline', ' (without a plan)')
  for (const page of [ann, ben]) {
    await reads(page, '(without a plan)')
    assert.doesNotMatch(await editor(page).innerText(), /Loading|Add file/)
    assert.ok(await editor(page).locator('.bn-file-block-content-wrapper').evaluateAll(all => all.every(one => one.querySelector('img') !== null)), 'there are pictures and nothing else')
  }
  await ben.getByRole('button', { name: 'Close' }).click()
  await status(ben, /Saved/)
})

test('who goes offline writes on, and comes back with it', async () => {
  await browser.withoutNetwork(async () => {
    await ben.context().setOffline(true)
    await status(ben, /Offline/)
    await type(ben, 'What you see above', ' (Ben, offline)')
    await type(ann, 'Things to try', ' (Ann, meanwhile)')
    await sleep(200)
    assert.equal((await editor(ann).innerText()).includes('offline)'), false)
    await ben.context().setOffline(false)
    await status(ben, /Saved/)
  })
  for (const page of [ann, ben]) { await reads(page, '(Ben, offline)'); await reads(page, '(Ann, meanwhile)') }
})

test('what was written without a network is kept while one is on other pages, and comes later', async () => {
  await openPage(ann, 'Welcome')
  await openPage(ben, 'Welcome')
  await place(ben, 'Things to try')
  await browser.withoutNetwork(async () => {
    await ben.context().setOffline(true)
    await status(ben, /Offline/)
    await ben.keyboard.type(' (Ben, and gone)')
    // Its editor was never loaded, and cannot be now.
    await ben.locator('nav').getByRole('link', { name: 'How it fits together' }).click()
    await ben.getByText('The editor could not be loaded').or(ben.getByRole('progressbar')).first().waitFor()
    await ben.getByRole('link', { name: 'Demo workspace' }).click()
    await ben.getByText('“Welcome” has changes that are not on the server yet').waitFor()
    await shot(ben, 'unsent-dark')
    assert.equal((await editor(ann).innerText()).includes('and gone'), false)
    assert.equal(await ben.evaluate(() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))), true, 'the page asks before it closes')
    await ben.context().setOffline(false)
    await reads(ann, '(Ben, and gone)')
    await ben.getByText('not on the server yet').waitFor({ state: 'detached' })
    await until('the page to close without asking', () => ben.evaluate(() => dispatchEvent(new Event('beforeunload', { cancelable: true }))))
  })
  await openPage(ben, 'Welcome')
  await reads(ben, '(Ben, and gone)')
})

test('an editor that cannot be loaded, or breaks, takes nothing else with it', async () => {
  const page = await browser.open('Ben again', dev.url)
  await enter(page, 'Ben')
  const source = '**/src/diagram/DiagramEditor.tsx*'
  await page.route(source, route => route.abort())
  await page.locator('nav').getByRole('link', { name: 'How it fits together' }).click()
  await page.getByText('The editor could not be loaded').waitFor()
  await shot(page, 'not-loaded')
  browser.problems.splice(0) // what the browser says of the file
  await page.unroute(source)
  await page.route(source, route => route.fulfill({ contentType: 'text/javascript', body: 'export default () => { throw new Error("broken on purpose") }' }))
  await page.reload()
  await page.getByText('This page cannot be shown').waitFor()
  assert.ok(browser.problems.splice(0).every(one => /broken on purpose/.test(one)))
  await shot(page, 'broken')
  await openPage(page, 'Welcome')
  await reads(page, 'This page is shared')
  await page.context().close()
})

test('the server is restarted under open pages', async () => {
  await browser.withoutNetwork(async () => {
    await Promise.all([dev.restartPartyd(), type(ann, 'Sign in as Vera', ' while it restarts')])
    await status(ann, /Saved/)
    await status(ben, /Saved/)
  })
  await reads(ben, 'while it restarts')
  await ann.reload()
  await reads(ann, 'while it restarts')
})

test('shapes, order, deleting several, and undo', async () => {
  const room = async page => {
    await page.getByRole('button', { name: 'New diagram' }).first().click()
    await status(page, /Saved/)
  }
  await room(ann)
  await until('Ben to have it', () => ben.getByRole('link', { name: 'Untitled diagram' }).first().isVisible())
  await openPage(ben, 'Untitled diagram')
  for (const page of [ann, ben]) await page.locator('canvas.excalidraw__canvas.interactive').waitFor()
  const boxes = Object.fromEntries(['A', 'B', 'C', 'D', 'E'].map((name, n) => [name, { x: 520 + n * 130, y: 300, width: 90, height: 70 }]))
  const both = [ann, ben]
  for (const name of ['A', 'B', 'C', 'D']) await drawRectangle(ann, boxes[name])
  await showsExactly(both, boxes, ['A', 'B', 'C', 'D'])
  // Excalidraw gives pointers colors of its own.
  const pointer = { x: 1005, y: 595, width: 30, height: 30 }
  assert.equal(await hasColor(ann, pointer, undefined, 'interactive'), false)
  await ben.mouse.move(1000, 600)
  await ben.mouse.move(1010, 600)
  await until('Ben’s pointer at Ann', () => hasColor(ann, pointer, undefined, 'interactive'))
  // To the front, then two others are deleted together.
  await clickOn(ann, boxes.A)
  await ann.keyboard.press('Control+Shift+BracketRight')
  await clickOn(ann, boxes.B)
  await clickOn(ann, boxes.C, ['Shift'])
  await ann.keyboard.press('Delete')
  await showsExactly(both, boxes, ['A', 'D'])
  await drawRectangle(ben, boxes.E)
  await showsExactly(both, boxes, ['A', 'D', 'E'])
  // Takes back what Ann did, and nothing of Ben.
  await ann.keyboard.press('Control+z')
  await showsExactly(both, boxes, ['A', 'B', 'C', 'D', 'E'])
  await ann.keyboard.press('Control+Shift+z')
  await showsExactly(both, boxes, ['A', 'D', 'E'])
})

test('a picture in a diagram is seen by the others, and comes back with the page', async () => {
  const at = { x: 900, y: 560 }
  const middle = { x: at.x - 20, y: at.y - 20, width: 40, height: 40 }
  assert.equal(await hasColor(ben, middle), false)
  await pasteImage(ann, at, '#c81e64')
  await until('the picture at Ann', () => hasColor(ann, middle, '200,30,100'))
  // Not before all of it is with others: whoever goes then loses nothing.
  await status(ann, /Saved/)
  await ann.reload()
  // Excalidraw draws pictures in other colors on a dark page, so that they look the same.
  await until('the picture at Ben', () => isColorful(ben, middle))
  await status(ann, /Saved/)
  await until('the picture after coming back', () => hasColor(ann, { x: 300, y: 130, width: 960, height: 600 }, '200,30,100'))
})

test('a viewer sees everything and changes nothing; with another role that changes at once', async () => {
  vera = await browser.open('Vera', dev.url, { viewport: { width: 390, height: 844 }, colorScheme: 'dark' })
  await enter(vera, 'Vera')
  await shot(vera, 'phone-dark')
  await openPage(vera, 'Welcome')
  await openPage(ann, 'Welcome')
  await reads(vera, 'Ann was here.')
  assert.equal(await editor(vera).getAttribute('contenteditable'), 'false')
  await editor(vera).getByText('This page is shared').click()
  await vera.keyboard.type('I may not')
  await sleep(300)
  assert.equal((await editor(vera).innerText()).includes('I may not'), false)
  await hasPictures(vera, 2)
  await shot(vera, 'document-phone-dark')
  await fits(vera)

  await ann.getByRole('link', { name: 'Demo workspace' }).click()
  await ann.getByLabel('Role of Vera').selectOption('editor')
  await until('Vera to be let write', async () => await editor(vera).getAttribute('contenteditable') === 'true')
  await status(vera, /Saved/)
  await type(vera, 'Welcome', ' from Vera')
  await openPage(ben, 'Welcome')
  await reads(ben, 'from Vera')
  // Adding who is there already gives them the role, as at once.
  await ann.getByLabel('E-mail').fill('vera@example.com')
  await ann.getByLabel('Role', { exact: true }).selectOption('viewer')
  await ann.getByRole('button', { name: 'Add' }).click()
  await until('Vera to be a viewer again', async () => await editor(vera).getAttribute('contenteditable') === 'false')
  await status(vera, /Live/)
})

test('who is removed is out at once, and does not come in again', async () => {
  await ann.getByRole('button', { name: 'Remove Ben' }).click()
  await ben.getByText('You have no access to this workspace').waitFor()
  await until('Ben’s connection to be over', () => ben.locator('.bn-editor').count().then(count => count === 0))
  await ben.reload()
  await ben.getByText('You have no access to this workspace').waitFor()
  await letBenIn()
  // Who goes themselves is asked, and is not told that somebody has done it.
  await ben.getByRole('link', { name: 'Demo workspace' }).click()
  ben.once('dialog', dialog => void dialog.dismiss())
  await ben.getByRole('button', { name: 'Leave the workspace' }).click()
  ben.once('dialog', dialog => void dialog.accept())
  await ben.getByRole('button', { name: 'Leave the workspace' }).click()
  await ben.getByRole('heading', { name: 'Hello, Ben' }).waitFor()
  await until('nothing to be told', async () => new URL(ben.url()).pathname === '/' && await ben.getByRole('alert').count() === 0)
  await letBenIn()
})
async function letBenIn () {
  await ann.getByLabel('E-mail').fill('ben@example.com')
  await ann.getByRole('button', { name: 'Add' }).click()
  await ben.getByRole('link', { name: /Demo workspace/ }).or(ben.locator('nav')).first().waitFor()
  if (new URL(ben.url()).pathname === '/') await ben.getByRole('link', { name: /Demo workspace/ }).click()
  await openPage(ben, 'Welcome')
  await reads(ben, 'from Vera')
}

test('light, dark, wide and narrow: nothing is cut off, and there is something to look at', async () => {
  await openPage(ben, 'How it fits together')
  await openPage(ann, 'How it fits together')
  await vera.context().close()
  for (const page of [ann, ben]) await page.locator('canvas.interactive').waitFor()
  await ben.mouse.move(700, 420)
  await ben.mouse.move(720, 430)
  const sizes = { phone: { width: 390, height: 844 }, wide: { width: 1280, height: 800 } }
  for (const [view, title] of Object.entries({ diagram: 'How it fits together', document: 'Welcome', overview: 'Demo workspace' })) {
    await ann.getByRole('link', { name: title }).locator('visible=true').first().click()
    for (const [width, size] of Object.entries(sizes)) {
      await ann.setViewportSize(size)
      for (const color of ['light', 'dark']) {
        await ann.emulateMedia({ colorScheme: color })
        await until(`the page to be ${color}`, () => ann.evaluate(color => document.documentElement.dataset.theme === color, color))
        await shot(ann, `${view}-${width}-${color}`)
      }
      await fits(ann)
    }
  }
  await ben.getByRole('button', { name: 'Light colors' }).click()
  assert.equal(await ben.evaluate(() => document.documentElement.dataset.theme), 'light')
})
