// The binding of diagrams among several writers, without a browser: Excalidraw is a list of elements here
// that does what its rules say; binding, order and merge are the application's own.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import * as esbuild from 'esbuild'
import * as Y from 'yjs'

const example = fileURLToPath(new URL('..', import.meta.url))
const out = path.join(example, 'node_modules/.cache/binding-test', `${process.pid}.mjs`)
/** What the binding takes from Excalidraw, which itself runs in browsers only. */
const EXCALIDRAW = `
export const CaptureUpdateAction = { NEVER: 'NEVER' }
export const isInvisiblySmallElement = element => element.width === 0
export const restoreElements = elements => elements.map(element => ({ ...element }))
`
let DiagramBinding, readScene, inOrder
before(async () => {
  await esbuild.build({
    stdin: { contents: 'export * from "./binding.ts"; export * from "./scene.ts"', resolveDir: path.join(example, 'src/diagram') },
    outfile: out, bundle: true, format: 'esm', platform: 'node',
    plugins: [{
      name: 'excalidraw',
      setup (build) {
        build.onResolve({ filter: /^@excalidraw/ }, () => ({ path: 'excalidraw', namespace: 'here' }))
        build.onLoad({ filter: /.*/, namespace: 'here' }, () => ({ contents: EXCALIDRAW }))
      }
    }]
  })
  ;({ DiagramBinding, readScene, inOrder } = await import(pathToFileURL(out).href))
})
after(() => fs.rmSync(out, { force: true }))

/** A seeded generator (mulberry32): a failure is played again by its seed. */
function random (seed) {
  return n => {
    seed = (seed + 0x6D2B79F5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % n
  }
}

class Person {
  constructor (name, below) {
    Object.assign(this, { name, below, elements: [], made: 0, dragged: null, inbox: [] })
    this.doc = new Y.Doc()
    this.shared = this.doc.getMap('elements')
    const api = {
      getSceneElementsIncludingDeleted: () => this.elements,
      getAppState: () => ({ selectedElementIds: { [this.dragged]: true }, selectedElementsAreBeingDragged: this.dragged !== null }),
      // Excalidraw has it at once, and says so when React has drawn it.
      updateScene: ({ elements }) => { this.elements = [...elements]; this.drawn?.(); setTimeout(() => this.changed(), 10) }
    }
    this.binding = new DiagramBinding(this.shared, api, [], () => true)
  }

  get live () { return this.elements.filter(element => !element.isDeleted) }
  changed () { this.binding.onChange(this.elements, { newElement: null }) }
  edit (element, change) {
    const next = { ...element, ...change, version: element.version + 1, versionNonce: this.below(1e9) }
    this.elements = this.elements.map(one => one.id === element.id ? next : one)
  }

  /** One thing that a person does. */
  act () {
    const { below } = this
    const live = this.live
    const one = live[below(Math.max(live.length, 1))]
    switch (one === undefined ? 0 : below(6)) {
      case 0: case 1:
        this.elements = [...this.elements, { id: `${this.name}${this.made++}`, width: 1 + below(9), version: 1, versionNonce: below(1e9), index: `a${below(10)}`, isDeleted: false }]
        break
      case 2: this.edit(one, { width: 1 + below(99) }); break
      case 3: this.edit(one, { index: `a${below(10)}` }); break
      case 4: for (const element of live.filter(() => below(3) === 0)) this.edit(element, { isDeleted: true }); break
      case 5: {
        const gone = this.elements.find(element => element.isDeleted)
        if (gone !== undefined) this.edit(gone, { isDeleted: false }) // undo
        this.dragged = this.dragged === null ? one.id : null
      }
    }
    this.elements = inOrder([...this.elements]) // Excalidraw's list is always in the order of its indices
    this.changed()
  }
}

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
const seen = elements => elements.map(({ id, index, width, version, versionNonce }) => ({ id, index, width, version, versionNonce }))

async function play (seed) {
  const below = random(seed)
  const everybody = ['a', 'b', 'c'].map(name => new Person(name, below))
  for (const person of everybody) {
    person.doc.on('update', (update, origin) => {
      if (origin !== 'network') for (const other of everybody) if (other !== person) other.inbox.push(update)
    })
  }
  const deliver = (person, n) => { for (const update of person.inbox.splice(0, n)) Y.applyUpdate(person.doc, update, 'network') }
  for (let step = 0; step < 60; step++) {
    const person = everybody[below(3)]
    if (below(3) === 0) deliver(person, 1 + below(4))
    else person.act()
    if (below(4) === 0) person.binding.write()
    if (below(8) === 0) await sleep(20)
  }
  for (let round = 0; round < 8; round++) {
    for (const person of everybody) { person.dragged = null; person.binding.write() }
    for (const person of everybody) deliver(person, Infinity)
    await sleep(25)
  }
  const [first] = everybody
  for (const person of everybody) check(person, first, seed)
  for (const element of first.live) first.edit(element, { isDeleted: true })
  first.changed()
  first.binding.write()
  for (const person of everybody) deliver(person, Infinity)
  await sleep(25)
  for (const person of everybody) {
    assert.deepEqual([person.live, person.shared.size], [[], 0], `seed ${seed}: what is deleted is gone for ${person.name}`)
    person.binding.destroy()
  }
}
function check (person, first, seed) {
  assert.deepEqual(seen(person.live), seen(readScene(person.shared)), `seed ${seed}: ${person.name} draws what its room holds`)
  assert.deepEqual(seen(person.live), seen(first.live), `seed ${seed}: ${person.name} and ${first.name} see the same`)
}

test('whatever several people do at once, all see the same in the end, and it is what the room holds', async () => {
  const seeds = Number(process.env.SEEDS ?? 200)
  const first = Number(process.env.SEED ?? 1)
  const all = Array.from({ length: seeds }, (_, n) => first + n)
  for (let n = 0; n < all.length; n += 50) await Promise.all(all.slice(n, n + 50).map(play))
})

test('what comes in between, before the editor has said what it shows, is not written over', async () => {
  const below = random(1)
  const [a, b] = ['a', 'b'].map(name => new Person(name, below))
  for (const [one, other] of [[a, b], [b, a]]) {
    one.doc.on('update', (update, origin) => { if (origin !== 'network') Y.applyUpdate(other.doc, update, 'network') })
  }
  b.drawn = () => b.binding.write() // its timer may end at any moment
  const says = async change => {
    change()
    a.changed()
    a.binding.write()
    await sleep(60)
    assert.deepEqual([seen(b.live), seen(readScene(b.shared))], [seen(a.live), seen(a.live)])
  }
  const element = { id: 'x', width: 1, version: 1, versionNonce: 1, index: 'a1', isDeleted: false }
  await says(() => { a.elements = [element] })
  await says(() => a.edit(a.elements[0], { width: 2 }))
  assert.equal(a.live[0].width, 2)
  await says(() => a.edit(a.elements[0], { isDeleted: true }))
  await says(() => a.edit(a.elements[0], { isDeleted: false })) // undo
  assert.equal(a.live.length, 1)
  for (const person of [a, b]) person.binding.destroy()
})
