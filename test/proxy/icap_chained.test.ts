/** An ICAP service of ours that asks others: they read the body, change it, and answer. */
import { describe, expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { Failure } from '../../core/failure.ts'
import { type Decision, NO_CHANGES } from '../../core/filter/decision.ts'
import type { BodySource } from '../../core/flow/body_source.ts'
import { NO_HEAD } from '../../core/http/head.ts'
import type { MessageEvent } from '../../core/http/parser.ts'
import { readResponseHead, reframe } from '../../core/icap/encapsulated_head.ts'
import type { Member } from '../../core/proxy/chain.ts'
import type { Petition } from '../../core/proxy/petition.ts'
import { settle } from '../memory/machine.ts'
import { chunks, GET, icap, IcapWorld, PERMIT, post } from './icap_world.ts'

const CONTINUE = 'ICAP/1.0 100 Continue\r\n\r\n'
const CAUSE = { by: 'other', rule: '', reason: '', category: '' }
const SIXTEEN = '0123456789abcdef'
const NEXT = icap(GET, { fields: 'Allow: 204\r\n' })

/** A body said piece by piece: an empty piece is waited for, a Failure is thrown. */
class Pieces implements BodySource {
  readonly #pieces: (string | Failure)[]
  readonly #event: MessageEvent = {
    ...{ kind: 'end', head: NO_HEAD, chunk: new Uint8Array(0), from: 0, to: 0, trailers: null },
  }

  constructor(...pieces: (string | Failure)[]) {
    this.#pieces = pieces
  }

  next(): MessageEvent {
    const event = this.#event
    const piece = this.#pieces.shift()
    if (piece instanceof Failure) throw piece
    event.kind = piece === undefined ? 'end' : piece === '' ? 'need-data' : 'data'
    event.chunk = toBytes(piece ?? '')
    event.to = event.chunk.length
    return event
  }

  async refill(): Promise<void> {
    await null
  }
}

/** All of a body, as text. */
async function read(source: BodySource): Promise<string> {
  let text = ''
  for (;;) {
    const event = source.next()
    if (event.kind === 'data') text += new TextDecoder().decode(event.chunk.subarray(event.from, event.to))
    else if (event.kind === 'need-data') await source.refill()
    else return text
  }
}

type Adapt = (petition: Petition) => Promise<Decision>

const adapter = (adapt: Adapt): Member => ({ kind: 'adapter', name: 'other', adapter: { name: 'other', adapt } })

async function asking(adapt: Adapt): Promise<IcapWorld> {
  const world = await IcapWorld.open(null)
  world.chain(adapter(adapt))
  return world
}

/** What is encapsulated: the head, and the body in one piece. */
function inside(answer: string): [head: string, body: string] {
  const offset = /Encapsulated: .*body=([0-9]+)\r\n\r\n/.exec(answer)!
  const start = offset.index + offset[0].length
  const end = start + Number(offset[1])
  let body = ''
  for (let at = end; at < answer.length;) {
    const line = answer.indexOf('\r\n', at)
    const size = Number.parseInt(answer.slice(at, line), 16)
    body += answer.slice(line + 2, line + 2 + size)
    at = line + 4 + size
  }
  return [answer.slice(start, end), body]
}

const ways: [name: string, send: string[], continued: boolean][] = [
  ['in one', [icap(post(), { body: chunks(SIXTEEN) })], false],
  ['in pieces', [icap(post(), { body: '4\r\n0123\r\n' }), '4\r\n4567\r\n', '8\r\n89abcdef\r\n0\r\n\r\n'], false],
  ['with 204', [icap(post(), { body: chunks(SIXTEEN), fields: 'Allow: 204\r\n' })], false],
  ['after a preview', [icap(post(), { body: chunks('0123'), fields: 'Preview: 4\r\n' }), chunks('456789abcdef')], true],
  ['after a preview of nothing', [icap(post(), { body: chunks(), fields: 'Preview: 0\r\n' }), chunks(SIXTEEN)], true],
  [
    'all in a preview',
    [icap(post(), { body: `10\r\n${SIXTEEN}\r\n0; ieof\r\n\r\n`, fields: 'Preview: 16\r\n' })],
    false,
  ],
  [
    'without a word of it in its head',
    [icap(post().replace('Content-Length: 16\r\n', ''), { body: chunks(SIXTEEN) })],
    false,
  ],
]

