import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'
import { controlApp } from '../../core/control/app.ts'
import { type Control, hosts, serveControl } from '../../core/control/serve.ts'
import {
  CONTROL_BODY_SIZE,
  CONTROL_CONNECTIONS,
  CONTROL_HEAD_SIZE,
  CONTROL_IDLE_TIME,
  CONTROL_TIME,
  LINGER_TIME,
} from '../../core/limits.ts'
import { Diagnostics } from '../../core/proxy/diagnostics.ts'
import type { Endpoint } from '../../core/runtime.ts'
import { Machine, settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'
import { FakeOverview } from './overview.ts'

const HERE: Endpoint = { family: 4, address: '127.0.0.1', port: 8080 }

/** A deadline is missed by two sweeps at most, and one sweep a half second. */
const LATE = 1000

let machine: Machine
let control: Control
let overview: FakeOverview
/** Bugs are told there. */
let diagnostics: Diagnostics
let told: RegExp

beforeEach(async () => {
  told = /^$/
  machine = new Machine()
  diagnostics = await Diagnostics.open(machine, { level: 'error', destination: 'stderr' })
  overview = new FakeOverview()
  control = await serveControl(machine, HERE, controlApp(overview, machine.clock))
})

afterEach(async () => {
  await control.close()
  await settle()
  // Nothing of it is left, whatever was done to it.
  expect(opened()).toBe(0)
  expect(machine.clock.pending).toBe(0)
  await diagnostics.close()
  expect(machine.errors.text).toMatch(told)
})

/** Sockets of the control application. */
const opened = (): number => machine.network.open.filter((socket) => socket.local.port === HERE.port).length

async function client(): Promise<Peer> {
  return new Peer(await machine.connect(HERE).socket)
}

const get = (path: string, ...fields: readonly string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: 127.0.0.1:8080', ...fields, '', ''].join('\r\n')

interface Seen {
  readonly status: number
  readonly fields: Readonly<Record<string, string>>
  readonly body: string
}

/** The answers in a text; `bodiless`: they answer HEAD. */
function answers(text: string, bodiless = false): Seen[] {
  const seen: Seen[] = []
  while (text !== '') {
    const end = text.indexOf('\r\n\r\n')
    if (end < 0) throw new Error(`no answer: ${JSON.stringify(text)}`)
    const [line, ...lines] = text.slice(0, end).split('\r\n')
    const fields = Object.fromEntries(lines.map((line) => {
      const colon = line.indexOf(': ')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)]
    }))
    const status = Number(line.split(' ')[1])
    const size = bodiless || status < 200 ? 0 : Number(fields['content-length'])
    const body = text.slice(end + 4, end + 4 + size)
    if (body.length !== size) throw new Error(`a body of ${body.length} bytes, not ${size}`)
    seen.push({ status, fields, body })
    text = text.slice(end + 4 + size)
  }
  return seen
}

async function one(request: string, bodiless = false): Promise<Seen> {
  const peer = await client()
  await peer.send(request)
  const seen = answers(await peer.news(), bodiless)
  expect(seen).toHaveLength(1)
  await peer.close()
  return seen[0]
}

