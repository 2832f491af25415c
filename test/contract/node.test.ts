import { describe, it } from 'vitest'
import { contract } from './contract.ts'

const elsewhere = 'Bun' in globalThis || 'Deno' in globalThis

describe.skipIf(elsewhere)('the node adapter', async () => {
  // Only its own runtime can load it.
  if (elsewhere) return it('is not checked: this is not Node', () => {})
  const { runtime } = await import('../../adapters/node/runtime.ts')
  contract(runtime)
})
