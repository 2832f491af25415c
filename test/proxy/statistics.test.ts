/** The counters of a worker: each moves for the exchange that should move it, and for no other. */
import { describe, expect, test } from 'vitest'
import { METRICS } from '../../core/proxy/metrics.ts'
import { type Snapshot, totalOf } from '../../core/proxy/snapshot.ts'
import { Statistics } from '../../core/proxy/statistics.ts'
import { decode, encode } from '../../core/dns/wire.ts'
import { CLASS_IN, RCODE, type Resource, TYPE } from '../../core/dns/message.ts'
import type { Endpoint } from '../../core/runtime.ts'
import type { Peer } from '../memory/peer.ts'
import { settle } from '../memory/machine.ts'
import { get, NOBODY, OK, World } from './world.ts'

const shot = (world: World): Snapshot => world.proxy.statistics.snapshot(world.proxy, [world.context])

type Flat = Record<string, number>

/** What is not 0, by its path; durations by their count. Memory is always something. */
function flat(snapshot: Snapshot): Flat {
  const found: Flat = {}
  const visit = (path: string, value: unknown): void => {
    if (typeof value === 'number') {
      if (value !== 0) found[path] = value
    } else if (typeof value === 'object' && value !== null && 'counts' in value) {
      const count = totalOf(value as never)
      if (count !== 0) found[path] = count
    } else for (const [name, below] of Object.entries(value as object)) visit(`${path}.${name}`, below)
  }
  for (const [name, value] of Object.entries(snapshot)) if (name !== 'memory_bytes') visit(name, value)
  return found
}

/** How the counters moved while something was done. */
async function moved(world: World, act: () => Promise<unknown>): Promise<Flat> {
  const before = flat(shot(world))
  await act()
  await settle()
  const after = flat(shot(world))
  const moves: Flat = {}
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const by = (after[name] ?? 0) - (before[name] ?? 0)
    if (by !== 0) moves[name] = by
  }
  return moves
}

const CONNECT = 'CONNECT origin.test:80 HTTP/1.1\r\nHost: origin.test:80\r\n\r\n'
const UPGRADE = get('/', 'Connection: upgrade\r\nUpgrade: websocket\r\n')
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'

test('a snapshot has every metric of the table, and JSON keeps it as it is', async () => {
  const world = await World.open()
  const snapshot = shot(world)
  expect(Object.keys(snapshot).toSorted()).toEqual(Object.keys(METRICS).toSorted())
  expect(flat(snapshot)).toEqual({})
  expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot)
  expect(await world.leftovers()).toEqual([])
})

test('a request, and another on the same connections', async () => {
  const world = await World.open()
  let client!: Peer
  let origin!: Peer
  const request = get()
  const answers: string[] = []
  const serve = async (): Promise<void> => {
    await origin.send(OK)
    answers.push(await client.news())
  }
  const first = await moved(world, async () => {
    ;[client, origin] = await world.asked(request)
    await serve()
  })
  expect(first).toEqual({
    'connections_accepted_total.http': 1,
    'connections_open.http': 1,
    'connections_waiting.request': 1,
    'exchanges_total.http.forward': 1,
    'requests_total.GET': 1,
    'responses_total.200': 1,
    'decisions_total.permit': 1,
    'client_received_bytes_total.http': request.length,
    'client_sent_bytes_total.http': answers[0].length,
    'origin_received_bytes_total': OK.length,
    'origin_sent_bytes_total': origin.text.length,
    'exchange_seconds': 1,
    'first_byte_seconds': 1,
    'dns_seconds': 1,
    'connect_seconds': 1,
    'origin_connections_made_total': 1,
    'origin_connections_open': 1,
    'origin_connections_kept': 1,
    'dns_lookups_total': 2,
    'dns_hits_total': 2,
  })
  const sent = origin.text.length
  const second = await moved(world, async () => {
    await client.send(request)
    await serve()
  })
  expect(second).toEqual({
    'exchanges_total.http.forward': 1,
    'requests_total.GET': 1,
    'responses_total.200': 1,
    'decisions_total.permit': 1,
    'client_received_bytes_total.http': request.length,
    'client_sent_bytes_total.http': answers[1].length,
    'origin_received_bytes_total': OK.length,
    'origin_sent_bytes_total': origin.text.length - sent,
    'exchange_seconds': 1,
    'first_byte_seconds': 1,
    'origin_connections_reused_total': 1,
  })
  const gone = await moved(world, async () => {
    await client.close()
    await origin.close()
  })
  expect(gone).toEqual({
    'connections_open.http': -1,
    'connections_waiting.request': -1,
    'origin_connections_open': -1,
    'origin_connections_kept': -1,
  })
  expect(await world.leftovers()).toEqual([])
})

