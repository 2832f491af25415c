/** libc by node:ffi, which Node has from 26.1 on. */
import type { FunctionDefinitions } from 'node:ffi'
import process from 'node:process'
import { type Runtime, SystemFailure } from '../../core/runtime.ts'
import { type EngineOptions, onEpoll } from './engine.ts'
import { CALLS, type Kind, type Libc, LIBRARIES } from './libc.ts'

const TYPES = { i32: 'int32', usize: 'uint64', bytes: 'buffer' } as const satisfies Readonly<Record<Kind, string>>

/** What a call takes in Node's terms. */
type Bound<Kinds extends readonly Kind[]> = {
  [At in keyof Kinds]: Kinds[At] extends 'bytes' ? Uint8Array : Kinds[At] extends 'usize' ? bigint : number
}
type Functions = { [Name in keyof typeof CALLS]: (...args: Bound<(typeof CALLS)[Name]>) => number } & {
  __errno_location(): bigint
}
type Ffi = typeof import('node:ffi')

/** Not before it is asked for: older ones have no such module, and those that have it warn of it. */
async function load(): Promise<Ffi> {
  try {
    return await import('node:ffi')
  } catch {
    throw new SystemFailure(
      'unsupported',
      `Node ${process.versions.node} has no node:ffi: that came with 26.1, and may be switched off`,
    )
  }
}

/** Rejects with SystemFailure unsupported, with why. */
export async function bind(): Promise<Libc> {
  const { dlopen, toArrayBuffer } = await load()
  const calls: FunctionDefinitions = Object.fromEntries(
    Object.entries(CALLS).map(([name, kinds]) => [
      name,
      { arguments: kinds.map((kind) => TYPES[kind]), return: 'int32' as const },
    ]),
  )
  const failures: string[] = []
  for (const library of LIBRARIES) {
    try {
      const { functions } = dlopen(library, { ...calls, __errno_location: { arguments: [], return: 'pointer' } })
      const { recv, send, splice, __errno_location, ...others } = functions as unknown as Functions
      // The address belongs to this thread, for as long as it lives; the view does not free it.
      const errno = new Int32Array(toArrayBuffer(__errno_location(), 4, false))
      return {
        ...others,
        recv: (descriptor, bytes, size, flags) => recv(descriptor, bytes, BigInt(size), flags),
        send: (descriptor, bytes, size, flags) => send(descriptor, bytes, BigInt(size), flags),
        splice: (from, fromAt, to, toAt, size, flags) =>
          splice(from, BigInt(fromAt), to, BigInt(toAt), BigInt(size), flags),
        errno: () => errno[0]!,
      }
    } catch (error) {
      failures.push(`${library}: ${(error as Error).message}`)
    }
  }
  throw new SystemFailure('unsupported', failures.join('; '))
}

/** Rejects with SystemFailure: unsupported, denied, with why. */
export async function engine(machine: Runtime, options: Partial<EngineOptions> = {}, libc?: Libc): Promise<Runtime> {
  return onEpoll(machine, libc ?? await bind(), { drain: null, ...options })
}
