// Drawing with the mouse, and looking at what is on the canvas.
import { until } from './support.mjs'

/** A rectangle by its corners, in the window. */
export async function drawRectangle (page, { x, y, width, height }) {
  await page.keyboard.press('2')
  await page.mouse.move(x, y)
  await page.mouse.down()
  await page.mouse.move(x + width / 2, y + height / 2, { steps: 4 })
  await page.mouse.move(x + width, y + height, { steps: 4 })
  await page.mouse.up()
  await page.keyboard.press('Escape')
}
/** On its upper edge: a rectangle without a filling is touched there only. */
export const clickOn = async (page, { x, y, width }, modifiers = []) => {
  for (const key of modifiers) await page.keyboard.down(key)
  await page.mouse.click(x + width / 3, y)
  for (const key of modifiers) await page.keyboard.up(key)
}

/** The colors in a part of the drawing (or of what is above it), as "r,g,b", without those of the background. */
const colors = (page, { x, y, width, height }, layer = 'static') => page.evaluate(([box, layer]) => {
  const canvas = document.querySelector(`canvas.excalidraw__canvas.${layer}`)
  if (canvas === null) return []
  const at = canvas.getBoundingClientRect()
  const scale = canvas.width / at.width
  const { data } = canvas.getContext('2d').getImageData((box.x - at.x) * scale, (box.y - at.y) * scale, box.width * scale, box.height * scale)
  const found = new Set()
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 0) found.add(data.slice(i, i + 3).join())
  found.delete('255,255,255')
  return [...found]
}, [{ x, y, width, height }, layer])

const upperEdge = ({ x, y, width }) => ({ x: x + width / 4, y: y - 4, width: width / 2, height: 8 })
const isDrawn = async (page, box) => (await colors(page, upperEdge(box))).length > 0

/** `boxes`: {name: box}; waits until exactly those named are on the canvas of each page. */
export async function showsExactly (pages, boxes, names) {
  for (const [n, page] of pages.entries()) {
    let seen
    await until(() => `page ${n + 1} to show ${names}, not ${seen}`, async () => {
      const drawn = await Promise.all(Object.entries(boxes).map(async ([name, box]) => await isDrawn(page, box) ? name : null))
      seen = drawn.filter(name => name !== null).join()
      return seen === names.join()
    })
  }
}
/** Without `color`: any. Pointers and selections are on the layer "interactive". */
export async function hasColor (page, box, color, layer) {
  const found = await colors(page, box, layer)
  return color === undefined ? found.length > 0 : found.includes(color)
}

/** Something that is not grey, as what stands for a picture that is not there yet is. */
export const isColorful = async (page, box) => (await colors(page, box)).some(color => {
  const parts = color.split(',').map(Number)
  return Math.max(...parts) - Math.min(...parts) > 40
})

/** Pastes a picture of one color, as from the clipboard. */
export async function pasteImage (page, { x, y }, color) {
  await page.mouse.move(x, y)
  await page.evaluate(async color => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 120, height: 120 })
    const context = canvas.getContext('2d')
    context.fillStyle = color
    context.fillRect(0, 0, 120, 120)
    const blob = await new Promise(resolve => canvas.toBlob(resolve, 'image/png'))
    const data = new DataTransfer()
    data.items.add(new File([blob], 'square.png', { type: 'image/png' }))
    document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }))
  }, color)
}
