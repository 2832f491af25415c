/** The reverse proxy: which site goes to which server. */

import { afterAll, beforeAll, expect, test } from 'vitest'
import { answering, Origin } from './origin.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import { statusOf, valueOf, valuesOf } from './wire.ts'

let origins: Origin[]
let program: Program

beforeAll(async () => {
  origins = await Promise.all(['exact', 'wild', 'default'].map((body) => Origin.listen(answering(body))))
  program = await Program.start({
    listener: { www: { mode: 'reverse', address: '127.0.0.1:0' } },
    upstream: {
      exact: { hosts: ['site.test'], servers: [origins[0].authority] },
      wild: { hosts: ['*.site.test', 'other.test'], servers: [origins[1].authority] },
      default: { hosts: ['*'], servers: [origins[2].authority] },
    },
  })
})

afterAll(async () => {
  await program[Symbol.asyncDispose]()
  for (const origin of origins) origin.close()
})

test.each([
  ['site.test', 'exact'],
  ['SITE.test', 'exact'],
  ['site.test:80', 'exact'],
  ['site.test:8080', 'exact'],
  ['site.test.', 'exact'],
  ['www.site.test', 'wild'],
  ['a.b.c.site.test', 'wild'],
  ['other.test', 'wild'],
  ['www.other.test', 'default'],
  ['mysite.test', 'default'],
  ['site.test.evil.test', 'default'],
  ['127.0.0.1', 'default'],
])('Host: %s goes to %s', async (host, body) => {
  using client = await RawClient.connect(program.port('www'))
  const answer = await client.ask(`GET /path?query HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  expect([statusOf(answer), answer.body.toString()]).toEqual([200, body])
  const request = origins[['exact', 'wild', 'default'].indexOf(body)].requests.at(-1)
  expect(request?.line).toBe('GET /path?query HTTP/1.1')
  expect(valueOf(request ?? answer, 'host')).toBe(host)
})

test('without a default, an unknown site is answered 404', async () => {
  using origin = await Origin.listen()
  await using alone = await Program.start({
    listener: { www: { mode: 'reverse', address: '127.0.0.1:0' } },
    upstream: { one: { hosts: ['site.test'], servers: [origin.authority] } },
  })
  using client = await RawClient.connect(alone.port('www'))
  expect(statusOf(await client.ask('GET / HTTP/1.1\r\nHost: unknown.test\r\n\r\n'))).toBe(404)
  expect(origin.connections.length).toBe(0)
})

test('CONNECT is not for a reverse listener', async () => {
  using client = await RawClient.connect(program.port('www'))
  const answer = await client.ask(`CONNECT ${origins[0].authority} HTTP/1.1\r\nHost: ${origins[0].authority}\r\n\r\n`)
  expect(statusOf(answer)).toBeGreaterThanOrEqual(400)
  expect(origins[0].requests.every(({ line }) => !line.startsWith('CONNECT'))).toBe(true)
})

test('of two servers the one that lives answers', async () => {
  using origin = await Origin.listen(answering('alive'))
  await using pair = await Program.start({
    listener: { www: { mode: 'reverse', address: '127.0.0.1:0' } },
    upstream: { one: { hosts: ['*'], servers: ['127.0.0.1:1', origin.authority] } },
  })
  for (let count = 0; count < 4; count++) {
    using client = await RawClient.connect(pair.port('www'))
    const answer = await client.ask('GET / HTTP/1.1\r\nHost: site.test\r\n\r\n')
    expect([statusOf(answer), answer.body.toString()]).toEqual([200, 'alive'])
  }
})

test('one proxy behind another is no loop', async () => {
  using origin = await Origin.listen(answering('behind two'))
  const before = (server: string) =>
    Program.start({
      listener: { www: { mode: 'reverse', address: '127.0.0.1:0' } },
      upstream: { one: { hosts: ['*'], servers: [server] } },
    })
  await using inner = await before(origin.authority)
  await using outer = await before(`127.0.0.1:${inner.port('www')}`)
  using client = await RawClient.connect(outer.port('www'))
  const answer = await client.ask('GET / HTTP/1.1\r\nHost: site.test\r\n\r\n')
  expect([statusOf(answer), answer.body.toString()]).toEqual([200, 'behind two'])
  expect(new Set(valuesOf(answer, 'via')).size).toBe(2)
})

test('one program listens both ways at once', async () => {
  using origin = await Origin.listen(answering('both'))
  await using both = await Program.start({
    listener: {
      forward: { mode: 'forward', address: '127.0.0.1:0' },
      reverse: { mode: 'reverse', address: '127.0.0.1:0' },
    },
    upstream: { one: { hosts: ['*'], servers: [origin.authority] } },
  })
  using forward = await RawClient.connect(both.port('forward'))
  const host = origin.authority
  expect((await forward.ask(`GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).body.toString()).toBe('both')
  using reverse = await RawClient.connect(both.port('reverse'))
  expect((await reverse.ask('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n')).body.toString()).toBe('both')
})
