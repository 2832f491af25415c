/** What a call that failed said, in the words of the contract. */
import { constants } from 'node:os'
import type { SystemFailure } from '../../core/runtime.ts'
import { systemFailure } from '../shared/failure.ts'

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]))

/** Some numbers have two names; these are the ones that people know. */
for (const name of ['EAGAIN', 'EOPNOTSUPP'] as const) NAMES.set(constants.errno[name], name)

export function failureOf(errno: number): SystemFailure {
  return systemFailure({ code: NAMES.get(errno) ?? `errno ${errno}` })
}
