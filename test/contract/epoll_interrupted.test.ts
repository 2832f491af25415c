/** A signal may interrupt any call that waits or moves bytes: here every other one of them. */
import { describe, expect, it } from 'vitest'
import { EINTR, type Libc } from '../../adapters/linux/libc.ts'
import { epoll, libc } from './epoll.ts'
import { relays } from './relays.ts'
import { streams } from './sockets.ts'

const INTERRUPTED = ['accept4', 'epoll_wait', 'recv', 'send', 'splice'] as const

type Call = (...args: unknown[]) => number

describe.skipIf(libc === null)('the epoll engine, interrupted at every other call', async () => {
  if (libc === null) return it('is not checked: this runtime has no FFI', () => {})
  const counts: Record<string, number> = {}
  let lying = false
  const calls = Object.fromEntries(INTERRUPTED.map((name) => {
    const real = libc![name] as Call
    const call: Call = (...args) => {
      lying = (counts[name] = (counts[name] ?? 0) + 1) % 2 === 1
      return lying ? -1 : real(...args)
    }
    return [name, call]
  }))
  const lies: Libc = { ...libc, ...calls, errno: () => lying ? EINTR : libc!.errno() }
  const runtime = await epoll(lies)
  streams(runtime, {})
  relays(runtime, {})

  it('was interrupted', () => {
    for (const name of INTERRUPTED) expect(counts[name]).toBeGreaterThan(10)
  })
})
