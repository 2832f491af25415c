/** libc by Deno.dlopen. */
import { type Runtime, SystemFailure } from '../../core/runtime.ts'
import { unixEndpoint } from '../shared/endpoint.ts'
import { systemFailure } from '../shared/failure.ts'
import { socketAddress } from './address.ts'
import { setImmediate } from 'node:timers'
import { type EngineOptions, onEpoll } from './engine.ts'
import { failureOf } from './errno.ts'
import {
  AF_UNIX,
  CALLS,
  EINTR,
  type Kind,
  type Libc,
  LIBRARIES,
  MSG_NOSIGNAL,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from './libc.ts'
import type { GiveWay } from './loop.ts'
import { room } from './memory.ts'

/** V8 calls these directly, given a bigint for `usize`: with a number it goes the long way, which takes 0.13 µs more. */
const TYPES = { i32: 'i32', usize: 'usize', bytes: 'buffer' } as const satisfies Readonly<
  Record<Kind, Deno.NativeType>
>

/** What a call takes in Deno's terms. */
type Bound<Kinds extends readonly Kind[]> = {
  [At in keyof Kinds]: Kinds[At] extends 'bytes' ? Uint8Array : Kinds[At] extends 'usize' ? bigint : number
}
type Symbols = { [Name in keyof typeof CALLS]: (...args: Bound<(typeof CALLS)[Name]>) => number } & {
  __errno_location(): Deno.PointerObject
}

/** @throws SystemFailure unsupported, with why. */
export function bind(): Libc {
  const calls = Object.fromEntries(
    Object.entries(CALLS).map(([name, kinds]) => [
      name,
      { parameters: kinds.map((kind) => TYPES[kind]), result: 'i32' as const },
    ]),
  )
  const failures: string[] = []
  for (const library of LIBRARIES) {
    try {
      const { symbols } = Deno.dlopen(library, { ...calls, __errno_location: { parameters: [], result: 'pointer' } })
      return libcOf(symbols as unknown as Symbols)
    } catch (error) {
      failures.push(`${library}: ${(error as Error).message}`)
    }
  }
  throw new SystemFailure('unsupported', failures.join('; '))
}

function libcOf({ recv, send, splice, __errno_location, ...others }: Symbols): Libc {
  // The address belongs to this thread, for as long as it lives; the view does not free it.
  const errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(__errno_location(), 4))
  return {
    ...others,
    // V8 makes no bigint of these: it knows that it is a number on this side and a word on the other.
    recv: (descriptor, bytes, size, flags) => recv(descriptor, bytes, BigInt(size), flags),
    send: (descriptor, bytes, size, flags) => send(descriptor, bytes, BigInt(size), flags),
    splice: (from, fromAt, to, toAt, size, flags) =>
      splice(from, BigInt(fromAt), to, BigInt(toAt), BigInt(size), flags),
    errno: () => errno[0]!,
  }
}

/** Deno tells nobody how to run what promises have made ready, but has the means, under a name that is not promised. */
function microtasks(): (() => void) | null {
  const { internal } = Deno as unknown as { internal: symbol }
  const inside = (Deno as unknown as Record<symbol, { core?: { runMicrotasks?: unknown } } | undefined>)[internal]
  const run = inside?.core?.runMicrotasks
  return typeof run === 'function' ? run as () => void : null
}

/**
 * Deno looks at its sockets, and at much else, once in 61 turns as long as there are immediates (tokio's event_interval), or
 * when it has nothing to do but wait. So it waits: for a byte that we send to ourselves.
 */
async function giver(libc: Libc): Promise<GiveWay> {
  const folder = Deno.makeTempDirSync()
  try {
    const path = `${folder}/self`
    const listener = Deno.listen({ transport: 'unix', path })
    const sending = libc.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
    const size = socketAddress.write(unixEndpoint(path))
    if (libc.connect(sending, socketAddress.bytes, size) === -1) throw failureOf(libc.errno())
    const receiving = await listener.accept()
    listener.close()
    const byte = room(1)
    const received = new Uint8Array(1)
    return (then) => {
      // What has come beside that byte is told first: a turn of ours may sleep.
      receiving.read(received).then(() => setImmediate(then))
      while (libc.send(sending, byte, 1, MSG_NOSIGNAL) === -1 && libc.errno() === EINTR);
    }
  } catch (error) {
    throw systemFailure(error)
  } finally {
    Deno.removeSync(folder, { recursive: true })
  }
}

/** Rejects with SystemFailure: unsupported, denied, with why. */
export async function engine(
  machine: Runtime,
  options: Partial<EngineOptions> = {},
  libc = bind(),
): Promise<Runtime> {
  return onEpoll(machine, libc, { drain: microtasks(), giveWay: await giver(libc), lateWrites: true, ...options })
}
