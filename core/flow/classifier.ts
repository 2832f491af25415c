/** Who decides: rules at once, helper programs after a while. A chain of them is asked in order. */

import type { Decision } from '../filter/decision.ts'
import type { Subject } from '../filter/subject.ts'

export interface Classifier {
  /** As in the configuration. */
  readonly name: string
  /**
   * Decide about a request. Never rejects, and settles within its time limit: what goes wrong has its stated answer. The
   * subject is used until it returns, not after.
   */
  judge(subject: Subject): Decision | Promise<Decision>
  /** Let go of what it holds: what waits is answered as when it is broken. Safe to call twice. */
  close(): void
}
