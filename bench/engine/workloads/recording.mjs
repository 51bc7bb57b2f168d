// Where workloads are written to. NAME.us: a stream of { u32 little-endian length, one V1 update }.
// NAME.v1.bin, NAME.v2.bin: the final state. NAME.sv99.bin: a state vector from 1 % before the end.
import fs from 'node:fs'
import path from 'node:path'
import * as Y from 'yjs'

export class Recording {
  constructor (folder, name) {
    this.path = suffix => path.join(folder, name + suffix)
    this.name = name
    this.updates = []
  }

  /** All that happens in doc from now on. */
  follow (doc) { doc.on('update', update => this.updates.push(update)) }
  add (update) { this.updates.push(update) }
  vector (doc) { fs.writeFileSync(this.path('.sv99.bin'), Y.encodeStateVector(doc)) }

  stream () {
    const parts = []
    let bytes = 0
    for (const update of this.updates) {
      const head = Buffer.alloc(4)
      head.writeUInt32LE(update.length)
      parts.push(head, update)
      bytes += update.length
    }
    fs.writeFileSync(this.path('.us'), Buffer.concat(parts))
    console.log(`${this.name}: ${this.updates.length} updates of ${(bytes / this.updates.length).toFixed(1)} bytes`)
  }

  state (doc) {
    const v1 = Y.encodeStateAsUpdate(doc)
    const v2 = Y.encodeStateAsUpdateV2(doc)
    fs.writeFileSync(this.path('.v1.bin'), v1)
    fs.writeFileSync(this.path('.v2.bin'), v2)
    console.log(`${this.name}: state of ${v1.length} bytes, ${v2.length} in V2`)
  }

  /** Stream and state of what was recorded without a document of its own. */
  close (doc = null) {
    this.stream()
    if (doc === null) {
      doc = new Y.Doc()
      for (const update of this.updates) Y.applyUpdate(doc, update)
    }
    this.state(doc)
  }
}
