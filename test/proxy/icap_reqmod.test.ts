/** Requests shown to an ICAP service that a test plays: every form of answer, and everything that can go wrong. */
import { describe, expect, test } from 'vitest'
import { settle } from '../memory/machine.ts'
import type { Peer } from '../memory/peer.ts'
import { chunk, chunked, GO_ON, icapAnswer, IcapWorld, NO_CHANGE } from './icap_service.ts'
import { get, OK } from './world.ts'

const post = (body: string, fields = ''): string =>
  `POST http://origin.test/p HTTP/1.1\r\nHost: origin.test\r\nContent-Length: ${body.length}\r\n${fields}\r\n${body}`

/** A client that has asked, and the service it is shown to, introduced. */
async function shown(
  lab: IcapWorld,
  request: string,
  options = '',
): Promise<[client: Peer, service: Peer]> {
  await lab.listen()
  const client = await lab.world.client()
  const [service] = await Promise.all([lab.introduced(options), client.send(request)])
  await settle()
  return [client, service]
}

/** The origin is asked: answer, and see that the client gets it. */
async function served(lab: IcapWorld, client: Peer, asked: RegExp | string): Promise<void> {
  const origin = await lab.world.origin()
  const text = await origin.news()
  if (typeof asked === 'string') expect(text).toBe(asked)
  else expect(text).toMatch(asked)
  await origin.send(OK)
  expect(await client.news()).toMatch(/HTTP\/1.1 200 OK\r\n[^]*\r\n\r\nok$/)
}

async function end(lab: IcapWorld, ...peers: Peer[]): Promise<void> {
  // An end would be a client that waits for its answer still.
  for (const peer of peers) await peer.reset()
  // A client that leaves while an origin thinks is noticed at a sweep.
  await lab.world.pass(1000)
  expect(await lab.leftovers()).toEqual([])
}

