/** A body of which the beginning is kept: read ahead, once more, from the middle, and past what is kept. */
import { describe, expect, test } from 'vitest'
import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import type { BodySource } from '../../core/flow/body_source.ts'
import { KeptBody } from '../../core/flow/kept_body.ts'
import { NO_HEAD } from '../../core/http/head.ts'
import type { MessageEvent } from '../../core/http/parser.ts'

/** Gives its pieces, one a refill, and spoils each when the next one is asked for. */
class Pieces implements BodySource {
  readonly #pieces: string[]
  #here: Uint8Array | null = null
  #lent: Uint8Array | null = null
  refills = 0
  under = 0

  constructor(pieces: readonly string[]) {
    this.#pieces = [...pieces]
  }

  next(): MessageEvent {
    const event: MessageEvent = { kind: 'need-data', head: NO_HEAD, chunk: toBytes(''), from: 0, to: 0, trailers: null }
    this.#lent?.fill(0x58)
    this.#lent = null
    if (this.#here !== null) {
      this.#lent = this.#here
      this.#here = null
      return { ...event, kind: 'data', chunk: this.#lent, to: this.#lent.length }
    }
    return this.#pieces.length === 0 ? { ...event, kind: 'end' } : event
  }

  async refill(): Promise<void> {
    if (++this.under > 1) throw new Error('two refills at once')
    this.refills++
    await null
    this.under--
    this.#here = toBytes(this.#pieces.shift()!)
  }
}

/** What is left of it, and where its pieces were. */
async function rest(body: KeptBody): Promise<string> {
  let text = ''
  for (;;) {
    const event = body.next()
    if (event.kind === 'end') return text
    if (event.kind === 'need-data') await body.refill()
    else text += latin1(event.chunk, event.from, event.to)
  }
}

async function gather(body: KeptBody, most: number): Promise<void> {
  while (!body.gather(most)) await body.refill()
}

const PIECES: readonly (readonly string[])[] = [
  [],
  ['abcdefghij'],
  ['abcde', 'fghij'],
  ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'],
]

describe.each(PIECES.map((pieces) => [pieces.join('|'), pieces] as const))('%s', (_, pieces) => {
  const whole = pieces.join('')

  test('once, and again', async () => {
    const body = new KeptBody(new Pieces(pieces), 100)
    expect(await rest(body)).toBe(whole)
    expect([body.lost, body.ended, body.kept]).toEqual([false, true, whole.length])
    body.rewind()
    expect(await rest(body)).toBe(whole)
    body.rewind()
    body.forget()
    expect(await rest(body)).toBe(whole)
    expect(body.kept).toBe(0)
  })

  test.each([0, 1, 4, 5, 9, 10, 11])('read ahead by %i, and then all of it', async (most) => {
    const body = new KeptBody(new Pieces(pieces), 100)
    await gather(body, most)
    expect(body.kept >= Math.min(most, whole.length)).toBe(true)
    // The end is known where it can be had without waiting.
    if (most > whole.length) expect(body.ended).toBe(true)
    expect(await rest(body)).toBe(whole)
  })

  test.each([0, 1, 4, 5, 9, 10, 11])('from byte %i on, whatever was read before', async (skip) => {
    for (const before of [0, 3, 11]) {
      const body = new KeptBody(new Pieces(pieces), 100)
      await gather(body, before)
      if (before === 11) await rest(body)
      body.rewind(skip)
      body.forget()
      expect(await rest(body)).toBe(whole.slice(skip))
    }
  })

  test('more than is kept: no way back', async () => {
    const body = new KeptBody(new Pieces(pieces), 4)
    expect(await rest(body)).toBe(whole)
    expect(body.lost).toBe(whole.length > 4)
    if (body.lost) expect(() => body.rewind()).toThrow()
  })

  test('pieces of what is kept, of two bytes at most', async () => {
    const body = new KeptBody(new Pieces(pieces), 100)
    await gather(body, 100)
    let text = ''
    for (let event = body.next(2); event.kind === 'data'; event = body.next(2)) {
      expect(event.to - event.from).toBeLessThanOrEqual(2)
      text += latin1(event.chunk, event.from, event.to)
    }
    expect(text).toBe(whole)
  })
})

test('nothing is read ahead where nothing is asked for', async () => {
  const source = new Pieces(['abc'])
  const body = new KeptBody(source, 100)
  expect(body.gather(0)).toBe(true)
  expect([source.refills, body.kept]).toEqual([0, 0])
  expect(await rest(body)).toBe('abc')
})

test('two who wait share one refill', async () => {
  const source = new Pieces(['abc'])
  const body = new KeptBody(source, 100)
  expect(body.next().kind).toBe('need-data')
  await Promise.all([body.refill(), body.refill()])
  expect(source.refills).toBe(1)
  expect(await rest(body)).toBe('abc')
})

test('what comes from behind it may be had from there, once nothing is between', async () => {
  const source = new Pieces(['abc', 'def'])
  const body = new KeptBody(source, 100)
  expect(body.onward).toBe(null)
  await gather(body, 2)
  body.rewind()
  body.forget()
  expect(body.onward).toBe(null)
  body.next()
  expect(body.onward).toBe(source)
  expect(await rest(body)).toBe('def')
  expect(body.onward).toBe(null)
})

test('a failure of the source is passed on, and what is kept stays', async () => {
  const source = new Pieces(['abc'])
  const body = new KeptBody(source, 100)
  await gather(body, 2)
  source.refill = () => Promise.reject(new Error('broken'))
  await expect(body.refill()).rejects.toThrow('broken')
  await expect(body.refill()).rejects.toThrow('broken')
  body.rewind()
  expect(latin1(body.next().chunk, 0, 3)).toBe('abc')
})
