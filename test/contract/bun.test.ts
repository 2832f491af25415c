import { describe, it } from 'vitest'
import { contract } from './contract.ts'
import { TLS_SKIPS } from './tls.ts'

const elsewhere = !('Bun' in globalThis)

describe.skipIf(elsewhere)('the bun adapter', async () => {
  // Only its own runtime can load it.
  if (elsewhere) return it('is not checked: this is not Bun', () => {})
  const { runtime } = await import('../../adapters/bun/runtime.ts')
  contract(runtime, TLS_SKIPS)
})
