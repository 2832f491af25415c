/** Limits on connections: what is over them is told so, and what ends makes room. */

import { expect, test } from 'vitest'
import { answering, Origin } from './origin.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import { until } from './waiting.ts'
import { statusOf, valueOf } from './wire.ts'

test.each([
  { option: 'connections', limit: 2 },
  { option: 'connections_per_client', limit: 2 },
])('$option = $limit', async ({ option, limit }) => {
  using origin = await Origin.listen(answering('ok'))
  await using program = await Program.start({
    listener: { http: { mode: 'forward', address: '127.0.0.1:0', [option]: limit } },
  })
  const request = `GET http://${origin.authority}/ HTTP/1.1\r\nHost: ${origin.authority}\r\n\r\n`
  const clients: RawClient[] = []
  for (let count = 0; count < limit; count++) {
    const client = await RawClient.connect(program.port())
    clients.push(client)
    expect(statusOf(await client.ask(request))).toBe(200)
  }
  for (let count = 0; count < 3; count++) {
    using refused = await RawClient.connect(program.port())
    const answer = await refused.ask(request)
    expect([statusOf(answer), valueOf(answer, 'connection')]).toEqual([503, 'close'])
    expect(await refused.finished()).toBe('end')
  }
  clients[0].close()
  // The proxy hears of the end in its own time.
  await until(async () => {
    using next = await RawClient.connect(program.port())
    return statusOf(await next.ask(request)) === 200
  }, 'room for another connection')
  expect(statusOf(await clients[1].ask(request))).toBe(200)
  clients[1].close()
})

test('10,000 short requests, half of them on connections of their own, leave no socket behind', async () => {
  using origin = await Origin.listen(answering('ok'))
  await using program = await Program.start({ access_log: { destination: 'off' } })
  const before = program.sockets()
  const host = origin.authority
  const request = `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  const last = `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
  const worker = async () => {
    for (let round = 0; round < 125; round++) {
      using kept = await RawClient.connect(program.port())
      for (let count = 0; count < 10; count++) expect((await kept.ask(request)).body.toString()).toBe('ok')
      for (let count = 0; count < 10; count++) {
        using short = await RawClient.connect(program.port())
        expect((await short.ask(last)).body.toString()).toBe('ok')
      }
    }
  }
  await Promise.all([worker(), worker(), worker(), worker()])
  expect(origin.requests.length).toBe(10_000)
  // Few connections carried them all: they were kept and used again.
  expect(origin.connections.length).toBeLessThan(100)
  origin.close()
  await program.settled(before)
}, 120_000)
