/** The control application of the running program: what it counts is what was done, by whichever worker. */

import { writeFileSync } from 'node:fs'
import process from 'node:process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ControlClient, count, WATCHED } from './control.ts'
import { answering, Origin } from './origin.ts'
import { lacking, newFolder, run } from './peers.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import type { Table } from './toml.ts'
import { until } from './waiting.ts'
import { statusOf, valuesOf } from './wire.ts'

/** A program of two workers that is watched. */
const started = (over: Table = {}): Promise<Program> =>
  Program.start({ service: { workers: 2 }, admin: WATCHED, ...over })

/** A page: its status, and what it says. */
async function page(control: ControlClient, path: string, host?: string): Promise<[number, string]> {
  const answer = await control.ask(path, host)
  return [statusOf(answer), answer.body.toString()]
}

const get = (origin: Origin, path = '/'): string =>
  `GET http://${origin.authority}${path} HTTP/1.1\r\nHost: ${origin.authority}\r\n\r\n`

test('each page is there', async () => {
  await using program = await started()
  const control = await ControlClient.of(program)
  const health = await control.ask('/health')
  expect([statusOf(health), valuesOf(health, 'content-type')]).toEqual([200, ['application/json']])
  expect(JSON.parse(health.body.toString())).toMatchObject({ healthy: true, pid: program.pid })
  expect(await page(control, '/ready')).toEqual([200, '{"ready":true,"why":""}'])
  expect(valuesOf(await control.ask('/metrics'), 'content-type')).toEqual(['text/plain; version=0.0.4; charset=utf-8'])
  expect((await page(control, '/'))[0]).toBe(200)
  expect((await page(control, '/nothing'))[0]).toBe(404)
  const { workers } = await control.report()
  expect(workers.map(({ id, state, restarts }) => ({ id, state, restarts }))).toEqual(
    Array.from({ length: workers.length }, (_, i) => ({ id: i + 1, state: 'ready', restarts: 0 })),
  )
  expect(workers.map(({ pid }) => pid).toSorted()).toEqual(program.workers.toSorted())
  for (const { statistics } of workers) expect(statistics.memory_bytes).toBeGreaterThan(1_000_000)
})

test('the sums are what was sent, byte by byte, whoever carried it', async () => {
  using origin = await Origin.listen(answering('hello\n'))
  await using program = await started({ outgoing: { allow_local: ['127.0.0.1:*'], connect_ports: [origin.port] } })
  const control = await ControlClient.of(program)
  let [sent, gets] = [0, 0]
  const clients: RawClient[] = []
  const ask = async (client: RawClient, request: string): Promise<void> => {
    sent += request.length
    await client.ask(request)
  }
  // Enough connections that each worker has some.
  for (let i = 0; i < 24; i++) {
    const client = await RawClient.connect(program.port())
    clients.push(client)
    for (let n = 0; n <= i % 3; n++) {
      await ask(client, get(origin, `/${i}/${n}`))
      gets++
    }
  }
  const post = `POST http://${origin.authority}/ HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n${
    'x'.repeat(70_000)
  }`
  await ask(clients[0], post)
  await ask(clients[1], 'GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: a\r\n\r\n')
  await ask(clients[2], 'nonsense\r\n\r\n')
  const connect = `CONNECT ${origin.authority} HTTP/1.1\r\nHost: ${origin.authority}\r\n\r\n`
  sent += connect.length
  await clients[3].send(connect)
  await clients[3].through('\r\n\r\n')
  await ask(clients[3], 'GET /in-the-tunnel HTTP/1.1\r\nHost: a\r\n\r\n')
  // The tunnel is open still: counted by its bytes, and not yet as an exchange.
  const exchanges = gets + 3
  await control.when(({ total }) => total.tunnels_open === 1, 'a tunnel')
  const open = await control.counted(exchanges)
  const received = clients.reduce((sum, client) => sum + client.received, 0)
  expect(open.total.exchanges_total).toEqual({ http: { forward: exchanges } })
  expect(open.total.client_received_bytes_total).toEqual({ http: sent })
  expect(open.total.client_sent_bytes_total).toEqual({ http: received })
  expect(open.total.requests_total).toMatchObject({ GET: gets + 1, POST: 1, CONNECT: 0, none: 1 })
  expect(open.total.responses_total).toMatchObject({ 200: gets + 1, 400: 1, 502: 1 })
  expect(open.total.failures_total).toMatchObject({ 'connect-refused': 1, 'bad-request': 1 })
  expect(open.total.connections_accepted_total).toEqual({ http: 24 })
  expect(count(open.total, 'exchange_seconds')).toBe(exchanges)
  // And it is the sum of the workers, each of which had something to do.
  for (const name of ['exchanges_total', 'client_sent_bytes_total', 'requests_total', 'exchange_seconds'] as const) {
    const parts = open.workers.map(({ statistics }) => count(statistics, name))
    expect(parts.reduce((sum, part) => sum + part)).toBe(count(open.total, name))
    expect(parts.filter((part) => part === 0)).toEqual([])
  }
  for (const client of clients) client.close()
  const closed = await control.counted(exchanges + 1)
  expect(closed.total.requests_total).toMatchObject({ CONNECT: 1 })
  expect(closed.total.tunnels_total).toEqual({ connect: 1, upgrade: 0 })
  expect(closed.total.client_received_bytes_total).toEqual({ http: sent })
  // What was counted is what was logged.
  const lines = await program.accessLog(exchanges + 1)
  expect(program.output.length).toBe(exchanges + 1)
  expect(closed.total.responses_total).toEqual(
    lines.reduce<Record<string, number>>((sums, { status }) => {
      sums[String(status)] = (sums[String(status)] ?? 0) + 1
      return sums
    }, {}),
  )
  // And /metrics says the same.
  const metrics = await control.metrics()
  expect(metrics.value('exchanges_total', { listener: 'http', mode: 'forward' })).toBe(exchanges + 1)
  expect(metrics.value('client_received_bytes_total')).toBe(sent)
  expect(metrics.value('failures_total', { who: 'origin', when: 'connect' })).toBe(1)
  expect(metrics.value('worker_exchanges_total')).toBe(exchanges + 1)
  expect(metrics.value('workers', { state: 'ready' })).toBe(closed.workers.length)
})

