/** The epoll engine where descriptors run out, where peers are odd, and where nothing happens. */
import { readdirSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { EMFILE, type Libc, TCP_INFO } from '../../adapters/linux/libc.ts'
import { epoll, libc } from './epoll.ts'
import {
  accept,
  failure,
  failureOfWriting,
  fill,
  receive,
  send,
  settles,
  turns,
  withListener,
  withPair,
  withRoad,
} from './pairs.ts'

const descriptors = () => readdirSync('/proc/self/fd').length

describe.skipIf(libc === null)('the epoll engine, at its edges', async () => {
  if (libc === null) return it('is not checked: this runtime has no FFI', () => {})
  const real = libc
  /** As if this process had no descriptor left. */
  let exhausted = false
  let lied = false
  const counts = { accept4: 0, epoll_wait: 0 }
  const orFail = (call: () => number) => {
    lied = exhausted
    return lied ? -1 : call()
  }
  const counting: Libc = {
    ...real,
    accept4(...args) {
      counts.accept4++
      return orFail(() => real.accept4(...args))
    },
    socket: (...args) => orFail(() => real.socket(...args)),
    pipe2: (...args) => orFail(() => real.pipe2(...args)),
    epoll_wait(...args) {
      lied = false
      counts.epoll_wait++
      return real.epoll_wait(...args)
    },
    errno: () => lied ? EMFILE : real.errno(),
  }
  const runtime = await epoll(counting)
  const { clock } = runtime

  afterEach(() => {
    exhausted = false
  })

  it('does not spin while it has no descriptor to accept with, and accepts once it has', () =>
    withPair(runtime, 4, (busy) =>
      withListener(runtime, 4, async (listener) => {
        const client = await runtime.connect(listener.at).socket
        exhausted = true
        counts.accept4 = 0
        const began = clock.now()
        const server = accept(listener)
        await turns(busy, 500)
        // Not once a turn, but once in a pause.
        expect(counts.accept4).toBeGreaterThan(0)
        expect(counts.accept4).toBeLessThanOrEqual(2 + (clock.now() - began) / 50)
        exhausted = false
        const accepted = await server
        await turns({ client, server: accepted }, 1)
        client.close()
        accepted.close()
      })))

  it('tells a connect that there is no descriptor', () =>
    withListener(runtime, 4, async (listener) => {
      exhausted = true
      const before = descriptors()
      expect(await failure(() => runtime.connect(listener.at).socket)).toBe('exhausted')
      expect(await failure(() => runtime.listen(listener.at))).toBe('exhausted')
      expect(descriptors()).toBe(before)
    }))

  it('relays by reading and writing while there is no descriptor for a pipe', () =>
    withRoad(runtime, 4, async ({ sender, source, sink, receiver }) => {
      exhausted = true
      await sender.write(fill(new Uint8Array(1000), 0))
      expect(await source.relay!(sink, 300, () => {})).toBe(300)
      exhausted = false
      expect(await source.relay!(sink, 300, () => {})).toBe(300)
      expect(await receive(receiver, 600)).toBe(600)
      expect(await receive(source, 400, 600)).toBe(400)
      exhausted = true
      sender.end()
      expect(await source.relay!(sink, 300, () => {})).toBe(0)
    }))

  it('owns no pipe while it waits, and gives each back', () =>
    withRoad(runtime, 4, async ({ sender, source, sink, receiver }) => {
      // One that is kept for later, perhaps.
      await sender.write(new Uint8Array(1))
      expect(await source.relay!(sink, 1, () => {})).toBe(1)
      await receiver.next()
      const before = descriptors()
      const moved = source.relay!(sink, 10, () => {})
      expect(await settles(runtime, moved)).toBe(false)
      expect(descriptors()).toBe(before)
      for (let i = 0; i < 100; i++) {
        await sender.write(new Uint8Array(10))
        if (i === 0) await moved
        else expect(await source.relay!(sink, 10, () => {})).toBe(10)
        await receive(receiver, 10, 0).catch(() => {})
      }
      expect(descriptors()).toBe(before)
    }))

  it('closes the pipes that are not empty when a relay fails', async () => {
    const before = descriptors()
    for (let i = 0; i < 40; i++) {
      await withRoad(runtime, 4, async ({ sender, source, sink }) => {
        const sending = send(sender, 64 * 1024 * 1024).catch(() => {})
        const waits: string[] = []
        let failed = 'no failure'
        while (failed === 'no failure') {
          const moved = source.relay!(sink, 2 ** 30, (on) => {
            waits.push(on)
            // It holds what the sink has no room for.
            if (on === 'sink') sink.close()
          })
          failed = await failure(() => moved)
        }
        expect(failed).toBe('closed')
        source.close()
        await sending
      })
    }
    // What is kept empty for use again is bounded, and has been made before.
    expect(descriptors()).toBeLessThanOrEqual(before + 2)
  })

  it('tells the reader of a reset that a write met first', () =>
    withPair(runtime, 4, async ({ client, server }) => {
      await turns({ client, server }, 1)
      server.abort()
      const turn = () => withPair(runtime, 4, (other) => turns(other, 1))
      expect(await failureOfWriting(client, turn)).toBe('reset')
      expect(await failure(() => client.next())).toBe('reset')
      expect(await failure(() => client.next())).toBe('reset')
    }))

  it.each<[string, Libc['getsockopt']]>([
    ['fails', () => -1],
    ['fills in nothing', () => 0],
  ])('does not know how long nothing is sent where the system %s', async (_, getsockopt) => {
    const told: Libc['getsockopt'] = (...args) => args[2] === TCP_INFO ? getsockopt(...args) : real.getsockopt(...args)
    await withPair(await epoll({ ...real, getsockopt: told }), 4, async ({ client }) => {
      await client.write(new Uint8Array(1))
      expect(client.standstill!()).toBe(Infinity)
    })
  })

  it('sleeps while nothing happens', () =>
    withListener(runtime, 4, async () => {
      counts.epoll_wait = 0
      await new Promise<void>((resolve) => void clock.after(1000, resolve))
      expect(counts.epoll_wait).toBeGreaterThan(0)
      expect(counts.epoll_wait).toBeLessThan(100)
    }))
})