describe('the method', () => {
  test.each(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('%s', async (method) => {
    const world = await World.open()
    const request = `${method} http://origin.test/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`
    const moves = await moved(world, async () => {
      const [client, origin] = await world.asked(request)
      await origin.send('HTTP/1.1 204 No Content\r\n\r\n')
      await client.close()
    })
    expect(moves).toMatchObject({ [`requests_total.${method}`]: 1, 'responses_total.204': 1 })
    expect(Object.keys(moves).filter((name) => name.startsWith('requests_total'))).toHaveLength(1)
    expect(await world.leftovers()).toEqual([])
  })

  test.each([
    ['BREW', 'other'],
    ['get', 'other'],
    ['GETS', 'other'],
  ])('%s is %s', async (method, counted) => {
    const world = await World.open()
    const moves = await moved(world, async () => {
      const [client, origin] = await world.asked(`${method} http://origin.test/ HTTP/1.1\r\nHost: a\r\n\r\n`)
      await origin.send(OK)
      await client.close()
    })
    expect(moves[`requests_total.${counted}`]).toBe(1)
    expect(await world.leftovers()).toEqual([])
  })
})

/** What is answered here, and what is counted beside the connection and the bytes. */
const REFUSED: readonly [name: string, request: string, counted: Flat][] = [
  ['garbage', '\x16\x03\x01\r\n\r\n', {
    'requests_total.none': 1,
    'responses_total.400': 1,
    'decisions_total.permit': 1,
    'failures_total.bad-request': 1,
  }],
  ['a destination of this machine', 'GET http://127.0.0.1/ HTTP/1.1\r\nHost: a\r\n\r\n', {
    'requests_total.GET': 1,
    'responses_total.403': 1,
    'decisions_total.deny': 1,
    'failures_total.local-refused': 1,
    'dns_seconds': 1,
  }],
  ['a port', 'CONNECT origin.test:25 HTTP/1.1\r\nHost: a\r\n\r\n', {
    'requests_total.CONNECT': 1,
    'responses_total.403': 1,
    'decisions_total.deny': 1,
    'failures_total.port-refused': 1,
  }],
  ['nobody there', `GET http://${NOBODY}/ HTTP/1.1\r\nHost: a\r\n\r\n`, {
    'requests_total.GET': 1,
    'responses_total.502': 1,
    'decisions_total.permit': 1,
    'failures_total.connect-refused': 1,
    'dns_seconds': 1,
    'connect_seconds': 1,
  }],
  ['a request for the proxy', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', {
    'requests_total.OPTIONS': 1,
    'responses_total.200': 1,
    'decisions_total.respond': 1,
  }],
]
test.each(REFUSED)('%s', async (_, request, counted) => {
  const world = await World.open()
  let answer = ''
  const moves = await moved(world, async () => {
    const client = await world.client()
    await client.send(request)
    answer = await client.news()
    await client.close()
  })
  expect(moves).toEqual({
    'connections_accepted_total.http': 1,
    'exchanges_total.http.forward': 1,
    'client_received_bytes_total.http': request.length,
    'client_sent_bytes_total.http': answer.length,
    'exchange_seconds': 1,
    ...counted,
  })
  expect(await world.leftovers()).toEqual([])
})

test('a connection too many is refused, not accepted', async () => {
  const world = await World.open('listener.http.connections=1')
  const first = await world.client()
  await settle()
  const moves = await moved(world, async () => {
    const second = await world.client()
    expect(await second.news()).toMatch(/^HTTP\/1.1 503 /)
    await second.close()
  })
  expect(moves).toMatchObject({
    'connections_refused_total.http': 1,
    'responses_total.503': 1,
    'failures_total.too-many-connections': 1,
  })
  expect(moves).not.toHaveProperty(['connections_accepted_total.http'])
  expect(moves).not.toHaveProperty(['connections_open.http'])
  await first.close()
  expect(await world.leftovers()).toEqual([])
})

