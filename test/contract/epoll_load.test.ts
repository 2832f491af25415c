/** The epoll engine under load: garbage is collected in the midst of it, and the runtime's own work goes on beside it. */
import { createSocket } from 'node:dgram'
import { setImmediate } from 'node:timers'
import { describe, expect, it } from 'vitest'
import type { Endpoint, Socket } from '../../core/runtime.ts'
import { epoll, libc } from './epoll.ts'
import { collect, type Family, fill, type Pair, receive, send, settles, temporary, turns, withPair } from './pairs.ts'

const FAMILIES: readonly Family[] = [4, 'unix']
const CONNECTIONS = 20
const BYTES = 1_000_000
const ROADS = 8
const ROAD_BYTES = 2_000_000
const TINY = 20_000
/** Echoes, hundreds of which go by in the time of a loop that is fair: some timers or packets, and something with threads. */
const SOON = 2000
const LATER = 20_000

describe.skipIf(libc === null)('the epoll engine under load', async () => {
  if (libc === null) return it('is not checked: this runtime has no FFI', () => {})
  const runtime = await epoll(libc)
  const { clock, files } = runtime

  /** Run `work` with that many pairs. */
  async function withPairs(family: Family, count: number, work: (pairs: Pair[]) => Promise<void>, pairs: Pair[] = []) {
    if (pairs.length === count) return await work(pairs)
    await withPair(runtime, family, (pair) => withPairs(family, count, work, [...pairs, pair]))
  }

  /** Collect garbage again and again, turns in between, until `work` has settled. */
  async function collecting(work: Promise<unknown>): Promise<number> {
    let done = false
    let collections = 0
    const finished = work.finally(() => done = true)
    await withPair(runtime, 4, async (pair) => {
      while (!done) {
        collect()
        collections++
        await turns(pair, 1)
      }
    })
    await finished
    return collections
  }

  const echo = async (socket: Socket) => {
    for await (const chunk of socket) await socket.write(chunk)
    socket.end()
  }

  const relay = async (source: Socket, sink: Socket) => {
    while (await source.relay!(sink, 100_000, () => {}) > 0);
    sink.end()
  }

  /** Arrays of their own, so small that V8 keeps their bytes where the collector moves them. */
  const dribble = async (socket: Socket, total: number) => {
    for (let at = 0; at < total;) {
      const size = Math.min(total - at, 1 + at % 60)
      await socket.write(fill(new Uint8Array(size), at))
      at += size
    }
    socket.end()
  }

  describe.each(FAMILIES)('while garbage is collected, family %s', (family) => {
    it('echoes every byte right', () =>
      withPairs(family, CONNECTIONS, async (pairs) => {
        const all = Promise.all(pairs.flatMap(({ client, server }, i) => [
          echo(server),
          send(client, BYTES, 1500 * (i + 1) ** 2).then(() => client.end()),
          receive(client).then((count) => expect(count).toBe(BYTES)),
        ]))
        expect(await collecting(all)).toBeGreaterThan(1)
      }))

    it('relays every byte right', () =>
      withPairs(family, ROADS * 2, async (pairs) => {
        const all = Promise.all(
          Array.from({ length: ROADS }, (_, i) => {
            const [into, out] = pairs.slice(i * 2) as [Pair, Pair]
            return [
              send(into.client, ROAD_BYTES, 1500 * (i + 1) ** 2).then(() => into.client.end()),
              relay(into.server, out.client),
              receive(out.server).then((count) => expect(count).toBe(ROAD_BYTES)),
            ]
          }).flat(),
        )
        expect(await collecting(all)).toBeGreaterThan(1)
      }))

    it('sends small arrays that move, and those it could not send at once', () =>
      withPairs(family, 3, async (pairs) => {
        const read = pairs.map(({ client, server }) => ({ client, server, count: 0 }))
        const all = Promise.all(read.map(async ({ client, server }) => {
          const writing = dribble(client, TINY)
          // Unread for a while: over a unix socket it is clogged by then.
          await settles(runtime, writing)
          expect(await receive(server)).toBe(TINY)
          await writing
        }))
        expect(await collecting(all)).toBeGreaterThan(1)
      }))

    it('sends the rest of a clogged write right', () =>
      withPairs(family, 3, async (pairs) => {
        const total = 20_000_000
        const all = Promise.all(pairs.map(async ({ client, server }) => {
          const writing = send(client, total, total / 2).then(() => client.end())
          await settles(runtime, writing)
          expect(await receive(server)).toBe(total)
          await writing
        }))
        expect(await collecting(all)).toBeGreaterThan(1)
      }))
  })

  /** Echo without end on some connections while `work` runs; gives how often something came back meanwhile. */
  async function echoing(work: () => Promise<unknown>): Promise<number> {
    let count = 0
    let stop = false
    await withPairs(4, 4, async (pairs) => {
      const all = pairs.map(async (pair) => {
        while (!stop) {
          await turns(pair, 1)
          count++
        }
      })
      try {
        await work()
      } finally {
        stop = true
        await Promise.all(all)
      }
    })
    return count
  }

  /** A UDP server of the runtime's own. */
  async function withUdp(work: (at: Endpoint) => Promise<void>) {
    const server = createSocket('udp4')
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve))
    server.on('message', (bytes, { port, address }) => server.send(bytes, port, address))
    try {
      await work({ family: 4, address: '127.0.0.1', port: server.address().port })
    } finally {
      server.close()
    }
  }

  describe('while it echoes without end', () => {
    it('rings in time', async () => {
      const count = await echoing(() => new Promise<void>((resolve) => void clock.after(1, resolve)))
      expect(count).toBeLessThan(SOON)
    })

    it('lets timers of the runtime ring', async () => {
      const count = await echoing(() => new Promise((resolve) => setTimeout(resolve, 1)))
      expect(count).toBeLessThan(SOON)
    })

    it('reads files', async () => {
      const path = temporary()
      await files.write(path, new Uint8Array(100_000))
      const count = await echoing(async () => {
        for (let i = 0; i < 10; i++) expect((await files.read(path)).length).toBe(100_000)
      })
      await files.remove(path)
      expect(count).toBeLessThan(LATER)
    })

    it('hears of a child', async () => {
      const count = await echoing(async () => {
        const child = runtime.spawn(['cat'])
        await child.input.write(new TextEncoder().encode('hello\n'))
        child.input.end()
        const { value } = await child.output.next()
        expect(new TextDecoder().decode(value!)).toBe('hello\n')
        expect(await child.exited).toBe(0)
      })
      expect(count).toBeLessThan(LATER)
    })

    it('exchanges packets', () =>
      withUdp(async (at) => {
        const datagram = await runtime.datagram(at)
        const count = await echoing(async () => {
          for (let i = 0; i < 10; i++) {
            await datagram.write(Uint8Array.of(i))
            expect([...(await datagram.next()).value!]).toEqual([i])
          }
        })
        datagram.close()
        expect(count).toBeLessThan(SOON)
      }))
  })

  it('carries bytes while the runtime has something to do in each turn', async () => {
    let spins = 0
    let stop = false
    const spin = () => {
      spins++
      if (!stop) setImmediate(spin)
    }
    spin()
    await withPair(runtime, 4, (pair) => turns(pair, 1000))
    stop = true
    // Once in a turn of each loop, or less often.
    expect(spins).toBeGreaterThan(0)
    expect(spins).toBeLessThan(10_000)
  })
})
