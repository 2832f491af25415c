import { describe, it } from 'vitest'
import { contract, type Skips } from './contract.ts'
import { epoll, libc } from './epoll.ts'
import { TLS_SKIPS } from './tls.ts'

const SKIPS: Skips = {
  ...TLS_SKIPS,
  'closes the connections past its backlog': 'epoll accepts when it is pulled, so the kernel keeps the queue',
  ...'Deno' in globalThis &&
    { 'tells of a port where nobody listens': 'Deno does not connect its UDP sockets, so it hears of no ICMP error' },
}

describe.skipIf(libc === null)('the epoll engine', async () => {
  if (libc === null) return it('is not checked: this runtime has no FFI', () => {})
  contract(await epoll(libc), SKIPS)
})