describe('large bodies', () => {
  const SIZE = 3_000_000
  const body = 'x'.repeat(SIZE)

  // However they are carried: a machine may move them without their being seen.
  test.each([
    ['of a known length', `Content-Length: ${SIZE}\r\n\r\n${body}`],
    ['in chunks', `Transfer-Encoding: chunked\r\n\r\n${SIZE.toString(16)}\r\n${body}\r\n0\r\n\r\n`],
    ['that end with the connection', `Connection: close\r\n\r\n${body}`],
  ])('%s are counted on both sides', async (_, answer) => {
    const response = `HTTP/1.1 200 OK\r\n${answer}`
    using origin = await Origin.listen(async (connection) => {
      await connection.request()
      await connection.send(response)
      if (answer.startsWith('Connection')) connection.end()
    })
    await using program = await started()
    const control = await ControlClient.of(program)
    using client = await RawClient.connect(program.port())
    const post = `POST http://${origin.authority}/ HTTP/1.1\r\nHost: a\r\nContent-Length: ${SIZE}\r\n\r\n${body}`
    expect((await client.ask(post)).body.length).toBe(SIZE)
    const { total } = await control.counted(1)
    expect(total.client_received_bytes_total).toEqual({ http: post.length })
    expect(total.client_sent_bytes_total).toEqual({ http: client.received })
    expect(total.origin_received_bytes_total).toBe(response.length)
    expect(total.origin_sent_bytes_total).toBe(origin.connections[0].received)
  })

  test('and tunnels are counted on both sides, while they last', async () => {
    using origin = await Origin.listen(async (connection) => {
      await connection.bytes(SIZE)
      await connection.send(body)
      // The tunnel ends when both sides have.
      await connection.toEnd()
      connection.end()
    })
    await using program = await started({ outgoing: { allow_local: ['127.0.0.1:*'], connect_ports: [origin.port] } })
    const control = await ControlClient.of(program)
    using client = await RawClient.connect(program.port())
    const connect = `CONNECT ${origin.authority} HTTP/1.1\r\nHost: ${origin.authority}\r\n\r\n`
    await client.send(connect)
    await client.through('\r\n\r\n')
    const opening = client.received
    await client.send(body)
    await client.bytes(SIZE)
    const all = opening + SIZE
    const { total } = await control.when(({ total }) => count(total, 'client_sent_bytes_total') >= all, 'all bytes')
    expect(total.exchanges_total).toEqual({ http: { forward: 0 } })
    expect(total.client_received_bytes_total).toEqual({ http: connect.length + SIZE })
    expect(total.client_sent_bytes_total).toEqual({ http: all })
    expect([total.origin_received_bytes_total, total.origin_sent_bytes_total]).toEqual([SIZE, SIZE])
    client.close()
    const after = await control.counted(1)
    expect(after.total.client_sent_bytes_total).toEqual({ http: all })
    expect([after.total.origin_received_bytes_total, after.total.origin_sent_bytes_total]).toEqual([SIZE, SIZE])
  })
})

