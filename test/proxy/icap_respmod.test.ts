/** Responses shown to an ICAP service that a test plays, on their way to the client. */
import { describe, expect, test } from 'vitest'
import { settle } from '../memory/machine.ts'
import type { Peer } from '../memory/peer.ts'
import { chunk, chunked, GO_ON, icapAnswer, IcapWorld, NO_CHANGE } from './icap_service.ts'
import { get } from './world.ts'

const answered = (body: string, fields = ''): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`

/** A client whose request an origin has answered, and the service it is shown to, introduced. */
async function shown(
  lab: IcapWorld,
  response: string,
  options = '',
  request = get('/a'),
): Promise<[client: Peer, service: Peer, origin: Peer]> {
  await lab.listen()
  const client = await lab.world.client()
  const [origin] = await Promise.all([lab.world.origin(), client.send(request)])
  const [service] = await Promise.all([lab.introduced(options), origin.send(response)])
  await settle()
  return [client, service, origin]
}

async function end(lab: IcapWorld, ...peers: Peer[]): Promise<void> {
  for (const peer of peers) await peer.reset()
  await lab.world.pass(1000)
  expect(await lab.leftovers()).toEqual([])
}

const CHANGED = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 99\r\nX-By: av\r\n\r\n'

describe('what is shown', () => {
  test('both heads, without what is for the next hop alone, and the body', async () => {
    const lab = await IcapWorld.open('respmod')
    const [client, service] = await shown(
      lab,
      answered('abc', 'Connection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n'),
    )
    const asked = 'GET http://origin.test/a HTTP/1.1\r\nHost: origin.test\r\n\r\n'
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n'
    expect(await service.news()).toBe(
      'RESPMOD icap://127.0.0.1:1344/av ICAP/1.0\r\nHost: 127.0.0.1:1344\r\nX-Client-IP: 127.0.0.1\r\nAllow: 204\r\n' +
        `Encapsulated: req-hdr=0, res-hdr=${asked.length}, res-body=${asked.length + head.length}\r\n\r\n` +
        `${asked}${head}3\r\nabc\r\n0\r\n\r\n`,
    )
    await service.send(NO_CHANGE)
    expect(await client.news()).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*Content-Length: 3\r\n[^]*\r\n\r\nabc$/)
    await end(lab, client)
  })

  test.each([
    [
      'HEAD',
      'HEAD http://origin.test/a HTTP/1.1\r\nHost: origin.test\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n',
      /Content-Length: 5\r\n/,
    ],
    [
      '304',
      get('/a'),
      'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
      /^HTTP\/1.1 304 Not Modified\r\nETag: "x"\r\n/,
    ],
    ['204', get('/a'), 'HTTP/1.1 204 No Content\r\n\r\n', /^HTTP\/1.1 204 No Content\r\n/],
  ])('without a body: %s', async (_, request, response, wanted) => {
    const lab = await IcapWorld.open('respmod')
    const [client, service, origin] = await shown(lab, response, 'Preview: 4\r\n', request)
    expect(await service.news()).toMatch(/^RESPMOD (?![^]*Preview)[^]*null-body=[0-9]+\r\n/)
    await service.send(NO_CHANGE)
    expect(await client.news()).toMatch(wanted)
    // Both connections go on.
    await client.send(get('/b'))
    expect(await origin.news()).toMatch(/GET \/b /)
    await end(lab, client)
  })
})

describe('answers', () => {
  test.each([
    ['with a length', answered('abcdefghi')],
    ['in chunks', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk('abcd')}${chunked('efghi')}`],
  ])('a preview, and 204: %s', async (_, response) => {
    const lab = await IcapWorld.open('respmod')
    const [client, service, origin] = await shown(lab, response, 'Preview: 4\r\n')
    expect(await service.news()).toMatch(/\r\nPreview: 4\r\n[^]*4\r\nabcd\r\n0\r\n\r\n$/)
    await service.send(NO_CHANGE)
    expect(plain(await client.news())).toBe('abcdefghi')
    await client.send(get('/b'))
    expect(await origin.news()).toMatch(/GET \/b /)
    await end(lab, client)
  })

  test('to the end of the connection', async () => {
    const lab = await IcapWorld.open('respmod')
    const [client, service, origin] = await shown(lab, 'HTTP/1.1 200 OK\r\n\r\nabcdefghi', 'Preview: 4\r\n')
    await service.send(NO_CHANGE)
    await origin.send('jkl')
    await origin.end()
    expect(plain(await client.news())).toBe('abcdefghijkl')
    await end(lab, client)
  })

  test('changed, with its own length', async () => {
    const lab = await IcapWorld.open('respmod')
    const [client, service, origin] = await shown(lab, answered('abc'))
    await service.send(icapAnswer(200, { response: CHANGED, body: chunked('another') }))
    expect(await client.news()).toMatch(
      /^HTTP\/1.1 200 OK\r\n(?![^]*Content-Length)[^]*X-By: av\r\n[^]*Transfer-Encoding: chunked\r\n[^]*\r\n\r\n7\r\nanother\r\n0\r\n\r\n$/,
    )
    await client.send(get('/b'))
    expect(await origin.news()).toMatch(/GET \/b /)
    expect(lab.world.seen[0]).toMatchObject({ status: 200, failure: '' })
    await end(lab, client)
  })

  test('changed, to a client of HTTP/1.0: to the end of the connection', async () => {
    const lab = await IcapWorld.open('respmod')
    const request = 'GET http://origin.test/a HTTP/1.0\r\nHost: origin.test\r\n\r\n'
    const [client, service] = await shown(lab, answered('abc'), '', request)
    await service.send(icapAnswer(200, { response: CHANGED, body: chunked('another') }))
    expect(await client.news()).toMatch(/^HTTP\/1.1 200 OK\r\n(?![^]*Transfer-Encoding)[^]*\r\n\r\nanother$/)
    expect(client.state).toBe('ended')
    await end(lab, client)
  })

  test('its body streams, both ways at once, and the client holds the service back', async () => {
    const lab = await IcapWorld.open('respmod')
    const [client, service, origin] = await shown(
      lab,
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' + chunk('abcdef'),
      'Preview: 4\r\n',
    )
    await service.news()
    await service.send(GO_ON + icapAnswer(200, { response: CHANGED, body: chunk('ABCD') }))
    expect(await service.news()).toBe('2\r\nef\r\n')
    expect(await client.news()).toMatch(/4\r\nABCD\r\n$/)
    await origin.send(chunk('gh'))
    expect(await service.news()).toBe('2\r\ngh\r\n')
    await service.send(chunk('EFGH'))
    expect(await client.news()).toBe('4\r\nEFGH\r\n')
    await origin.send('0\r\n\r\n')
    expect(await service.news()).toBe('0\r\n\r\n')
    await service.send('0\r\n\r\n')
    expect(await client.news()).toBe('0\r\n\r\n')
    await client.send(get('/b'))
    expect(await origin.news()).toMatch(/GET \/b /)
    await end(lab, client)
  })

  test('refused: a page of its own, while the origin still sends', async () => {
    const lab = await IcapWorld.open('respmod')
    const [client, service, origin] = await shown(
      lab,
      `HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(100)}`,
      'Preview: 10\r\n',
    )
    await service.send(icapAnswer(200, { response: 'HTTP/1.1 403 Virus\r\n\r\n', body: chunked('no') }))
    expect(await client.news()).toMatch(/^HTTP\/1.1 403 Virus\r\n[^]*2\r\nno\r\n0\r\n\r\n$/)
    // What is left of the answer is nobody's: its connection goes, the client's stays.
    expect(origin.state).not.toBe('open')
    expect(client.state).toBe('open')
    expect(lab.world.seen[0]).toMatchObject({ status: 403, result: 'TCP_DENIED' })
    await end(lab, client)
  })

  test('206: a banner, and the rest of the original as it comes', async () => {
    const lab = await IcapWorld.open('respmod')
    const [client, service, origin] = await shown(
      lab,
      'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nabcdefghij',
      'Preview: 4\r\nAllow: 204, 206\r\n',
    )
    expect(await service.news()).toMatch('\r\nAllow: 204, 206\r\n')
    await service.send(icapAnswer(206, { response: CHANGED, body: `${chunk('BANNER')}0; use-original-body=8\r\n\r\n` }))
    expect(plain(await client.news())).toBe('BANNERij')
    await origin.send('klmnopqrst')
    expect(plain(await client.news())).toBe('klmnopqrst')
    await client.send(get('/b'))
    expect(await origin.news()).toMatch(/GET \/b /)
    await end(lab, client)
  })

  test('206 from past the end: nothing more', async () => {
    const lab = await IcapWorld.open('respmod')
    const [client, service] = await shown(lab, answered('abc'), 'Preview: 4\r\nAllow: 204, 206\r\n')
    await service.send(icapAnswer(206, { response: CHANGED, body: `${chunk('BANNER')}0; use-original-body=9\r\n\r\n` }))
    expect(plain(await client.news())).toBe('BANNER')
    await end(lab, client)
  })

  test('the body is taken away', async () => {
    const lab = await IcapWorld.open('respmod')
    const [client, service, origin] = await shown(lab, answered('abc'))
    await service.send(icapAnswer(200, { response: CHANGED }))
    expect(await client.news()).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*Content-Length: 0\r\n[^]*\r\n\r\n$/)
    await client.send(get('/b'))
    expect(await origin.news()).toMatch(/GET \/b /)
    await end(lab, client)
  })
})

