// Pictures of documents and diagrams, and rights that change under open documents.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Guest, startBoth } from './guests.mjs'
import { makePage, setRole, signIn, until } from './support.mjs'

let both, convex, owner, viewer, stranger, page
before(async () => {
  both = await startBoth('ticket')
  convex = both.convex
  ;[owner, viewer, stranger] = await Promise.all(['Olga', 'Vic', 'Sam'].map(name => signIn(convex, name)))
  page = await makePage(owner, 'diagram')
  await setRole(owner, page, viewer, 'viewer')
})
after(() => both?.stop())

async function upload (user, room, bytes, mimeType = 'image/png', key = `key ${bytes}`) {
  const url = await user.client.mutation('images:uploadUrl', { room })
  const response = await fetch(url, { method: 'POST', headers: { 'Content-Type': mimeType }, body: Buffer.from(bytes) })
  const { storageId } = await response.json()
  return await user.client.mutation('images:add', { room, key, storageId, mimeType })
}
const list = (user, room) => user.client.query('images:list', { room })

test('C18 writers add pictures, readers get them, others are told nothing', async () => {
  await upload(owner, page.room, 'one')
  await upload(owner, page.room, 'one') // twice is once
  for (const user of [owner, viewer]) {
    const [image, ...more] = await list(user, page.room)
    assert.deepEqual(more, [])
    assert.equal(image.key, 'key one')
    assert.equal(await (await fetch(image.url)).text(), 'one')
  }
  assert.deepEqual(await list(stranger, page.room), [])
  for (const user of [viewer, stranger]) await assert.rejects(upload(user, page.room, 'no'), /Not allowed/)
  await assert.rejects(upload(owner, page.room, 'x', 'text/html'), /Only pictures/)
  await assert.rejects(upload(owner, page.room, Buffer.alloc(8 * 1024 * 1024 + 1), 'image/png', 'large'), /8 MiB/)
  await assert.rejects(upload(owner, `workspace-${page.workspaceId}`, 'x'), /Not allowed/)
})

test('C18 pictures go with their page', async () => {
  const other = await makePage(owner, 'doc')
  await upload(owner, other.room, 'two')
  const before = await convex.fileCount()
  await owner.client.mutation('documents:remove', { id: other.id })
  await until('the file to go', async () => await convex.fileCount() === before - 1)
})

test('C19 a changed role makes open documents connect anew at once, if the owner says so', async () => {
  const guest = new Guest(both.server, 'hocuspocus 4', page.room, {
    params: async () => ({ token: (await viewer.client.mutation('collab:ticket', { room: page.room })).ticket })
  })
  try {
    await until('the viewer to read', () => guest.provider.provider.authorizedScope === 'readonly')
    const change = { workspaceId: page.workspaceId, user: { id: viewer.id }, role: 'editor' }
    await owner.client.mutation('workspaces:setMember', { ...change, endSessions: true })
    await until('the viewer to write', () => guest.provider.provider.authorizedScope === 'read-write', 15000)
  } finally {
    await guest.end()
  }
})
