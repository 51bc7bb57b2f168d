// Writes partyd.schema.json and config.d.ts of npm/partyd from the settings of the server: `make npm-types`.
//   node tools/npm-types.mjs PARTYD OUT
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'

const [, , partyd, out] = process.argv
const text = execFileSync(partyd, ['settings', '--schema'], { encoding: 'utf8' })
const schema = JSON.parse(text)

const { rooms, backup } = schema.properties
const sink = backup.anyOf.find(each => each.type === 'object').additionalProperties
const named = new Map([[rooms.additionalProperties, 'RoomConfig'], [sink, 'SinkConfig']])

/** A type as text; the named ones are written out on the outermost level only. */
function type (part, depth) {
  if (depth > 0 && named.has(part)) return named.get(part)
  if (part.const !== undefined) return `'${part.const}'`
  if (part.enum !== undefined) return part.enum.map(value => `'${value}'`).join(' | ')
  if (part.anyOf !== undefined) return part.anyOf.map(each => type(each, depth)).join(' | ')
  if (part.type === 'array') return `${type(part.items, depth)}[]`
  if (part.type === 'object' && part.properties !== undefined) return `{\n${members(part, depth + 1)}${'  '.repeat(depth)}}`
  if (part.type === 'object') return `{ [name: string]: ${type(part.additionalProperties, depth)} }`
  return part.type === 'integer' ? 'number' : part.type
}
function comment (part) {
  const range = part.minimum === undefined ? '' : ` (${part.minimum} to ${part.maximum ?? 'any'})`
  const initial = part.default === undefined || part.default === '' ? '' : `; default ${part.default}`
  return part.description === undefined ? range.trim() : `${part.description}${range}${initial}`
}
function members (part, depth) {
  const pad = '  '.repeat(depth)
  return Object.entries(part.properties).map(([name, member]) => {
    const key = /^[A-Za-z_$]+$/.test(name) ? name : `'${name}'`
    const text = comment(member)
    return `${text === '' ? '' : `${pad}/** ${text} */\n`}${pad}${key}${part.required?.includes(name) ? '' : '?'}: ${type(member, depth)}\n`
  }).join('')
}

writeFileSync(path.join(out, 'partyd.schema.json'), text)
writeFileSync(path.join(out, 'config.d.ts'), `// Made from the settings of the server by tools/npm-types.mjs; do not edit.

/** partyd.json */
export interface PartydConfig ${type(schema, 0)}
/** What holds for the rooms of a pattern. */
export interface RoomConfig ${type(rooms.additionalProperties, 0)}
/** Where backups go. */
export type SinkConfig = ${type(sink, 0)}
`)
