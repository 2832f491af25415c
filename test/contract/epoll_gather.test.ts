/** The epoll engine where much comes: it is let gather, but not for ever. */
import { describe, expect, it } from 'vitest'
import { EPOLLOUT, type Libc, SO_RCVLOWAT, SOL_SOCKET } from '../../adapters/linux/libc.ts'
import type { EpollSocket } from '../../adapters/linux/socket.ts'
import type { Socket } from '../../core/runtime.ts'
import { epoll, libc } from './epoll.ts'
import { clog, failure, fill, receive, send, settles, withPair } from './pairs.ts'

/** Enough that more is expected, and not a multiple of any size of ours. */
const LONG = 3_000_001
const ALL = 2 ** 31

interface Road {
  readonly sender: Socket
  readonly source: Socket
  readonly sink: Socket
  readonly receiver: Socket
}

describe.skipIf(libc === null)('the epoll engine, where much comes', async () => {
  if (libc === null) return it('is not checked: this runtime has no FFI', () => {})
  const real = libc
  /** What sockets were told to let gather, in order. */
  let gathered: number[] = []
  const recording: Libc = {
    ...real,
    setsockopt(descriptor, level, name, value, size) {
      if (level === SOL_SOCKET && name === SO_RCVLOWAT) gathered.push(new DataView(value.buffer).getInt32(0, true))
      return real.setsockopt(descriptor, level, name, value, size)
    },
  }
  const runtime = await epoll(recording)
  const untimed = await epoll({ ...recording, timerfd_create: () => -1 })
  const withRoad = (work: (road: Road) => Promise<void>, machine = runtime) =>
    withPair(
      machine,
      4,
      ({ client: sender, server: source }) =>
        withPair(machine, 4, ({ client: sink, server: receiver }) => work({ sender, source, sink, receiver })),
    )

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
    await withRoad(async (road) => {
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
    await withRoad(async (road) => {
      const { moved } = await gathering(road)
      road.sender.end()
      expect(await moved).toBe(0)
    })
  })

  it.each(['end', 'abort'] as const)(
    'is told of what came with the last bytes, by %s, once it answers',
    async (how) => {
      await withRoad(async (road) => {
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
    await withRoad(async (road) => {
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
    await withRoad(async (road) => {
      const { moved } = await gathering(road, 100)
      expect(gathered.at(-1)).toBe(100)
      await road.sender.write(new Uint8Array(100))
      expect(await moved).toBe(100)
    })
  })

  it('lets nothing gather of what answers', async () => {
    await withRoad(async (road) => {
      await message(road, LONG)
      await road.source.write(new Uint8Array(1))
      gathered = []
      await message(road, 500_000)
      expect(gathered.filter((least) => least > 1)).toEqual([])
    })
  })

  it('lets nothing gather without a timer', async () => {
    gathered = []
    await withRoad(async (road) => {
      await message(road, LONG)
      expect(gathered).toEqual([])
    }, untimed)
  })

  it('tells of room again to one that was a source and did not need it', async () => {
    await withRoad(async ({ sender, source, sink, receiver }) => {
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
