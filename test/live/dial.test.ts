/** Where a connection leads and where it comes from: what rules judged and said, and nothing else. */

import { Buffer } from 'node:buffer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ControlClient, WATCHED } from './control.ts'
import { NameServer } from './name_server.ts'
import { Origin, type Script } from './origin.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import { until } from './waiting.ts'
import { type Message, statusOf, valueOf } from './wire.ts'

/** Answers with the addresses of the connection: whence it came, and where it came to. */
const mirror: Script = async (connection) => {
  const { remoteAddress = '', localAddress = '' } = connection.socket
  const body = `${remoteAddress} ${localAddress}`.replaceAll('::ffff:', '')
  while (await connection.request() !== null) {
    await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  }
  connection.end()
}

const LOST = '192.0.2.99'

describe('the program', () => {
  let origin: Origin
  let names: NameServer
  let program: Program

  beforeAll(async () => {
    // On every address of both families.
    origin = await Origin.listen(mirror, '::')
    names = await NameServer.listen({
      'both.test': { a: ['127.0.0.1'], aaaa: ['::1'] },
      'four.test': { a: ['127.0.0.1'] },
      'six.test': { aaaa: ['::1'] },
      // The first answer of each is the one that is judged.
      'empty-*.test': [{}, { a: ['127.0.0.9'] }],
      'failing-*.test': [{ code: 'SERVFAIL' }, { a: ['127.0.0.9'] }],
      'moving-*.test': [{ a: ['127.0.0.2'], ttl: 0 }, { a: ['127.0.0.9'], ttl: 0 }],
      'going.test': [{ a: ['127.0.0.2'], ttl: 0 }, { a: ['127.0.0.3'], ttl: 0 }, { a: ['127.0.0.9'], ttl: 0 }],
      'kept.test': { a: ['127.0.0.2'], ttl: 0 },
    })
    const listener = (filter: readonly string[]) => ({ mode: 'forward', address: '127.0.0.1:0', filter })
    program = await Program.start({
      listener: { http: listener(['rules']) },
      outgoing: { connect_ports: ['1-65535'], allow_local: ['127.0.0.0/8:*', '[::1]:*'] },
      dns: { servers: [names.authority], hosts: false, retries: 0, ttl_min: 0 },
      admin: WATCHED,
      rule: [
        { address: '127.0.0.9', not: { path: '/from' }, do: 'deny' },
        { header: { 'X-From': '4' }, do: 'permit', bind: '127.0.0.4' },
        { header: { 'X-From': '6' }, do: 'permit', bind: '::1' },
        { header: { 'X-From': 'both' }, do: 'permit', bind: ['127.0.0.4', '::1'] },
        { header: { 'X-From': 'lost' }, do: 'permit', bind: LOST },
      ],
    })
  })

  afterAll(async () => {
    expect(program?.ended, program?.diagnostics).toBe(null)
    await program?.[Symbol.asyncDispose]()
    names?.close()
    origin?.close()
  })

  const authorityOf = (host: string): string => `${host}:${origin.port}`

  async function get(client: RawClient, host: string, fields = ''): Promise<Message> {
    const authority = authorityOf(host)
    return await client.ask(`GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n${fields}\r\n`)
  }

  /** The same by CONNECT, and through the tunnel where there is one. */
  async function getThrough(client: RawClient, host: string): Promise<Message> {
    const authority = authorityOf(host)
    const made = await client.ask(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`, 'bodiless')
    return statusOf(made) === 200 ? await client.ask(`GET / HTTP/1.1\r\nHost: ${authority}\r\n\r\n`) : made
  }

  /** The status, and where the connection led to or what kept it from that (RFC 9209). */
  const summary = (answer: Message): unknown[] => {
    const status = statusOf(answer)
    if (status === 200) return [status, answer.body.toString().split(' ')[1]]
    return [status, valueOf(answer, 'proxy-status').split(/[;=]/)[2]]
  }

  test.each([
    ['empty', 502, 'dns_error'],
    ['failing', 502, 'dns_error'],
    ['moving', 200, '127.0.0.2'],
  ])('a name server that says something else later gets round no rule: %s', async (name, status, said) => {
    using plain = await RawClient.connect(program.port())
    expect(summary(await get(plain, `${name}-1.test`))).toEqual([status, said])
    using tunnelled = await RawClient.connect(program.port())
    expect(summary(await getThrough(tunnelled, `${name}-2.test`))).toEqual([status, said])
  })

  test('a connection is used again where its address is one that was judged', async () => {
    const before = origin.connections.length
    using client = await RawClient.connect(program.port())
    for (let i = 0; i < 3; i++) expect(summary(await get(client, 'kept.test'))).toEqual([200, '127.0.0.2'])
    expect(origin.connections.length).toBe(before + 1)
    expect(summary(await get(client, 'going.test'))).toEqual([200, '127.0.0.2'])
    expect(summary(await get(client, 'going.test'))).toEqual([200, '127.0.0.3'])
    expect(statusOf(await get(client, 'going.test'))).toBe(403)
    expect(origin.connections.length).toBe(before + 3)
  })

  const UNROUTABLE = 'destination_ip_unroutable'
  test.each([
    ['4', 'both.test', 200, '127.0.0.4 127.0.0.1'],
    ['4', 'six.test', 502, UNROUTABLE],
    ['6', 'both.test', 200, '::1 ::1'],
    ['6', 'four.test', 502, UNROUTABLE],
    ['6', '127.0.0.1', 502, UNROUTABLE],
    ['both', 'four.test', 200, '127.0.0.4 127.0.0.1'],
    ['both', 'six.test', 200, '::1 ::1'],
  ])('bind %s to %s: %d %s', async (from, host, status, said) => {
    using client = await RawClient.connect(program.port())
    const answer = await get(client, host, `X-From: ${from}\r\n`)
    expect(statusOf(answer)).toBe(status)
    expect(status === 200 ? answer.body.toString() : valueOf(answer, 'proxy-status')).toContain(said)
  })

  test('an address to come from that this machine has not is told at start, and is the fault of nobody else', async () => {
    expect(program.diagnostics).toContain(`bind of rule "5": this machine has no address ${LOST} to come from`)
    using client = await RawClient.connect(program.port())
    for (let i = 0; i < 2; i++) {
      const answer = await get(client, 'both.test', 'X-From: lost\r\nAccept: text/plain\r\n')
      expect(summary(answer)).toEqual([503, 'proxy_internal_error'])
      expect(answer.body.toString()).toContain('This proxy has no free address, port or socket to connect from.')
    }
    const control = await ControlClient.of(program)
    const labels = { failure: 'source-unavailable', who: 'proxy' }
    const counted = async () => (await control.metrics()).value('failures_total', labels)
    await until(async () => await counted() === 2, 'both failures to be counted')
    const told = () => program.diagnostics.match(/no free address, port or socket to connect from: .*/g) ?? []
    await program.until(() => told().length > 0, 'it to be logged')
    expect(told()).toEqual([expect.stringContaining(`from ${LOST}`)])
  })
})