describe('without a body', () => {
  test('what is shown', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(
      lab,
      get('/a?b', 'Proxy-Authorization: Basic eDp5\r\nConnection: x-hop\r\nX-Hop: 1\r\n'),
    )
    const head = 'GET http://origin.test/a?b HTTP/1.1\r\nHost: origin.test\r\n\r\n'
    expect(await service.news()).toBe(
      'REQMOD icap://127.0.0.1:1344/av ICAP/1.0\r\nHost: 127.0.0.1:1344\r\nX-Client-IP: 127.0.0.1\r\n' +
        'Proxy-Authorization: Basic eDp5\r\nAllow: 204\r\n' +
        `Encapsulated: req-hdr=0, null-body=${head.length}\r\n\r\n${head}`,
    )
    await service.send(NO_CHANGE)
    await served(lab, client, /^GET \/a\?b HTTP\/1.1\r\n/)
    await end(lab, client)
  })

  test('the connection is kept, and what it says of itself is asked once', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(lab, get())
    await service.send(NO_CHANGE)
    const origin = await lab.world.origin()
    for (let i = 0; i < 3; i++) {
      await origin.send(OK)
      await service.news()
      await client.send(get('/again'))
      expect(await service.news()).toMatch(/^REQMOD /)
      await service.send(NO_CHANGE)
    }
    await origin.send(OK)
    expect((await client.news()).split('HTTP/1.1 200').length).toBe(5)
    await end(lab, client)
  })

  test('another request instead', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(lab, get('/a'))
    await service.send(icapAnswer(200, {
      request: 'GET http://origin.test/b HTTP/1.1\r\nHost: origin.test\r\nX-By: av\r\n\r\n',
    }))
    await served(lab, client, /^GET \/b HTTP\/1.1\r\n[^]*X-By: av\r\n/)
    await end(lab, client)
  })

  test('a body where there was none', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(lab, get('/a'))
    await service.send(icapAnswer(200, {
      request: 'PUT http://origin.test/b HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 99\r\n\r\n',
      body: chunked('new'),
    }))
    await served(
      lab,
      client,
      /^PUT \/b HTTP\/1.1\r\nHost: origin.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnew\r\n0\r\n\r\n$/,
    )
    await end(lab, client)
  })

  test('a length that is not true is not believed', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(lab, get('/a'))
    await service.send(icapAnswer(200, {
      request: 'POST http://origin.test/b HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 99\r\n\r\n',
    }))
    await served(lab, client, /^POST \/b HTTP\/1.1\r\nHost: origin.test\r\nContent-Length: 0\r\n\r\n$/)
    await end(lab, client)
  })

  test.each([
    [
      'a page',
      'HTTP/1.1 403 No\r\nContent-Type: text/plain\r\nContent-Length: 99\r\n\r\n',
      chunked('blocked'),
      /^HTTP\/1.1 403 No\r\n[^]*7\r\nblocked\r\n0\r\n\r\n$/,
      'TCP_DENIED',
    ],
    [
      'a page in pieces',
      'HTTP/1.1 200 Yes\r\n\r\n',
      chunk('one') + chunked('two'),
      /^HTTP\/1.1 200 Yes\r\n[^]*one[^]*two\r\n0\r\n\r\n$/,
      '',
    ],
    [
      'a redirection without a body',
      'HTTP/1.1 302 Found\r\nLocation: http://b.test/\r\n\r\n',
      undefined,
      /^HTTP\/1.1 302 Found\r\nLocation: http:\/\/b.test\/\r\nContent-Length: 0\r\n/,
      'TCP_REDIRECT',
    ],
    ['204', 'HTTP/1.1 204 None\r\n\r\n', undefined, /^HTTP\/1.1 204 None\r\n(?!Content-Length)/, ''],
    [
      '304 with a body it must not have',
      'HTTP/1.1 304 Same\r\nETag: "x"\r\n\r\n',
      chunked('body'),
      /^HTTP\/1.1 304 Same\r\nETag: "x"\r\n(?!body)/,
      '',
    ],
  ])('an answer: %s', async (_, response, body, wanted, result) => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(lab, get('/a'))
    await service.send(icapAnswer(200, { response, ...(body === undefined ? {} : { body }) }))
    expect(await client.news()).toMatch(wanted)
    // And the connection goes on.
    await client.send(get('/b'))
    const asked = body === chunked('body') ? await lab.accept() : service
    expect(await asked.news()).toMatch(/REQMOD [^]*GET http:\/\/origin.test\/b /)
    await asked.send(NO_CHANGE)
    await served(lab, client, /^GET \/b /)
    if (result !== '') expect(lab.world.seen[0].result).toMatch(result)
    await end(lab, client)
  })

  test('an answer to HEAD has no body', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(lab, 'HEAD http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\n\r\n')
    await service.send(icapAnswer(200, { response: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n' }))
    expect(await client.news()).toMatch(/^HTTP\/1.1 200 OK\r\nContent-Length: 5\r\n[^]*\r\n\r\n$/)
    await end(lab, client)
  })
})

describe('CONNECT', () => {
  const CONNECT = 'CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\n\r\n'

  test('is shown without a body, and refused', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(lab, CONNECT)
    expect(await service.news()).toMatch(
      /Encapsulated: req-hdr=0, null-body=[0-9]+\r\n\r\nCONNECT origin.test:443 HTTP/,
    )
    await service.send(icapAnswer(200, { response: 'HTTP/1.1 403 No\r\n\r\n', body: chunked('no') }))
    expect(await client.news()).toMatch(/^HTTP\/1.1 403 No\r\n/)
    await end(lab, client)
  })

  test('an answer of 200 would be a tunnel: it is a refusal', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(lab, CONNECT)
    await service.send(icapAnswer(200, { response: 'HTTP/1.1 200 OK\r\n\r\n', body: chunked('page') }))
    expect(await client.news()).toMatch(/^HTTP\/1.1 403 /)
    await end(lab, client)
  })

  test('no other request is made out of it', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(lab, CONNECT)
    await service.send(icapAnswer(200, { request: 'GET http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\n\r\n' }))
    expect(await client.news()).toMatch(/^HTTP\/1.1 503 /)
    await end(lab, client)
  })
})

