/** The fuzz target that reads with two parsers. */

import { bytesOf, REQUESTS, RESPONSES, WORDS } from '../../test/http/corpus.ts'
import { compare } from '../../test/http/differences.ts'
import type { FuzzTarget } from './main.ts'

const target: FuzzTarget = {
  invariant:
    'we and llhttp read the same messages, or one of us refuses for a reason that is in test/http/differences.ts',
  seeds: bytesOf([...REQUESTS, ...RESPONSES]),
  words: bytesOf(WORDS),
  check(input) {
    compare('request', input)
    compare('response', input)
  },
}

export default target
