/** Exchanges in memory: reuse, retries, early answers, pipelining; and that nothing is left behind. */
import { expect, test } from 'vitest'
import type { Peer } from '../memory/peer.ts'
import { get, OK, World } from './world.ts'

const post = (body: string, fields = ''): string =>
  `POST http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\nContent-Length: ${body.length}\r\n${fields}\r\n${body}`

test('a connection to an origin is used again, and nothing is left in the end', async () => {
  const world = await World.open()
  const [client, origin] = await world.asked()
  expect(origin.text).toBe('GET / HTTP/1.1\r\nHost: origin.test\r\n\r\n')
  await origin.send(OK)
  expect(await client.news()).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*\r\n\r\nok$/)
  await client.send(get('/2'))
  await origin.send(OK)
  await client.end()
  expect(client.state).toBe('ended')
  expect(world.seen.map(({ status, reused }) => [status, reused])).toEqual([[200, false], [200, true]])
  expect(await world.leftovers()).toEqual([])
})

test.each([1, 2, 3, 7, 64, 1000])('pipelined requests in pieces of %d bytes are answered in order', async (piece) => {
  const world = await World.open()
  world.machine.network.piece = () => piece
  const client = await world.client()
  const [origin] = await Promise.all([
    world.origin(),
    client.send(get('/1') + post('body of two') + get('/3') + get('/4', 'Connection: close\r\n')),
  ])
  for (const number of [1, 2, 3, 4]) {
    await origin.send(
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno ${number}\r\n0\r\n\r\n`.replace('3\r\n', '4\r\n'),
    )
  }
  expect(client.state).toBe('ended')
  await client.close()
  expect(client.text.replaceAll(/\r\n[0-9a-f]\r\n/g, '').match(/no \d/g)).toEqual(['no 1', 'no 2', 'no 3', 'no 4'])
  expect(origin.text.match(/(GET|POST) \S+/g)).toEqual(['GET /1', 'POST /', 'GET /3', 'GET /4'])
  expect(origin.text).toContain('\r\n\r\nbody of twoGET /3')
  expect(world.seen.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  expect(await world.leftovers()).toEqual([])
})

test('bytes are counted for the exchange they are of, pipelined or not', async () => {
  const world = await World.open()
  const client = await world.client()
  const requests = [get('/1'), post('a body'), get('/3')]
  const [origin] = await Promise.all([world.origin(), client.send(requests.join(''))])
  const answers: string[] = []
  for (const body of ['', 'x', 'y'.repeat(40_000)]) {
    await origin.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    answers.push(await client.news())
  }
  expect(world.seen.map(({ bytesIn }) => bytesIn)).toEqual(requests.map(({ length }) => length))
  expect(world.seen.map(({ bytesOut }) => bytesOut)).toEqual(answers.map(({ length }) => length))
  await client.close()
  expect(await world.leftovers()).toEqual([])
})

const RETRIES: readonly [name: string, request: string, tried: number][] = [
  ['GET', get('/again'), 2],
  ['HEAD', 'HEAD http://origin.test/ HTTP/1.1\r\nHost: a\r\n\r\n', 2],
  ['OPTIONS', 'OPTIONS http://origin.test/ HTTP/1.1\r\nHost: a\r\n\r\n', 2],
  ['POST', post('body'), 1],
  ['POST without a body', 'POST http://origin.test/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n', 1],
  ['DELETE', 'DELETE http://origin.test/ HTTP/1.1\r\nHost: a\r\n\r\n', 1],
  ['PUT', post('body').replace('POST', 'PUT'), 1],
  ['GET with a body', post('body').replace('POST', 'GET'), 1],
]
test.each(RETRIES)('a kept connection that dies under %s', async (_, request, tried) => {
  const world = await World.open()
  const [client, first] = await world.asked()
  await first.send(OK)
  await client.news()
  const origins = [first]
  void world.origins((origin) => origins.push(origin))
  await client.send(request)
  expect(origins.length).toBe(1)
  // It took the request, and closes without a word.
  await first.close()
  expect(origins.length).toBe(tried)
  // The second one does the same: there is no third try.
  await origins.at(-1)!.close()
  expect(origins.length).toBe(tried)
  expect(await client.news()).toMatch(/^HTTP\/1.1 502 /)
  await client.close()
  expect(world.seen.at(-1)).toMatchObject({ status: 502, failure: 'origin-left', reused: tried === 1, firstByte: -1 })
  expect(await world.leftovers()).toEqual([])
})

const KEPT: readonly [name: string, after: string | null][] = [
  ['that is closed', null],
  ['that sends what nobody asked for', 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'],
]
test.each(KEPT)('a kept connection %s is never handed out', async (_, after) => {
  const world = await World.open()
  const [client, first] = await world.asked()
  await first.send(OK)
  if (after === null) await first.end()
  else await first.send(after)
  expect(world.proxy.origins.kept).toBe(0)
  await client.news()
  const [second] = await Promise.all([world.origin(), client.send(get())])
  await second.send(OK)
  expect(await client.news()).toMatch(/\r\n\r\nok$/)
  await client.close()
  expect(await world.leftovers()).toEqual([])
})

const ODD: readonly [name: string, answer: string][] = [
  ['with more than its length', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n'],
  ['to the end of the connection', 'HTTP/1.1 200 OK\r\n\r\nok'],
  ['that closes', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
  ['of HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  [
    'with both framings',
    'HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  ],
  ['204 with a body', 'HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nok'],
  ['304 with a body', 'HTTP/1.1 304 No\r\nContent-Length: 2\r\n\r\nok'],
]
test.each(ODD)('after an answer %s the connection is not kept', async (_, answer) => {
  const world = await World.open()
  const [client, origin] = await world.asked()
  await origin.send(answer)
  expect(world.proxy.origins.kept).toBe(0)
  await origin.end()
  expect(await client.news()).toMatch(/^HTTP\/1.1 (200|204|304) /)
  expect(world.proxy.origins.kept).toBe(0)
  expect(origin.state).not.toBe('open')
  await client.close()
  expect(await world.leftovers()).toEqual([])
})

test('interim responses are passed on, to HTTP/1.1 only', async () => {
  const world = await World.open()
  const [client, origin] = await world.asked()
  await origin.send('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n')
  expect(await client.news()).toMatch(
    /^HTTP\/1.1 103 Early Hints\r\nLink: <\/a>\r\n\r\nHTTP\/1.1 102 Processing\r\n\r\n$/,
  )
  await origin.send(OK)
  expect(await client.news()).toMatch(/^HTTP\/1.1 200 OK/)
  await client.send('GET http://origin.test/ HTTP/1.0\r\n\r\n')
  await origin.send(`HTTP/1.1 103 Early Hints\r\n\r\n${OK}`)
  expect(await client.news()).toMatch(/^HTTP\/1.1 200 OK/)
  expect(client.state).toBe('ended')
  await client.close()
  expect(await world.leftovers()).toEqual([])
})

test('interim responses without end are a bad response', async () => {
  const world = await World.open()
  const [client, origin] = await world.asked()
  await origin.send('HTTP/1.1 102 Processing\r\n\r\n'.repeat(33))
  expect(await client.news()).toMatch(/HTTP\/1.1 502 Bad Gateway\r\n/)
  expect(world.seen).toMatchObject([{ status: 502, failure: 'bad-response' }])
  await client.close()
  expect(await world.leftovers()).toEqual([])
})

test.each([
  { broken: 'zz\r\nabc' },
  { broken: '3\r\nabcXX0\r\n' },
  { broken: '-1\r\n' },
])('a body that breaks before any of the answer went out is a bad response: $broken', async ({ broken }) => {
  const world = await World.open()
  const [client, origin] = await world.asked()
  await origin.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${broken}`)
  expect(await client.news()).toMatch(/^HTTP\/1.1 502 Bad Gateway\r\n/)
  expect(client.state).toBe('open')
  expect(world.seen).toMatchObject([{ status: 502, failure: 'bad-response' }])
  await client.close()
  expect(await world.leftovers()).toEqual([])
})

test('an answer during the upload is relayed, the rest of the upload goes on, and the connection ends', async () => {
  const world = await World.open()
  const [client, origin] = await world.asked(
    'POST http://origin.test/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345',
  )
  await origin.send(OK)
  expect(await client.news()).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*Connection: close\r\n[^]*\r\n\r\nok$/)
  expect(client.state).toBe('ended')
  await client.send('67890')
  await client.end()
  expect(world.seen).toMatchObject([{ status: 200, failure: '', result: 'TCP_MISS' }])
  expect(await world.leftovers()).toEqual([])
})