describe('a tunnel', () => {
  test.each([
    ['connect', CONNECT, '', 200],
    ['upgrade', UPGRADE, SWITCHING, 101],
  ])('by %s is counted while it lasts, byte by byte', async (kind, request, opening, status) => {
    const world = await World.open('outgoing.connect_ports=80')
    let client!: Peer
    let origin!: Peer
    const opened = await moved(world, async () => {
      // What follows the head at once is of the tunnel, on both sides.
      ;[client, origin] = await world.asked(`${request}early`)
      if (opening !== '') await origin.send(`${opening}prompt`)
      await settle()
    })
    const there = kind === 'upgrade' ? origin.text.length : 'early'.length
    expect(opened).toMatchObject({
      [`tunnels_total.${kind}`]: 1,
      'tunnels_open': 1,
      'client_received_bytes_total.http': request.length + 'early'.length,
      'client_sent_bytes_total.http': client.text.length,
      'origin_sent_bytes_total': there,
    })
    expect(opened['origin_received_bytes_total'] ?? 0).toBe(opening === '' ? 0 : opening.length + 'prompt'.length)
    expect(opened).not.toHaveProperty(['exchanges_total.http.forward'])
    const carried = await moved(world, async () => {
      await client.send('x'.repeat(1000))
      await origin.send('y'.repeat(300))
    })
    expect(carried).toEqual({
      'client_received_bytes_total.http': 1000,
      'origin_sent_bytes_total': 1000,
      'origin_received_bytes_total': 300,
      'client_sent_bytes_total.http': 300,
    })
    const ended = await moved(world, async () => {
      await client.end()
      await origin.end()
    })
    expect(ended).toMatchObject({
      'tunnels_open': -1,
      'exchanges_total.http.forward': 1,
      [`responses_total.${status}`]: 1,
      'connections_open.http': -1,
      'origin_connections_open': -1,
    })
    // Each byte once, and a tunnel has no time among those of exchanges.
    expect(ended).not.toHaveProperty(['client_received_bytes_total.http'])
    expect(ended).not.toHaveProperty('exchange_seconds')
    expect(ended).not.toHaveProperty('first_byte_seconds')
    const { bytesIn, bytesOut } = world.seen[0]
    expect(shot(world).client_received_bytes_total).toEqual({ http: bytesIn })
    expect(shot(world).client_sent_bytes_total).toEqual({ http: bytesOut })
    expect(await world.leftovers()).toEqual([])
  })
})

test('what a long answer carries is counted while it lasts, and when it breaks', async () => {
  const world = await World.open()
  const [client, origin] = await world.asked()
  await origin.send('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n', 'x'.repeat(50_000))
  await settle()
  expect(shot(world).exchanges_total).toEqual({ http: { forward: 0 } })
  expect(shot(world).client_sent_bytes_total).toEqual({ http: client.text.length })
  expect(client.text.length).toBeGreaterThan(50_000)
  await origin.reset()
  await client.close()
  expect(shot(world).exchanges_total).toEqual({ http: { forward: 1 } })
  expect(shot(world).client_sent_bytes_total).toEqual({ http: client.text.length })
  expect(shot(world).failures_total).toMatchObject({ 'origin-left': 1 })
  expect(await world.leftovers()).toEqual([])
})

test('connections, by what they wait for', async () => {
  const world = await World.open('outgoing.connect_ports=80')
  const idle = await world.client()
  const slow = await world.client()
  await slow.send('GET')
  const [asking, answering] = await world.asked()
  const [tunnelling, carrying] = await world.asked(CONNECT)
  expect(flat({ connections_waiting: shot(world).connections_waiting ?? 0 })).toEqual({
    'connections_waiting.request': 1,
    'connections_waiting.head': 1,
    'connections_waiting.response': 1,
    'connections_waiting.tunnel': 1,
  })
  for (const peer of [idle, slow, asking, answering, tunnelling, carrying]) await peer.close()
  expect(await world.leftovers()).toEqual([])
})

test('bytes of what never became a request stay counted', async () => {
  const world = await World.open()
  const client = await world.client()
  await client.send('GET http')
  expect(shot(world).client_received_bytes_total).toEqual({ http: 8 })
  await client.close()
  expect(flat(shot(world))).toEqual({ 'connections_accepted_total.http': 1, 'client_received_bytes_total.http': 8 })
  expect(await world.leftovers()).toEqual([])
})

describe('a deadline', () => {
  const LIMITS = ['listener.http.head_timeout=1s', 'listener.http.idle_timeout=2s', 'outgoing.response_timeout=3s']
  const upload = 'POST http://origin.test/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n'

  test.each([
    ['request', '', []],
    ['head', 'GET', ['end']],
    ['body', upload, ['end']],
    ['response', get(), []],
  ])('that is missed by %s', async (waits, text, also) => {
    const world = await World.open(...LIMITS)
    void world.origins(() => {})
    const client = await world.client()
    await client.send(text)
    await world.pass(4000)
    const missed = flat(shot(world))
    expect(missed[`deadlines_missed_total.${waits}`]).toBe(1)
    const others = Object.keys(missed).filter((name) => name.startsWith('deadlines_missed_total.'))
    expect(others.filter((name) => !name.endsWith(waits)).every((name) => also.includes(name.split('.')[1]))).toBe(true)
    await client.close()
    await world.pass(4000)
    expect(await world.leftovers()).toEqual([])
  })
})

