import { describe, it } from 'vitest'
import { contract, type Skips } from './contract.ts'
import { epoll } from './epoll.ts'

const HERE: Skips = 'Deno' in globalThis
  ? { 'tells of a port where nobody listens': 'Deno does not connect its UDP sockets, so it hears of no ICMP error' }
  : {}

const runtime = await epoll()

describe.skipIf(runtime === null)('the epoll engine', () => {
  if (runtime === null) return it('is not checked: this runtime has no FFI', () => {})
  contract(runtime, {
    ...HERE,
    'closes the connections past its backlog': 'epoll accepts when it is pulled, so the kernel keeps the queue',
  })
})
