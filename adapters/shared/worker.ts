/** This program once more, as a process that listens beside others: where SO_REUSEPORT shares connections out. */
import process from 'node:process'
import type { Runtime } from '../../core/runtime.ts'
import { commandOf } from './host.ts'
import { inheritance, inheritedDescriptors } from './inherited.ts'

/** Elsewhere two may listen on one port, too, but only one of them gets the connections (macOS), or neither may (Windows). */
const LINUX = process.platform === 'linux'

/** Starts a child with descriptors of this process beside its pipes; where it inherits them anyway, they may be ignored. */
type Spawn = (...args: [...Parameters<Runtime['spawn']>, others: readonly number[]]) => ReturnType<Runtime['spawn']>

/** What a runtime offers that starts its workers as it starts any child. `own`: the arguments of this program. */
export function workers(
  own: readonly string[],
  spawn: Spawn,
): Pick<Runtime, 'worker' | 'sharesPorts'> {
  return {
    sharesPorts: LINUX,
    worker: (environment) =>
      spawn([...commandOf(own), ...own], { ...environment, ...inheritance }, inheritedDescriptors),
  }
}