test('an origin that answers and stops reading: its answer is delivered', async () => {
  const world = await World.open()
  const [client, origin] = await world.asked(
    'POST http://origin.test/ HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n',
  )
  origin.pause()
  const sending = client.send('x'.repeat(300_000))
  await origin.send('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig')
  await origin.close()
  await sending
  expect(await client.news()).toMatch(/^HTTP\/1.1 413 [^]*big$/)
  await client.end()
  expect(world.seen).toMatchObject([{ status: 413, failure: '' }])
  expect(await world.leftovers()).toEqual([])
})

const BROKEN: readonly [name: string, rest: string | null, status: number, failure: string, result: string][] = [
  ['a chunk that is none', 'zz\r\n', 400, 'bad-body', 'TCP_MISS'],
  ['an end in the middle', null, 0, 'client-left', 'TCP_MISS_ABORTED'],
]
test.each(BROKEN)('an upload with %s does not look whole to the origin', async (_, rest, status, failure, result) => {
  const world = await World.open()
  const [client, origin] = await world.asked(
    'POST http://origin.test/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
  )
  if (rest === null) await client.end()
  else await client.send(rest)
  expect(origin.state).toBe('reset')
  expect(origin.text).not.toContain('\r\n0\r\n')
  if (status !== 0) expect(await client.news()).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  await client.close()
  expect(world.seen).toMatchObject([{ status, failure, result }])
  expect(await world.leftovers()).toEqual([])
})

