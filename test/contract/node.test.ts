import process from 'node:process'
import { describe, it } from 'vitest'
import { contract, type Skips } from './contract.ts'

const SKIPS: Skips = Number(process.versions.node.split('.')[0]) >= 24
  ? {}
  : { 'shares a port with another (reusePort)': 'Node cannot set SO_REUSEPORT before 23.1' }

const elsewhere = 'Bun' in globalThis || 'Deno' in globalThis

describe.skipIf(elsewhere)('the node adapter', async () => {
  // Only its own runtime can load it.
  if (elsewhere) return it('is not checked: this is not Node', () => {})
  const { runtime } = await import('../../adapters/node/runtime.ts')
  contract(runtime, SKIPS)
})
