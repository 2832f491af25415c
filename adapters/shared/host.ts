/** The machine and this process, by node: modules that all three runtimes have. */
import { randomFillSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { availableParallelism, hostname, networkInterfaces } from 'node:os'
import process from 'node:process'
import { withoutZone } from '../../core/bytes/address.ts'
import type { SignalName } from '../../core/runtime.ts'
import { canonical } from './endpoint.ts'

export function random(bytes: Uint8Array): void {
  randomFillSync(bytes)
}

/** Who hears which signal. The process has one listener for each: Deno forgets all of them when one is taken off. */
const hearing = new Map<SignalName, Set<() => void>>()

export function signal(name: SignalName, heard: () => void): () => void {
  // A function of our own: the same `heard` may be registered twice, and each registration stops alone.
  const mine = () => heard()
  const all = hearing.get(name) ?? hear(name)
  all.add(mine)
  return () => {
    if (!all.delete(mine) || all.size > 0) return
    hearing.delete(name)
    process.off(name, tell)
  }
}

function hear(name: SignalName): Set<() => void> {
  const all = new Set<() => void>()
  hearing.set(name, all)
  process.on(name, tell)
  return all
}

function tell(name: string): void {
  for (const heard of [...hearing.get(name as SignalName) ?? []]) heard()
}

/** What `ask` says, or said last: it needs a descriptor to ask with, and others may have taken all of them. */
function lasting<T>(ask: () => T): () => T {
  let last = ask()
  return () => {
    try {
      last = ask()
    } catch {
      // Whoever wanted a descriptor of his own hears of it, and says so.
    }
    return last
  }
}

/** By their names. */
export const interfaces = lasting(networkInterfaces)

export function addresses(): string[] {
  const found = new Set<string>()
  for (const interface_ of Object.values(interfaces())) {
    for (const { address } of interface_ ?? []) found.add(canonical(withoutZone(address)))
  }
  return [...found]
}

export const memory = lasting(() => {
  const size = process.memoryUsage.rss()
  if (size === 0) throw new Error('so does Deno say that it cannot tell')
  return size
})
export const host: string = hostname()
export const exit = (code: number): never => process.exit(code)

/** By the affinity of this process on all three runtimes; some know what a container may use of its processors, too. */
export const cores: number = availableParallelism()

/** The runtimes have raised the soft limit to the hard one by now. */
export const descriptors: number = softLimit()

function softLimit(): number {
  try {
    const found = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))
    return found === null ? Infinity : Number(found[1])
  } catch {
    // Not Linux.
    return Infinity
  }
}

/**
 * The command line of this program without its `own` arguments: the runtime, with its flags, and the script; or the one
 * executable. As the kernel has it on Linux: no runtime tells all of its own flags.
 */
export function commandOf(own: readonly string[]): string[] {
  let words = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  try {
    words = readFileSync('/proc/self/cmdline', 'utf8').split('\0').slice(0, -1)
  } catch {
    // Not Linux.
  }
  // The first word may have been looked up on PATH, or be anything at all.
  return [process.execPath, ...words.slice(1, words.length - own.length)]
}
