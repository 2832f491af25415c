/** This program once more, as a process that listens beside others: where SO_REUSEPORT shares connections out. */
import process from 'node:process'
import type { Runtime } from '../../core/runtime.ts'
import { commandOf } from './host.ts'

/** Elsewhere two may listen on one port, too, but only one of them gets the connections (macOS), or neither may (Windows). */
const LINUX = process.platform === 'linux'

/** What a runtime offers that starts its workers as it starts any child. `own`: the arguments of this program. */
export function workers(
  own: readonly string[],
  spawn: Runtime['spawn'],
): Pick<Runtime, 'worker' | 'sharesPorts'> {
  return {
    sharesPorts: LINUX,
    worker: (environment) => spawn([...commandOf(own), ...own], environment),
  }
}
