/**
 * Beside llhttp: over the corpus and thousands of mutations of it, both read the same messages, or one of them refuses for a
 * reason that is in the table of differences.
 */

import { describe, expect, test } from 'vitest'
import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import { mutate, randomOf } from '../../scripts/fuzz/random.ts'
import { bytesOf, REQUESTS, RESPONSES, WORDS } from './corpus.ts'
import { compare, DIFFERENCES } from './differences.ts'

const SEEDS = { request: bytesOf(REQUESTS), response: bytesOf(RESPONSES) }
const KINDS = ['request', 'response'] as const
/** `npm run fuzz -- llhttp` goes on from here. */
const MUTATIONS = 10_000

describe.each(KINDS)('%s', (kind) => {
  test('of the corpus', () => {
    for (const bytes of SEEDS[kind]) compare(kind, bytes)
  })

  test(`${MUTATIONS} mutations of it`, () => {
    const words = bytesOf(WORDS)
    for (let seed = 0; seed < MUTATIONS; seed++) {
      const bytes = mutate(randomOf(seed), SEEDS[kind], words)
      try {
        compare(kind, bytes)
      } catch (cause) {
        throw new Error(`seed ${seed}: ${JSON.stringify(latin1(bytes))}`, { cause })
      }
    }
  })
})

test.each(DIFFERENCES.map((difference) => [difference.kind, difference.refuses, difference.why, difference] as const))(
  '%s, refused by %s: %s',
  (kind, _refuses, _why, difference) => {
    expect(compare(kind, toBytes(difference.example))).toBe(difference)
  },
)
