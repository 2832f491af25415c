/** What the checks are made with: endpoints, pairs of sockets, bytes that know their place. */
import { tmpdir } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { join } from 'node:path'
import process from 'node:process'
import { expect, it } from 'vitest'
import {
  type Endpoint,
  type Listener,
  type ListenOptions,
  type Runtime,
  type Socket,
  SystemFailure,
} from '../../core/runtime.ts'

export type Family = Endpoint['family']

/** Checks a machine cannot pass, by name, each with the sentence that says why. */
export type Skips = Readonly<Record<string, string>>

const names = new Set<string>()

/** An excuse for a check that does not exist (any more) excuses nothing. */
export function checkSkips(skips: Skips): void {
  it('is excused from checks there are', () => {
    expect(Object.keys(skips).filter((name) => !names.has(name))).toEqual([])
  })
}

/** `it`, for a check that a machine may be excused from. */
export function checker(skips: Skips) {
  return (name: string, work: () => Promise<void> | void) => {
    names.add(name)
    const why = skips[name]
    it.skipIf(why !== undefined)(why === undefined ? name : `${name} (skipped: ${why})`, work)
  }
}

let paths = 0
export const temporary = (): string => join(tmpdir(), `exaproxy-contract-${process.pid}-${paths++}`)

/** Somewhere to listen: loopback, or a path that is not there yet. */
export function somewhere(family: Family): Endpoint {
  return { family, address: family === 4 ? '127.0.0.1' : family === 6 ? '::1' : temporary(), port: 0 }
}

export interface Pair {
  readonly client: Socket
  readonly server: Socket
}

export async function accept(listener: Listener): Promise<Socket> {
  const { done, value } = await listener.next()
  if (done) throw new Error('the listener was closed')
  return value
}

/** Run `work` with a fresh pair, which is closed after it. */
export async function withPair(runtime: Runtime, family: Family, work: (pair: Pair) => Promise<void>): Promise<void> {
  await withListener(runtime, family, async (listener) => {
    const [server, client] = await Promise.all([accept(listener), runtime.connect(listener.at).socket])
    try {
      await work({ client, server })
    } finally {
      client.close()
      server.close()
    }
  })
}

/** Two pairs, one after the other: what is written to `sender` comes out of `source`, and of `sink` out of `receiver`. */
export interface Road {
  readonly sender: Socket
  readonly source: Socket
  readonly sink: Socket
  readonly receiver: Socket
}

export const withRoad = (runtime: Runtime, family: Family, work: (road: Road) => Promise<void>): Promise<void> =>
  withPair(
    runtime,
    family,
    ({ client: sender, server: source }) =>
      withPair(runtime, family, ({ client: sink, server: receiver }) => work({ sender, source, sink, receiver })),
  )

export async function withListener(
  runtime: Runtime,
  family: Family,
  work: (listener: Listener) => Promise<void>,
  options?: ListenOptions,
): Promise<void> {
  const listener = await runtime.listen(somewhere(family), options)
  try {
    await work(listener)
  } finally {
    listener.close()
  }
}

/** Byte number `at` of every stream of these tests: told by its place, so that a lost or doubled run shows. */
const byteAt = (at: number): number => Math.imul(at + 1, 2_654_435_761) >>> 24

export function fill(bytes: Uint8Array, at: number): Uint8Array {
  for (let i = 0; i < bytes.length; i++) bytes[i] = byteAt(at + i)
  return bytes
}

/** Where `bytes` differ from what belongs `at` there; -1: nowhere. */
export function wrongAt(bytes: Uint8Array, at: number): number {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== byteAt(at + i)) return at + i
  return -1
}

/** Sizes of chunks: small ones, and some larger than any buffer in between; the same every run. */
export function* sizes(total: number, largest: number): Generator<number> {
  let seed = 88_675_123
  for (let left = total; left > 0;) {
    seed = Math.imul(seed ^ (seed >>> 15), 2_246_822_519) + 374_761_393 | 0
    const wanted = (seed >>> 8) % 4 === 0 ? largest : 1 + (seed >>> 8) % 1500
    const size = Math.min(left, wanted)
    left -= size
    yield size
  }
}

export async function send(socket: Pick<Socket, 'write'>, total: number, largest = 200_000): Promise<void> {
  // One buffer, filled anew for each write: it is ours again once a write has settled.
  const buffer = new Uint8Array(largest)
  let at = 0
  for (const size of sizes(total, largest)) {
    await socket.write(fill(buffer.subarray(0, size), at))
    at += size
  }
}

/** Read to the end, or to `limit`; gives the count. Fails at the first byte out of place, and at an empty chunk. */
export async function receive(socket: Pick<Socket, 'next'>, limit = Infinity, from = 0): Promise<number> {
  let at = from
  while (at - from < limit) {
    const { done, value } = await socket.next()
    if (done) break
    expect(value.length).toBeGreaterThan(0)
    // The slice() of a Buffer does not copy: the core relies on the other.
    expect(Object.getPrototypeOf(value)).toBe(Uint8Array.prototype)
    expect(wrongAt(value, at)).toBe(-1)
    at += value.length
  }
  return at - from
}

/** One byte there and one back, `count` times: how these tests let time pass, without a clock. */
export async function turns({ client, server }: Pair, count: number): Promise<void> {
  const byte = new Uint8Array(1)
  for (let i = 0; i < count; i++) {
    await client.write(byte)
    await server.next()
    await server.write(byte)
    await client.next()
  }
}

/** Enough turns that what can happen without our help has happened. */
const TURNS = 50
/** More than Linux ever buffers for one connection over loopback. */
const CLOGGED_BY = 64 * 1024 * 1024

/** Whether `promise` settles by itself while the turns go by on another connection. */
export async function settles(runtime: Runtime, promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  promise.then(() => settled = true, () => settled = true)
  await withPair(runtime, 4, (pair) => turns(pair, TURNS))
  return settled
}

/** Write from `client` until nothing more fits; gives what went in, the last write of it not settled. */
export async function clog(runtime: Runtime, socket: Pick<Socket, 'write'>) {
  let sent = 0
  for (;;) {
    const bytes = fill(new Uint8Array(256 * 1024), sent)
    sent += bytes.length
    if (sent > CLOGGED_BY) throw new Error('nothing holds the writer back')
    const pending = socket.write(bytes)
    if (pending !== undefined && !(await settles(runtime, pending))) return { sent, pending }
  }
}

/** The code of the SystemFailure that `work` ends with; anything else is a failure of the test. */
export async function failure(work: () => Promise<unknown> | unknown): Promise<string> {
  try {
    await work()
  } catch (error) {
    if (error instanceof SystemFailure) return error.code
    throw error
  }
  return 'no failure'
}

/** Write until it fails: a peer that is gone is noticed at the second write at the earliest. */
export async function failureOfWriting(socket: Pair['client'], turn: () => Promise<void>): Promise<string> {
  for (let i = 0; i < 1000; i++) {
    const code = await failure(() => socket.write(new Uint8Array(1000)))
    if (code !== 'no failure') return code
    await turn()
  }
  return 'no failure'
}

/** Collect garbage, so that memory which is still lent but no longer held gets overwritten. */
export const collect: () => void = collector()

function collector(): () => void {
  const { Bun, gc } = globalThis as { Bun?: { gc(now: boolean): void }; gc?: () => void }
  if (Bun !== undefined) return () => Bun.gc(true)
  if (gc !== undefined) return gc
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc')
}
