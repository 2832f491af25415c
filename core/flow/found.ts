/** What a host was when it was judged: a connection leads to one of these addresses, and to nothing that is found later. */

import type { Failure } from '../failure.ts'

export interface Found {
  /** In policy form. */
  readonly host: string
  /** Its addresses of each family, canonical text; none; or why nobody could say. */
  readonly 4: readonly string[] | Failure
  readonly 6: readonly string[] | Failure
}
