// Rich text as HTML, Markdown and plain text (ydoc/export.h), natively and as wasm, against what
// BlockNote makes of the same documents (recorded: tests/peers/blocknote.mjs), and against a Markdown parser.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { after, describe, test } from 'node:test'
import MarkdownIt from 'markdown-it'
import * as Y from 'yjs'
import { hex, nativeEngine, wasmEngine } from '../support/engine.mjs'

const engines = [nativeEngine(process.env.YDOC ?? '../build/ydoc'), await wasmEngine(process.env.WASM ?? '../build/wasm/ydoc.wasm')]
after(() => engines.forEach(engine => engine.end()))
const markdown = new MarkdownIt({ html: true })

/** All three forms of a root, the same from every engine. */
async function exported (update, name = 'x') {
  const all = []
  for (const engine of engines) {
    await engine.ask('new')
    assert.equal((await engine.ask(`apply v1 ${hex(update)}`)).ok, true)
    const forms = {}
    for (const form of ['html', 'markdown', 'plain']) {
      const answer = await engine.ask(`${form} ${name}`)
      assert.equal(answer.ok, true, `${form}: ${answer.error}`)
      forms[form] = Buffer.from(answer.hex === '-' ? '' : answer.hex, 'hex').toString()
    }
    forms.roots = (await engine.ask('roots')).value
    await engine.ask('check')
    all.push(forms)
  }
  assert.deepEqual(all[0], all[1])
  return all[0]
}

/** A document of elements: ['name', {attributes}, ...children]; a child may be text or [text, marks][]. */
function element ([name, attributes, ...children]) {
  const node = new Y.XmlElement(name)
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
  node.insert(0, children.map(child => {
    if (typeof child === 'string') return new Y.XmlText(child)
    if (Array.isArray(child[0])) {
      const text = new Y.XmlText()
      text.applyDelta(child.map(([insert, attributes]) => ({ insert, attributes })))
      return text
    }
    return element(child)
  }))
  return node
}
function rich (...blocks) {
  const doc = new Y.Doc()
  doc.getXmlFragment('x').insert(0, blocks.map(element))
  return Y.encodeStateAsUpdate(doc)
}
const p = (...children) => ['paragraph', {}, ...children]

describe('what BlockNote makes of it', () => {
  const recorded = JSON.parse(fs.readFileSync(new URL('data/blocknote.json', import.meta.url)))
  // Attributes that only its own editor reads, colours, the widths of columns.
  const html = text => text
    .replace(/<span[^>]*>|<\/span>|<colgroup>.*?<\/colgroup>/g, '')
    .replace(/ (?:data-[a-z-]+|class|classname|target|rel|style)="[^"]*"/g, '')
    .replace(/ (?:colspan|rowspan)="1"/g, '')
    .replace(/ disabled=""/g, '')
    .replace(/<pre><code>/g, '<pre><code>').replaceAll('&quot;', '"').replaceAll('&#39;', "'")
    .replaceAll('\ufffc', '')
  // Its tables are padded; blanks next to marks stay in them, where Markdown does not read them as marks.
  const md = text => text.trim().replace(/ +\|/g, ' |').replace(/-{3,}/g, '---')
  for (const c of recorded) {
    test(`u91: ${c.name} as HTML; u94: as Markdown`, async () => {
      const ours = await exported(Buffer.from(c.update, 'base64'), 'document-store')
      assert.equal(html(ours.html), html(c.html))
      assert.equal(md(ours.markdown), md(c.markdown))
    })
  }
  assert.ok(recorded.length >= 8)
})

test('u90: the kind of a root is told by its content', async () => {
  const doc = new Y.Doc()
  doc.getMap('map').set('a', 1)
  doc.getText('text').insert(0, 'a')
  doc.getArray('array').push([1])
  doc.getXmlFragment('xml').push([new Y.XmlText('a')])
  doc.getArray('types').push([new Y.Map()])
  doc.getText('gone').insert(0, 'a')
  doc.getText('gone').delete(0, 1)
  doc.getMap('cleared').set('a', 1)
  doc.getMap('cleared').delete('a')
  const { roots } = await exported(Y.encodeStateAsUpdate(doc))
  assert.deepEqual(roots.sort(), ['array', 'array', 'empty array', 'empty map', 'map', 'text', 'xml'])
})

