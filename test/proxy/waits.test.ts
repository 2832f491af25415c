/** Time limits, each by what it waits for (see Waits in core/proxy/client.ts), by a clock moved by hand. */
import { expect, test } from 'vitest'
import { settle } from '../memory/machine.ts'
import type { Peer } from '../memory/peer.ts'
import { get, OK, World } from './world.ts'

const LIMITS = [
  'listener.http.head_timeout=10s',
  'listener.http.idle_timeout=20s',
  'outgoing.response_timeout=40s',
  'outgoing.idle_timeout=30s',
  'outgoing.tunnel_timeout=100s',
  'outgoing.connect_timeout=5s',
]
/** A deadline is kept to two sweeps, and never missed early. */
const SLACK = 1100

const upload = (length: number): string =>
  `POST http://origin.test/ HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`

test('request: a client that asks for nothing is closed without a word', async () => {
  const world = await World.open(...LIMITS)
  const client = await world.client()
  await world.pass(19_900)
  expect(client.state).toBe('open')
  await world.pass(SLACK)
  expect([client.state, client.text]).toEqual(['ended', ''])
  expect(world.seen).toEqual([])
  expect(await world.leftovers()).toEqual([])
})

test('request: the time begins anew after each exchange', async () => {
  const world = await World.open(...LIMITS)
  const [client, origin] = await world.asked()
  await world.pass(15_000)
  await origin.send(OK)
  await world.pass(19_000)
  expect(client.state).toBe('open')
  await world.pass(2 * SLACK)
  expect(client.state).toBe('ended')
  expect(await world.leftovers()).toEqual([])
})

test('head: 408, however often another byte comes', async () => {
  const world = await World.open(...LIMITS)
  const client = await world.client()
  await client.send('G')
  for (let second = 0; second < 9; second++) {
    await world.pass(1000)
    await client.send('E')
  }
  expect(client.text).toBe('')
  await world.pass(1000 + SLACK)
  const answer = await client.news()
  expect(answer).toMatch(/^HTTP\/1.1 408 [^]*\r\nConnection: close\r\n/)
  expect(client.state).toBe('ended')
  await client.send('T')
  await client.end()
  expect(world.seen).toMatchObject([{ status: 408, failure: 'head-timeout', result: 'NONE_NONE', request: '' }])
  expect(world.seen[0]).toMatchObject({ bytesIn: 10, bytesOut: answer.length })
  expect(answer).toContain(world.seen[0].id)
  expect(await world.leftovers()).toEqual([])
})

test('head: the page says nothing of the exchange before', async () => {
  const world = await World.open(...LIMITS)
  const [client, origin] = await world.asked('HEAD http://origin.test/secret HTTP/1.1\r\nHost: a\r\n\r\n')
  await origin.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n')
  await client.news()
  await client.send('GET http://origin.test/ HT')
  await world.pass(10_000 + SLACK)
  const answer = await client.news()
  expect(answer).toMatch(/^HTTP\/1.1 408 [^]*\r\n\r\n./)
  expect(answer).not.toContain('secret')
  await client.close()
  expect(world.seen.map(({ status, request }) => [status, request])).toEqual([
    [200, 'HEAD http://origin.test/secret'],
    [408, ''],
  ])
  expect(await world.leftovers()).toEqual([])
})

test('head: 408 to HEAD has no body', async () => {
  const world = await World.open(...LIMITS)
  const client = await world.client()
  await client.send('HEAD http://origin.test/ HT')
  await world.pass(10_000 + SLACK)
  expect(await client.news()).toMatch(/^HTTP\/1.1 408 [^]*\r\n\r\n$/)
  await client.close()
  expect(await world.leftovers()).toEqual([])
})

test.each(['ends', 'goes on', 'is reset'])(
  'head: a client that %s after 408 is let go of in time, and logged once',
  async (how) => {
    const world = await World.open(...LIMITS)
    const client = await world.client()
    await client.send('GET')
    await world.pass(10_000 + SLACK)
    if (how === 'ends') await client.end()
    if (how === 'is reset') await client.reset()
    for (let second = 0; second < 4; second++) {
      if (how === 'goes on') await client.send('more').catch(() => {})
      await world.pass(1000)
    }
    expect(world.seen).toMatchObject([{ status: 408 }])
    expect(await world.leftovers()).toEqual([])
  },
)

