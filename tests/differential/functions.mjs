// What yjs makes of updates without a document: merged, cut, converted, looked at.
import * as Y from 'yjs'
import { hex } from './oracle.mjs'

const asV2 = ({ v, bytes }) => v === 2 ? bytes : Y.convertUpdateFormatV1ToV2(bytes)
const asV1 = ({ v, bytes }) => v === 1 ? bytes : Y.convertUpdateFormatV2ToV1(bytes)

/** Whether one update has collected what another has as an item: which of them yjs keeps is up to its sorting. */
function isAmbiguous (updates) {
  const spans = updates.flatMap(update => Y.decodeUpdateV2(asV2(update)).structs)
    .filter(struct => !(struct instanceof Y.Skip))
    .map(struct => ({ client: struct.id.client, from: struct.id.clock, to: struct.id.clock + struct.length, gc: struct instanceof Y.GC }))
  const gcs = spans.filter(span => span.gc)
  return gcs.some(gc => spans.some(span => !span.gc && span.client === gc.client && span.from < gc.to && gc.from < span.to))
}

/** A vector that knows about half of what another does. */
function half (sv) {
  const clocks = [...Y.decodeStateVector(sv)].map(([client, clock], i) => [client, i % 3 === 0 ? clock : clock >> 1])
  return Y.encodeStateVector(new Map(clocks))
}

/** The questions about the updates of a session, each with the answer that yjs gives. */
export function functionQuestions (updates, sv) {
  const list = []
  const say = (question, bytes) => list.push([question, { ok: true, hex: hex(bytes) }])
  const v1 = updates.map(asV1)
  const v2 = updates.map(asV2)
  const other = half(sv)
  const clear = !isAmbiguous(updates)
  const merged = [Y.mergeUpdates(v1), Y.mergeUpdatesV2(v2)]
  if (clear && updates.length > 0) {
    say(`merge v1 ${v1.map(hex).join(' ')}`, merged[0])
    say(`merge v2 ${v2.map(hex).join(' ')}`, merged[1])
  }
  for (const [a, b] of [[v1.at(-1), v2.at(-1)], merged]) {
    if (a === undefined) continue
    say(`convert v1 ${hex(a)}`, Y.convertUpdateFormatV1ToV2(a))
    say(`convert v2 ${hex(b)}`, Y.convertUpdateFormatV2ToV1(b))
    say(`vector v1 ${hex(a)}`, Y.encodeStateVectorFromUpdate(a))
    say(`vector v2 ${hex(b)}`, Y.encodeStateVectorFromUpdateV2(b))
    say(`obfuscate v1 v1 ${hex(a)}`, Y.obfuscateUpdate(a))
    say(`obfuscate v2 v2 ${hex(b)}`, Y.obfuscateUpdateV2(b))
    say(`obfuscate v2 v2 ${hex(b)} marks names`, Y.obfuscateUpdateV2(b, { formatting: false, yxml: false }))
    say(`obfuscate v1 v1 ${hex(a)} subdocs`, Y.obfuscateUpdate(a, { subdocs: false }))
    for (const target of [sv, other, new Uint8Array([0])]) {
      say(`diff v1 ${hex(a)} ${hex(target)}`, Y.diffUpdate(a, target))
      say(`diff v2 ${hex(b)} ${hex(target)}`, Y.diffUpdateV2(b, target))
    }
  }
  return list
}
