/** Kept connections to origins: used again, never mixed up, given up when dead. */

import { expect, test } from 'vitest'
import { answering, Origin } from './origin.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import { until } from './waiting.ts'
import { statusOf } from './wire.ts'

const get = (origin: Origin, path: string, method = 'GET') =>
  `${method} http://${origin.authority}${path} HTTP/1.1\r\nHost: ${origin.authority}\r\nContent-Length: 0\r\n\r\n`

test('answers never reach another client, whatever their order', async () => {
  const gates = new Map<string, () => void>()
  using origin = await Origin.listen(async (connection) => {
    for (;;) {
      const request = await connection.request()
      if (request === null) return
      const path = request.line.split(' ')[1]
      if (!path.endsWith('now')) await new Promise<void>((resolve) => gates.set(path, resolve))
      await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`)
    }
  })
  await using program = await Program.start()
  const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(program.port())))
  for (let round = 0; round < 5; round++) {
    const answers = clients.map((client, index) => client.ask(get(origin, `/${round}-${index}`)))
    await until(() => gates.size === clients.length, 'every request at the origin')
    // The last that asked is answered first.
    for (const [path, open] of [...gates].reverse()) {
      gates.delete(path)
      open()
    }
    const bodies = (await Promise.all(answers)).map(({ body }) => body.toString())
    expect(bodies).toEqual(clients.map((_, index) => `/${round}-${index}`))
  }
  expect(origin.connections.length).toBe(clients.length)
  for (const client of clients) client.close()
})

test('an origin that has closed its kept connection costs nobody a request', async () => {
  using origin = await Origin.listen(answering('ok'))
  await using program = await Program.start()
  using client = await RawClient.connect(program.port())
  for (let round = 0; round < 20; round++) {
    for (const method of ['GET', 'POST', 'GET']) {
      expect([round, method, statusOf(await client.ask(get(origin, `/${round}`, method)))]).toEqual([
        round,
        method,
        200,
      ])
    }
    // Ended by the origin between two requests; the proxy takes notice before it is used again.
    const last = origin.connections.at(-1)
    last?.end()
    await last?.finished()
  }
})

test('idle_timeout ends a kept connection that nobody uses', async () => {
  using origin = await Origin.listen(answering('ok'))
  await using program = await Program.start({ outgoing: { idle_timeout: '300ms' } })
  using client = await RawClient.connect(program.port())
  expect(statusOf(await client.ask(get(origin, '/1')))).toBe(200)
  expect(await origin.connections[0].finished()).toBe('end')
  expect(statusOf(await client.ask(get(origin, '/2')))).toBe(200)
  expect(origin.connections.length).toBe(2)
})

test('idle_per_origin and idle_total limit how many are kept', async () => {
  for (const limits of [{ idle_per_origin: 2 }, { idle_total: 2 }]) {
    using origin = await Origin.listen(answering('ok'))
    await using program = await Program.start({ outgoing: limits })
    const clients = await Promise.all(Array.from({ length: 6 }, () => RawClient.connect(program.port())))
    await Promise.all(clients.map((client) => client.ask(get(origin, '/'))))
    const open = () => origin.connections.filter(({ state }) => state === 'open').length
    await until(() => open() <= 2, 'at most two kept connections')
    for (const client of clients) client.close()
  }
})