test('an Upgrade survives a changed request', async () => {
  const lab = await IcapWorld.open('reqmod')
  const fields = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n'
  const [client, service] = await shown(lab, get('/ws', fields))
  expect(await service.news()).not.toMatch(/Upgrade: websocket/)
  await service.send(icapAnswer(200, {
    request: 'GET http://origin.test/ws HTTP/1.1\r\nHost: origin.test\r\nSec-WebSocket-Key: x\r\nX-By: av\r\n\r\n',
  }))
  const origin = await lab.world.origin()
  expect(await origin.news()).toMatch(/^GET \/ws [^]*X-By: av\r\n[^]*Upgrade: websocket\r\nConnection: upgrade\r\n/)
  await end(lab, client, origin)
})

describe('with a body', () => {
  test('small, no preview: sent whole, and 204', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(lab, post('abc'))
    expect(await service.news()).toMatch(/Allow: 204\r\n[^]*\r\n\r\n3\r\nabc\r\n0\r\n\r\n$/)
    await service.send(NO_CHANGE)
    await served(lab, client, /\r\nContent-Length: 3\r\n\r\nabc$/)
    await end(lab, client)
  })

  test.each([
    ['nothing', 0, '0\r\n\r\n'],
    ['some', 4, '4\r\nabcd\r\n0\r\n\r\n'],
    ['all but for knowing that it is the end', 9, '9\r\nabcdefghi\r\n0; ieof\r\n\r\n'],
    ['more than there is', 100, '9\r\nabcdefghi\r\n0; ieof\r\n\r\n'],
  ])('a preview of %s, and 204', async (_, preview, sent) => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(lab, post('abcdefghi'), `Preview: ${preview}\r\n`)
    const text = await service.news()
    expect(text).toMatch(`\r\nPreview: ${preview}\r\n`)
    expect(text.endsWith(`\r\n\r\n${sent}`), text).toBe(true)
    await service.send(NO_CHANGE)
    await served(lab, client, /\r\n\r\nabcdefghi$/)
    // It may be asked again at once.
    await client.send(get('/again'))
    expect(await service.news()).toMatch(/^REQMOD /)
    await service.send(NO_CHANGE)
    await settle()
    await end(lab, client)
  })

  test('a preview, 100, the rest, and 204 where all was kept', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(lab, post('abcdefghi'), 'Preview: 4\r\n')
    await service.news()
    await service.send(GO_ON)
    expect(await service.news()).toBe('5\r\nefghi\r\n0\r\n\r\n')
    await service.send(NO_CHANGE)
    await served(lab, client, /\r\n\r\nabcdefghi$/)
    await end(lab, client)
  })

  test('a body that is changed streams through', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(
      lab,
      'POST http://origin.test/p HTTP/1.1\r\nHost: origin.test\r\nTransfer-Encoding: chunked\r\n\r\n',
      'Preview: 4\r\n',
    )
    await client.send(chunk('abcdef'))
    expect(await service.news()).toMatch(/4\r\nabcd\r\n0\r\n\r\n$/)
    await service.send(
      GO_ON + icapAnswer(200, {
        request: 'POST http://origin.test/p HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 6\r\n\r\n',
        body: chunk('ABCD'),
      }),
    )
    const origin = await lab.world.origin()
    expect(await service.news()).toBe('2\r\nef\r\n')
    expect(await origin.news()).toMatch(/Transfer-Encoding: chunked\r\n\r\n4\r\nABCD\r\n$/)
    await client.send(chunk('gh'))
    expect(await service.news()).toBe('2\r\ngh\r\n')
    await service.send(chunk('EFGH'))
    expect(await origin.news()).toBe('4\r\nEFGH\r\n')
    await client.send('0\r\n\r\n')
    expect(await service.news()).toBe('0\r\n\r\n')
    await service.send('0\r\n\r\n')
    expect(await origin.news()).toBe('0\r\n\r\n')
    await origin.send(OK)
    expect(await client.news()).toMatch(/^HTTP\/1.1 200 /)
    await end(lab, client)
  })

  test('206: its beginning and the rest of the original', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(lab, post('abcdefghi'), 'Preview: 4\r\nAllow: 204, 206\r\n')
    expect(await service.news()).toMatch('\r\nAllow: 204, 206\r\n')
    await service.send(icapAnswer(206, {
      request: 'POST http://origin.test/p HTTP/1.1\r\nHost: origin.test\r\n\r\n',
      body: `${chunk('NEW')}0; use-original-body=2\r\n\r\n`,
    }))
    const origin = await lab.world.origin()
    expect((await origin.news()).split('\r\n\r\n')[1]).toBe('3\r\nNEW\r\n7\r\ncdefghi\r\n0')
    await origin.send(OK)
    expect(await client.news()).toMatch(/^HTTP\/1.1 200 /)
    await end(lab, client)
  })

  test.each([true, false])(
    'unchanged after its preview, a large one is moved unseen where the machine can: %s',
    async (relaying) => {
      const lab = await IcapWorld.open('reqmod')
      lab.world.machine.network.relaying = relaying
      const body = 'x'.repeat(400_000)
      const [client, service] = await shown(
        lab,
        post('').replace(/0/, String(body.length)).slice(0, -1) + '\n' + body.slice(0, 10),
        'Preview: 4\r\n',
      )
      await service.news()
      const origin = lab.world.origin()
      await service.send(NO_CHANGE)
      const asked = await origin
      for (let at = 10; at < body.length; at += 10_000) await client.send(body.slice(at, at + 10_000))
      const text = await asked.news()
      expect(text.length - text.indexOf('\r\n\r\n') - 4).toBe(body.length)
      expect(lab.world.machine.network.relayed > 200_000).toBe(relaying)
      await end(lab, client)
    },
  )

  test('an early answer while the body is still sent', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(
      lab,
      'POST http://origin.test/p HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 1000\r\n\r\nabc',
    )
    expect(await service.news()).toMatch(/3\r\nabc\r\n$/)
    await service.send(icapAnswer(200, { response: 'HTTP/1.1 413 Large\r\n\r\n', body: chunked('no') }))
    expect(await client.news()).toMatch(/^HTTP\/1.1 413 Large\r\n[^]*Connection: close\r\n[^]*no\r\n0\r\n\r\n$/)
    await client.send('more')
    await end(lab, client)
  })

  test('the body is taken away', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(lab, post('abc'))
    await service.send(icapAnswer(200, {
      request: 'POST http://origin.test/p HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 3\r\n\r\n',
    }))
    await served(lab, client, /\r\nContent-Length: 0\r\n\r\n$/)
    await end(lab, client)
  })

  test('a client that waits for 100 gets it from us when its body is wanted', async () => {
    const lab = await IcapWorld.open('reqmod')
    const request =
      'POST http://origin.test/p HTTP/1.1\r\nHost: origin.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n'
    const [client, service] = await shown(lab, request, 'Preview: 4\r\n')
    expect(await client.news()).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    expect(await service.news()).toBe('')
    await client.send('abc')
    expect(await service.news()).toMatch(/^REQMOD (?![^]*Expect)[^]*0; ieof\r\n\r\n$/)
    await service.send(NO_CHANGE)
    await served(lab, client, /^POST (?![^]*Expect)[^]*abc$/)
    await end(lab, client)
  })

  test('or when the origin wants it, after a preview of nothing', async () => {
    const lab = await IcapWorld.open('reqmod')
    const request =
      'POST http://origin.test/p HTTP/1.1\r\nHost: origin.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n'
    const [client, service] = await shown(lab, request, 'Preview: 0\r\n')
    expect(await client.news()).toBe('')
    expect(await service.news()).toMatch(/\r\n\r\n0\r\n\r\n$/)
    await service.send(NO_CHANGE)
    expect(await client.news()).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    await client.send('abc')
    await served(lab, client, /abc$/)
    await end(lab, client)
  })
})

