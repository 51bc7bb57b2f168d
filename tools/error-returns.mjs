#!/usr/bin/env node
// error-returns.mjs EXPORT [MOST]: which error returns no test took, from `llvm-cov export`. An error return is an error by
// its name (not compared with, not a case) or a YD_TRY that passes one on. Fails if more than MOST are left (default none)
// beside those that error-returns.txt excepts, and if one of these was taken.
import fs from 'node:fs'

const [exported, most = '0'] = process.argv.slice(2)
const files = JSON.parse(fs.readFileSync(exported)).data[0].files.filter(f => /libydoc\/src\/[^/]*\.[ch]$/.test(f.filename))
const short = name => name.replace(/^.*libydoc\/src\//, '')

/** How often the code at a place ran: the count of the last segment that begins at or before it. */
function countAt (segments, line, column) {
  let count = null
  for (const [l, c, n, counted] of segments) {
    if (l > line || (l === line && c > column)) break
    count = counted ? n : null
  }
  return count
}

/** { line: how often an error came out of it } for each error return of a file. */
function returnsOf (file) {
  const found = new Map()
  const note = (line, count) => found.set(line, Math.max(count, found.get(line) ?? 0))
  const text = fs.readFileSync(file.filename, 'utf8').split('\n')
  text.forEach((row, i) => {
    const code = row.replace(/\/\/.*|\/\*.*/, '')
    for (const m of code.matchAll(/(?<![=!]= |case )\bYD_E[A-Z]+\b(?! =)/g)) {
      if (m[0] === 'YD_EMPTY' || /^\s*(\*|#)/.test(row)) continue
      const count = countAt(file.segments, i + 1, m.index + 1)
      if (count !== null) note(i + 1, count)
    }
  })
  // The macro has one condition; its true side is the return.
  for (const { source_region: at, branches } of file.expansions) {
    const line = at[0]
    if (!text[line - 1].includes('YD_TRY(')) continue
    for (const branch of branches) note(line, branch[4])
  }
  return [...found].map(([line, count]) => ({ line, count, text: text[line - 1].trim() }))
}

/** Returns that no test can take, with the reason: "file | code | reason" in error-returns.txt. */
const excepted = fs.readFileSync(new URL('error-returns.txt', import.meta.url), 'utf8').split('\n')
  .filter(row => row.trim() !== '' && !row.startsWith('#'))
  .map(row => {
    const [file, code, reason] = row.split(' | ')
    if (!reason) throw new Error(`error-returns.txt: not "file | code | reason": ${row}`)
    return { file, code, found: 0 }
  })

let all = 0
let left = 0
let excused = 0
let wrong = 0
for (const file of files.sort((a, b) => a.filename < b.filename ? -1 : 1)) {
  for (const { line, count, text } of returnsOf(file).sort((a, b) => a.line - b.line)) {
    all++
    const name = short(file.filename)
    const exception = excepted.find(e => e.file === name && e.code === text)
    if (exception) exception.found++
    if (exception && count > 0) {
      console.log(`returned, though excepted in error-returns.txt: libydoc/src/${name}:${line}: ${text}`)
      wrong++
    } else if (exception) {
      excused++
    } else if (count === 0) {
      left++
      console.log(`never returned: libydoc/src/${name}:${line}: ${text}`)
    }
  }
}
for (const { file, code } of excepted.filter(e => e.found !== 1)) {
  console.log(`excepted in error-returns.txt, but not one line of the source: ${file}: ${code}`)
  wrong++
}
console.log(`error returns: ${all - left - excused} of ${all} taken, ${excused} excepted, ${left} left`)
process.exit(wrong > 0 || left > Number(most) ? 1 : 0)
