/** What a machine says of what went wrong, for people. */

import { SystemFailure } from '../runtime.ts'

/** What the machine said, for the detail of a failure; what is no SystemFailure is a bug and goes on as it is. */
export function machineWords(error: unknown): string {
  if (error instanceof SystemFailure) return error.message
  throw error
}
