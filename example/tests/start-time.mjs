// node tests/start-time.mjs: seconds from `npm run dev:offline` to both editors usable, in a browser that
// is open already. The first start after `npm install` is slower: Vite prepares the packages once.
import { enter, openBrowser, openPage, startDev } from './support.mjs'

const RUNS = 3
const browser = await openBrowser()
const results = []
for (let run = 0; run <= RUNS; run++) {
  const started = performance.now()
  const seconds = () => ((performance.now() - started) / 1000).toFixed(1)
  const dev = await startDev()
  const ready = seconds()
  const usable = async (name, title, selector) => {
    const page = await browser.open(name, dev.url)
    await enter(page, name)
    await openPage(page, title)
    await page.locator(selector).first().waitFor()
    const at = seconds()
    return { at, close: () => page.context().close() }
  }
  const [document, diagram] = await Promise.all([
    usable('Ann', 'Welcome', '.bn-editor[contenteditable=true]'),
    usable('Ben', 'How it fits together', '[data-testid="toolbar-rectangle"]')
  ])
  results.push({ ready, document: document.at, diagram: diagram.at })
  console.log(run === 0 ? 'to get warm:' : `run ${run}:`, results.at(-1))
  await Promise.all([document.close(), diagram.close()])
  await dev.stop()
}
await browser.close()