test('body: 408, and the origin does not take half a body for a whole one', async () => {
  const world = await World.open(...LIMITS)
  const [client, origin] = await world.asked(`${upload(10)}12345`)
  await world.pass(19_000)
  await client.send('6')
  await world.pass(19_000)
  expect(client.text).toBe('')
  await world.pass(2 * SLACK)
  expect(await client.news()).toMatch(/^HTTP\/1.1 408 [^]*\r\nConnection: close\r\n/)
  expect(origin.state).toBe('reset')
  await client.close()
  expect(world.seen).toMatchObject([{ status: 408, failure: 'body-timeout', result: 'TCP_MISS_TIMEDOUT' }])
  expect(await world.leftovers()).toEqual([])
})

test('connect: has its own limit, 504', async () => {
  const world = await World.open(...LIMITS)
  world.machine.network.road('198.51.100.1', 'hangs')
  const client = await world.client()
  await client.send(get())
  await world.pass(5000)
  expect(await client.news()).toMatch(/^HTTP\/1.1 504 /)
  await client.close()
  expect(world.seen).toMatchObject([{ status: 504, failure: 'connect-timeout', connect: 5000 }])
  expect(await world.leftovers()).toEqual([])
})

const SLOW: readonly [name: string, request: string][] = [
  ['after a head', get()],
  ['after a body', `${upload(3)}abc`],
]
test.each(SLOW)('response: 504 %s, and the client may ask again', async (_, request) => {
  const world = await World.open(...LIMITS)
  const [client, origin] = await world.asked(request)
  await world.pass(39_000)
  expect(client.text).toBe('')
  await world.pass(2 * SLACK)
  expect(await client.news()).toMatch(/^HTTP\/1.1 504 /)
  expect(origin.state).toBe('reset')
  await client.close()
  expect(world.seen).toMatchObject([{ status: 504, failure: 'response-timeout', firstByte: -1 }])
  expect(await world.leftovers()).toEqual([])
})

test('response: a head that comes byte by byte is late all the same', async () => {
  const world = await World.open(...LIMITS)
  const [client, origin] = await world.asked()
  for (let second = 0; second < 41; second++) {
    await origin.send('HTTP/1.1 200 OK with a very very very very long reason'[second])
    await world.pass(1000)
  }
  await world.pass(SLACK)
  expect(await client.news()).toMatch(/^HTTP\/1.1 504 /)
  await client.close()
  expect(await world.leftovers()).toEqual([])
})

