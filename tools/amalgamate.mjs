// node tools/amalgamate.mjs OUTDIR: libydoc as two files, ydoc.h and ydoc.c, to be compiled into any
// C11 or C++ program. Public headers become ydoc.h as they are. In ydoc.c everything that is not
// public is static: prototypes of private headers get the word in front, and a definition follows
// its prototype.
import fs from 'node:fs'
import path from 'node:path'

const [out] = process.argv.slice(2)
if (!out) {
  console.error('usage: amalgamate.mjs OUTDIR')
  process.exit(2)
}
const root = path.join(path.dirname(new URL(import.meta.url).pathname), '..')
const read = file => fs.readFileSync(path.join(root, file), 'utf8')
const files = (folder, suffix) => fs.readdirSync(path.join(root, folder)).filter(f => f.endsWith(suffix)).sort().map(f => `${folder}/${f}`)
const version = read('VERSION').trim()
const [major, minor, patch] = version.split(/[.-]/)

const system = new Set()
const LOCAL = /^#include "(.+)"\n/gm
const SYSTEM = /^#include <(.+)>\n/gm

/** Files in an order in which each comes behind what it includes; `find` gives the path of a name. */
function ordered (list, find) {
  const order = []
  const visit = file => {
    if (order.includes(file)) return
    for (const [, name] of read(file).matchAll(LOCAL)) {
      const other = find(name, file)
      if (other) visit(other)
    }
    order.push(file)
  }
  list.forEach(visit)
  return order
}

/** The text of a file without what it includes. */
function body (file) {
  const text = read(file)
  for (const [, name] of text.matchAll(SYSTEM)) system.add(name)
  return text.replace(LOCAL, '').replace(SYSTEM, '').replace(/\n{3,}/g, '\n\n').trim() + '\n'
}
const banner = file => `\n/* ======== ${file.replace('libydoc/', '')} ======== */\n`

const publicHeaders = ordered(files('libydoc/include/ydoc', '.h'), name => name.startsWith('ydoc/') && `libydoc/include/${name}`)
const head = `/* ydoc.h - libydoc ${version}: a Yjs document in C. Made from its source by tools/amalgamate.mjs.
 *
 * Threads: no globals, no locks. An object (document, cold document, buffer) belongs to one thread
 * at a time; different objects share nothing but the allocator that they were given, which has to be
 * safe for all threads that use it. Functions on plain bytes may be called from any thread.
 * License: see the file LICENSE beside this one. */
#ifndef YDOC_H
#define YDOC_H

#define YDOC_VERSION       "${version}"
#define YDOC_VERSION_MAJOR ${Number(major)}
#define YDOC_VERSION_MINOR ${Number(minor)}
#define YDOC_VERSION_PATCH ${Number(patch)}
`
const header = head + publicHeaders.map(f => banner(f) + body(f).replace(/^#include/gm, '#include')).join('')
const includes = names => names.map(name => `#include <${name}>`).join('\n')
const headerSystem = includes([...system].sort())
system.clear()

const privateHeaders = ordered(files('libydoc/src', '.h'), (name, from) => fs.existsSync(path.join(root, path.dirname(from), name)) && `${path.dirname(from)}/${name}`)
/** Puts `static` in front of prototypes: what begins at the margin, is no typedef and ends in `);`. */
function hidden (text) {
  return text.replace(/^(?!static|typedef|struct \w+ \{|#|\/|\*| |\}|extern|_Static)([A-Za-z_][^;{}#]*?\byd_\w+\([^;{}]*\)( __attribute__\(\(\w+\)\))?;)/gm, 'static $1')
}
/** Macros of a .c file end with it. */
const undefs = text => [...new Set([...text.matchAll(/^#define (\w+)/gm)].map(([, name]) => `#undef ${name}`))].join('\n')
const parts = [
  ...privateHeaders.map(f => banner(f) + hidden(body(f))),
  ...files('libydoc/src', '.c').map(f => { const text = body(f); return banner(f) + text + undefs(text) + '\n' })
]
const source = `/* ydoc.c - libydoc ${version}. Made from its source by tools/amalgamate.mjs; edit that. */
#include "ydoc.h"

${includes([...system].filter(name => !headerSystem.includes(`<${name}>`)).sort())}
${parts.join('')}`

fs.mkdirSync(out, { recursive: true })
fs.writeFileSync(path.join(out, 'ydoc.h'), header.replace('#define YDOC_VERSION ', `${headerSystem}\n\n#define YDOC_VERSION `) + '\n#endif /* YDOC_H */\n')
fs.writeFileSync(path.join(out, 'ydoc.c'), source)
fs.writeFileSync(path.join(out, 'ydoc.pc'), `prefix=/usr/local
includedir=\${prefix}/include
libdir=\${prefix}/lib

Name: ydoc
Description: a Yjs document in C
Version: ${version}
Cflags: -I\${includedir}
Libs: -L\${libdir} -lydoc
`)
for (const [from, to] of [['LICENSE', 'LICENSE'], ['libydoc/dist/README.md', 'README.md'], ['libydoc/example/example.c', 'example.c']]) {
  fs.copyFileSync(path.join(root, from), path.join(out, to))
}
