/** ICAP clients that mean no good, are slow, or go away: what is refused, how, and that nothing stays behind. */
import { describe, expect, test } from 'vitest'
import type { Decision } from '../../core/filter/decision.ts'
import { NO_CHANGES } from '../../core/filter/decision.ts'
import { settle } from '../memory/machine.ts'
import { chunks, GET, icap, IcapWorld, PERMIT, post } from './icap_world.ts'

const CHANGED: Decision = {
  ...{ by: 'guard', rule: 'x', reason: '', category: '', kind: 'rewrite' },
  changes: { ...NO_CHANGES, set: [['X-A', 'b']] },
}
const NEXT = icap(GET, { fields: 'Allow: 204\r\n' })
const size = GET.length

/** Never understood: told so, and closed, so that nothing behind it is taken for a request. */
const refused: [name: string, send: string, status?: number][] = [
  ['HTTP', GET],
  ['another version', 'REQMOD icap://i/x ICAP/1.1\r\nHost: i\r\n\r\n', 505],
  ['garbage', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
  ['Encapsulated twice', icap(GET, { fields: `Encapsulated: req-hdr=0, null-body=${size}\r\n` })],
  ['no offset', icap(GET, { encapsulated: 'req-hdr, null-body=1' })],
  ['an offset that is no number', icap(GET, { encapsulated: 'req-hdr=0, null-body=0x37' })],
  ['an offset below 0', icap(GET, { encapsulated: 'req-hdr=0, null-body=-1' })],
  ['an offset with a sign', icap(GET, { encapsulated: `req-hdr=0, null-body=+${size}` })],
  ['not from 0', icap(GET, { encapsulated: `req-hdr=1, null-body=${size}` })],
  ['falling', icap(GET, { encapsulated: `req-hdr=0, res-hdr=${size}, res-body=${size - 1}` })],
  ['overlapping', icap(GET, { encapsulated: 'req-hdr=0, null-body=0' })],
  ['two heads of a kind', icap(GET, { encapsulated: `req-hdr=0, req-hdr=10, null-body=${size}` })],
  ['two bodies', icap(GET, { encapsulated: `req-hdr=0, req-body=10, null-body=${size}` })],
  ['a head without end', icap(GET, { encapsulated: 'req-hdr=0' })],
  ['a huge head', icap(GET, { encapsulated: 'req-hdr=0, null-body=65536' })],
  ['a head past all numbers', icap(GET, { encapsulated: 'req-hdr=0, null-body=99999999999999999999' })],
  ['a part nobody knows', icap(GET, { encapsulated: `req-hdr=0, foo-body=${size}` })],
  ['a preview below 0', icap(GET, { fields: 'Preview: -1\r\n' })],
  ['two previews', icap(GET, { fields: 'Preview: 0\r\nPreview: 5\r\n' })],
  ['a folded field', icap(GET, { fields: 'X-A: b\r\n c\r\n' })],
  ['a bare LF', icap(GET, { fields: 'X-A: b\nX-B: c\r\n' })],
  ['a NUL', icap(GET, { fields: 'X-A: \0\r\n' })],
  ['a field without end', `REQMOD icap://i/x ICAP/1.0\r\nX: ${'x'.repeat(20_000)}`],
  ['fields without end', `REQMOD icap://i/x ICAP/1.0\r\n${'X: y\r\n'.repeat(400)}\r\n`],
  ['a body longer than its preview', icap(post(), { fields: 'Preview: 4\r\n', body: chunks('0123456789') })],
]

describe('refused', () => {
  test.each(refused)('%s', async (_, send, status = 400) => {
    const world = await IcapWorld.open(() => CHANGED)
    const client = await world.client()
    await client.send(send + NEXT)
    const said = await client.news()
    expect(said.slice(0, 12)).toBe(`ICAP/1.0 ${status}`)
    expect(said).toMatch(/\r\nISTag: [^]*\r\nConnection: close\r\n[^]*\r\n\r\n$/)
    // One answer, and whatever follows is no request.
    expect(said.match(/ICAP\/1\.0 /g)).toHaveLength(1)
    expect(client.state).toBe('ended')
    expect(world.seen).toMatchObject([{ status }])
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test.each(refused)('%s, byte by byte', async (_, send, status = 400) => {
    const world = await IcapWorld.open(() => CHANGED)
    const client = await world.client()
    const pieces = send.length > 5000 ? [send] : [...send]
    for (const piece of pieces) {
      if (client.state !== 'open') break
      await client.send(piece)
    }
    expect((await client.news()).slice(0, 12)).toBe(`ICAP/1.0 ${status}`)
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })
})

/** The head inside is refused, and the connection is not: where this request ends was never in doubt. */
const smuggled: [name: string, head: string, status: number][] = [
  ['Content-Length and Transfer-Encoding', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', 400],
  ['two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n', 400],
  ['a length that is none', 'Content-Length: +5\r\n', 400],
  ['chunked and something else', 'Transfer-Encoding: chunked, x\r\n', 400],
  ['white space before a colon', 'X-A : b\r\n', 400],
  ['a bare CR', 'X-A: b\rGET / HTTP/1.1\r\n', 400],
  ['a bare LF', 'X-A: b\nContent-Length: 5\r\n', 400],
  ['a folded field', 'X-A: b\r\n c\r\n', 400],
  ['Host that is none', 'X-A: b\r\nHost: other.test\r\n', 400],
]

describe('inside', () => {
  test.each(smuggled)('%s', async (_, fields, status) => {
    const world = await IcapWorld.open(() => PERMIT)
    const client = await world.client()
    const head = `POST http://origin.test/ HTTP/1.1\r\nHost: origin.test\r\n${fields}\r\n`
    await client.send(icap(head, { body: chunks('01234') }) + NEXT)
    const said = await client.news()
    expect(said).toMatch(new RegExp(`^ICAP/1\\.0 200 OK\r\n[^]*\r\n\r\nHTTP/1\\.1 ${status} `))
    expect(said.match(/ICAP\/1\.0 204/g)).toHaveLength(1)
    expect(world.asked).toHaveLength(1)
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test('two requests in the place of one', async () => {
    const world = await IcapWorld.open(() => PERMIT)
    const said = await world.answers(icap(GET + GET))
    expect(said).toMatch(/^ICAP\/1\.0 200 OK\r\n[^]*\r\n\r\nHTTP\/1\.1 400 /)
    expect(world.asked).toEqual([])
  })

  test('half a head', async () => {
    const world = await IcapWorld.open(() => PERMIT)
    expect(await world.answers(icap(GET.slice(0, 30)))).toMatch(/\r\n\r\nHTTP\/1\.1 400 /)
  })

  test('one length said twice, as c-icap’s client does: once is enough', async () => {
    const world = await IcapWorld.open(() => CHANGED)
    const head = post().replace('\r\n\r\n', '\r\nContent-Length: 16\r\n\r\n')
    const said = await world.answers(icap(head, { body: chunks('0123456789abcdef') }))
    expect(said.match(/Content-Length/g)).toHaveLength(1)
    expect(world.seen).toMatchObject([{ failure: '', result: 'ICAP_MOD' }])
  })

  test.each([['POST', 'a length without a body'], ['GET', 'the same of GET']])(
    '%s: %s is not passed on',
    async (method) => {
      const world = await IcapWorld.open(() => CHANGED)
      const said = await world.answers(icap(post(5).replace('POST', method)))
      expect(said).not.toContain('Content-Length')
      expect(said).toMatch(/null-body=/)
    },
  )

  test('hop-by-hop fields are not passed on', async () => {
    const world = await IcapWorld.open(() => CHANGED)
    const head = GET.replace('\r\n\r\n', '\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nX-End: 1\r\n\r\n')
    const said = await world.answers(icap(head))
    expect(said).not.toMatch(/X-Hop|Keep-Alive|\r\nConnection: X/)
    expect(said).toContain('X-End: 1')
  })
})

describe('a body that is not as its head tells', () => {
  test.each([[15], [17], [0]])('%d bytes told, 16 sent: a page', async (told) => {
    const world = await IcapWorld.open(() => CHANGED)
    const client = await world.client()
    await client.send(icap(post(told), { body: chunks('01234567', '89abcdef') }) + NEXT)
    const said = await client.news()
    expect(said.match(/ICAP\/1\.0 /g)).toHaveLength(2)
    expect(said).toMatch(/^ICAP\/1\.0 200 OK\r\n[^]*\r\n\r\nHTTP\/1\.1 400 /)
    expect(world.seen).toMatchObject([{ failure: 'bad-body', status: 400 }, { failure: '' }])
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test.each([[15], [17]])('%d bytes told, 16 sent, and half of it sent on: it does not look whole', async (told) => {
    const world = await IcapWorld.open(() => CHANGED)
    const client = await world.client()
    await client.send(icap(post(told), { body: '8\r\n01234567\r\n' }), '8\r\n89abcdef\r\n0\r\n\r\n')
    expect(await client.news()).not.toMatch(/\r\n0\r\n\r\n$/)
    expect(client.state).toBe('reset')
    expect(world.seen).toMatchObject([{ failure: 'bad-body' }])
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test.each([
    ['no size', 'x\r\n'],
    ['a size with a sign', '+4\r\nabcd\r\n0\r\n\r\n'],
    ['longer than its size', '4\r\nabcde\r\n0\r\n\r\n'],
    ['a size past all numbers', `${'f'.repeat(17)}\r\n`],
    ['a bare LF', '4\nabcd\n0\n\n'],
  ])('chunks: %s', async (_, body) => {
    const world = await IcapWorld.open(() => CHANGED)
    const client = await world.client()
    await client.send(icap(post(), { body }) + NEXT)
    const said = await client.news()
    expect(said.match(/ICAP\/1\.0 /g)?.length ?? 0).toBeLessThanOrEqual(1)
    expect(client.state).not.toBe('open')
    expect(said).not.toMatch(/\r\n0\r\n\r\n$/)
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })
})

describe('time', () => {
  const SETS = ['listener.icap.head_timeout=4s', 'listener.icap.idle_timeout=8s']

  test('nothing is asked: closed without a word', async () => {
    const world = await IcapWorld.open(() => PERMIT, ...SETS)
    const client = await world.client()
    await world.pass(12_000)
    expect([client.text, client.state]).toEqual(['', 'ended'])
    expect(world.seen).toEqual([])
    expect(await world.leftovers()).toEqual([])
  })

  test('between two requests', async () => {
    const world = await IcapWorld.open(() => PERMIT, ...SETS)
    const client = await world.client()
    await client.send(NEXT)
    await client.news()
    await world.pass(12_000)
    expect([await client.news(), client.state]).toEqual(['', 'ended'])
    expect(await world.leftovers()).toEqual([])
  })

  test.each([['in the ICAP head', 20], ['in the head inside', NEXT.length - 10]])(
    'a head that stops %s',
    async (_, at) => {
      const world = await IcapWorld.open(() => PERMIT, ...SETS)
      const client = await world.client()
      await client.send(NEXT.slice(0, at))
      await world.pass(6_000)
      expect(await client.news()).toMatch(/^ICAP\/1\.0 408 [^]*Connection: close\r\n/)
      await client.close()
      expect(world.seen).toMatchObject([{ status: 408, failure: 'head-timeout' }])
      expect(await world.leftovers()).toEqual([])
    },
  )

  test('a head that comes a byte a second: too late all the same', async () => {
    const world = await IcapWorld.open(() => PERMIT, ...SETS)
    const client = await world.client()
    for (const byte of NEXT.slice(0, 8)) {
      if (client.state !== 'open') break
      await client.send(byte)
      await world.pass(1_000)
    }
    expect(await client.news()).toMatch(/^ICAP\/1\.0 408 /)
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test('a preview that stops', async () => {
    const world = await IcapWorld.open(() => CHANGED, ...SETS)
    const client = await world.client()
    await client.send(icap(post(), { fields: 'Preview: 8\r\n', body: '8\r\n0123' }))
    await world.pass(12_000)
    expect(await client.news()).toMatch(/^ICAP\/1\.0 408 /)
    expect(world.seen).toMatchObject([{ status: 408, failure: 'body-timeout' }])
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test('a body that stops while it is sent on: the half does not look whole', async () => {
    const world = await IcapWorld.open(() => CHANGED, ...SETS)
    const client = await world.client()
    await client.send(icap(post(), { body: '8\r\n01234567\r\n' }))
    await world.pass(12_000)
    expect(await client.news()).not.toMatch(/0\r\n\r\n$/)
    expect(client.state).toBe('reset')
    expect(world.seen).toMatchObject([{ failure: 'body-timeout' }])
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test('a body that goes on for longer than that is no trouble', async () => {
    const world = await IcapWorld.open(() => CHANGED, ...SETS)
    const client = await world.client()
    await client.send(icap(post(), { body: '' }))
    for (const byte of '0123456789abcdef') {
      await client.send(`1\r\n${byte}\r\n`)
      await world.pass(3_000)
    }
    await client.send('0\r\n\r\n')
    expect(await client.news()).toMatch(/1\r\nf\r\n0\r\n\r\n$/)
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test('the rest of a body nobody wants that stops: closed', async () => {
    const world = await IcapWorld.open(() => PERMIT, ...SETS)
    const client = await world.client()
    await client.send(icap(post(), { fields: 'Allow: 204\r\n', body: '8\r\n01234567\r\n' }))
    expect(await client.news()).toMatch(/^ICAP\/1\.0 204 /)
    await world.pass(12_000)
    expect(client.state).not.toBe('open')
    expect(world.seen).toMatchObject([{ status: 204, failure: '' }])
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test('a client that does not read', async () => {
    const world = await IcapWorld.open(() => CHANGED, ...SETS)
    const client = await world.client(false)
    const piece = 'x'.repeat(60_000)
    await client.send(icap(post(60_000 * 40), { body: '' }))
    let blocked = false
    for (let i = 0; i < 40 && !blocked; i++) {
      blocked = await Promise.race([
        client.send(`${piece.length.toString(16)}\r\n${piece}\r\n`).then(() => false, () => true),
        settle().then(() => settle()).then(() => true),
      ])
    }
    expect(blocked).toBe(true)
    await world.pass(12_000)
    expect(world.context.clients.size).toBe(0)
    expect(world.seen).toMatchObject([{ failure: 'client-left' }])
    expect(await world.leftovers()).toEqual([])
  })

  test('who decides takes his time: the client waits, and nothing of it is late', async () => {
    let decide!: (said: Decision) => void
    const world = await IcapWorld.open(() => new Promise((resolve) => decide = resolve), ...SETS)
    const client = await world.client()
    await client.send(NEXT)
    await world.pass(60_000)
    expect(client.state).toBe('open')
    decide(PERMIT)
    expect(await client.news()).toMatch(/^ICAP\/1\.0 204 /)
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })
})

describe('who goes away', () => {
  test('while somebody decides', async () => {
    let decide!: (said: Decision) => void
    const world = await IcapWorld.open(() => new Promise((resolve) => decide = resolve))
    const client = await world.client()
    await client.send(NEXT)
    await client.reset()
    await world.pass(1_000)
    decide(PERMIT)
    await settle()
    expect(world.seen).toMatchObject([{ failure: 'client-left', status: 0 }])
    expect(await world.leftovers()).toEqual([])
  })

  test.each(['end', 'reset'] as const)('in the middle of a head: %s', async (how) => {
    const world = await IcapWorld.open(() => PERMIT)
    const client = await world.client()
    await client.send(NEXT.slice(0, 60))
    await client[how]()
    expect(client.text).toBe('')
    expect(world.seen).toEqual([])
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test.each(['end', 'reset'] as const)('in the middle of a body: %s', async (how) => {
    const world = await IcapWorld.open(() => CHANGED)
    const client = await world.client()
    await client.send(icap(post(), { body: '8\r\n01234567\r\n' }))
    await client[how]()
    expect(client.text).not.toMatch(/\r\n0\r\n\r\n$/)
    expect(world.seen).toMatchObject([{ failure: 'client-left' }])
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test('by saying so', async () => {
    const world = await IcapWorld.open(() => PERMIT)
    const client = await world.client()
    await client.send(icap(GET, { fields: 'Allow: 204\r\nConnection: close\r\n' }) + NEXT)
    expect(await client.news()).toMatch(/^ICAP\/1\.0 204 [^]*\r\nConnection: close\r\n[^]*\r\n\r\n$/)
    expect(client.state).toBe('ended')
    expect(world.asked).toHaveLength(1)
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })
})

describe('the end of the service', () => {
  test('an idle connection goes at once', async () => {
    const world = await IcapWorld.open(() => PERMIT)
    const client = await world.client()
    await client.send(NEXT)
    await client.news()
    for (const peer of world.context.clients) peer.drain()
    await settle()
    expect(client.state).toBe('ended')
    expect(await world.leftovers()).toEqual([])
  })

  test('a busy one after its exchange', async () => {
    let decide!: (said: Decision) => void
    const world = await IcapWorld.open(() => new Promise((resolve) => decide = resolve))
    const client = await world.client()
    await client.send(NEXT)
    for (const peer of world.context.clients) peer.drain()
    decide(PERMIT)
    expect(await client.news()).toMatch(/^ICAP\/1\.0 204 [^]*\r\nConnection: close\r\n/)
    expect(client.state).toBe('ended')
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test('what is cut in the middle', async () => {
    const world = await IcapWorld.open(() => new Promise(() => {}))
    const client = await world.client()
    await client.send(NEXT)
    for (const peer of world.context.clients) peer.close()
    await settle()
    expect(client.state).toBe('ended')
    expect(world.context.clients.size).toBe(0)
  })
})

test('one connection too many: told so', async () => {
  const world = await IcapWorld.open(() => PERMIT, 'listener.icap.connections=1')
  const [first, second] = [await world.client(), await world.client()]
  expect(await second.news()).toMatch(/^ICAP\/1\.0 503 [^]*\r\nConnection: close\r\n/)
  expect(second.state).toBe('ended')
  await second.close()
  await first.send(NEXT)
  expect(await first.news()).toMatch(/^ICAP\/1\.0 204 /)
  await first.close()
  const third = await world.client()
  await third.send(NEXT)
  expect(await third.news()).toMatch(/^ICAP\/1\.0 204 /)
  await third.close()
  expect(world.seen[0]).toMatchObject({ status: 503, failure: 'too-many-connections' })
  expect(await world.leftovers()).toEqual([])
})

test('a bug is a page, and counted', async () => {
  const world = await IcapWorld.open(() => {
    throw new TypeError('broken on purpose')
  })
  const client = await world.client()
  await client.send(NEXT)
  expect(await client.news()).toMatch(/^ICAP\/1\.0 200 OK\r\n[^]*\r\n\r\nHTTP\/1\.1 500 /)
  expect(world.bugs).toHaveLength(1)
  world.bugs.length = 0
  world.chain(() => PERMIT)
  await client.send(NEXT)
  expect(await client.news()).toMatch(/^ICAP\/1\.0 204 /)
  await client.close()
  expect(await world.leftovers()).toEqual([])
})