test('a client that is reset while the origin thinks takes the origin’s connection with it', async () => {
  const world = await World.open()
  const [client, origin] = await world.asked()
  await world.pass(1000)
  await client.reset()
  await world.pass(1000)
  expect(origin.state).toBe('reset')
  expect(world.seen).toMatchObject([{ status: 0, failure: 'client-left', result: 'TCP_MISS_ABORTED' }])
  expect(await world.leftovers()).toEqual([])
})

test('a client that is reset while names or connections are waited for', async () => {
  const world = await World.open()
  world.machine.network.road('198.51.100.1', 'hangs')
  const client = await world.client()
  await client.send(get())
  await world.pass(1000)
  await client.reset()
  await world.pass(1000)
  expect(world.seen).toMatchObject([{ status: 0, failure: 'client-left' }])
  expect(await world.leftovers()).toEqual([])
})

test('a client that has half-closed is served', async () => {
  const world = await World.open()
  const [client, origin] = await world.asked()
  await client.end()
  await world.pass(1500)
  await origin.send(OK)
  expect(await client.news()).toMatch(/\r\n\r\nok$/)
  expect(client.state).toBe('ended')
  expect(world.seen).toMatchObject([{ status: 200, failure: '' }])
  expect(await world.leftovers()).toEqual([])
})

