/** The contract of streams: every check over each family. */
import { describe, expect } from 'vitest'
import type { Runtime } from '../../core/runtime.ts'
import {
  checker,
  clog,
  collect,
  failure,
  failureOfWriting,
  type Family,
  fill,
  type Pair,
  receive,
  send,
  settles,
  type Skips,
  turns,
  withPair,
} from './pairs.ts'

const MEGABYTES = 4 * 1024 * 1024
/** Fewer, for garbage is collected in between. */
const LENT = 400_000
/** Longer than Linux waits until it probes a window that is closed the first time, milliseconds. */
const LONG = 300
/** What Linux counts in, at most: milliseconds. */
const JIFFY = 10
const FAMILIES: readonly Family[] = [4, 6, 'unix']

export function streams(runtime: Runtime, skips: Skips): void {
  describe.each(FAMILIES)('a stream, family %s', (family) => {
    const checkOf = checker(skips)
    const check = (name: string, work: (pair: Pair) => Promise<void>) =>
      checkOf(name, () => withPair(runtime, family, work))

    check('says where its ends are', async ({ client, server }) => {
      expect(server.local.family).toBe(family)
      expect(client.peer).toEqual(server.local)
      expect(server.peer).toEqual(client.local)
      if (family !== 'unix') expect(client.local.port).toBeGreaterThan(0)
      client.close()
      server.close()
      await client.next()
      expect(client.peer).toEqual(server.local)
      expect(server.peer.family).toBe(family)
    })

    check('carries all bytes in order, both ways at once', async ({ client, server }) => {
      const up = send(client, MEGABYTES).then(() => client.end())
      const down = send(server, MEGABYTES).then(() => server.end())
      const [downloaded, uploaded] = await Promise.all([receive(client), receive(server), up, down])
      expect(downloaded).toBe(MEGABYTES)
      expect(uploaded).toBe(MEGABYTES)
    })

    check('sends a part of what it is given', async ({ client, server }) => {
      const bytes = fill(new Uint8Array(MEGABYTES), 0)
      const sent = Promise.resolve(client.write(bytes, 3)).then(() => client.write(bytes.subarray(3), MEGABYTES - 1000))
      const received = receive(server, MEGABYTES - 997)
      await sent
      expect(await received).toBe(MEGABYTES - 997)
    })

    check('tells once that something stirs, where it can', async ({ client, server }) => {
      if (server.watch === undefined) return
      let stirred = 0
      server.watch(() => stirred++)
      await client.write(fill(new Uint8Array(3), 0))
      expect(await settles(runtime, new Promise(() => {}))).toBe(false)
      expect(stirred).toBe(1)
      await client.write(fill(new Uint8Array(3), 3))
      expect(await receive(server, 6)).toBe(6)
      expect(stirred).toBe(1)
      const pull = server.next()
      client.end()
      expect((await pull).done).toBe(true)
      server.watch(() => stirred++)
      expect(await settles(runtime, new Promise(() => {}))).toBe(false)
      expect(stirred).toBe(2)
    })

    check('tells how long its peer has been sent nothing, where it can', async ({ client, server }) => {
      if (client.standstill === undefined) return
      const { sent, pending } = await clog(runtime, client)
      const { clock } = runtime
      if (family === 'unix') expect(client.standstill()).toBe(Infinity)
      // The probes of a window that is closed are acknowledged, and are no progress.
      else {await withPair(runtime, 4, async (other) => {
          while (client.standstill!() < LONG) await turns(other, 1)
        })}
      const began = clock.now()
      expect(await receive(server, sent)).toBe(sent)
      await pending
      if (family !== 'unix') expect(client.standstill()).toBeLessThan(clock.now() - began + JIFFY)
      client.close()
      expect(client.standstill()).toBe(Infinity)
    })

    check('lends a chunk until the next pull, whatever comes and is collected meanwhile', async (pair) => {
      const sending = send(pair.client, LENT, 100_000).then(() => pair.client.end())
      await withPair(runtime, family, async (other) => {
        let at = 0
        for await (const chunk of pair.server) {
          const before = chunk.slice()
          await turns(other, 2)
          if (at % 7 === 0) collect()
          expect(chunk.every((byte, i) => byte === before[i])).toBe(true)
          at += chunk.length
        }
        expect(at).toBe(LENT)
      })
      await sending
    })

    check('gives the end after the data, and again', async ({ client, server }) => {
      await client.write(fill(new Uint8Array(10), 0))
      client.end()
      expect(await receive(server)).toBe(10)
      expect((await server.next()).done).toBe(true)
      expect((await server.next()).done).toBe(true)
    })

    check('gives what came before a close', async ({ client, server }) => {
      await client.write(fill(new Uint8Array(100_000), 0))
      client.close()
      expect(await receive(server)).toBe(100_000)
    })

    check('is half-closed by the client, and answers', async ({ client, server }) => {
      await send(client, 1000)
      client.end()
      expect(await receive(server)).toBe(1000)
      expect(await settles(runtime, client.next())).toBe(false)
    })

    check('carries much after a half-close, from the client', async ({ client, server }) => {
      server.end()
      expect(await receive(client)).toBe(0)
      const sending = send(client, MEGABYTES).then(() => client.end())
      expect(await receive(server)).toBe(MEGABYTES)
      await sending
    })

    check('carries much after a half-close, from the server', async ({ client, server }) => {
      client.end()
      expect(await receive(server)).toBe(0)
      const sending = send(server, MEGABYTES).then(() => server.end())
      expect(await receive(client)).toBe(MEGABYTES)
      await sending
    })

    check('sends what was written before its end', async ({ client, server }) => {
      const { sent, pending } = await clog(runtime, client)
      client.end()
      expect(await receive(server)).toBe(sent)
      await pending
    })

    check('wakes a pull when it is closed', async ({ client }) => {
      const pull = client.next()
      client.close()
      expect((await pull).done).toBe(true)
      expect((await client.next()).done).toBe(true)
    })

    check('may be closed twice, ended after, and ended twice', async ({ client, server }) => {
      client.end()
      client.end()
      client.close()
      client.close()
      client.abort()
      client.end()
      server.abort()
      server.close()
      await Promise.all([client.next(), server.next()])
    })

    check('fails a write after an end and after a close', async ({ client, server }) => {
      client.end()
      expect(await failure(() => client.write(new Uint8Array(1)))).toBe('closed')
      server.close()
      expect(await failure(() => server.write(new Uint8Array(1)))).toBe('closed')
    })

    check('tells a peer that waits of a close', async ({ client, server }) => {
      const pull = server.next()
      client.close()
      expect((await pull).done).toBe(true)
    })

    check('is open after a break', async ({ client, server }) => {
      await client.write(new Uint8Array(5))
      for await (const chunk of server) {
        expect(chunk.length).toBe(5)
        break
      }
      await server.write(fill(new Uint8Array(3), 0))
      expect(await receive(client, 3)).toBe(3)
      await client.write(fill(new Uint8Array(3), 0))
      expect(await receive(server, 3)).toBe(3)
    })

    check('settles a clogged write only when the peer reads', async ({ client, server }) => {
      // Once pulled, a machine that pushes is under way: it must be paused.
      await turns({ client, server }, 2)
      const { sent, pending } = await clog(runtime, client)
      expect(await settles(runtime, pending)).toBe(false)
      expect(await receive(server, sent)).toBe(sent)
      await pending
      // And it is not clogged any more.
      await send(client, 1000)
    })

    check('is clogged both ways at once, and gets out of it', async ({ client, server }) => {
      const up = await clog(runtime, client)
      const down = await clog(runtime, server)
      await Promise.all([receive(server, up.sent), receive(client, down.sent), up.pending, down.pending])
      await turns({ client, server }, 3)
    })

    check('fails a clogged write when it is closed', async ({ client }) => {
      const { pending } = await clog(runtime, client)
      const failed = failure(() => pending)
      client.close()
      expect(await failed).toBe('closed')
    })

    check('fails a clogged write when the peer closes without having read', async ({ client, server }) => {
      const { pending } = await clog(runtime, client)
      const failed = failure(() => pending)
      server.close()
      expect(await failed).toBe('reset')
      expect(await failure(() => client.write(new Uint8Array(1)))).toBe('reset')
    })

    check('keeps what came while nobody pulled, and the end', async ({ client, server }) => {
      await client.write(fill(new Uint8Array(1000), 0))
      await withPair(runtime, family, (other) => turns(other, 20))
      await client.write(fill(new Uint8Array(1000), 1000))
      await withPair(runtime, family, (other) => turns(other, 20))
      client.end()
      await withPair(runtime, family, (other) => turns(other, 20))
      expect(await receive(server)).toBe(2000)
    })

    check('keeps what came after its own end while nobody pulled, and the end', async ({ client, server }) => {
      client.end()
      expect(await receive(server)).toBe(0)
      const { sent, pending } = await clog(runtime, server)
      server.end()
      await withPair(runtime, family, (other) => turns(other, 20))
      expect(await receive(client)).toBe(sent)
      await pending
    })

    check('keeps what came before the peer went, while nobody pulled', async ({ client, server }) => {
      await server.write(fill(new Uint8Array(150_000), 0))
      client.end()
      server.close()
      await withPair(runtime, family, (other) => turns(other, 20))
      expect(await receive(client)).toBe(150_000)
    })

    check('takes a write without bytes', async ({ client, server }) => {
      await client.write(new Uint8Array(0))
      await client.write(fill(new Uint8Array(1), 0))
      expect(await receive(server, 1)).toBe(1)
    })

    check('sends a part of a larger buffer', async ({ client, server }) => {
      const large = fill(new Uint8Array(10_000), 0)
      await client.write(large.subarray(0, 5000))
      await client.write(large.subarray(5000, 5001))
      client.end()
      expect(await receive(server)).toBe(5001)
    })

    if (family === 'unix') return

    check('gives what the peer said before it stopped listening, though writes fail by then', async (pair) => {
      const { client, server } = pair
      await client.write(new Uint8Array(1000))
      await server.write(fill(new Uint8Array(1000), 0))
      server.close() // which resets, for it has not read everything
      // At once: the machine shall find out by writing, not by reading.
      await failure(async () => await client.write(new Uint8Array(1000)))
      expect(await receive(client, 1000)).toBe(1000)
    })

    check('tells the reader of a reset', async ({ client, server }) => {
      await turns({ client, server }, 1)
      const pull = failure(() => client.next())
      server.abort()
      expect(await pull).toBe('reset')
      expect(await failure(() => client.next())).toBe('reset')
    })

    check('tells the writer of a reset', async ({ client, server }) => {
      server.close()
      const failed = await failureOfWriting(client, () => withPair(runtime, family, (other) => turns(other, 1)))
      expect(failed).toBe('reset')
    })
  })
}