describe.each(ways)('a body, %s', (_, send, continued) => {
  async function answer(world: IcapWorld): Promise<string> {
    const client = await world.client()
    for (const piece of send) await client.send(piece)
    let said = await client.news()
    if (continued) {
      expect(said.slice(0, CONTINUE.length)).toBe(CONTINUE)
      said = said.slice(CONTINUE.length)
    }
    expect(said).not.toContain('100 Continue')
    // The connection goes on.
    world.chain(() => PERMIT)
    await client.send(NEXT)
    expect(await client.news()).toMatch(/^ICAP\/1\.0 204 /)
    await client.close()
    expect(await world.leftovers()).toEqual([])
    return said
  }

  test('is shown, and passed on as it was', async () => {
    let shown = ''
    const world = await asking(async (petition) => {
      expect(petition.head.framing).not.toBe('none')
      shown = await read(petition.carrier!)
      petition.body = new Pieces(shown.slice(0, 5), '', shown.slice(5))
      return PERMIT
    })
    const said = await answer(world)
    expect(shown).toBe(SIXTEEN)
    expect(inside(said)[1]).toBe(SIXTEEN)
  })

  test('is shown, and another one passed on', async () => {
    const world = await asking(async (petition) => {
      await read(petition.carrier!)
      petition.change({ ...NO_CHANGES, set: [['X-A', 'b']] })
      petition.body = new Pieces('', 'another ', '', 'one', '')
      return { ...CAUSE, kind: 'rewrite', changes: NO_CHANGES }
    })
    const [head, body] = inside(await answer(world))
    expect(head).toContain('\r\nX-A: b\r\n')
    expect(body).toBe('another one')
  })

  test('is of no interest', async () => {
    const world = await asking(() => Promise.resolve(PERMIT))
    const said = await answer(world)
    if (!said.startsWith('ICAP/1.0 204 ')) expect(inside(said)[1]).toBe(SIXTEEN)
  })

  test('is changed by a rule first, and shown still', async () => {
    let framing = ''
    const world = await IcapWorld.open(null)
    world.chain(
      () => ({ ...CAUSE, kind: 'rewrite', changes: { ...NO_CHANGES, set: [['X-A', 'b']] } }),
      adapter((petition) => {
        framing = petition.head.framing
        return Promise.resolve(PERMIT)
      }),
    )
    expect(inside(await answer(world))[1]).toBe(SIXTEEN)
    expect(framing).not.toBe('none')
  })

  test('is answered instead', async () => {
    const world = await asking(async (petition) => {
      await read(petition.carrier!)
      const own = readResponseHead(toBytes('HTTP/1.1 403 Forbidden\r\nContent-Length: 99\r\nX-A: b\r\n\r\n'), false)
      petition.satisfied = { head: reframe(own, 'body').head, body: new Pieces('', 'go', '', ' away') }
      return { ...CAUSE, kind: 'deny', status: 403, broken: false }
    })
    const [head, body] = inside(await answer(world))
    // The length is that of the body, whatever somebody said of it.
    expect(head).toBe('HTTP/1.1 403 Forbidden\r\nX-A: b\r\nContent-Length: 7\r\n\r\n')
    expect(body).toBe('go away')
    expect(world.seen[0]).toMatchObject({ status: 403, decision: 'deny', failure: '' })
  })
})

describe('an answer of another service', () => {
  const satisfied = (...pieces: (string | Failure)[]): Promise<IcapWorld> =>
    asking((petition) => {
      const own = readResponseHead(toBytes('HTTP/1.1 200 OK\r\n\r\n'), false)
      petition.satisfied = { head: own.head, body: new Pieces(...pieces) }
      return Promise.resolve({ ...CAUSE, kind: 'respond', status: 200, type: '', body: new Uint8Array(0) })
    })

  test('with nothing in it', async () => {
    const world = await satisfied()
    expect(await world.answers(NEXT)).toMatch(/null-body=[0-9]+\r\n\r\nHTTP\/1.1 200 OK\r\nContent-Length: 0\r\n\r\n$/)
  })

  test('that is long: sent on as it comes, without its length', async () => {
    const piece = 'x'.repeat(30_000)
    const world = await satisfied(piece, '', piece, piece, '', piece)
    const [head, body] = inside(await world.answers(NEXT))
    expect(head).toBe('HTTP/1.1 200 OK\r\n\r\n')
    expect(body).toBe(piece.repeat(4))
  })

  test('that breaks before anything was sent: a page', async () => {
    const world = await satisfied('half', '', new Failure('origin-left', 'it broke'))
    expect(await world.answers(NEXT)).toMatch(/^ICAP\/1\.0 200 OK\r\n[^]*\r\n\r\nHTTP\/1\.1 502 /)
    expect(world.seen).toMatchObject([{ status: 502, failure: 'origin-left' }])
  })

  test('that breaks in the middle: it does not look whole', async () => {
    const world = await satisfied('x'.repeat(70_000), '', new Failure('origin-left', 'it broke'))
    const client = await world.client()
    await client.send(NEXT)
    expect(await client.news()).not.toMatch(/\r\n0\r\n\r\n$/)
    expect(client.state).toBe('reset')
    expect(world.seen).toMatchObject([{ failure: 'origin-left' }])
    await client.close()
    expect(await world.leftovers()).toEqual([])
  })

  test('that does not go on: its time is up', async () => {
    const hangs: BodySource = { next: () => new Pieces('').next(), refill: () => new Promise(() => {}) }
    let abandoned = 0
    const world = await asking((petition) => {
      petition.errands = [{ abandon: () => void abandoned++ }]
      const own = readResponseHead(toBytes('HTTP/1.1 200 OK\r\n\r\n'), false)
      petition.satisfied = { head: own.head, body: hangs }
      return Promise.resolve({ ...CAUSE, kind: 'respond', status: 200, type: '', body: new Uint8Array(0) })
    })
    const client = await world.client()
    await client.send(NEXT)
    await world.pass(200_000)
    expect(abandoned).toBe(1)
    await client.close()
  })
})

test('a client that goes away while its body is shown: whoever reads it hears of it', async () => {
  let failure: unknown = null
  let abandoned = 0
  const world = await asking(async (petition) => {
    petition.errands = [{ abandon: () => void abandoned++ }]
    await read(petition.carrier!).catch((error) => failure = error)
    return PERMIT
  })
  const client = await world.client()
  await client.send(icap(post(), { body: '4\r\n0123\r\n' }))
  await client.reset()
  await settle()
  expect(failure).toMatchObject({ code: 'client-left' })
  expect(abandoned).toBeGreaterThan(0)
  expect(world.seen).toMatchObject([{ failure: 'client-left' }])
  expect(await world.leftovers()).toEqual([])
})