describe('goes wrong', () => {
  const policies = [['unavailable', 503], ['deny', 403]] as const

  test.each(policies)('nobody there: %s', async (policy, status) => {
    const lab = await IcapWorld.open('reqmod', `icap.av.on_error=${policy}`)
    const client = await lab.world.client()
    await client.send(get())
    expect(await client.news()).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(lab.world.seen[0].reason).toMatch(/icap:\/\/127.0.0.1:1344\/av: /)
    await end(lab, client)
  })

  test('nobody there: permit goes on, body and all', async () => {
    const lab = await IcapWorld.open('reqmod', 'icap.av.on_error=permit')
    const client = await lab.world.client()
    await client.send(post('abc'))
    await served(lab, client, /\r\n\r\nabc$/)
    await end(lab, client)
  })

  test.each<[string, string | null]>([
    ['closes at once', null],
    ['garbage', 'SSH-2.0-x\r\n\r\n'],
    ['HTTP', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['half a head', 'ICAP/1.0 204 N'],
    ['404', 'ICAP/1.0 404 Not found\r\n\r\n'],
    ['500', 'ICAP/1.0 500 Oh\r\nEncapsulated: null-body=0\r\n\r\n'],
    ['503', 'ICAP/1.0 503 Busy\r\n\r\n'],
    ['200 with nothing', 'ICAP/1.0 200 OK\r\n\r\n'],
    ['200 with half a head', icapAnswer(200, { request: 'GET http://origin.test/ HTTP/1.1\r\nHo\r\n' })],
    ['200 with an interim answer', icapAnswer(200, { response: 'HTTP/1.1 100 Continue\r\n\r\n' })],
    ['200 with a target that is none', icapAnswer(200, { request: 'GET nonsense HTTP/1.1\r\nHost: a\r\n\r\n' })],
    ['100 where no preview was', GO_ON],
    ['204 with a body', 'ICAP/1.0 204 OK\r\nEncapsulated: req-body=0\r\n\r\n0\r\n\r\n'],
  ])('answers with: %s', async (_, text) => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(lab, get())
    await service.news()
    if (text !== null) await service.send(text)
    await service.end()
    await service.close()
    expect(await client.news()).toMatch(/^HTTP\/1.1 503 /)
    // The connection of the client goes on.
    expect(client.state).toBe('open')
    await end(lab, client)
  })

  test('silence: the time limit', async () => {
    const lab = await IcapWorld.open('reqmod', 'icap.av.timeout=5s')
    const [client, service] = await shown(lab, get())
    await lab.world.pass(4000)
    expect(await client.news()).toBe('')
    await lab.world.pass(3000)
    expect(await client.news()).toMatch(/^HTTP\/1.1 503 /)
    expect(service.state).toBe('reset')
    await end(lab, client)
  })

  test('a slow client is not the service’s silence', async () => {
    const lab = await IcapWorld.open('reqmod', 'icap.av.timeout=5s', 'listener.http.idle_timeout=20s')
    const [client, service] = await shown(
      lab,
      'POST http://origin.test/p HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 6\r\n\r\nabc',
    )
    await lab.world.pass(15_000)
    expect(await client.news()).toBe('')
    await client.send('def')
    expect(await service.news()).toMatch(/3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n$/)
    await service.send(NO_CHANGE)
    await served(lab, client, /abcdef$/)
    await end(lab, client)
  })

  test.each(['', 'Preview: 4\r\n'])('a client that stops in its body: 408 (%s)', async (options) => {
    const lab = await IcapWorld.open('reqmod', 'listener.http.idle_timeout=20s')
    const [client, service] = await shown(
      lab,
      'POST http://origin.test/p HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 6\r\n\r\nabc',
      options,
    )
    await lab.world.pass(23_000)
    expect(await client.news()).toMatch(/^HTTP\/1.1 408 /)
    // Before the preview is whole nothing is asked.
    expect(service.state).toBe(options === '' ? 'ended' : 'open')
    await lab.world.pass(10_000)
    await end(lab, client)
  })

  test.each(['', 'Preview: 4\r\n'])('a client that leaves in its body (%s)', async (options) => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(
      lab,
      'POST http://origin.test/p HTTP/1.1\r\nHost: origin.test\r\nContent-Length: 6\r\n\r\nabc',
      options,
    )
    await client.close()
    await lab.world.pass(2000)
    expect(service.state).toBe(options === '' ? 'reset' : 'open')
    expect(await lab.leftovers()).toEqual([])
  })

  test('a kept connection that is dead: asked once more, on a new one', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(lab, get())
    await service.send(NO_CHANGE)
    await served(lab, client, /^GET /)
    await Promise.all([client.send(post('abc'))])
    expect(await service.news()).toMatch(/REQMOD /)
    const [fresh] = await Promise.all([lab.accept(), service.reset()])
    await settle()
    expect(await fresh.news()).toMatch(/^REQMOD [^]*3\r\nabc\r\n0\r\n\r\n$/)
    await fresh.send(NO_CHANGE)
    await settle()
    await end(lab, client)
  })

  test('in mid-body, when some of it has gone on: the origin is cut off, the client told', async () => {
    const lab = await IcapWorld.open('reqmod', 'icap.av.on_error=permit')
    const [client, service] = await shown(lab, post('abc'))
    await service.send(icapAnswer(200, {
      request: 'POST http://origin.test/p HTTP/1.1\r\nHost: origin.test\r\n\r\n',
      body: chunk('new'),
    }))
    const origin = await lab.world.origin()
    expect(await origin.news()).toMatch(/3\r\nnew\r\n$/)
    await service.reset()
    expect(origin.state).toBe('reset')
    expect(await client.news()).toMatch(/^HTTP\/1.1 503 /)
    await end(lab, client, origin)
  })

  test('a large body lost on the way: no permit', async () => {
    const lab = await IcapWorld.open('reqmod', 'icap.av.on_error=permit')
    const size = 300_000
    const [client, service] = await shown(
      lab,
      `POST http://origin.test/p HTTP/1.1\r\nHost: origin.test\r\nContent-Length: ${size}\r\n\r\n`,
    )
    expect(await service.news()).not.toMatch('Allow')
    const sent = client.send(...Array.from({ length: 25 }, () => 'x'.repeat(10_000)))
    await sent
    await service.reset()
    expect(await client.news()).toMatch(/^HTTP\/1.1 503 /)
    await end(lab, client)
  })
})

