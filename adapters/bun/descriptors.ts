/**
 * How many descriptors are left. Out of them, Bun asks the kernel for the next connection again and again, at full speed,
 * and tells nobody: so connections are refused a little before.
 */
import { descriptors } from '../shared/host.ts'

/** Kept for files, pipes and the runtime's own. */
const RESERVE = 64

/** Open sockets of ours, of both kinds. */
let count = 0
const limit = descriptors - RESERVE

export function take(): void {
  count++
}

export function release(): void {
  count--
}

export const left = (): boolean => count < limit
