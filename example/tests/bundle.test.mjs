// What a browser has to load before each editor is there, of the built application.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import zlib from 'node:zlib'
import { build } from 'vite'

/** Bytes of JavaScript after gzip -9. With BlockNote's menus the document's would be too many: they are loaded after it. */
const DOCUMENT_MAX = 400_000
const DIAGRAM_MAX = 490_000

test('each view loads its own JavaScript and no more', async () => {
  const outDir = fs.mkdtempSync(path.join(os.tmpdir(), 'partyd-bundle-'))
  try {
    await build({ logLevel: 'warn', build: { outDir, emptyOutDir: true } })
    const manifest = JSON.parse(fs.readFileSync(path.join(outDir, '.vite/manifest.json'), 'utf8'))
    const sizeOf = file => zlib.gzipSync(fs.readFileSync(path.join(outDir, file)), { level: 9 }).length
    // The chunk of diagrams is named after something in Excalidraw.
    const views = manifest['index.html'].dynamicImports
    const document = views.find(key => manifest[key].name === 'DocumentEditor')
    const [diagram, ...more] = views.filter(key => key !== document)
    assert.deepEqual(more, [], 'there are two views that are loaded when they are needed')
    for (const [view, max] of [[document, DOCUMENT_MAX], [diagram, DIAGRAM_MAX]]) {
      const chunks = chunksOf(manifest, 'index.html', chunksOf(manifest, view, new Set()))
      const bytes = [...chunks].reduce((sum, key) => sum + sizeOf(manifest[key].file), 0)
      console.log(`${view}: ${bytes} bytes of at most ${max}`)
      assert.ok(bytes <= max, `${view} needs ${bytes} bytes of JavaScript, at most ${max} are meant`)
    }
    const page = fs.readFileSync(path.join(outDir, 'index.html'), 'utf8')
    assert.doesNotMatch(page, /https?:\/\//, 'the page names another host')
    assert.ok(fs.existsSync(path.join(outDir, 'excalidraw/fonts/Excalifont')), 'the fonts of diagrams are not beside the page')
  } finally {
    fs.rmSync(outDir, { recursive: true, force: true })
  }
})

/** A chunk and what it imports, without what is loaded later. */
function chunksOf (manifest, key, seen) {
  assert.ok(manifest[key], `the build has no ${key}`)
  if (!seen.has(key)) {
    seen.add(key)
    for (const imported of manifest[key].imports ?? []) chunksOf(manifest, imported, seen)
  }
  return seen
}
