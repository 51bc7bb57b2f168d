// GET /metrics: docs/metrics.md.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, startServer, until } from './support.mjs'
import { startTicketServer, ticket } from './access-support.mjs'
import { ask, metrics, state } from './limits-support.mjs'

const status = async (server, headers = {}) => (await fetch(`${server.http}/metrics`, { headers })).status

test('H60: who may read it', async () => {
  const bearer = { authorization: 'Bearer of-the-tests' }
  const env = { PARTYD_METRICS_TOKEN: 'of-the-tests' }
  const cases = [
    [{}, {}, 200], [{}, { 'x-forwarded-for': '198.51.100.1' }, 404], [{}, { forwarded: 'for=_hidden' }, 404],
    [{ args: ['--metrics', 'off'], env }, bearer, 404], [{ args: ['--metrics', 'token'], env }, bearer, 200],
    [{ args: ['--metrics', 'token'], env }, { authorization: 'Bearer of-the-testz' }, 401],
    [{ args: ['--metrics', 'token'], env }, { authorization: 'Bearer of-the-tests2' }, 401],
    [{ args: ['--metrics', 'token'] }, {}, 404], [{ args: ['--metrics', 'token'] }, { authorization: 'Bearer ' }, 404],
    [{ args: ['--metrics', 'open'] }, { 'x-forwarded-for': '198.51.100.1' }, 200],
    [{ command: 'serve', args: ['--open', '--host', '127.0.0.1'] }, {}, 404],
    [{ command: 'serve', args: ['--open', '--host', '127.0.0.1'], env }, bearer, 200]
  ]
  for (const [options, headers, expected] of cases) {
    const server = await startServer(options)
    assert.equal(await status(server, headers), expected, JSON.stringify([options, headers]))
    await server.stop()
  }
})

test('H61, H62, H63: it parses, moves with traffic, and names nobody', async () => {
  const server = await startTicketServer({ args: ['--metrics', 'open'] })
  const before = await metrics(server)
  const enter = async (family, perm, sub) => {
    const client = new Client(server, family, 'secret-room', 'main', { params: { token: ticket('secret-room', perm, { sub }) } })
    await client.synced()
    return client
  }
  const writer = await enter('y-websocket 3', 'write', 'ann-the-writer')
  const reader = await enter('y-websocket 2', 'read', 'bob-the-reader')
  writer.text.insert(0, 'x'.repeat(1000))
  writer.awareness.setLocalStateField('user', { color: 'red' })
  await until('the edit', () => reader.text.toString().length === 1000)
  reader.text.insert(0, 'may not')
  const refused = ask(server, 'secret-room')
  assert.equal((await refused.closed).code, 4401)
  const junk = ask(server, `secret-room?token=${ticket('secret-room')}`)
  await junk.result
  junk.send(Buffer.from([99, 1, 2]))
  junk.send(Buffer.from([0, 2, 3, 255, 255, 255]))
  junk.send(state(9, 1, 'no JSON'))
  const value = async key => (await metrics(server)).values.get(key)
  await until('all to be counted', async () => await value('partyd_messages_dropped_total{cause="malformed"}') >= 2)

  const answer = await fetch(`${server.http}/metrics`)
  assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  const text = await answer.text()
  for (const name of ['secret-room', 'ann-the', 'bob-the', '127.0.0.1']) assert.ok(!text.includes(name), name)
  const { values, types } = await metrics(server)
  const grown = key => values.get(key) - before.values.get(key)
  assert.equal(values.get('partyd_rooms{state="ready"}'), 1)
  assert.equal(values.get('partyd_members'), 3)
  assert.ok(values.get('partyd_connections') >= 3)
  assert.ok(values.get('partyd_documents_bytes') > 1000)
  for (const key of [
    'partyd_connections_accepted_total', 'partyd_messages_in_total{kind="step1"}', 'partyd_messages_in_total{kind="update"}',
    'partyd_messages_in_total{kind="awareness"}', 'partyd_messages_out_total{kind="update"}', 'partyd_messages_out_total{kind="awareness"}',
    'partyd_message_bytes_in_total{kind="update"}', 'partyd_socket_bytes_in_total', 'partyd_socket_bytes_out_total',
    'partyd_updates_applied_total', 'partyd_messages_dropped_total{cause="read_only"}', 'partyd_commit_seconds_count',
    'partyd_commit_bytes_count', 'partyd_access_decisions_total{result="allowed"}', 'partyd_access_decisions_total{result="token_missing"}',
    'partyd_access_decision_seconds_count', 'partyd_room_loads_total{result="ok"}', 'process_cpu_seconds_total'
  ]) assert.ok(grown(key) > 0, `${key} did not move`)
  assert.ok(grown('partyd_update_bytes_applied_total') >= 1000)

  for (const [key, n] of before.values) {
    const name = key.replace(/\{.*/, ''), base = name.replace(/_(bucket|sum|count)$/, '')
    assert.ok(types.has(name) || types.get(base) === 'histogram', `${name} has no type`)
    if (types.get(name) === 'counter' || types.get(base) === 'histogram') assert.ok(values.get(key) >= n, `${key} fell`)
  }
  for (const name of ['partyd_commit_seconds', 'partyd_commit_bytes', 'partyd_access_decision_seconds']) {
    const buckets = [...values].filter(([key]) => key.startsWith(`${name}_bucket`)).map(([, n]) => n)
    assert.ok(buckets.length > 5 && buckets.every((n, i) => i === 0 || n >= buckets[i - 1]), `${name} is not cumulative`)
    assert.equal(buckets.at(-1), values.get(`${name}_count`))
  }
  writer.end()
  await until('it to have left', async () => await value('partyd_members') === 2)
  assert.ok(await value('partyd_messages_out_total{kind="awareness"}') > values.get('partyd_messages_out_total{kind="awareness"}'))
  reader.end(); junk.terminate()
  await server.stop()
})
