/** The contract of Socket.relay, for machines that have it: every check over each family. */
import { describe, expect } from 'vitest'
import { type Runtime, SinkFailure, type Socket, SystemFailure } from '../../core/runtime.ts'
import {
  checker,
  type Family,
  fill,
  receive,
  type Road,
  send,
  settles,
  type Skips,
  withRoad,
  wrongAt,
} from './pairs.ts'

const FAMILIES: readonly Family[] = [4, 6, 'unix']
const SIZES = [1, 100, 4096, 65_536, 65_537, 1_000_000, 8_388_608]
/** More than any limit of a relay. */
const ALL = 2 ** 31
/** More than Linux ever buffers over loopback for the two connections and the pipe between them. */
const CLOGGED_BY = 128 * 1024 * 1024

const unheard = () => {}

const relay = (source: Socket, sink: Socket, limit = ALL, waiting: (on: 'source' | 'sink') => void = unheard) =>
  source.relay!(sink, limit, waiting)

/** Relay until the end, or until `limit` bytes went; gives the count. */
async function relayAll(source: Socket, sink: Socket, limit = Infinity): Promise<number> {
  let moved = 0
  while (moved < limit) {
    const count = await relay(source, sink, Math.min(ALL, limit - moved))
    if (count === 0) break
    moved += count
  }
  return moved
}

/** How `work` fails: the code, and which side. */
async function failing(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
  } catch (error) {
    if (error instanceof SystemFailure) return `${error instanceof SinkFailure ? 'sink' : 'source'} ${error.code}`
    throw error
  }
  return 'no failure'
}

export function relays(runtime: Runtime, skips: Skips): void {
  describe.each(FAMILIES)('a relay, family %s', (family) => {
    const checkOf = checker(skips)
    const check = (name: string, work: (road: Road) => Promise<void>) =>
      checkOf(name, () => withRoad(runtime, family, work))

    check('keeps nothing back that may be all for now', async ({ sender, source, sink, receiver }) => {
      // A message of a dialogue, then a piece that ends somewhere in a segment.
      let at = 0
      for (const size of [1000, 1, 300_001, 1000]) {
        const received = receive(receiver, size, at)
        const moving = (async () => {
          // Each may move more than there is.
          for (let moved = 0; moved < size;) moved += await relay(source, sink)
        })()
        await sender.write(fill(new Uint8Array(size), at))
        expect(await settles(runtime, received)).toBe(true)
        expect(await received).toBe(size)
        await moving
        at += size
      }
    })

    for (const size of SIZES) {
      check(`moves all ${size} bytes in order, and gives 0 at the end, and again`, async (road) => {
        const { sender, source, sink, receiver } = road
        const sent = send(sender, size).then(() => sender.end())
        const moved = relayAll(source, sink).then(async (count) => {
          expect(await relay(source, sink)).toBe(0)
          sink.end()
          return count
        })
        expect(await receive(receiver)).toBe(size)
        expect(await moved).toBe(size)
        await sent
        expect((await source.next()).done).toBe(true)
      })
    }

    check('moves no more than its limit, and leaves the rest to a pull', async ({ sender, source, sink, receiver }) => {
      await sender.write(fill(new Uint8Array(20_000), 0))
      expect(await relay(source, sink, 1)).toBe(1)
      for (const limit of [1, 2, 4095, 4097]) expect(await relayAll(source, sink, limit)).toBe(limit)
      expect(await receive(receiver, 8196)).toBe(8196)
      expect(await receive(source, 20_000 - 8196, 8196)).toBe(20_000 - 8196)
      expect(await settles(runtime, receiver.next())).toBe(false)
    })

    check('takes turns with pulls and writes, nothing out of order', async ({ sender, source, sink, receiver }) => {
      const size = 1_000_000
      const sent = send(sender, size, 50_000).then(() => sender.end())
      const received = receive(receiver)
      for (let at = 0;;) {
        const { done, value } = await source.next()
        if (done) break
        expect(wrongAt(value, at)).toBe(-1)
        at += value.length
        await sink.write(value)
        at += await relay(source, sink, 10_000)
      }
      sink.end()
      expect(await received).toBe(size)
      await sent
    })

    check('says that it waits for its source, and goes on', async ({ sender, source, sink, receiver }) => {
      const waits: string[] = []
      const moved = relay(source, sink, ALL, (on) => waits.push(on))
      expect(await settles(runtime, moved)).toBe(false)
      expect(waits).toEqual(['source'])
      await sender.write(fill(new Uint8Array(3), 0))
      expect(await moved).toBe(3)
      expect(await receive(receiver, 3)).toBe(3)
    })

    check('is held by a sink that is clogged, says so, and goes on', async ({ sender, source, sink, receiver }) => {
      const block = 256 * 1024
      let sent = 0
      let moved = 0
      let last = ''
      let pending: Promise<number>
      // As long as what is written gets through, nothing is clogged.
      for (;;) {
        const writing = sender.write(fill(new Uint8Array(block), sent))
        sent += block
        expect(sent).toBeLessThan(CLOGGED_BY)
        pending = relay(source, sink, ALL, (on) => last = on)
        if (!(await settles(runtime, Promise.all([writing, pending])))) {
          if (await settles(runtime, pending)) moved += await pending
          else break
        } else moved += await pending
      }
      expect(last).toBe('sink')
      const received = receive(receiver)
      moved += await pending
      sender.end()
      moved += await relayAll(source, sink)
      sink.end()
      expect(await received).toBe(sent)
      expect(moved).toBe(sent)
    })

    check('fails as closed when its source is closed', async ({ source, sink }) => {
      const failed = failing(() => relay(source, sink))
      source.close()
      expect(await failed).toBe('source closed')
      expect((await source.next()).done).toBe(true)
    })

    check('fails as closed when its sink is closed', async ({ sender, source, sink }) => {
      const failed = failing(() => relay(source, sink))
      sink.close()
      await sender.write(new Uint8Array(1))
      expect(await failed).toBe('sink closed')
    })

    check('fails into a sink that has ended', async ({ sender, source, sink }) => {
      sink.end()
      await sender.write(new Uint8Array(1))
      expect(await failing(async () => await relay(source, sink))).toBe('sink closed')
    })

    if (family === 'unix') return

    check('tells of a reset of its source', async ({ sender, source, sink }) => {
      const failed = failing(() => relay(source, sink))
      sender.abort()
      expect(await failed).toBe('source reset')
      expect(await failing(() => source.next())).toBe('source reset')
    })

    check('tells of a reset of its sink', async ({ sender, source, sink, receiver }) => {
      receiver.abort()
      let failed = 'no failure'
      for (let i = 0; i < 1000 && failed === 'no failure'; i++) {
        await sender.write(new Uint8Array(1000))
        failed = await failing(() => relay(source, sink))
      }
      expect(failed).toBe('sink reset')
    })
  })
}
