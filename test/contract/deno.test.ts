import { describe, it } from 'vitest'
import { contract, type Skips } from './contract.ts'
import { TLS_SKIPS } from './tls.ts'

const SKIPS: Skips = {
  ...TLS_SKIPS,
  'tells the reader of a reset': 'Deno cannot set SO_LINGER, so abort is a close',
  'closes the connections past its backlog': 'Deno accepts when it is pulled, so the kernel keeps the queue',
  'leaves IPv4 to others on ::': 'Deno cannot set IPV6_V6ONLY, so :: takes IPv4 as well',
  'tells of a port where nobody listens': 'Deno does not connect its UDP sockets, so it hears of no ICMP error',
}

const elsewhere = !('Deno' in globalThis)

describe.skipIf(elsewhere)('the deno adapter', async () => {
  // Only its own runtime can load it.
  if (elsewhere) return it('is not checked: this is not Deno', () => {})
  const { runtime } = await import('../../adapters/deno/runtime.ts')
  contract(runtime, SKIPS)
})