test('u91: elements of Tiptap and ProseMirror', async () => {
  const { html, markdown, plain } = await exported(rich(
    ['heading', { level: 2 }, 'Head'],
    ['bulletList', {}, ['listItem', {}, p('one'), ['orderedList', { start: 3 }, ['listItem', {}, p('three')], ['listItem', {}, p('four')]]], ['listItem', {}, p('two')]],
    ['taskList', {}, ['taskItem', { checked: true }, p('done')], ['taskItem', { checked: false }, p('open')]],
    ['blockquote', {}, p('quoted'), p('again')],
    ['code_block', {}, 'a < b\n```\nc'],
    ['horizontal_rule', {}],
    p('before', ['hard_break', {}], 'behind'),
    ['callout', { kind: 'x' }, 'unknown elements give their text'],
    ['wrapper', {}, p('and what is in them'), p('')]))
  assert.equal(html, '<h2>Head</h2><ul><li><p>one</p><ol start="3"><li><p>three</p></li><li><p>four</p></li></ol></li><li><p>two</p></li></ul>' +
    '<ul><li><input type="checkbox" disabled="" checked=""><p>done</p></li><li><input type="checkbox" disabled=""><p>open</p></li></ul>' +
    '<blockquote><p>quoted</p><p>again</p></blockquote><pre><code>a &lt; b\n```\nc</code></pre><hr><p>before<br>behind</p>' +
    '<p>unknown elements give their text</p><p>and what is in them</p><p></p>')
  assert.equal(markdown, '## Head\n\n* one\n  3. three\n  4. four\n* two\n\n* [x] done\n* [ ] open\n\n> quoted\n>\n> again\n\n' +
    '````\na < b\n```\nc\n````\n\n***\n\nbefore\\\nbehind\n\nunknown elements give their text\n\nand what is in them\n\n\n')
  assert.equal(plain, 'Head\none\nthree\nfour\ntwo\ndone\nopen\nquoted\nagain\na < b\n```\nc\nbefore\nbehind\nunknown elements give their text\nand what is in them\n\n')
})

test('u91: a text of Quill or of a plain editor is one paragraph with its styles', async () => {
  const doc = new Y.Doc()
  doc.getText('x').applyDelta([{ insert: 'a ' }, { insert: 'b', attributes: { bold: true } }, { insert: '\nc ' }, { insert: 'd', attributes: { link: 'https://e.org/(1)' } }])
  const { html, markdown, plain } = await exported(Y.encodeStateAsUpdate(doc))
  assert.equal(html, '<p>a <strong>b</strong><br>c <a href="https://e.org/%281%29">d</a></p>')
  assert.equal(markdown, 'a **b**\\\nc [d](https://e.org/%281%29)\n')
  assert.equal(plain, 'a b\nc d\n')
})

