/** The epoll engine where much comes: it is let gather, but not for ever. */
import { describe, expect, it } from 'vitest'
import { EPOLLOUT, type Libc, SO_RCVLOWAT, SOL_SOCKET } from '../../adapters/linux/libc.ts'
import type { EpollSocket } from '../../adapters/linux/socket.ts'
import { epoll, libc, urgent } from './epoll.ts'
import { clog, failure, fill, receive, type Road, send, settles, withRoad } from './pairs.ts'

/** Enough that more is expected, and not a multiple of any size of ours. */
const LONG = 3_000_001
const ALL = 2 ** 31

describe.skipIf(libc === null)('the epoll engine, where much comes', async () => {
  if (libc === null) return it('is not checked: this runtime has no FFI', () => {})
  const real = libc
  /** What sockets were told to let gather, in order. */
  let gathered: number[] = []
  let timer = -1
  const recording: Libc = {
    ...real,
    setsockopt(descriptor, level, name, value, size) {
      if (level === SOL_SOCKET && name === SO_RCVLOWAT) gathered.push(new DataView(value.buffer).getInt32(0, true))
      return real.setsockopt(descriptor, level, name, value, size)
    },
  }
  const runtime = await epoll(recording)

  /** Relay `size` bytes that nothing follows, and read them; the next ones are waited for then. */
  async function message({ sender, source, sink, receiver }: Road, size: number): Promise<void> {
    const sent = send(sender, size)
    const received = receive(receiver, size)
    for (let moved = 0; moved < size;) moved += await source.relay!(sink, ALL, () => {})
    expect(await received).toBe(size)
    await sent
  }

  /** A relay that lets up to `limit` bytes gather: on a busy machine it may take more than one message until it does. */
  async function gathering(road: Road, limit = ALL): Promise<{ moved: Promise<number> }> {
    gathered = [1]
    for (;;) {
      await message(road, LONG)
      const moved = road.source.relay!(road.sink, limit, () => {})
      if (gathered.at(-1)! > 1) return { moved }
      await road.sender.write(new Uint8Array(1))
      await moved
      await road.receiver.next()
    }
  }

  it('moves what is less than it lets gather though no more comes, and what comes then', async () => {
    await withRoad(runtime, 4, async (road) => {
      const { sender, receiver } = road
      const { moved } = await gathering(road)
      expect(gathered.at(-1)).toBeGreaterThan(65_536)
      await sender.write(fill(new Uint8Array(1000), 0))
      expect(await moved).toBe(1000)
      expect(await receive(receiver, 1000)).toBe(1000)
      await message(road, LONG)
    })
  })

  it('is told of the end while it waits for more', async () => {
    await withRoad(runtime, 4, async (road) => {
      const { moved } = await gathering(road)
      road.sender.end()
      expect(await moved).toBe(0)
    })
  })

  it('is told of urgent data while it waits for more, and goes on behind it', async () => {
    await withRoad(runtime, 4, async (road) => {
      const { sender, source, sink, receiver } = road
      const { moved } = await gathering(road)
      await sender.write(fill(new Uint8Array(1000), 0))
      expect(urgent(sender)).toBe(true)
      await sender.write(fill(new Uint8Array(LONG), 1000))
      const received = receive(receiver, 1000 + LONG)
      for (let count = await moved; count < 1000 + LONG;) count += await source.relay!(sink, ALL, () => {})
      expect(await received).toBe(1000 + LONG)
      expect(gathered.at(-1)).toBe(1)
    })
  })

  it.each(['end', 'abort'] as const)(
    'is told of what came with the last bytes, by %s, once it answers',
    async (how) => {
      await withRoad(runtime, 4, async (road) => {
        const { sender, source, sink } = road
        const { moved } = await gathering(road)
        await source.write(new Uint8Array(1))
        await sender.next()
        await sender.write(new Uint8Array(1000))
        sender[how]()
        // A reset may be met at once.
        const rest = failure(async () => {
          if (await moved > 0) expect(await source.relay!(sink, ALL, () => {})).toBe(0)
        })
        expect(await settles(runtime, rest)).toBe(true)
        expect(await rest).toBe(how === 'end' ? 'no failure' : 'reset')
      })
    },
  )

  it('lets nothing gather for a pull', async () => {
    await withRoad(runtime, 4, async (road) => {
      const { sender, source, receiver } = road
      const { moved } = await gathering(road)
      await sender.write(fill(new Uint8Array(100_000), 0))
      const count = await moved
      const pulled = source.next()
      expect(gathered.at(-1)).toBe(1)
      await sender.write(fill(new Uint8Array(1), 100_000))
      await pulled
      expect(await receive(receiver, count)).toBe(count)
    })
  })

  it('waits for no more than it may move', async () => {
    await withRoad(runtime, 4, async (road) => {
      const { moved } = await gathering(road, 100)
      expect(gathered.at(-1)).toBe(100)
      await road.sender.write(new Uint8Array(100))
      expect(await moved).toBe(100)
    })
  })

  it('lets nothing gather of what answers', async () => {
    await withRoad(runtime, 4, async (road) => {
      await message(road, LONG)
      await road.source.write(new Uint8Array(1))
      gathered = []
      await message(road, 500_000)
      expect(gathered.filter((least) => least > 1)).toEqual([])
    })
  })

  it.each<[string, Partial<Libc>]>([
    ['no descriptor is left', { timerfd_create: () => -1 }],
    ['epoll takes no more', { epoll_ctl: (...args) => args[2] === timer ? -1 : real.epoll_ctl(...args) }],
  ])('lets nothing gather without a timer: %s', async (_, calls) => {
    gathered = []
    const create = (...args: [number, number]) => timer = real.timerfd_create(...args)
    await withRoad(await epoll({ ...recording, timerfd_create: create, ...calls }), 4, async (road) => {
      await message(road, LONG)
      await message(road, LONG)
      expect(gathered).toEqual([])
    })
  })

  it('tells of room again to one that was a source and did not need it', async () => {
    await withRoad(runtime, 4, async ({ sender, source, sink, receiver }) => {
      const moved = source.relay!(sink, ALL, () => {})
      ;(source as EpollSocket).ready(EPOLLOUT)
      await sender.write(new Uint8Array(1))
      expect(await moved).toBe(1)
      await receiver.next()
      const { sent, pending } = await clog(runtime, source)
      expect(await receive(sender, sent)).toBe(sent)
      await pending
    })
  })
})