describe('several addresses', () => {
  const TWO = 'icap.av.url=["icap://127.0.0.1:1344/av","icap://127.0.0.1:1345/av"]'

  test('the next one, when the first refuses; and the first again, when it is back', async () => {
    const lab = await IcapWorld.open('reqmod', TWO)
    await lab.listenSpare()
    const client = await lab.world.client()
    const [spare] = await Promise.all([lab.introduced('', 'REQMOD', true), client.send(get('/1'))])
    expect(await spare.news()).toMatch(/^REQMOD icap:\/\/127.0.0.1:1345\/av /)
    await spare.send(NO_CHANGE)
    await served(lab, client, /^GET \/1 /)
    // It is left alone for a second.
    await lab.listen()
    await client.send(get('/2'))
    expect(await spare.news()).toMatch(/^REQMOD /)
    await spare.send(NO_CHANGE)
    await lab.world.pass(1500)
    const again = await lab.world.client()
    const [first] = await Promise.all([lab.introduced(), again.send(get('/3'))])
    expect(await first.news()).toMatch(/^REQMOD icap:\/\/127.0.0.1:1344\/av /)
    await end(lab, client, again)
  })

  test('the body too, when the first dies after it was sent', async () => {
    const lab = await IcapWorld.open('reqmod', TWO)
    await lab.listenSpare()
    const [client, service] = await shown(lab, post('abcdef'), 'Preview: 3\r\n')
    await service.news()
    lab.unlisten()
    const [spare] = await Promise.all([lab.introduced('', 'REQMOD', true), service.reset()])
    expect(await spare.news()).toMatch(/\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n$/)
    await spare.send(NO_CHANGE)
    await served(lab, client, /abcdef$/)
    await end(lab, client)
  })
})

