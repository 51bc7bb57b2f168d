// Records what BlockNote itself makes of documents: node blocknote.mjs > ../vectors/data/blocknote.json
// Only what both sides promise the same: where its lossy forms leave out or break something, ours do not
// (a paragraph under an item, blanks at the ends of a style, text that Markdown reads otherwise).
import { ServerBlockNoteEditor } from '@blocknote/server-util'
import * as Y from 'yjs'

const t = (text, styles = {}) => ({ type: 'text', text, styles })
const cases = {
  headings: [1, 2, 3].map(level => ({ type: 'heading', props: { level }, content: `Level ${level}` })),
  paragraphs: [{ type: 'paragraph', content: 'one' }, { type: 'paragraph', content: '' }, { type: 'paragraph', content: 'two\nlines', children: [{ type: 'paragraph', content: 'below' }] }],
  styles: [{ type: 'paragraph', content: [t('plain '), t('bold', { bold: true }), t(' and '), t('italic', { italic: true }), t(' and '), t('struck', { strike: true }), t(' and '), t('code()', { code: true }), t(' and '), t('all', { bold: true, italic: true, strike: true })] }],
  links: [{ type: 'paragraph', content: ['see ', { type: 'link', href: 'https://example.com/a?b=1&c=2#d', content: 'this page' }, ' or ', { type: 'link', href: 'mailto:a@example.com', content: 'write' }] }],
  lists: [
    { type: 'bulletListItem', content: 'one', children: [{ type: 'bulletListItem', content: 'nested', children: [{ type: 'bulletListItem', content: 'deeper' }] }] },
    { type: 'bulletListItem', content: 'two' },
    { type: 'numberedListItem', content: 'first' }, { type: 'numberedListItem', content: 'second', children: [{ type: 'numberedListItem', content: 'a' }] },
    { type: 'checkListItem', props: { checked: true }, content: 'done' }, { type: 'checkListItem', content: 'open' }
  ],
  blocks: [{ type: 'quote', content: 'said' }, { type: 'codeBlock', props: { language: 'javascript' }, content: 'let a = 1 < 2\n\nlet b = "x" & `y`' }, { type: 'divider' }, { type: 'paragraph', content: 'end' }],
  media: [{ type: 'image', props: { url: 'https://example.com/i.png', name: 'a picture' } }, { type: 'file', props: { url: 'https://example.com/f.pdf', name: 'f.pdf' } }],
  table: [{ type: 'table', content: { type: 'tableContent', headerRows: 1, rows: [{ cells: ['a', 'b'] }, { cells: ['1', 'x | y'] }] } }],
  unicode: [{ type: 'paragraph', content: 'Grüße, 世界 𝒳 👩‍👩‍👧' }]
}
const editor = ServerBlockNoteEditor.create()
const out = []
for (const [name, blocks] of Object.entries(cases)) {
  const doc = editor.blocksToYDoc(blocks, 'document-store')
  const full = editor.yDocToBlocks(doc, 'document-store')
  out.push({
    name,
    update: Buffer.from(Y.encodeStateAsUpdate(doc)).toString('base64'),
    html: await editor.blocksToHTMLLossy(full),
    markdown: await editor.blocksToMarkdownLossy(full)
  })
}
process.stdout.write(`[\n${out.map(c => JSON.stringify(c)).join(',\n')}\n]\n`, () => process.exit())