const nasty = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "' onclick='x", '&lt;b&gt;', '\u0000\u0001', ']]>--><!--', '</textarea></title>', '𝒳 ä ￼']
test('u92: nothing that a text or an attribute says becomes a tag or an attribute', async () => {
  for (const text of nasty) {
    const { html } = await exported(rich(
      p([[text, { link: { href: `https://e.org/${text}` }, [text]: {} }]]),
      ['codeBlock', { language: text }, text],
      ['image', { url: `https://e.org/${text}`, name: text, caption: text }],
      ['file', { url: 'javascript:1', name: text }],
      [text, { [text]: text }, text],
      ['heading', { level: text }, text],
      ['table', {}, ['tableRow', {}, ['tableCell', { colspan: text, rowspan: '"2' }, text]]]))
    const tags = html.match(/<[^>]*>/g)
    for (const tag of tags) {
      assert.match(tag, /^<\/?(p|a|pre|code|figure|img|figcaption|h1|table|tr|td)( (href|src|alt|class)="[^"<>]*")*>$/, `${tag} of ${text}`)
    }
    assert.equal(html.includes('javascript'), false)
  }
})

test('u93: addresses that run something are left out, however they are written', async () => {
  const bad = ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', ' \u0001 javascript:alert(1)', 'java\nscript:alert(1)', 'java\tscript:1', 'data:text/html,<script>', 'vbscript:x', 'file:///etc/passwd', 'blob:x', 'x-y+z.1:a', '']
  for (const href of bad) {
    const { html, markdown } = await exported(rich(p([['text', { link: { href } }]]), ['image', { src: href, alt: 'alt' }]))
    assert.match(html, /^<p>(<a>text<\/a>|text)<\/p>alt$/, JSON.stringify(href))
    assert.equal(markdown, 'text\n\nalt\n', JSON.stringify(href))
  }
  for (const href of ['https://e.org/a?b=c&d#e', 'HTTP://e.org', 'mailto:a@e.org', '/path', '../x', '#top', '?q=a:b', '//e.org/x', 'a/b:c']) {
    const { html, markdown } = await exported(rich(p([['text', { link: { href } }]])))
    assert.equal(html, `<p><a href="${href.replaceAll('&', '&amp;')}">text</a></p>`)
    assert.equal(markdown, `[text](${href})\n`)
  }
})

test('u94: styles begin and end at characters, and do not cross', async () => {
  const { markdown: text } = await exported(rich(
    p([['a', {}], [' b ', { bold: {} }], ['c ', { bold: {}, italic: {} }], [' d', { italic: {} }], [' e', {}]]),
    p([['x', { strike: {} }], [' `y` ', { code: {} }], ['', {}], ['z|', { code: {}, bold: {} }]]),
    ['table', {}, ['tableRow', {}, ['tableHeader', {}, p('h|1')], ['tableHeader', {}, p('h2')]], ['tableRow', {}, ['tableCell', {}, p('a'), p('b')], ['tableCell', {}, p([['c|d', { code: {} }]])]]],
    ['heading', { level: 9 }, 'one\ntwo']))
  assert.equal(text, 'a **b *c***  *d* e\n\n~~x~~``  `y`  ``**`z|`**\n\n| h\\|1 | h2 |\n| --- | --- |\n| a<br>b | `c\\|d` |\n\n###### one two\n')
  assert.match(markdown.render(text), /<strong>b <em>c<\/em><\/strong>  <em>d<\/em>/)
})

test('u95: text read back from Markdown is what it was', async () => {
  const pieces = ['*', '_', '`', '#', '# ', '- ', '+ ', '1. ', '12) ', '> ', '[a](b)', '![a](b)', '<b>', '&amp;', '&', '~', '~~', '|', '\\', '***', '---', '===', 'a', 'b c', ':', '.', '!', '\n', '=', '    ', '\t', 'http://e.org']
  let seed = 7
  const random = n => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return (seed >> 8) % n }
  const decode = text => text.replace(/<br>\n?/g, '\n').replace(/<[^>]*>/g, '').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&')
  const squeeze = text => text.split('\n').map(line => line.replace(/[ \t]+/g, ' ').trim()).join('\n').trim()
  for (let i = 0; i < 400; i++) {
    const text = Array.from({ length: 1 + random(7) }, () => pieces[random(pieces.length)]).join('')
    const block = [p(text), ['listItem', {}, p(text)], ['blockquote', {}, p(text)]][i % 3]
    const { markdown: md } = await exported(rich(block[0] === 'listItem' ? ['bulletList', {}, block] : block))
    const back = markdown.render(md)
    assert.equal(squeeze(decode(back)), squeeze(text), JSON.stringify({ text, md, back }))
    assert.equal(/<(h\d|ol|table|code|em|strong|s|hr|a|img)\b/.test(back), false, JSON.stringify({ text, md, back }))
  }
})

test('u91: any nesting is walked; u96: and gives its text', async () => {
  const doc = new Y.Doc()
  let inner = doc.getXmlFragment('x')
  for (let i = 0; i < 3000; i++) {
    const next = new Y.XmlElement(['blockquote', 'bulletList', 'listItem', 'blockContainer'][i % 4])
    inner.insert(0, [next])
    inner = next
  }
  inner.insert(0, [element(p('deep'))])
  const { html, markdown: md, plain } = await exported(Y.encodeStateAsUpdate(doc))
  assert.equal(plain, 'deep\n')
  assert.equal(html.match(/<blockquote>/g).length, html.match(/<\/blockquote>/g).length)
  assert.ok(md.includes('deep') && md.length < 100000)
})

test('u96: a line for each block, a tab between cells', async () => {
  const { plain } = await exported(rich(p('a'), p(''), ['table', {}, ['tableRow', {}, ['tableCell', {}, p('1')], ['tableCell', {}, p('2'), p('3')]]]))
  assert.equal(plain, 'a\n\n1\t2 3\n')
  assert.equal((await exported(Y.encodeStateAsUpdate(new Y.Doc()))).plain, '')
})
