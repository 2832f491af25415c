/** The engine with each runtime's FFI; what is lent is overwritten when it is given back. */
import { type Runtime, SystemFailure } from '../../core/runtime.ts'

/** Null where the runtime has no FFI. */
export async function epoll(): Promise<Runtime | null> {
  if ('Bun' in globalThis) {
    const [{ runtime }, { engine }] = await Promise.all([
      import('../../adapters/bun/runtime.ts'),
      import('../../adapters/linux/libc_bun.ts'),
    ])
    return engine(runtime, { poison: true })
  }
  if ('Deno' in globalThis) {
    const [{ runtime }, { engine }] = await Promise.all([
      import('../../adapters/deno/runtime.ts'),
      import('../../adapters/linux/libc_deno.ts'),
    ])
    return engine(runtime, { poison: true })
  }
  const [{ runtime }, { engine }] = await Promise.all([
    import('../../adapters/node/runtime.ts'),
    import('../../adapters/linux/libc_node.ts'),
  ])
  try {
    return await engine(runtime, { poison: true })
  } catch (error) {
    if (error instanceof SystemFailure && error.code === 'unsupported') return null
    throw error
  }
}
