/** The epoll engine with the FFI of this runtime. */
import type { EngineOptions } from '../../adapters/linux/engine.ts'
import { type Libc, MSG_NOSIGNAL } from '../../adapters/linux/libc.ts'
import type { EpollSocket } from '../../adapters/linux/socket.ts'
import { type Runtime, type Socket, SystemFailure } from '../../core/runtime.ts'

interface Binding {
  bind(): Libc | Promise<Libc>
  engine(machine: Runtime, options?: Partial<EngineOptions>, libc?: Libc): Runtime | Promise<Runtime>
}

const HERE = 'Bun' in globalThis ? 'bun' : 'Deno' in globalThis ? 'deno' : 'node'

const { runtime: portable } = await import(`../../adapters/${HERE}/runtime.ts`) as { runtime: Runtime }
const { bind, engine } = await import(`../../adapters/linux/libc_${HERE}.ts`) as Binding

/** Null where there is no FFI. */
export const libc: Libc | null = await available()

async function available(): Promise<Libc | null> {
  try {
    return await bind()
  } catch (error) {
    if (error instanceof SystemFailure && error.code === 'unsupported') return null
    throw error
  }
}

/** Over `libc`, which may be one that lies. What is lent is overwritten when it is given back. */
export async function epoll(libc: Libc, options: Partial<EngineOptions> = {}): Promise<Runtime> {
  return await engine(portable, { poison: true, ...options }, libc)
}

const MSG_OOB = 1

/** Send a byte beside the stream, with the urgent pointer of TCP at it. Gives whether there was room for it. */
export const urgent = (socket: Socket): boolean =>
  libc!.send((socket as EpollSocket).descriptor, Uint8Array.of(0xff), 1, MSG_OOB | MSG_NOSIGNAL) === 1