/** The body of what came, in chunks or not, its head cut off. */
function plain(text: string): string {
  const body = text.startsWith('HTTP/') ? text.slice(text.indexOf('\r\n\r\n') + 4) : text
  if (!/^[0-9a-f]+\r\n/.test(body)) return body
  return body.split('\r\n').filter((_, i) => i % 2 === 1).join('')
}

describe('goes wrong', () => {
  test.each([['unavailable', /^HTTP\/1.1 503 /], ['deny', /^HTTP\/1.1 403 /], ['permit', /\r\n\r\nabc$/]])(
    'nobody there: %s',
    async (policy, wanted) => {
      const lab = await IcapWorld.open('respmod', `icap.av.on_error=${policy}`)
      const client = await lab.world.client()
      const [origin] = await Promise.all([lab.world.origin(), client.send(get('/a'))])
      await origin.send(answered('abc'))
      expect(await client.news()).toMatch(wanted)
      await end(lab, client)
    },
  )

  test.each([
    ['garbage', 'SSH-2.0-x\r\n\r\n'],
    ['a request', icapAnswer(200, { request: 'GET http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\n\r\n' })],
    ['half a head', icapAnswer(200, { response: 'HTTP/1.1 200 OK\r\nX\r\n' })],
    ['an interim answer', icapAnswer(200, { response: 'HTTP/1.1 101 Yes\r\n\r\n' })],
    [
      'a framing that can be read two ways',
      icapAnswer(200, {
        response: 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n',
        body: chunked('abc'),
      }),
    ],
    ['204 after 100, where that was not allowed', `${GO_ON}${NO_CHANGE}`],
  ])('answers with %s', async (_, text) => {
    const lab = await IcapWorld.open('respmod')
    // Longer than what is kept of it.
    const size = 400_000
    const [client, service, origin] = await shown(
      lab,
      `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`,
      'Preview: 4\r\n',
    )
    await origin.send('x'.repeat(100))
    await service.news()
    if (text.startsWith(GO_ON)) {
      await service.send(GO_ON)
      for (let i = 0; i < 30; i++) await origin.send('x'.repeat(10_000))
      await service.send(NO_CHANGE)
    } else await service.send(text)
    expect(await client.news()).toMatch(/^HTTP\/1.1 503 /)
    await end(lab, client)
  })

  test('in mid-body: the client is cut off', async () => {
    const lab = await IcapWorld.open('respmod', 'icap.av.on_error=permit')
    const [client, service] = await shown(lab, answered('abc'))
    await service.send(icapAnswer(200, { response: CHANGED, body: chunk('half') }))
    expect(await client.news()).toMatch(/4\r\nhalf\r\n$/)
    await service.reset()
    expect(await client.news()).toBe('')
    expect(client.state).not.toBe('open')
    expect(lab.world.seen[0].failure).toBe('filter-unavailable')
    await end(lab, client)
  })

  test('silence in mid-body: the time limit', async () => {
    const lab = await IcapWorld.open('respmod', 'icap.av.timeout=5s')
    const [client, service] = await shown(lab, answered('abc'))
    await service.send(icapAnswer(200, { response: CHANGED, body: chunk('half') }))
    await lab.world.pass(8000)
    expect(client.state).not.toBe('open')
    expect(service.state).toBe('reset')
    await end(lab, client)
  })

  test('an origin that stops: its own failure, not the service’s', async () => {
    const lab = await IcapWorld.open('respmod', 'icap.av.timeout=5s', 'outgoing.idle_timeout=20s')
    const [client, service, origin] = await shown(lab, 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc')
    expect(await service.news()).toMatch(/3\r\nabc\r\n$/)
    await lab.world.pass(15_000)
    expect([client.state, service.state]).toEqual(['open', 'open'])
    await lab.world.pass(10_000)
    expect(await client.news()).toMatch(/^HTTP\/1.1 504 /)
    expect(origin.state).not.toBe('open')
    expect(service.state).not.toBe('open')
    await end(lab, client)
  })

  test('an origin that breaks off', async () => {
    const lab = await IcapWorld.open('respmod')
    const [client, service, origin] = await shown(lab, 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc')
    await origin.reset()
    expect(await client.news()).toMatch(/^HTTP\/1.1 502 /)
    expect(service.state).not.toBe('open')
    await end(lab, client)
  })

  test('a client that leaves', async () => {
    const lab = await IcapWorld.open('respmod')
    const [client, service, origin] = await shown(lab, 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc')
    await client.reset()
    await lab.world.pass(1000)
    expect([service.state, origin.state]).not.toContain('open')
    await end(lab)
  })

  test('a client that does not read holds all of them back, and is cut off in time', async () => {
    const lab = await IcapWorld.open('respmod', 'listener.http.idle_timeout=20s')
    const [client, service] = await shown(lab, answered('abc'))
    client.pause()
    let sent = 0
    const flood = (async () => {
      await service.send(icapAnswer(200, { response: CHANGED }).replace(/null-body/, 'res-body'))
      for (; sent < 400; sent++) await service.socket.write(new TextEncoder().encode(chunk('x'.repeat(16_000))))
    })().catch(() => undefined)
    await settle()
    await lab.world.pass(5000)
    expect(sent).toBeLessThan(50)
    await lab.world.pass(30_000)
    await flood
    expect(lab.world.seen[0].failure).toBe('client-left')
    await end(lab)
  })
})

test('two services, one after the other', async () => {
  const lab = await IcapWorld.open(
    'respmod',
    'icap.two.url=["icap://127.0.0.1:1345/two"]',
    'icap.two.method=respmod',
    'listener.http.filter=["av","two"]',
  )
  await lab.listenSpare()
  const [client, service] = await shown(lab, answered('abc'))
  const [second] = await Promise.all([
    lab.introduced('', 'RESPMOD', true),
    service.send(icapAnswer(200, { response: CHANGED, body: chunked('one') })),
  ])
  expect(await second.news()).toMatch(/X-By: av\r\n[^]*3\r\none\r\n/)
  await second.send(icapAnswer(200, { response: 'HTTP/1.1 200 OK\r\n\r\n', body: chunked('two') }))
  expect(plain(await client.news())).toBe('two')
  await end(lab, client)
})