test('a service that does not serve is left alone, longer each time, and people are told', async () => {
  const lab = await IcapWorld.open('reqmod')
  const client = await lab.world.client()
  const counts = (): unknown => {
    const { icap_asked_total, icap_outcomes_total, icap_ill } = lab.world.proxy.statistics.filters()
    return { icap_asked_total, icap_outcomes_total, icap_ill }
  }
  const refused = async (path: string): Promise<string> => {
    await client.send(get(path))
    expect(await client.news()).toMatch(/^HTTP\/1.1 503 /)
    return lab.world.seen.at(-1)!.reason
  }
  expect(await refused('/1')).toMatch(/refuses|refused/)
  expect(await refused('/2')).toMatch(/it is left alone for a while: .*refused/)
  await lab.world.pass(1100)
  expect(await refused('/3')).not.toMatch(/left alone/)
  // Twice as long now.
  await lab.world.pass(1100)
  expect(await refused('/4')).toMatch(/left alone/)
  expect(counts()).toEqual({
    icap_asked_total: { av: 4 },
    icap_outcomes_total: { av: { unchanged: 0, changed: 0, answered: 0, failed: 4 } },
    icap_ill: { av: 1 },
  })
  await lab.world.pass(1000)
  await lab.listen()
  const [service] = await Promise.all([lab.introduced(), client.send(get('/5'))])
  await service.news()
  await service.send(NO_CHANGE)
  await served(lab, client, /^GET \/5 /)
  expect(counts()).toEqual({
    icap_asked_total: { av: 5 },
    icap_outcomes_total: { av: { unchanged: 1, changed: 0, answered: 0, failed: 4 } },
    icap_ill: { av: 0 },
  })
  await end(lab, client)
})

