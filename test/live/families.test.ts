/** A client of one family reaches an origin of the other; of two addresses the one that works is taken. */

import { expect, test } from 'vitest'
import { NameServer } from './name_server.ts'
import { answering, Origin } from './origin.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import { statusOf } from './wire.ts'

const names = () =>
  NameServer.listen({
    'four.test': { a: ['127.0.0.1'] },
    'six.test': { aaaa: ['::1'] },
    'both.test': { a: ['127.0.0.1'], aaaa: ['::1'] },
  })

const routes = [
  { client: '::1', origin: '127.0.0.1', name: 'four.test' },
  { client: '127.0.0.1', origin: '::1', name: 'six.test' },
  { client: '::1', origin: '::1', name: 'six.test' },
  { client: '127.0.0.1', origin: '127.0.0.1', name: 'four.test' },
  // One of two addresses refuses: the other one is tried.
  { client: '127.0.0.1', origin: '127.0.0.1', name: 'both.test' },
  { client: '127.0.0.1', origin: '::1', name: 'both.test' },
]

test.each(routes)(
  'from $client to $name on $origin, by GET and by CONNECT',
  async ({ client: from, origin: to, name }) => {
    using dns = await names()
    using origin = await Origin.listen(answering('reached'), to)
    await using program = await Program.start({
      listener: { http: { mode: 'forward', address: from === '::1' ? '[::1]:0' : '127.0.0.1:0' } },
      outgoing: { connect_ports: ['1-65535'] },
      dns: { servers: [dns.authority], hosts: false },
    })
    const authority = `${name}:${origin.port}`
    using client = await RawClient.connect(program.port(), from)
    const answer = await client.ask(`GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
    expect([statusOf(answer), answer.body.toString()]).toEqual([200, 'reached'])
    using second = await RawClient.connect(program.port(), from)
    const made = await second.ask(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`, 'bodiless')
    expect(statusOf(made)).toBe(200)
    const through = await second.ask('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(through.body.toString()).toBe('reached')
  },
)

test.each([
  { option: 'ipv4', name: 'four.test', works: 'six.test' },
  { option: 'ipv6', name: 'six.test', works: 'four.test' },
])('with $option off, $name is not reached and $works is', async ({ option, name, works }) => {
  using dns = await names()
  using four = await Origin.listen(answering('4'), '127.0.0.1')
  using six = await Origin.listen(answering('6'), '::1', four.port)
  await using program = await Program.start({
    outgoing: { [option]: false },
    dns: { servers: [dns.authority], hosts: false },
  })
  for (const [host, status] of [[name, 502], [works, 200]] as const) {
    using client = await RawClient.connect(program.port())
    const answer = await client.ask(`GET http://${host}:${six.port}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    expect([host, statusOf(answer)]).toEqual([host, status])
  }
})

test.each([
  { prefer: 'ipv4', body: '4' },
  { prefer: 'ipv6', body: '6' },
])('prefer = $prefer', async ({ prefer, body }) => {
  using dns = await names()
  using four = await Origin.listen(answering('4'), '127.0.0.1')
  using _six = await Origin.listen(answering('6'), '::1', four.port)
  await using program = await Program.start({
    outgoing: { prefer },
    dns: { servers: [dns.authority], hosts: false },
  })
  using client = await RawClient.connect(program.port())
  const answer = await client.ask(`GET http://both.test:${four.port}/ HTTP/1.1\r\nHost: both.test\r\n\r\n`)
  expect(answer.body.toString()).toBe(body)
})
