/** The answer to a request of our own: to a CONNECT to a parent, or to a check. */

import { Failure } from '../failure.ts'
import type { Answering } from '../http/framing.ts'
import type { Head } from '../http/head.ts'
import { INTERIM_COUNT } from '../limits.ts'
import type { Messages } from './messages.ts'

/**
 * Wait for the head of the final answer. Interim ones are passed over (RFC 9110 15.2); 101 is none of them: it ends HTTP.
 * @throws Failure origin-left, bad-response
 */
export async function finalHead(messages: Messages, answering: Answering): Promise<Head> {
  const { parser } = messages
  parser.restart(answering)
  for (let interims = 0;;) {
    const event = messages.next()
    if (event.kind === 'head') {
      const { head } = event
      if (head.status >= 200 || head.status === 101) return head
      if (++interims > INTERIM_COUNT) throw new Failure('bad-response', `more than ${INTERIM_COUNT} interim responses`)
      while (messages.next().kind !== 'end');
      parser.restart(answering)
    } else {
      if (messages.ended) throw new Failure('origin-left', 'it closed the connection without an answer')
      await messages.refill()
    }
  }
}
