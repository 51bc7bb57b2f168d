// A page of docs/ as something that runs: its fenced blocks by the word behind their language.
//   ```js file=NAME   is written to NAME        ```sh WORD    is run by a shell
//   ```js WORD        is evaluated, `const provider = ...` being what it gives
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { BINARY } from '../e2e/support.mjs'

const DOCS = new URL('../../docs/', import.meta.url)
const MODULES = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../node_modules')

export class Guide {
  /** addresses: what the page says, and what that is in this test. */
  constructor (page, dir, addresses) {
    Object.assign(this, { page, dir, addresses })
    const text = fs.readFileSync(new URL(page, DOCS), 'utf8')
    this.blocks = [...text.matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(([, language, tag = '', body]) => ({ language, tag, body }))
    fs.mkdirSync(path.join(dir, 'bin'))
    fs.symlinkSync(BINARY, path.join(dir, 'bin/partyd'))
    fs.symlinkSync(MODULES, path.join(dir, 'node_modules'))
    for (const { tag, body } of this.blocks) if (tag.startsWith('file=')) fs.writeFileSync(path.join(dir, tag.slice(5)), body)
  }

  all (language, tag) {
    const found = this.blocks.filter(b => b.language === language && b.tag === tag).map(b => b.body)
    if (found.length === 0) throw new Error(`${this.page} has no block "${language} ${tag}"`)
    return found
  }

  /** Says an address of the page the way it is here; a page that no longer has it is an error. */
  here (text, wanted = []) {
    for (const address of wanted) if (!text.includes(address)) throw new Error(`${this.page} does not say ${address} in:\n${text}`)
    return Object.entries(this.addresses).reduce((t, [from, to]) => t.replaceAll(from, to), text)
  }

  /** The provider of a snippet. names: what stands around it: classes and doc. */
  provider (tag, wanted, names) {
    const [code] = this.all('js', tag)
    return new Function(...Object.keys(names), `${this.here(code, [wanted])}\nreturn provider`)(...Object.values(names)) // eslint-disable-line no-new-func
  }

  /** Runs the commands of all blocks of this tag, in order; { status, out, err }. */
  async run (tag, env = {}) {
    const commands = this.all('sh', tag).map(text => this.here(text)).join('\n')
    const child = spawn('sh', ['-ec', commands], { cwd: this.dir, env: { ...process.env, PATH: `${this.dir}/bin:${process.env.PATH}`, ...env } })
    const result = { out: '', err: '' }
    child.stdout.on('data', chunk => { result.out += chunk })
    child.stderr.on('data', chunk => { result.err += chunk })
    result.status = await new Promise(resolve => child.on('close', (code, signal) => resolve(code ?? signal)))
    return result
  }
}
