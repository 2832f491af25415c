/** Where the bytes of a body come from: a connection, or a service that has changed them. */

import type { MessageEvent } from '../http/parser.ts'

export interface BodySource {
  /** The next of `data`, `end` and `need-data` from what is here; never waits. @throws Failure as the parser does. */
  next(): MessageEvent
  /** Wait for more after `need-data`. @throws Failure when none will come. */
  refill(): Promise<void>
  /** All that is to come comes from there, as it is: whoever can move it unseen may do so. Missing, `null`: it does not. */
  readonly onward?: BodySource | null
}