describe('a request', () => {
  it('is answered, and the connection lives', async () => {
    const peer = await client()
    for (let i = 0; i < 3; i++) {
      await peer.send(get('/health'))
      const [answer] = answers(await peer.news())
      expect(answer.status).toBe(200)
      expect(JSON.parse(answer.body)).toEqual({ healthy: true, version: '0.1.0', pid: 1000 })
      expect(answer.fields.connection).toBeUndefined()
      expect(peer.state).toBe('open')
    }
  })

  it('that comes byte by byte is the same', async () => {
    const peer = await client()
    for (const letter of get('/health')) await peer.send(letter)
    expect(answers(await peer.news())).toHaveLength(1)
  })

  it('is cut anywhere, another behind it', async () => {
    const both = get('/health') + get('/ready')
    for (let cut = 1; cut < both.length; cut++) {
      const peer = await client()
      await peer.send(both.slice(0, cut))
      await peer.send(both.slice(cut))
      const seen = answers(await peer.news())
      expect(seen.map(({ status }) => status), `cut at ${cut}`).toEqual([200, 200])
      expect(seen[1].body).toContain('"ready":true')
      await peer.close()
    }
  })

  it('may be pipelined: the answers come in order', async () => {
    overview.draining = true
    const peer = await client()
    await peer.send(get('/health') + get('/nothing') + get('/ready') + get('/health', 'Connection: close'))
    const seen = answers(await peer.news())
    expect(seen.map(({ status }) => status)).toEqual([200, 404, 503, 200])
    expect(seen[3].fields.connection).toBe('close')
    expect(peer.state).toBe('ended')
  })

  it('by HEAD has the fields of GET and no body', async () => {
    const whole = await one(get('/health'))
    const head = await one(get('/health').replace('GET', 'HEAD'), true)
    expect(head.status).toBe(200)
    expect(head.fields).toEqual(whole.fields)
    expect(Number(head.fields['content-length'])).toBeGreaterThan(10)
  })

  it('in absolute form is the same', async () => {
    expect((await one('GET http://127.0.0.1:8080/health HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n')).status).toBe(200)
  })

  it('of HTTP/1.0 is answered, and the connection closed', async () => {
    const peer = await client()
    await peer.send('GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    const [answer] = answers(await peer.news())
    expect(answer.status).toBe(200)
    expect(answer.fields.connection).toBe('close')
    expect(peer.state).toBe('ended')
  })

  it('is followed by the end of the client: no more is said', async () => {
    const peer = await client()
    await peer.send(get('/health'))
    await peer.end()
    expect(answers(await peer.news())).toHaveLength(1)
    expect(peer.state).toBe('ended')
  })

  it.each([
    ['POST', 405],
    ['DELETE', 405],
    ['OPTIONS', 405],
    ['TRACE', 501],
    ['get', 501],
    ['BREW', 501],
  ])('by %s is answered %d', async (method, status) => {
    const answer = await one(get('/health').replace('GET', method))
    expect(answer.status).toBe(status)
    expect(answer.fields.allow).toBe(status === 405 ? 'GET, HEAD' : undefined)
  })

  it('by CONNECT is refused', async () => {
    expect((await one('CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n')).status).toBe(501)
  })

  it('by OPTIONS * is refused', async () => {
    expect((await one('OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n')).status).toBe(405)
  })

  it.each([
    '/nothing',
    '//health',
    '/HEALTH',
    '/%00',
    '/health%',
    '/../../etc/passwd',
    '/a b'.replace(' ', '%20'),
  ])(
    'of %s is answered 404',
    async (path) => {
      expect((await one(get(path))).status).toBe(404)
    },
  )

  it('may have a query', async () => {
    expect((await one(get('/health?a=/b&c'))).status).toBe(200)
  })
})

describe('a body', () => {
  const post = (...fields: readonly string[]): string => get('/health', ...fields).replace('GET', 'POST')

  it('is read, whole or in chunks, and the next request found behind it', async () => {
    const peer = await client()
    await peer.send(
      `${post('Content-Length: 5')}hello${post('Transfer-Encoding: chunked')}3\r\nabc\r\n0\r\n\r\n${get('/health')}`,
    )
    expect(answers(await peer.news()).map(({ status }) => status)).toEqual([405, 405, 200])
  })

  it('may be waited for with 100', async () => {
    const peer = await client()
    await peer.send(post('Content-Length: 5', 'Expect: 100-continue'))
    expect(await peer.news()).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    await peer.send('hello')
    expect(answers(await peer.news())[0].status).toBe(405)
  })

  it('too large is not read', async () => {
    const peer = await client()
    await peer.send(post(`Content-Length: ${CONTROL_BODY_SIZE + 1}`))
    const [answer] = answers(await peer.news())
    expect(answer.status).toBe(413)
    expect(answer.fields.connection).toBe('close')
    expect(peer.state).toBe('ended')
  })

  it('of the largest size is read', async () => {
    const peer = await client()
    await peer.send(post(`Content-Length: ${CONTROL_BODY_SIZE}`), 'x'.repeat(CONTROL_BODY_SIZE))
    expect(answers(await peer.news())[0].status).toBe(405)
  })

  it('that turns out too large is read no further', async () => {
    const peer = await client()
    await peer.send(post('Transfer-Encoding: chunked'), `${(CONTROL_BODY_SIZE + 1).toString(16)}\r\n`)
    for (let i = 0; i <= CONTROL_BODY_SIZE; i += 1024) await peer.send('x'.repeat(1024)).catch(() => undefined)
    expect(answers(await peer.news())[0].status).toBe(413)
  })

  it('that breaks off is no request', async () => {
    const peer = await client()
    await peer.send(post('Content-Length: 5'), 'he')
    await peer.end()
    expect(await peer.news()).toBe('')
    expect(peer.state).toBe('ended')
  })
})

describe('what is no request', () => {
  it.each([
    ['garbage', '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n', 400],
    ['a line end that is none', 'GET / HTTP/1.1\nHost: a\n\n', 400],
    ['another version', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 505],
    ['a missing Host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['two Hosts', 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1\r\n\r\n', 400],
    ['two lengths', 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400],
    ['a bad chunk', 'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n', 400],
    ['an oversized head', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(CONTROL_HEAD_SIZE)}\r\n\r\n`, 431],
  ])('%s is answered, and the connection closed', async (_, text, status) => {
    const peer = await client()
    await peer.send(text)
    const [answer] = answers(await peer.news())
    expect(answer.status).toBe(status)
    expect(answer.fields.connection).toBe('close')
    expect(peer.state).toBe('ended')
  })
})

describe('the host', () => {
  it.each([
    ['127.0.0.1', 200],
    ['127.0.0.1:8080', 200],
    ['[::1]:8080', 200],
    ['192.0.2.1', 200],
    ['localhost', 200],
    ['LOCALHOST:8080', 200],
    ['a.localhost', 200],
    ['memory', 200],
    ['evil.example', 421],
    ['evil.example:8080', 421],
    ['localhost.evil.example', 421],
    ['127.0.0.1.evil.example', 421],
    ['evillocalhost', 421],
  ])('%s is answered %d on loopback', async (host, status) => {
    expect((await one(`GET /health HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status).toBe(status)
  })

  it('counts in the target where that has one', async () => {
    expect((await one('GET http://evil.example/health HTTP/1.1\r\nHost: evil.example\r\n\r\n')).status).toBe(421)
  })

  it.each<[Endpoint, boolean]>([
    [{ family: 4, address: '127.0.0.1', port: 1 }, false],
    [{ family: 4, address: '127.9.9.9', port: 1 }, false],
    [{ family: 6, address: '::1', port: 1 }, false],
    [{ family: 4, address: '0.0.0.0', port: 1 }, true],
    [{ family: 4, address: '192.0.2.1', port: 1 }, true],
    [{ family: 6, address: '::', port: 1 }, true],
    [{ family: 'unix', address: '/run/exaproxy', port: 0 }, true],
  ])('at %o anything else is served: %s', (at, served) => {
    expect(hosts(at, 'Machine')('evil.example')).toBe(served)
    expect(hosts(at, 'Machine')('machine')).toBe(true)
  })
})

