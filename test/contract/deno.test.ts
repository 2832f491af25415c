import { describe, it } from 'vitest'
import { contract } from './contract.ts'

const elsewhere = !('Deno' in globalThis)

describe.skipIf(elsewhere)('the deno adapter', async () => {
  // Only its own runtime can load it.
  if (elsewhere) return it('is not checked: this is not Deno', () => {})
  const { runtime } = await import('../../adapters/deno/runtime.ts')
  contract(runtime)
})
