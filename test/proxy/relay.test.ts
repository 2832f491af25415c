import { afterEach, describe, expect, test } from 'vitest'
import { settle } from '../memory/machine.ts'
import type { Peer } from '../memory/peer.ts'
import { World } from './world.ts'

/** Bodies that the machine moves from socket to socket: the same as read and written, and told as truly. */

const SIZE = 300_000
const BODY = Array.from({ length: SIZE / 10 }, (_, i) => String(i).padStart(10, '.')).join('')

let world: World

async function open(relaying = true): Promise<World> {
  world = await World.open('outgoing.idle_timeout=20s', 'listener.http.idle_timeout=10s')
  world.machine.network.relaying = relaying
  return world
}

afterEach(async () => {
  expect(await world.leftovers()).toEqual([])
})

/** The body of a chunked message, put together. */
function dechunked(text: string): string {
  let body = ''
  for (let rest = text;;) {
    const line = rest.indexOf('\r\n')
    const size = Number.parseInt(rest.slice(0, line), 16)
    if (size === 0) return body
    body += rest.slice(line + 2, line + 2 + size)
    expect(rest.slice(line + 2 + size, line + 4 + size)).toBe('\r\n')
    rest = rest.slice(line + 4 + size)
  }
}

const bodyOf = (peer: Peer): string => peer.text.slice(peer.text.indexOf('\r\n\r\n') + 4)
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`

describe.each([true, false])('moved unseen: %s', (relaying) => {
  const moved = (least: number): void => {
    if (relaying) expect(world.machine.network.relayed).toBeGreaterThan(least)
    else expect(world.machine.network.relayed).toBe(0)
  }

  test('a body with a length, and what follows on the connection', async () => {
    await open(relaying)
    const [client, origin] = await world.asked()
    await origin.send(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`, BODY)
    expect(bodyOf(client)).toBe(BODY)
    moved(200_000)
    await client.news()
    await client.send('GET http://origin.test/2 HTTP/1.1\r\nHost: origin.test\r\n\r\n')
    await origin.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect(bodyOf(client).endsWith('\r\n\r\nok')).toBe(true)
    expect(world.seen.map(({ status, failure, reused }) => [status, failure, reused])).toEqual([
      [200, '', false],
      [200, '', true],
    ])
    expect(world.seen[0]!.bytesOut).toBeGreaterThan(SIZE)
    await client.close()
  })

  test('chunks, small and large, with an end', async () => {
    await open(relaying)
    const [client, origin] = await world.asked()
    await origin.send(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
      chunk('small'),
      chunk(BODY),
      chunk('x'),
      chunk(BODY.slice(0, 100_000)),
      '0\r\n\r\n',
    )
    expect(dechunked(bodyOf(client))).toBe(`small${BODY}x${BODY.slice(0, 100_000)}`)
    moved(200_000)
    await client.close()
  })

  test('an upload', async () => {
    await open(relaying)
    const head = `POST http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\nContent-Length: ${SIZE}\r\n\r\n`
    const client = await world.client()
    const [origin] = await Promise.all([world.origin(), client.send(head, BODY)])
    await settle()
    expect(bodyOf(origin)).toBe(BODY)
    moved(200_000)
    await origin.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    expect(world.seen.map(({ status, failure }) => [status, failure])).toEqual([[200, '']])
    await client.close()
  })

  test('an origin that ends in the middle leaves an incomplete message', async () => {
    await open(relaying)
    const [client, origin] = await world.asked()
    await origin.send(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`, BODY.slice(0, 150_000))
    await origin.end()
    expect(client.state).toBe('ended')
    expect(bodyOf(client)).toBe(BODY.slice(0, 150_000))
    expect(world.seen[0]!.failure).toBe('origin-left')
  })

  test('an origin that resets, too', async () => {
    await open(relaying)
    const [client, origin] = await world.asked()
    await origin.send(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`, BODY.slice(0, 150_000))
    await origin.reset()
    expect(client.state).not.toBe('open')
    expect(world.seen[0]!.failure).toBe('origin-left')
  })

  test('a client that leaves is told from an origin that does', async () => {
    await open(relaying)
    const [client, origin] = await world.asked()
    void origin.send(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`, BODY.slice(0, 150_000)).catch(() => {})
    await settle()
    await client.reset()
    void origin.send(BODY.slice(150_000)).catch(() => {})
    await settle()
    expect(world.seen[0]!.failure).toBe('client-left')
  })

  test('a client that stops reading is waited for, but not for ever', async () => {
    await open(relaying)
    const client = await world.client()
    client.pause()
    const [origin] = await Promise.all([
      world.origin(),
      client.send('GET http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\n\r\n'),
    ])
    void origin.send(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`, BODY).catch(() => {})
    await settle()
    await world.pass(30_000)
    expect(world.seen.map(({ failure }) => failure)).toEqual(['client-left'])
    await client.reset()
  })

  test('an origin that stops in the middle is given up', async () => {
    await open(relaying)
    const [client, origin] = await world.asked()
    await origin.send(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`, BODY.slice(0, 150_000))
    await world.pass(60_000)
    expect(world.seen.map(({ failure }) => failure)).toEqual(['origin-idle'])
    await client.close()
  })

  test('a tunnel', async () => {
    await open(relaying)
    const upgrade = 'Connection: upgrade\r\nUpgrade: websocket\r\n\r\n'
    const [client, origin] = await world.asked(`GET http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\n${upgrade}`)
    await origin.send(`HTTP/1.1 101 Switching Protocols\r\n${upgrade}`)
    await origin.news()
    await client.send('small')
    expect(await origin.news()).toBe('small')
    await origin.send(BODY, 'small again')
    expect(bodyOf(client)).toBe(`${BODY}small again`)
    moved(100_000)
    await client.send(BODY)
    await client.end()
    expect(await origin.news()).toBe(BODY)
    expect(origin.state).toBe('ended')
    await origin.end()
    const { bytesIn, bytesOut } = world.seen[0]!
    expect(bytesIn).toBeGreaterThan(SIZE + 5)
    expect(bytesOut).toBeGreaterThan(SIZE + 11)
  })
})
