/** libc by bun:ffi. */
import { dlopen, type FFIFunction, type Pointer, toArrayBuffer } from 'bun:ffi'
import { drainMicrotasks } from 'bun:jsc'
import { type Runtime, SystemFailure } from '../../core/runtime.ts'
import { startWith } from '../shared/child.ts'
import { type EngineOptions, onEpoll } from './engine.ts'
import { CALLS, type Calls, type Kind, type Libc, LIBRARIES } from './libc.ts'

const TYPES: Readonly<Record<Kind, 'i32' | 'usize' | 'buffer'>> = { i32: 'i32', usize: 'usize', bytes: 'buffer' }

/** @throws SystemFailure unsupported, with why. */
export function bind(): Libc {
  const calls: Record<string, FFIFunction> = Object.fromEntries(
    Object.entries(CALLS).map(([name, kinds]) => [name, { args: kinds.map((kind) => TYPES[kind]), returns: 'i32' }]),
  )
  const failures: string[] = []
  for (const library of LIBRARIES) {
    try {
      const { symbols } = dlopen(library, { ...calls, __errno_location: { args: [], returns: 'ptr' } })
      // The address belongs to this thread, for as long as it lives; the view does not free it.
      const errno = new Int32Array(toArrayBuffer(symbols.__errno_location() as Pointer, 0, 4))
      return { ...symbols as unknown as Calls, errno: () => errno[0]! }
    } catch (error) {
      failures.push(`${library}: ${(error as Error).message}`)
    }
  }
  throw new SystemFailure('unsupported', failures.join('; '))
}

/** @throws SystemFailure unsupported, denied, with why. */
export const engine = (machine: Runtime, options: Partial<EngineOptions> = {}, libc = bind()): Runtime =>
  onEpoll(machine, libc, { drain: drainMicrotasks, start: startWith, ...options })
