/** The machine and this process, by node: modules that all three runtimes have. */
import { randomFillSync } from 'node:crypto'
import { hostname, networkInterfaces } from 'node:os'
import process from 'node:process'
import type { SignalName } from '../../core/runtime.ts'
import { canonical } from './endpoint.ts'

export function random(bytes: Uint8Array): void {
  randomFillSync(bytes)
}

export function signal(name: SignalName, heard: () => void): () => void {
  // A function of our own: the same `heard` may be registered twice, and each registration stops alone.
  const listener = () => heard()
  process.on(name, listener)
  return () => void process.off(name, listener)
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
