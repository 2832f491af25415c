/** Urgent data (MSG_OOB) on the epoll engine: it is beside the stream, which goes on behind it. */
import process from 'node:process'
import { afterEach, describe, expect, it } from 'vitest'
import { EPOLLPRI, eventWords } from '../../adapters/linux/libc.ts'
import { epoll, libc, urgent } from './epoll.ts'
import { failure, fill, receive, type Road, settles, turns, withPair, withRoad } from './pairs.ts'

const ALL = 2 ** 31
const BEFORE = 300_000
/** Sizes of what follows it: what is there at once, and more than buffers hold, so that nothing stalls unseen. */
const BEHIND = [1000, 12_000_000]

describe.skipIf(libc === null)('the epoll engine, given urgent data', async () => {
  if (libc === null) return it('is not checked: this runtime has no FFI', () => {})
  const real = libc
  const eventSize = eventWords(process.arch).size * 4
  /** Epoll has not told of it yet, as befalls who looks just before. */
  let untold = false
  const runtime = await epoll({
    ...real,
    epoll_wait(descriptor, events, most, patience) {
      const count = real.epoll_wait(descriptor, events, most, patience)
      if (untold) { for (let at = 0; at < count; at++) events[at * eventSize]! &= ~EPOLLPRI }
      return count
    },
  })

  afterEach(() => {
    untold = false
  })

  /** Both ways to take all that comes from `source`, the end included; gives the count. */
  const ways: readonly [string, (road: Road) => Promise<number>][] = [
    ['pulled', ({ source }) => receive(source)],
    ['relayed', async ({ source, sink, receiver }) => {
      const received = receive(receiver)
      while (await source.relay!(sink, ALL, () => {}) > 0);
      sink.end()
      return await received
    }],
  ]

  describe.each(ways)('%s', (_, take) => {
    describe.each([4, 'unix'] as const)('family %s', (family) => {
      const check = (name: string, work: (road: Road) => Promise<void>) =>
        it(name, () => withRoad(runtime, family, work))

      for (const size of BEHIND) {
        check(`goes on behind it: ${size} bytes`, async (road) => {
          const { sender } = road
          const taken = take(road)
          await sender.write(fill(new Uint8Array(BEFORE), 0))
          expect(urgent(sender)).toBe(true)
          await sender.write(fill(new Uint8Array(size), BEFORE))
          expect(await settles(runtime, taken)).toBe(false)
          sender.end()
          expect(await taken).toBe(BEFORE + size)
        })

        check(`goes on behind it to the end: ${size} bytes`, async (road) => {
          const { sender } = road
          const taken = take(road)
          await sender.write(fill(new Uint8Array(BEFORE), 0))
          expect(urgent(sender)).toBe(true)
          await sender.write(fill(new Uint8Array(size), BEFORE))
          sender.end()
          expect(await taken).toBe(BEFORE + size)
        })
      }

      check('goes on behind each of many', async (road) => {
        const { sender } = road
        const taken = take(road)
        for (let at = 0; at < BEFORE; at += 10_000) {
          await sender.write(fill(new Uint8Array(10_000), at))
          expect(urgent(sender)).toBe(true)
          await withPair(runtime, 4, (other) => turns(other, 1))
        }
        sender.end()
        expect(await taken).toBe(BEFORE)
      })

      check('ends behind it', async (road) => {
        const { sender } = road
        await sender.write(fill(new Uint8Array(1000), 0))
        expect(urgent(sender)).toBe(true)
        sender.end()
        expect(await take(road)).toBe(1000)
      })

      check('knows it from the end before epoll tells of it', async (road) => {
        const { sender } = road
        untold = true
        await sender.write(fill(new Uint8Array(1000), 0))
        expect(urgent(sender)).toBe(true)
        await sender.write(fill(new Uint8Array(1000), 1000))
        sender.end()
        // All of it is here before the first is taken.
        await withPair(runtime, 4, (other) => turns(other, 50))
        expect(await take(road)).toBe(2000)
      })

      check('tells of a reset behind it', async (road) => {
        const { sender, source } = road
        await sender.write(fill(new Uint8Array(1000), 0))
        expect(urgent(sender)).toBe(true)
        const taken = failure(() => take(road))
        await settles(runtime, taken)
        // Unread bytes make a reset of the close of a local socket too.
        await source.write(new Uint8Array(1))
        sender.abort()
        expect(await taken).toBe('reset')
      })
    })
  })
})
