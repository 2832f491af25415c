/** The harness itself: the raw client and the recording origin against each other, with no proxy between. */

import { expect, test } from 'vitest'
import { answering, Origin } from './origin.ts'
import { RawClient } from './raw.ts'
import { toToml } from './toml.ts'
import { statusOf, valueOf } from './wire.ts'

test('the client reads what the origin answers, and the origin recorded the exact bytes', async () => {
  using origin = await Origin.listen(answering('hi'))
  using client = await RawClient.connect(origin.port)
  const request = 'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc'
  const answer = await client.ask(request)
  expect(statusOf(answer)).toBe(200)
  expect(valueOf(answer, 'content-length')).toBe('2')
  expect(answer.body.toString()).toBe('hi')
  expect(origin.connections[0].all.toString()).toBe(request)
  expect(origin.requests[0].body.toString()).toBe('abc')
})

test('a dribbling client is understood the same way', async () => {
  using origin = await Origin.listen()
  using client = await RawClient.connect(origin.port)
  client.dribbles = true
  const request = 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n'
  await client.ask(request + request)
  await client.answer()
  expect(origin.requests.map(({ body, trailers }) => [body.toString(), trailers])).toEqual([
    ['abc', [['X', 'y']]],
    ['abc', [['X', 'y']]],
  ])
})

test('a message cut short is told from a whole one, and a reset from an end', async () => {
  using origin = await Origin.listen(async (connection, index) => {
    await connection.request()
    await connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab')
    if (index === 0) connection.end()
    else connection.reset()
  })
  for (const state of ['end', 'reset']) {
    using client = await RawClient.connect(origin.port)
    const answer = await client.ask('GET / HTTP/1.1\r\n\r\n')
    expect([answer.complete, answer.body.toString(), await client.finished()]).toEqual([false, 'ab', state])
  }
})

test('half-close leaves the other direction open', async () => {
  using origin = await Origin.listen(async (connection) => {
    const bytes = await connection.toEnd()
    await connection.send(`HTTP/1.1 200 OK\r\n\r\n${bytes.length}`)
    connection.end()
  })
  using client = await RawClient.connect(origin.port)
  await client.send('abc')
  client.end()
  expect((await client.answer()).body.toString()).toBe('3')
})

test('what a test configures becomes TOML', () => {
  expect(toToml({ listener: { a: { address: ['127.0.0.1:0'], connections: 2 } }, dns: { hosts: false } })).toBe(
    '\n["listener"."a"]\naddress = ["127.0.0.1:0"]\nconnections = 2\n\n["dns"]\nhosts = false\n',
  )
})
