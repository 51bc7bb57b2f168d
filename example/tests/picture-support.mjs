// Pictures in a document, as a person puts them in: from the menu and from the clipboard.
import { until } from './support.mjs'

const SIDE = 200

/** A picture that cannot be packed: its bytes are as many as its points have. In the page, as what `JSON` can hold. */
const noise = page => page.evaluate(async side => {
  const canvas = Object.assign(document.createElement('canvas'), { width: side, height: side })
  const context = canvas.getContext('2d')
  const image = context.createImageData(side, side)
  for (let i = 0; i < image.data.length; i++) image.data[i] = i % 4 === 3 ? 255 : Math.random() * 256
  context.putImageData(image, 0, 0)
  return canvas.toDataURL('image/png').split(',')[1]
}, SIDE)

/** At the caret, with / and the panel of the block. @returns its bytes. */
export async function uploadPicture (page) {
  const buffer = Buffer.from(await noise(page), 'base64')
  await page.evaluate(() => new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)))) // the editor knows where the caret is
  await page.keyboard.press('Enter')
  await page.keyboard.type('/image', { delay: 20 })
  await page.getByRole('option', { name: /Image/ }).waitFor()
  await page.keyboard.press('Enter')
  await page.locator('.bn-panel input[type=file]').setInputFiles({ name: 'noise.png', mimeType: 'image/png', buffer })
  return buffer.length
}

/** At the caret, as from the clipboard. */
export const pastePicture = async page => await pasteFile(page, 'noise.png', 'image/png', await noise(page))
export const pasteFile = (page, name, type, base64) => page.evaluate(([name, type, base64]) => {
  const bytes = Uint8Array.from(atob(base64), char => char.charCodeAt(0))
  const data = new DataTransfer()
  data.items.add(new File([bytes], name, { type }))
  document.querySelector('.bn-editor').dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
}, [name, type, base64])

/** Waits until the page shows so many of them, whole. */
export async function hasPictures (page, wanted) {
  let seen
  await until(() => `${wanted} pictures, not ${seen}`, async () => {
    seen = await page.locator('.bn-editor img.bn-visual-media').evaluateAll((all, side) => all.filter(one => one.complete && one.naturalWidth === side).length, SIDE)
    return seen === wanted
  })
}
