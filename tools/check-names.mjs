#!/usr/bin/env node
// The tables of the documents below name tests. Each name has to be one in the sources, or a part of one:
//
//   *part of a name*                  of any test; … stands for what a loop fills in
//   *part of a name* (`file`, ...)    of a test in each of these files
//   `file`, `file` (S4, S22)          each of these ids begins the name of a test in one of these files
//   B1, B4 in `file`, `file`          each does in one of these
//   S4, L8                            some test's name begins so
//   `file.test.mjs`, `name_test`, `make target`, `crash command`: there is one
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

const DOCUMENTS = process.argv.length > 2 ? process.argv.slice(2) : ['docs/testing.md', 'docs/protocol.md', 'docs/network.md']
const ID = '[BCURPSWHADOEL][0-9]+'
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', 'tests', 'example/tests', 'edge', 'Makefile'], { encoding: 'utf8' }).split('\n').filter(f => f !== '' && fs.existsSync(f))
const read = file => fs.readFileSync(file, 'utf8')

/** What a source calls its tests, in words. */
function namesIn (file) {
  const text = read(file)
  if (file.endsWith('.c')) {
    return [...text.matchAll(/\b([a-z][a-z0-9_]+)\(void \*\*/g)].map(([, name]) => name.replace(/^([a-z][0-9]+)_/, '$1: ').replaceAll('_', ' '))
  }
  return [...text.matchAll(/\b(?:test|it|describe)\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g)].map(([, , name]) => name.replace(/\$\{[^}]*\}/g, '…').replaceAll('\\', ''))
}
const names = new Map(files.filter(f => /\.mjs$|^tests\/.*_test\.c$/.test(f)).map(f => [f, namesIn(f).map(name => name.toLowerCase())]))

/** The sources that a word in backquotes means; a star stands for anything. */
function sourcesOf (word) {
  const pattern = new RegExp(`^${word.replace(/(\.test\.mjs|\.mjs|\.c)$/, '').replaceAll('.', '\\.').replaceAll('*', '.*')}(\\.test\\.mjs|\\.mjs|\\.c)$`)
  return [...names.keys()].filter(f => pattern.test(path.basename(f)) || pattern.test(f) || pattern.test(f.replace(/^tests\//, '')))
}
const has = (sources, name) => sources.some(f => names.get(f).some(known => known.includes(name.toLowerCase())))
const begins = (sources, id) => sources.some(f => names.get(f).some(known => new RegExp(`(^|[a-z0-9] )${id}\\b`, 'i').test(known.slice(0, 20))))
const everywhere = [...names.keys()]
const words = text => [...text.matchAll(/`([^`]+)`/g)].map(([, word]) => word)
const ids = text => text.match(new RegExp(`\\b${ID}\\b`, 'g')) ?? []

/** All that is wrong with a row. */
function* mistakes (row) {
  for (const [, name, , list] of row.matchAll(/(?<![\w*`\\])\*([^*|]+)\*(?![\w*])( \((`[^)]*)\))?/g)) {
    if (list === undefined) {
      if (!has(everywhere, name)) yield `no test is called "${name}"`
    } else for (const word of words(list)) if (!has(sourcesOf(word), name)) yield `no test in ${word} is called "${name}"`
  }
  for (const [, places, list] of row.matchAll(new RegExp(`(\`[^\`]+\`(?:, \`[^\`]+\`)*) \\((${ID}(?:(?:, | to )${ID})*)\\)`, 'g'))) {
    for (const id of ids(list)) if (!begins(words(places).flatMap(sourcesOf), id)) yield `no test in ${places} begins with ${id}`
  }
  for (const [, list, places] of row.matchAll(new RegExp(`((?:${ID}, )*${ID}) in (\`[^\`]+\`(?:(?:, | and )\`[^\`]+\`)*)`, 'g'))) {
    for (const id of ids(list)) if (!begins(words(places).flatMap(sourcesOf), id)) yield `no test in ${places} begins with ${id}`
  }
  for (const id of ids(row.replace(/`[^`]*`/g, ''))) if (!begins(everywhere, id)) yield `no test begins with ${id}`
  for (const word of words(row)) {
    if (/^[\w/*-]+(\.test\.mjs|_test)$/.test(word) && sourcesOf(word).length === 0) yield `there is no ${word}`
    const target = /(?:^| )make (?:[A-Z]+=\S+ )*([a-z][a-z0-9-]*)(?= |$)/.exec(word)?.[1]
    if (target !== undefined && !new RegExp(`^([a-z0-9-]+ )*${target}( [a-z0-9-]+)*:`, 'm').test(read('Makefile'))) yield `there is no make ${target}`
    const command = /^crash ([a-z]+)/.exec(word)?.[1]
    if (command !== undefined && !files.some(f => f.startsWith('tests/crash/') && read(f).includes(`"${command}"`))) yield `there is no crash ${command}`
  }
}

let bad = 0, quoted = 0
for (const document of DOCUMENTS.filter(d => fs.existsSync(d))) {
  for (const [n, row] of read(document).split('\n').entries()) {
    if (!row.startsWith('|')) continue
    quoted += row.match(/(?<![\w*`\\])\*[^*|]+\*(?![\w*])/g)?.length ?? 0
    for (const mistake of mistakes(row)) {
      console.error(`check-names: ${document}:${n + 1}: ${mistake}`)
      bad++
    }
  }
}
if (quoted === 0) {
  console.error('check-names: no names of tests found in the tables')
  bad++
}
process.exit(bad > 0 ? 1 : 0)