test('while it stops it is healthy and not ready, and says why', async () => {
  let release!: () => void
  const held = new Promise<void>((resolve) => release = resolve)
  using origin = await Origin.listen(async (connection) => {
    await connection.request()
    await held
    await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  })
  await using program = await started()
  const control = await ControlClient.of(program)
  using client = await RawClient.connect(program.port())
  const answer = client.ask(get(origin))
  await origin.connection(0)
  program.signal('SIGTERM')
  await control.when(({ draining }) => draining, 'draining')
  expect(await page(control, '/ready')).toEqual([503, '{"ready":false,"why":"the service is stopping"}'])
  expect((await page(control, '/health'))[0]).toBe(200)
  expect((await control.metrics()).value('draining')).toBe(1)
  release()
  expect(statusOf(await answer)).toBe(200)
  expect(await program.exited).toEqual({ code: 0, signal: null })
})

test('what a worker has counted outlives it', async () => {
  using origin = await Origin.listen(answering('hello\n'))
  await using program = await started()
  const control = await ControlClient.of(program)
  for (let i = 0; i < 20; i++) {
    using client = await RawClient.connect(program.port())
    await client.ask(get(origin))
  }
  const before = await control.counted(20)
  const killed = before.workers[0]
  process.kill(killed.pid, 'SIGKILL')
  const after = await control.when(
    ({ workers: [one] }) => one.restarts === 1 && one.state === 'ready',
    'another worker',
  )
  expect(after.workers[0].pid).not.toBe(killed.pid)
  expect(after.total.exchanges_total).toEqual(before.total.exchanges_total)
  expect(count(after.workers[0].statistics, 'exchanges_total')).toBe(0)
  expect((await control.metrics()).value('worker_restarts_total', { worker: '1' })).toBe(1)
})

test('what a worker counts while it leaves is counted', async () => {
  const releases: (() => void)[] = []
  using origin = await Origin.listen(async (connection) => {
    await connection.request()
    await new Promise<void>((resolve) => releases.push(resolve))
    await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  })
  await using program = await started({ service: { workers: 1 } })
  const control = await ControlClient.of(program)
  using client = await RawClient.connect(program.port())
  const answer = client.ask(get(origin))
  await until(() => releases.length === 1, 'the request at the origin')
  const [worker] = (await control.report()).workers
  process.kill(worker.pid, 'SIGTERM')
  await control.when(({ workers: [one] }) => one.pid !== worker.pid, 'another worker')
  releases[0]()
  expect(statusOf(await answer)).toBe(200)
  client.close()
  const { total } = await control.counted(1)
  expect(total.client_sent_bytes_total).toEqual({ http: client.received })
  expect(count(total, 'origin_connections_open')).toBe(0)
})

describe('who may not come', () => {
  test('is a client of the proxy, by whatever way', async () => {
    const everywhere = { allow_local: ['127.0.0.0/8:*', '[::1]:*'], connect_ports: ['1-65535'] }
    await using program = await started({ outgoing: everywhere })
    const control = await ControlClient.of(program)
    const { port } = control
    const requests = [
      `GET http://127.0.0.1:${port}/json HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`,
      `GET http://localhost:${port}/json HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`,
      `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`,
    ]
    for (const request of requests) {
      using client = await RawClient.connect(program.port())
      const answer = await client.ask(request)
      expect(statusOf(answer), request).toBeGreaterThanOrEqual(400)
      expect(answer.body.toString()).not.toContain('uptime_seconds')
    }
  })

  test('is a page whose name was made to lead here', async () => {
    await using program = await started()
    const control = await ControlClient.of(program)
    expect((await page(control, '/json', 'evil.example'))[0]).toBe(421)
    expect((await page(control, '/json', 'localhost'))[0]).toBe(200)
  })
})

const missing = lacking('promtool')
test.skipIf(missing !== '')(`Prometheus' own checker finds nothing to say${missing}`, async () => {
  using origin = await Origin.listen(answering('hello\n'))
  await using program = await started()
  const control = await ControlClient.of(program)
  using client = await RawClient.connect(program.port())
  await client.ask(get(origin))
  const file = join(newFolder(), 'metrics')
  writeFileSync(file, (await page(control, '/metrics'))[1])
  const { code, output, errors } = await run('sh', ['-c', 'promtool check metrics < "$0"', file])
  expect([code, output.toString() + errors]).toEqual([0, ''])
})
