// The functions of a Convex project as modules that Node can load: bundled by esbuild, like the
// Convex CLI does it, and bundled again when a file changes.
import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import * as esbuild from 'esbuild'

/** Files of a functions folder that hold functions (or schema, routes, auth.config). */
function entryPoints (folder) {
  const found = []
  const walk = dir => {
    for (const entry of fs.readdirSync(dir, { withFileTypes: true })) {
      const file = path.join(dir, entry.name)
      if (entry.isDirectory()) {
        if (!['_generated', 'node_modules'].includes(entry.name)) walk(file)
      } else if (/\.(ts|tsx|js|jsx|mjs)$/.test(entry.name) && !/\.d\.ts$|\.test\./.test(entry.name)) {
        found.push(file)
      }
    }
  }
  walk(folder)
  return found
}

/** `auth.config.ts` is the module "auth.config", `dir/file.ts` is "dir/file". */
const moduleName = (folder, file) =>
  path.relative(folder, file).replace(/\.[^.]+$/, '').replaceAll(path.sep, '/')

/**
 * Bundles the functions in `folder` (…/convex). The output stands below the project's node_modules,
 * where its imports resolve to the project's packages. Options: onChange() after a change was
 * loaded, onProblem(text); without onChange the folder is not watched.
 * @returns names (of modules), load(name), close()
 */
export async function openProject (folder, { onChange, onProblem = console.error } = {}) {
  const root = path.dirname(path.resolve(folder))
  if (!fs.existsSync(path.join(folder, 'schema.ts'))) throw new Error(`${folder} holds no schema.ts: give the folder of the Convex functions with --functions`)
  const out = path.join(root, 'node_modules', '.cache', 'convex-offline', String(process.pid))
  const files = entryPoints(folder)
  const names = files.map(file => moduleName(folder, file))
  let generation = 0
  let first = true

  const options = {
    entryPoints: files, outdir: out, outbase: folder, outExtension: { '.js': '.mjs' },
    bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node18',
    packages: 'external', sourcemap: 'inline', logLevel: 'silent', chunkNames: 'chunks/[name]-[hash]',
    plugins: [{
      name: 'reload',
      setup (build) {
        build.onEnd(result => {
          for (const error of result.errors) onProblem(`${error.location?.file ?? ''}:${error.location?.line ?? ''} ${error.text}`)
          if (result.errors.length > 0) return
          generation++
          if (!first) onChange()
          first = false
        })
      }
    }]
  }
  const context = await esbuild.context(options)
  await context.rebuild()
  if (onChange) await context.watch()
  return {
    names,
    load: name => import(`${pathToFileURL(path.join(out, `${name}.mjs`)).href}?generation=${generation}`),
    async close () {
      await context.dispose()
      fs.rmSync(out, { recursive: true, force: true })
    }
  }
}
