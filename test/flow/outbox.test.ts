/** What goes out: gathered, in chunks, slowly, or not at all. */
import { expect, test } from 'vitest'
import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import { Failure } from '../../core/failure.ts'
import { Outbox } from '../../core/flow/outbox.ts'
import { GATHER_SIZE } from '../../core/limits.ts'
import type { Socket } from '../../core/runtime.ts'
import { SystemFailure } from '../../core/runtime.ts'
import { settle } from '../memory/machine.ts'

/** A socket that notes each write, and takes it when the test says so. */
class Sink {
  readonly writes: string[] = []
  /** Settle what is under way; `null` when nothing is. */
  taken: ((failure?: unknown) => void) | null = null
  slow = false
  breaks: unknown = null
  readonly #under: { bytes: Uint8Array; copy: Uint8Array }[] = []

  readonly socket = {
    write: (bytes: Uint8Array, size = bytes.length): Promise<void> | void => {
      if (this.taken !== null) throw new Error('a write is under way')
      if (this.breaks !== null) throw this.breaks
      this.writes.push(latin1(bytes, 0, size))
      if (!this.slow) return
      this.#under.push({ bytes, copy: bytes.slice() })
      return new Promise((resolve, reject) => {
        this.taken = (failure) => {
          this.taken = null
          for (const { bytes, copy } of this.#under.splice(0)) expect(latin1(bytes)).toBe(latin1(copy))
          if (failure === undefined) resolve()
          else reject(failure)
        }
      })
    },
  } as unknown as Socket
}

const lab = (): { sink: Sink; outbox: Outbox } => {
  const sink = new Sink()
  return { sink, outbox: new Outbox(sink.socket, 'client-left') }
}

const body = (size: number): Uint8Array => toBytes('abcdefghij'.repeat(size / 10 + 1).slice(0, size))
const put = (outbox: Outbox, text: string): Promise<void> | void => outbox.data(toBytes(text), 0, text.length)

test('small pieces are one write', () => {
  const { sink, outbox } = lab()
  outbox.writer.text('head\r\n')
  expect(put(outbox, 'one')).toBe(undefined)
  expect(put(outbox, 'two')).toBe(undefined)
  expect(sink.writes).toEqual([])
  expect(outbox.flush()).toBe(undefined)
  expect(outbox.flush()).toBe(undefined)
  expect(sink.writes).toEqual(['head\r\nonetwo'])
  expect(outbox.sent).toBe(12)
})

const SIZES: readonly [head: number, size: number, chunked: boolean, writes: number][] = [
  [100, GATHER_SIZE - 100, false, 1],
  [100, GATHER_SIZE - 99, false, 2],
  [0, GATHER_SIZE, false, 1],
  [0, GATHER_SIZE + 1, false, 1],
  [100, GATHER_SIZE - 106, true, 1],
  [100, GATHER_SIZE - 105, true, 3],
  [0, 100_000, true, 3],
]
for (const slow of [false, true]) {
  test.each(SIZES)(`a head of %d and a piece of %d, chunked %s: %d writes; ${slow ? 'slow' : 'at once'}`, async (
    head,
    size,
    chunked,
    writes,
  ) => {
    const { sink, outbox } = lab()
    sink.slow = slow
    outbox.writer.text('h'.repeat(head))
    outbox.chunked = chunked
    // A piece in the middle of something larger.
    const whole = body(size + 7)
    const sending = (async () => {
      await outbox.data(whole, 3, 3 + size)
      outbox.finish(null)
      await outbox.flush()
    })()
    for (let i = 0; slow && i < 5; i++) {
      await settle()
      expect(outbox.writing).toBe(sink.taken !== null)
      sink.taken?.()
    }
    await sending
    const piece = latin1(whole, 3, 3 + size)
    const framed = chunked ? `${size.toString(16)}\r\n${piece}\r\n0\r\n\r\n` : piece
    expect(sink.writes.join('')).toBe('h'.repeat(head) + framed)
    expect(sink.writes.length).toBe(writes)
    expect([outbox.sent, outbox.chunked, outbox.writing]).toEqual([head + framed.length, false, false])
  })
}

const BREAKS: readonly [name: string, slow: boolean, size: number][] = [
  ['at once, small', false, 10],
  ['at once, large', false, 50_000],
  ['later, small', true, 10],
  ['later, large', true, 50_000],
]
test.each(BREAKS)('a socket that breaks %s', async (_, slow, size) => {
  const { sink, outbox } = lab()
  const broken = new SystemFailure('reset', 'ECONNRESET')
  if (!slow) sink.breaks = broken
  sink.slow = slow
  const sending = (async () => {
    await outbox.data(body(size), 0, size)
    await outbox.flush()
  })()
  void sending.catch(() => {})
  await settle()
  sink.taken?.(broken)
  await expect(sending).rejects.toEqual(new Failure('client-left', 'reset (ECONNRESET)'))
  expect(outbox.writing).toBe(false)
})

test('what is no failure of the machine stays a bug', async () => {
  const { sink, outbox } = lab()
  sink.slow = true
  const sending = put(outbox, 'x') ?? outbox.flush()
  sink.taken!(new TypeError('broken on purpose'))
  await expect(sending).rejects.toThrow(TypeError)
})

test('what was gathered can be forgotten, what is under way stays as it is', async () => {
  const { sink, outbox } = lab()
  sink.slow = true
  void put(outbox, 'under way')
  const sending = outbox.flush()
  void put(outbox, 'forgotten')
  outbox.chunked = true
  outbox.discard()
  // Another one may use the memory that was given back.
  const other = new Outbox(new Sink().socket, 'client-left')
  other.writer.text('something else')
  sink.taken!()
  await sending
  sink.slow = false
  void outbox.flush()
  expect(sink.writes).toEqual(['under way'])
  expect(outbox.chunked).toBe(false)
})