const ANSWERS_OF_OURS: readonly [name: string, request: string, status: number, keeps: boolean][] = [
  ['a name that is unknown', 'GET http://nobody.test:81/ HTTP/1.1\r\nHost: a\r\n\r\n', 502, true],
  ['a refused method', 'CONNECT origin.test:25 HTTP/1.1\r\nHost: a\r\n\r\n', 403, false],
  ['no absolute target', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 400, false],
  ['a local destination', 'GET http://127.0.0.1/ HTTP/1.1\r\nHost: a\r\n\r\n', 403, true],
  ['the same with a body', 'POST http://127.0.0.1/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok', 403, false],
  ['a bad head', 'GET  http://127.0.0.1/ HTTP/1.1\r\nHost: a\r\n\r\n', 400, false],
  ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', 200, true],
]
test.each(ANSWERS_OF_OURS)(
  '%s is answered, and the connection goes on where it may',
  async (_, request, status, keeps) => {
    const world = await World.open()
    const client = await world.client()
    await client.send(request)
    const answer = await client.news()
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(/\r\nConnection: close\r\n/.test(answer)).toBe(!keeps)
    expect(client.state).toBe(keeps ? 'open' : 'ended')
    if (keeps) {
      const [origin] = await Promise.all([world.origin(), client.send(get())])
      await origin.send(OK)
      expect(await client.news()).toMatch(/\r\n\r\nok$/)
    }
    await client.end()
    expect(world.seen[0]).toMatchObject({ status, bytesIn: request.length, bytesOut: answer.length })
    expect(await world.leftovers()).toEqual([])
  },
)

const HEADS: readonly [line: string, status: number][] = [
  ['HEAD http://nobody.test/ HTTP/1.1\r\nHost: a\r\n\r\n', 502],
  ['HEAD * HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['HEAD http://a/#b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['HEAD http://a/ HTTP/1.1\r\n\r\n', 400],
  ['HEAD http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
  ['HEAD http://a/ HTTP/1.1\r\nHost : a\r\n\r\n', 400],
  ['HEAD http://a/ HTTP/3.0\r\nHost: a\r\n\r\n', 505],
]
for (const piece of [1000, 1]) {
  test.each(HEADS)(`%j gets no page, in pieces of ${piece}`, async (request, status) => {
    const world = await World.open()
    world.machine.network.piece = () => piece
    const client = await world.client()
    await client.send(request)
    expect(await client.news()).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*\r\n\r\n$`))
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })
}

test('steps that did not take place have no duration', async () => {
  const world = await World.open()
  world.machine.network.serve({ family: 4, address: '192.0.2.53', port: 53 }, () => {})
  const client = await world.client()
  await client.send('GET http://unknown.test/ HTTP/1.1\r\nHost: a\r\n\r\n')
  await world.pass(60_000)
  await client.send('GET http://198.51.100.9/ HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.close()
  expect(world.seen[0]).toMatchObject({ status: 504, failure: 'name-timeout', connect: -1 })
  expect(world.seen[0].dns).toBeGreaterThan(0)
  expect(world.seen[1]).toMatchObject({ status: 502, failure: 'connect-refused', connect: 0 })
  expect(await world.leftovers()).toEqual([])
})

test('a thousand exchanges over many connections leave nothing', async () => {
  const world = await World.open('outgoing.idle_per_origin=3')
  const serve = async (origin: Peer): Promise<void> => {
    for (let served = 1; origin.state === 'open'; served++) {
      while (origin.text.split('\r\n\r\n').length <= served && origin.state === 'open') await origin.news()
      if (origin.state === 'open') await origin.send(OK)
    }
  }
  void world.origins((origin) => void serve(origin))
  const clients = await Promise.all(Array.from({ length: 20 }, () => world.client()))
  for (let round = 0; round < 50; round++) {
    await Promise.all(clients.map((client) => client.send(get(`/${round}`))))
    while (world.seen.length < (round + 1) * clients.length) await clients[0].news()
  }
  await Promise.all(clients.map((client) => client.close()))
  expect(world.seen.filter(({ status }) => status !== 200)).toEqual([])
  expect(world.proxy.origins.kept).toBe(3)
  expect(await world.leftovers()).toEqual([])
})
