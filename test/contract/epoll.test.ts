import { describe, it } from 'vitest'
import { contract } from './contract.ts'

/** The engine with each runtime's FFI; what is lent is overwritten when it is given back. */
async function machine() {
  if ('Bun' in globalThis) {
    const [{ runtime }, { engine }] = await Promise.all([
      import('../../adapters/bun/runtime.ts'),
      import('../../adapters/linux/libc_bun.ts'),
    ])
    return engine(runtime, { poison: true })
  }
  return null
}

const runtime = await machine()

describe.skipIf(runtime === null)('the epoll engine', () => {
  if (runtime === null) return it('is not checked: this runtime has no FFI', () => {})
  contract(runtime, {
    'closes the connections past its backlog': 'epoll accepts when it is pulled, so the kernel keeps the queue',
  })
})