test('a bug', async () => {
  const world = await World.open()
  world.proxy.bug(new Error('broken on purpose'))
  expect(flat(shot(world))).toEqual({ 'bugs_total': 1 })
  world.bugs.length = 0
  expect(await world.leftovers()).toEqual([])
})

test('lines that the logs lost', async () => {
  const world = await World.open()
  world.proxy.statistics.linesLost = () => 7
  expect(shot(world).log_lines_lost_total).toBe(7)
  expect(await world.leftovers()).toEqual([])
})

describe('how late a sweep comes', () => {
  const PERIOD = 500
  const swept = (...times: readonly number[]): number => {
    const statistics = new Statistics()
    for (const time of times) statistics.swept(time, PERIOD)
    return statistics.loopDelay
  }

  test.each([
    ['never', [], 0],
    ['the first', [90_000], 0],
    ['in time', [0, 500, 1000], 0],
    ['early', [0, 499, 900], 0],
    ['late once', [0, 500, 1250, 1750], 250],
    ['late twice', [0, 600, 1400], 300],
    ['late within the last minute', [0, 2500, ...every(3000, 60_000)], 2000],
    ['late more than two minutes ago', [0, 2500, ...every(3000, 121_000)], 0],
  ])('%s', (_, times, delay) => {
    expect(swept(...times)).toBe(delay)
  })

  function every(from: number, to: number): number[] {
    return Array.from({ length: (to - from) / PERIOD + 1 }, (_, i) => from + i * PERIOD)
  }

  test('is part of a snapshot, in seconds', async () => {
    const world = await World.open()
    world.proxy.statistics.swept(world.machine.clock.now(), PERIOD)
    world.proxy.statistics.swept(world.machine.clock.now() + PERIOD + 1500, PERIOD)
    expect(shot(world).loop_delay_seconds).toBe(1.5)
    expect(await world.leftovers()).toEqual([])
  })
})

const SERVER: Endpoint = { family: 4, address: '192.0.2.53', port: 53 }
/** How long that there is no such name may be believed (RFC 2308). */
const SOA: Resource = {
  name: 'test',
  type: TYPE.SOA,
  class: CLASS_IN,
  ttl: 60,
  data: {
    kind: 'soa',
    primary: 'a.test',
    mailbox: 'b.test',
    times: { serial: 1, refresh: 60, retry: 60, expire: 60, minimum: 60 },
  },
}
const elsewhere = 'GET http://elsewhere.test/ HTTP/1.1\r\nHost: a\r\n\r\n'

test('a name server that says nothing', async () => {
  const world = await World.open('dns.timeout=100ms', 'dns.retries=0')
  world.machine.network.serve(SERVER, () => {})
  const client = await world.client()
  await client.send(elsewhere)
  expect(shot(world)).toMatchObject({ dns_questions_open: 2, dns_lookups_total: 2, dns_hits_total: 0 })
  await world.pass(1000)
  expect(await client.news()).toMatch(/^HTTP\/1.1 504 /)
  expect(shot(world)).toMatchObject({
    dns_questions_open: 0,
    dns_failures_total: 2,
    dns_server_queries_total: { '192.0.2.53:53': 2 },
    dns_server_answers_total: { '192.0.2.53:53': 0 },
    dns_server_timeouts_total: { '192.0.2.53:53': 2 },
  })
  await client.close()
  expect(await world.leftovers()).toEqual([])
})

test('a name that does not exist, asked for twice', async () => {
  const world = await World.open()
  world.machine.network.serve(SERVER, (packet, send) => {
    send(encode({ ...decode(packet), response: true, rcode: RCODE.NXDOMAIN, authorities: [SOA] }))
  })
  const client = await world.client()
  await client.send(elsewhere)
  await world.pass(100)
  const first = shot(world)
  expect(first).toMatchObject({ dns_negative_hits_total: 0, dns_failures_total: 2 })
  const again = await moved(world, () => client.send(elsewhere))
  expect(again).toMatchObject({ 'dns_lookups_total': 2, 'dns_hits_total': 2, 'dns_negative_hits_total': 2 })
  expect(again).not.toHaveProperty(['dns_server_queries_total.192.0.2.53:53'])
  await client.close()
  expect(await world.leftovers()).toEqual([])
})
