// The functions themselves, run by convex-test: database, scheduler, validation. What convex-test
// leaves out of a deployment is added here: public or internal, files with addresses of their own,
// and telling when something was written.
import crypto from 'node:crypto'
import { AsyncLocalStorage } from 'node:async_hooks'
import { convexTest } from 'convex-test'
import { makeFunctionReference } from 'convex/server'
import { convexToJson } from 'convex/values'

const UPLOAD_VALID_MS = 3_600_000
const WRITES = new Set(['1.0/insert', '1.0/shallowMerge', '1.0/replace', '1.0/remove', '1.0/storageDelete',
  '1.0/schedule', '1.0/actions/schedule', '1.0/cancel_job', '1.0/actions/cancel_job'])

export class FunctionError extends Error {
  constructor (message, data) {
    super(message)
    if (data !== undefined) this.data = data
  }
}

/** One per process: convex-test keeps its functions' syscalls in a global. */
let running = false

/**
 * Options: project (openProject), cloudUrl, onWrite() when something was written (which may be rolled
 * back still).
 */
export async function createRuntime ({ project, cloudUrl, onWrite }) {
  if (running) throw new Error('there is one offline deployment in a process')
  running = true
  const modules = { './_generated/api.js': async () => ({}) }
  for (const name of project.names) modules[`./${name}.js`] = () => project.load(name)
  const schema = (await project.load('schema')).default
  const deployment = convexTest({ schema, modules })
  const files = createFiles(deployment, cloudUrl)
  patchSyscalls(files, onWrite)

  async function resolve (path) {
    const [file, name = 'default'] = path.replace(/\.js(?=:|$)/, '').split(':')
    const found = project.names.includes(file) ? (await project.load(file))[name] : undefined
    const kind = found?.isQuery ? 'query' : found?.isMutation ? 'mutation' : found?.isAction ? 'action' : null
    if (kind === null || found.isHttp) return null
    return { kind, isPublic: found.isPublic === true, path: name === 'default' ? file : `${file}:${name}` }
  }

  return {
    files,
    /**
     * Calls a function for `caller` (see identity.mjs). `kind` is query, mutation, action or any.
     * Throws FunctionError.
     */
    async call (path, kind, args, caller) {
      const found = await resolve(path)
      if (found === null || !(found.isPublic || caller.kind === 'admin')) {
        throw new FunctionError(`Could not find public function for '${path}'. Did you forget to run \`npx convex dev\`?`)
      }
      if (kind !== 'any' && kind !== found.kind) {
        throw new FunctionError(`Trying to execute ${path} as ${kind}, but it is defined as ${found.kind}.`)
      }
      const run = caller.identity === null ? deployment : deployment.withIdentity(caller.identity)
      try {
        return await run[found.kind](makeFunctionReference(found.path), args)
      } catch (error) {
        const data = error?.data === undefined ? undefined : convexToJson(error.data)
        throw new FunctionError(`[Request ID: ${crypto.randomBytes(8).toString('hex')}] Server Error\nUncaught ${error?.stack ?? error}`, data)
      }
    },
    /** Runs the HTTP action routed for `path` (with query). */
    async fetch (path, init, caller) {
      const run = caller.identity === null ? deployment : deployment.withIdentity(caller.identity)
      return await run.fetch(path, init)
    }
  }
}

/** File storage with addresses: upload by a token, download by a name that nobody can guess. */
function createFiles (deployment, cloudUrl) {
  const uploads = new Map() // token -> until when
  const names = new Map() // storage id -> name
  const ids = new Map() // name -> storage id
  return {
    uploadUrl () {
      const now = Date.now()
      for (const [token, until] of uploads) if (until < now) uploads.delete(token)
      const token = crypto.randomUUID()
      uploads.set(token, now + UPLOAD_VALID_MS)
      return `${cloudUrl}/api/storage/upload?token=${token}`
    },
    mayUpload: token => (uploads.get(token) ?? 0) > Date.now(),
    urlOf (storageId) {
      if (!names.has(storageId)) {
        const name = crypto.randomUUID()
        names.set(storageId, name)
        ids.set(name, storageId)
      }
      return `${cloudUrl}/api/storage/${names.get(storageId)}`
    },
    store: blob => writing.run(true, () => deployment.run(ctx => ctx.storage.store(blob))),
    remove: storageId => writing.run(true, () => deployment.run(ctx => ctx.storage.delete(storageId))),
    list: () => deployment.run(ctx => ctx.db.system.query('_storage').collect()),
    async read (name) {
      const storageId = ids.get(name)
      if (storageId === undefined) return null
      let blob = null // a transaction may return no Blob
      await deployment.run(async ctx => { blob = await ctx.storage.get(storageId) })
      return blob
    }
  }
}

const writing = new AsyncLocalStorage()

/**
 * convex-test writes a file that an action stores into whatever transaction is open at that moment,
 * and loses it if that one is rolled back (every query is). Here it gets a transaction of its own.
 */
function patchSyscalls (files, onWrite) {
  const original = globalThis.Convex
  const plainFetch = globalThis.fetch
  // Inside of queries and mutations convex-test replaces fetch by one that refuses.
  const inTransaction = () => writing.getStore() === true || globalThis.fetch !== plainFetch
  globalThis.Convex = {
    get syscall () { return original.syscall },
    get asyncSyscall () {
      const call = original.asyncSyscall
      return async (op, json) => {
        if (WRITES.has(op)) onWrite()
        switch (op) {
          case '1.0/storageGenerateUploadUrl': return JSON.stringify(files.uploadUrl())
          case '1.0/storageGetUrl': {
            const found = await call(op, json)
            return found === 'null' ? found : JSON.stringify(files.urlOf(JSON.parse(json).storageId))
          }
          case '1.0/storageDelete':
            if (!inTransaction()) { await files.remove(JSON.parse(json).storageId); return '{}' }
        }
        return await call(op, json)
      }
    },
    get jsSyscall () {
      const call = original.jsSyscall
      return async (op, args) => {
        if (op !== 'storage/storeBlob') return await call(op, args)
        onWrite()
        return inTransaction() ? await call(op, args) : await files.store(args.blob)
      }
    }
  }
}