describe('what it says of itself', () => {
  test('asked again when it is old, while the old holds', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(lab, get('/1'), 'Options-TTL: 10\r\n')
    await service.send(NO_CHANGE)
    await served(lab, client, /^GET \/1 /)
    await service.news()
    await lab.world.pass(11_000)
    const [next] = await Promise.all([lab.accept(), client.send(get('/2'))])
    await settle()
    // One of the two asks for the options, the other shows the request.
    const texts = [await service.news(), await next.news()].sort()
    expect(texts[0]).toMatch(/^OPTIONS /)
    expect(texts[1]).toMatch(/^REQMOD /)
    await end(lab, client)
  })

  test('asked again on a kept connection that turns out dead: on a new one, and nobody is told of an illness', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [client, service] = await shown(lab, get('/1'), 'Options-TTL: 10\r\n')
    await service.send(NO_CHANGE)
    await served(lab, client, /^GET \/1 /)
    await service.news()
    await lab.world.pass(11_000)
    const shownOn = lab.accept()
    await client.send(get('/2'))
    const next = await shownOn
    expect(await service.news()).toMatch(/^OPTIONS /)
    expect(await next.news()).toMatch(/^REQMOD /)
    const [again] = await Promise.all([lab.introduced(), service.reset()])
    expect(again.state).toBe('open')
    await next.send(NO_CHANGE)
    expect(lab.world.proxy.statistics.filters().icap_outcomes_total).toMatchObject({ av: { unchanged: 2, failed: 0 } })
    expect(lab.world.proxy.statistics.filters().icap_ill).toEqual({ av: 0 })
    await end(lab, client)
  })

  test('not the method: it cannot say', async () => {
    const lab = await IcapWorld.open('reqmod')
    await lab.listen()
    const client = await lab.world.client()
    await Promise.all([lab.introduced('', 'RESPMOD'), client.send(get())])
    expect(await client.news()).toMatch(/^HTTP\/1.1 503 /)
    expect(lab.world.seen[0].reason).toMatch(/it does RESPMOD, and not REQMOD/)
    await end(lab, client)
  })

  test('no OPTIONS at all: asked without a preview', async () => {
    const lab = await IcapWorld.open('reqmod')
    await lab.listen()
    const client = await lab.world.client()
    const [service] = await Promise.all([lab.accept(), client.send(post('abc'))])
    await service.send('ICAP/1.0 501 Not implemented\r\nEncapsulated: null-body=0\r\n\r\n')
    expect(await service.news()).toMatch(/REQMOD (?![^]*Preview)[^]*3\r\nabc\r\n0\r\n\r\n$/)
    await service.send(NO_CHANGE)
    await served(lab, client, /abc$/)
    await end(lab, client)
  })

  test('Transfer-Ignore: not shown at all', async () => {
    const lab = await IcapWorld.open('reqmod')
    await lab.listen()
    const client = await lab.world.client()
    const [service] = await Promise.all([
      lab.introduced('Preview: 4\r\nTransfer-Preview: *\r\nTransfer-Ignore: gif, jpg\r\nTransfer-Complete: exe\r\n'),
      client.send(get('/a.JPG?x=.exe')),
    ])
    await served(lab, client, /^GET \/a.JPG/)
    expect(await service.news()).toBe('')
    await client.send(post('abcdefg').replace('/p ', '/p.exe '))
    expect(await service.news()).toMatch(/REQMOD (?![^]*Preview)[^]*7\r\nabcdefg\r\n0\r\n\r\n$/)
    await end(lab, client)
  })

  test('Max-Connections: the next one waits, and is served by the first connection that is free', async () => {
    const lab = await IcapWorld.open('reqmod')
    const [one, service] = await shown(lab, get('/1'), 'Max-Connections: 1\r\n')
    const two = await lab.world.client()
    await two.send(get('/2'))
    expect(await service.news()).toMatch(/GET http:\/\/origin.test\/1 /)
    await service.send(NO_CHANGE)
    expect(await service.news()).toMatch(/GET http:\/\/origin.test\/2 /)
    await service.send(NO_CHANGE)
    await settle()
    await end(lab, one, two)
  })

  test('a full queue: unavailable at once; and one that waits too long', async () => {
    const lab = await IcapWorld.open('reqmod', 'icap.av.connections=1', 'icap.av.queue=1', 'icap.av.timeout=5s')
    const [one, service] = await shown(lab, get('/1'))
    const two = await lab.world.client()
    const three = await lab.world.client()
    await two.send(get('/2'))
    await three.send(get('/3'))
    expect(await three.news()).toMatch(/^HTTP\/1.1 503 [^]*Retry-After/)
    // The first gets its answer in pieces, so that it is not the service's silence.
    await lab.world.pass(4000)
    await service.send('ICAP/1.0 204 ')
    await lab.world.pass(2000)
    expect(await two.news()).toMatch(/^HTTP\/1.1 503 /)
    await service.send('X\r\n\r\n')
    await served(lab, one, /^GET \/1 /)
    await end(lab, one, two, three)
  })

  test('a client that leaves while it waits in the queue makes room', async () => {
    const lab = await IcapWorld.open('reqmod', 'icap.av.connections=1', 'icap.av.queue=1')
    const [one, service] = await shown(lab, get('/1'))
    const two = await lab.world.client()
    await two.send(get('/2'))
    await two.reset()
    await lab.world.pass(1000)
    const three = await lab.world.client()
    await three.send(get('/3'))
    await service.news()
    await service.send(NO_CHANGE)
    expect(await service.news()).toMatch(/GET http:\/\/origin.test\/3 /)
    await end(lab, one, three)
  })
})