describe('each answer', () => {
  it.each([
    ['a page', get('/')],
    ['a page that is not there', get('/nothing')],
    ['a wrong method', get('/').replace('GET', 'POST')],
    ['a wrong host', 'GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n'],
    ['garbage', 'x\r\n\r\n'],
  ])('to %s is kept by nobody, guessed at by nobody, and shown inside nothing else', async (_, request) => {
    const { fields } = await one(request)
    expect(fields['cache-control']).toBe('no-store')
    expect(fields['x-content-type-options']).toBe('nosniff')
    expect(fields['content-security-policy']).toContain("frame-ancestors 'none'")
    expect(fields['cross-origin-resource-policy']).toBe('same-origin')
    expect(fields.date).toMatch(/ GMT$/)
    expect(Object.keys(fields).filter((name) => name.startsWith('access-control'))).toEqual([])
  })
})

describe('time', () => {
  it('ends a connection that asks for nothing, without a word', async () => {
    const peer = await client()
    await machine.clock.advance(CONTROL_IDLE_TIME - LATE)
    expect(peer.state).toBe('open')
    await machine.clock.advance(2 * LATE)
    expect(peer.state).toBe('ended')
    expect(peer.text).toBe('')
  })

  it.each([
    ['a head', 'GET /health HT'],
    ['a body', get('/health', 'Content-Length: 5').replace('GET', 'POST') + 'he'],
  ])('ends %s that does not come: 408', async (_, begun) => {
    const peer = await client()
    await peer.send(begun)
    await machine.clock.advance(CONTROL_TIME - LATE)
    expect(peer.text).toBe('')
    await machine.clock.advance(2 * LATE)
    expect(answers(await peer.news())[0].status).toBe(408)
    expect(peer.state).toBe('ended')
    // What it still sends does not change that, and is not answered.
    await peer.send('lth')
    expect(await peer.news()).toBe('')
    expect(opened()).toBe(1)
    await machine.clock.advance(LINGER_TIME + 2 * LATE)
    expect(opened()).toBe(0)
  })

  it('does not begin again with each byte', async () => {
    const peer = await client()
    const request = get('/health')
    for (let i = 0; i < 12; i++) {
      await peer.send(request[i]).catch(() => undefined)
      await machine.clock.advance(1000)
    }
    expect(answers(await peer.news())[0].status).toBe(408)
  })

  it('ends one that does not read, whatever is on its way to it', async () => {
    const request = get('/health', 'Expect: 100-continue', 'Content-Length: 5').replace('GET', 'POST')
    const first = await client()
    await first.send(get('/health'))
    const size = first.text.length
    await first.close()
    // Pipes of many sizes: in some of them it is 100 (Continue) that does not fit.
    for (let capacity = size - 10; capacity < size + 40; capacity++) {
      machine.network.capacity = capacity
      const peer = new Peer(await machine.connect(HERE).socket, false)
      void peer.send(get('/health') + request).catch(() => undefined)
      await machine.clock.advance(CONTROL_TIME + 2 * LATE)
      await machine.clock.advance(LINGER_TIME + 2 * LATE)
      expect(opened(), `capacity ${capacity}`).toBe(0)
      await peer.close()
    }
  })

  it('ends one that does not read', async () => {
    // More answers than pipes hold.
    const peer = new Peer(await machine.connect(HERE).socket, false)
    const sending = peer.send(get('/json').repeat(200)).catch(() => undefined)
    await settle()
    await machine.clock.advance(CONTROL_TIME + LATE)
    await sending
    await peer.resume()
    expect(peer.state).not.toBe('open')
  })
})