const IN_CHUNKS = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n'
const HALF: readonly [name: string, request: string, head: string, state: string][] = [
  ['with a length', get(), 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345', 'ended'],
  ['in chunks', get(), IN_CHUNKS, 'ended'],
  ['to the end, in chunks', get(), 'HTTP/1.1 200 OK\r\n\r\n12345', 'ended'],
  ['to the end', 'GET http://origin.test/ HTTP/1.0\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n12345', 'reset'],
  ['in chunks, to 1.0', 'GET http://origin.test/ HTTP/1.0\r\n\r\n', IN_CHUNKS, 'reset'],
]
test.each(HALF)(
  'origin: an answer that stops in the middle does not look whole, %s',
  async (_, request, head, state) => {
    const world = await World.open(...LIMITS)
    const [client, origin] = await world.asked(request)
    await origin.send(head)
    await world.pass(29_000)
    expect(client.state).toBe('open')
    await world.pass(2 * SLACK)
    expect(client.state).toBe(state)
    expect(await client.news()).toMatch(/12345(\r\n)?$/)
    expect(origin.state).toBe('reset')
    expect(world.seen).toMatchObject([{ status: 200, failure: 'origin-idle' }])
    expect(await world.leftovers()).toEqual([])
  },
)

test.each(HALF)('an answer that the origin breaks off does not look whole, %s', async (_, request, head, state) => {
  const world = await World.open(...LIMITS)
  const [client, origin] = await world.asked(request)
  await origin.send(head)
  await origin.reset()
  expect(client.state).toBe(state)
  expect(await client.news()).toMatch(/12345(\r\n)?$/)
  expect(world.seen).toMatchObject([{ status: 200, failure: 'origin-left' }])
  expect(await world.leftovers()).toEqual([])
})

/** What a slow reader takes at a time: of room for more nobody hears for long. */
const SLOWLY = 1000

/** A world whose machine tells how long a peer has been sent nothing. */
async function tellingWorld(...sets: string[]): Promise<World> {
  const world = await World.open(...LIMITS, ...sets)
  const { network } = world.machine
  network.telling = true
  network.piece = () => SLOWLY
  return world
}

/** Read one piece in each of `times` spaces of `ms`, then nothing. */
async function trickle(world: World, peer: Peer, ms: number, times = 5): Promise<void> {
  for (let i = 0; i < times; i++) {
    await world.pass(ms)
    await peer.socket.next()
    await settle()
  }
}

const LONG = `HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(1_000_000)}`

/** One that is not read, and one that is read slowly for a while, which is waited for as long as it lasts. */
const READERS = [
  { how: 'reads nothing', open: () => World.open(...LIMITS), read: async () => {} },
  { how: 'reads slowly, and then nothing', open: tellingWorld, read: trickle },
]

test.each(READERS)('origin: one that $how is given up, 504', async ({ open, read }) => {
  const world = await open()
  const [client, origin] = await world.asked(upload(1_000_000))
  origin.pause()
  const sending = client.send('x'.repeat(1_000_000)).catch(() => {})
  await read(world, origin, 29_000)
  await world.pass(29_000)
  expect(client.text).toBe('')
  await world.pass(2 * SLACK)
  expect(await client.news()).toMatch(/^HTTP\/1.1 504 /)
  expect(world.seen).toMatchObject([{ status: 504, failure: 'origin-idle' }])
  await world.pass(5000)
  await sending
  await client.close()
  expect(await world.leftovers()).toEqual([])
})

test.each(READERS)('reader: a client that $how is cut, and so is the origin', async ({ open, read }) => {
  const world = await open()
  const [client, origin] = await world.asked()
  client.pause()
  const sending = origin.send(LONG)
  void sending.catch(() => {})
  await read(world, client, 19_000)
  await world.pass(19_000)
  expect(world.context.clients.size).toBe(1)
  await world.pass(2 * SLACK)
  expect(world.context.clients.size).toBe(0)
  await expect(sending).rejects.toThrow('reset')
  expect(world.seen).toMatchObject([{ status: 200, failure: 'client-left', result: 'TCP_MISS_ABORTED' }])
  await client.close()
  expect(await world.leftovers()).toEqual([])
})

test('response: the time begins when the request has gone out', async () => {
  const world = await tellingWorld()
  const [client, origin] = await world.asked(upload(10_000))
  origin.pause()
  await client.send('x'.repeat(10_000))
  await trickle(world, origin, 39_000)
  await world.pass(39_000)
  expect(await client.news()).toBe('')
  await world.pass(2 * SLACK)
  expect(await client.news()).toMatch(/^HTTP\/1.1 504 /)
  expect(world.seen).toMatchObject([{ status: 504, failure: 'response-timeout' }])
  await world.pass(5000)
  await client.close()
  expect(await world.leftovers()).toEqual([])
})

test.each(['client', 'origin'] as const)('tunnel: slow reading by the %s is no silence', async (reader) => {
  const world = await tellingWorld('outgoing.connect_ports=[80]')
  const [client, origin] = await world.asked('CONNECT origin.test:80 HTTP/1.1\r\nHost: origin.test:80\r\n\r\n')
  const [slow, other] = reader === 'client' ? [client, origin] : [origin, client]
  slow.pause()
  const sending = other.send('x'.repeat(1_000_000))
  void sending.catch(() => {})
  await trickle(world, slow, 99_000)
  await world.pass(99_000)
  expect(world.context.clients.size).toBe(1)
  await world.pass(2 * SLACK)
  expect(world.context.clients.size).toBe(0)
  await expect(sending).rejects.toThrow('reset')
  expect(world.seen).toMatchObject([{ status: 200, failure: 'tunnel-idle' }])
  await slow.close()
  expect(await world.leftovers()).toEqual([])
})

test('reader: one that goes on sending its body is cut all the same', async () => {
  const world = await World.open(...LIMITS)
  const [client, origin] = await world.asked(`${upload(100)}x`)
  client.pause()
  const sending = origin.send(LONG)
  void sending.catch(() => {})
  await world.pass(10_000)
  await client.send('x'.repeat(98))
  await world.pass(25_000)
  expect(world.context.clients.size).toBe(0)
  expect(world.seen).toMatchObject([{ status: 200, result: 'TCP_MISS_TIMEDOUT' }])
  await client.close()
  expect(await world.leftovers()).toEqual([])
})

test('reader: of interim responses', async () => {
  const world = await World.open(...LIMITS)
  const [client, origin] = await world.asked()
  client.pause()
  const hints = `HTTP/1.1 103 Hints\r\nLink: <${'x'.repeat(30_000)}>\r\n\r\n`
  const sending = (async () => {
    for (let i = 0; i < 20; i++) await origin.send(hints)
  })()
  void sending.catch(() => {})
  await world.pass(25_000)
  expect(world.context.clients.size).toBe(0)
  expect(world.seen).toMatchObject([{ status: 0, failure: 'client-left' }])
  await client.close()
  await expect(sending).rejects.toThrow('reset')
  expect(await world.leftovers()).toEqual([])
})

test('reader: of interim responses, then one that reads again is served', async () => {
  const world = await World.open(...LIMITS)
  const [client, origin] = await world.asked()
  client.pause()
  const hints = `HTTP/1.1 103 Hints\r\nLink: <${'x'.repeat(30_000)}>\r\n\r\n`
  const sending = (async () => {
    for (let i = 0; i < 6; i++) await origin.send(hints)
  })()
  await world.pass(15_000)
  await client.resume()
  await sending
  await world.pass(39_000)
  await origin.send(OK)
  expect(await client.news()).toMatch(/\r\n\r\nok$/)
  await client.close()
  expect(world.seen).toMatchObject([{ status: 200, failure: '' }])
  expect(await world.leftovers()).toEqual([])
})

test('reader: of an answer of our own', async () => {
  const world = await World.open(...LIMITS)
  world.machine.network.capacity = 100
  const client = await world.client()
  client.pause()
  await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await world.pass(20_000 + SLACK)
  await world.pass(2_000 + SLACK)
  expect(world.context.clients.size).toBe(0)
  expect(world.seen).toMatchObject([{ failure: 'not-a-proxy-request' }])
  await client.close()
  expect(await world.leftovers()).toEqual([])
})

test('tunnel: nothing either way for too long, and it is closed', async () => {
  const world = await World.open(...LIMITS, 'outgoing.connect_ports=[80]')
  const [client, origin] = await world.asked('CONNECT origin.test:80 HTTP/1.1\r\nHost: origin.test:80\r\n\r\n')
  expect(await client.news()).toBe('HTTP/1.1 200 Connection established\r\n\r\n')
  for (let i = 0; i < 3; i++) {
    await world.pass(99_000)
    await (i % 2 === 0 ? client : origin).send('x')
  }
  expect([client.state, origin.state]).toEqual(['open', 'open'])
  await world.pass(100_000 + SLACK)
  expect([client.state, origin.state]).toEqual(['reset', 'reset'])
  expect(world.seen).toMatchObject([{ status: 200, failure: 'tunnel-idle', result: 'TCP_TUNNEL' }])
  expect(await world.leftovers()).toEqual([])
})

test('tunnel: half-closed, it is closed after a shorter time', async () => {
  const world = await World.open(...LIMITS, 'outgoing.connect_ports=[80]', 'outgoing.tunnel_timeout=1h')
  const [client, origin] = await world.asked('CONNECT origin.test:80 HTTP/1.1\r\nHost: origin.test:80\r\n\r\n')
  await client.end()
  expect(origin.state).toBe('ended')
  await world.pass(59_000)
  await origin.send('x')
  await world.pass(59_000)
  expect(await client.news()).toMatch(/\r\n\r\nx$/)
  expect(client.state).toBe('open')
  await world.pass(2 * SLACK)
  expect(client.state).toBe('reset')
  expect(await world.leftovers()).toEqual([])
})

test('tunnel: whoever was told that the origin has ended hears of no reset after that', async () => {
  const world = await World.open(...LIMITS, 'outgoing.connect_ports=[80]')
  const [client, origin] = await world.asked('CONNECT origin.test:80 HTTP/1.1\r\nHost: origin.test:80\r\n\r\n')
  await origin.end()
  await world.pass(60_000 + SLACK)
  expect(world.seen).toMatchObject([{ failure: 'tunnel-idle' }])
  // It would throw.
  await client.send('x')
  expect(await world.leftovers()).toEqual([])
})

test('tunnel: bytes are counted, those that came with the request too', async () => {
  const world = await World.open(...LIMITS, 'outgoing.connect_ports=[80]')
  const request = 'CONNECT origin.test:80 HTTP/1.1\r\nHost: origin.test:80\r\n\r\n'
  const [client, origin] = await world.asked(`${request}hello`)
  expect(origin.text).toBe('hello')
  await client.send('more')
  await origin.send('answer')
  await client.end()
  await origin.end()
  expect([client.state, origin.state, origin.text]).toEqual(['ended', 'ended', 'hellomore'])
  expect(world.seen).toMatchObject([{ bytesIn: request.length + 9, bytesOut: client.text.length, failure: '' }])
  expect(await world.leftovers()).toEqual([])
})

test('end: what a client still sends is read, but not for ever', async () => {
  const world = await World.open(...LIMITS)
  const client = await world.client()
  await client.send('nonsense\r\n')
  expect(await client.news()).toMatch(/^HTTP\/1.1 400 /)
  for (let i = 0; i < 10 && world.context.clients.size > 0; i++) {
    await client.send('more')
    await world.pass(500)
  }
  expect(world.context.clients.size).toBe(0)
  await client.close()
  expect(world.seen).toMatchObject([{ status: 400 }])
  expect(await world.leftovers()).toEqual([])
})
