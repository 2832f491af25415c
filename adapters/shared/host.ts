/** The machine and this process, by node: modules that all three runtimes have. */
import { randomFillSync } from 'node:crypto'
import { hostname, networkInterfaces } from 'node:os'
import process from 'node:process'
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

export function addresses(): string[] {
  const found = new Set<string>()
  for (const interface_ of Object.values(networkInterfaces())) {
    for (const { address } of interface_ ?? []) found.add(canonical(address.split('%')[0]))
  }
  return [...found]
}

export const memory = (): number => process.memoryUsage.rss()
export const host: string = hostname()
export const exit = (code: number): never => process.exit(code)