describe('connections', () => {
  it(`past ${CONTROL_CONNECTIONS} are turned away, and let in again when there is room`, async () => {
    const peers = await Promise.all(Array.from({ length: CONTROL_CONNECTIONS }, client))
    await settle()
    const more = await client()
    expect(answers(await more.news())[0]).toMatchObject({
      status: 503,
      fields: { 'retry-after': '5', connection: 'close' },
    })
    expect(more.state).toBe('ended')
    await more.close()
    await peers[0].close()
    const again = await client()
    await again.send(get('/health'))
    expect(answers(await again.news())[0].status).toBe(200)
    for (const peer of peers) await peer.close()
    await again.close()
  })

  it('that break leave nothing behind', async () => {
    const peer = await client()
    await peer.send('GET /he')
    await peer.reset()
    expect((await one(get('/health'))).status).toBe(200)
  })

  it('are closed with it', async () => {
    const peer = await client()
    await settle()
    await control.close()
    await settle()
    expect(peer.state).toBe('ended')
  })
})

test.each([
  ['throws', () => {
    throw new Error('broken on purpose')
  }],
  ['rejects', () => Promise.reject(new Error('broken on purpose'))],
])('an application that %s is a bug: told, and the others go on', async (_, app) => {
  told = /broken on purpose/
  const at: Endpoint = { ...HERE, port: 8081 }
  const broken = await serveControl(machine, at, app)
  const peer = new Peer(await machine.connect(at).socket)
  await peer.send(get('/health'))
  expect([peer.text, peer.state]).toEqual(['', 'ended'])
  expect((await one(get('/health'))).status).toBe(200)
  await broken.close()
})

describe('anything at all', () => {
  const REQUESTS = [
    get('/health'),
    get('/json').replace('GET', 'HEAD'),
    get('/', 'Content-Length: 3').replace('GET', 'POST') + 'abc',
    get('/', 'Transfer-Encoding: chunked').replace('GET', 'PUT') + '2\r\nab\r\n0\r\n\r\n',
    get('http://a:1/%zz?\x80', 'Expect: 100-continue', 'Content-Length: 9'),
  ]
  const answer = /^HTTP\/1\.1 (?:100|200|400|404|405|408|413|414|417|421|431|501|503|505) /

  it('is answered or closed, and nothing breaks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...REQUESTS), { minLength: 1, maxLength: 3 }),
        fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { maxLength: 4 }),
        fc.array(fc.nat(600), { maxLength: 4 }),
        fc.constantFrom('end', 'close', 'reset', 'wait'),
        async (requests, changes, cuts, last) => {
          const letters = [...requests.join('')]
          for (const [at, byte] of changes) letters[at % letters.length] = String.fromCharCode(byte)
          const peer = await client()
          const places = [0, ...cuts.map((cut) => cut % letters.length).toSorted((a, b) => a - b), letters.length]
          for (let i = 1; i < places.length; i++) {
            await peer.send(letters.slice(places[i - 1], places[i]).join('')).catch(() => undefined)
          }
          if (last === 'wait') await machine.clock.advance(CONTROL_IDLE_TIME + CONTROL_TIME + LINGER_TIME + 4 * LATE)
          else await peer[last]()
          await settle()
          if (last !== 'end' || peer.state !== 'open') await peer.close()
          await machine.clock.advance(LINGER_TIME + CONTROL_TIME + 4 * LATE)
          expect(opened()).toBe(0)
          if (peer.text !== '') expect(peer.text).toMatch(answer)
          expect(peer.text).not.toContain('500: ')
        },
      ),
      { numRuns: 300, seed: 1 },
    )
  })
})
