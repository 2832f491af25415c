import { expect, test } from 'vitest'
import { closest, didYouMean } from '../../core/config/suggest.ts'

const KNOWN = ['address', 'connections', 'connections_per_client', 'head_timeout', 'idle_timeout', 'mode', 'via']

test.each([
  ['adress', 'address'],
  ['adderss', 'address'],
  ['ADDRESS', 'address'],
  ['idle_timeot', 'idle_timeout'],
  ['connection', 'connections'],
  ['vai', 'via'],
  ['mdoe', 'mode'],
  ['something', null],
  ['', null],
  ['x'.repeat(10_000), null],
])('closest to %s', (word, near) => {
  expect(closest(word, KNOWN)).toBe(near)
  expect(didYouMean(word, KNOWN)).toBe(near === null ? '' : `; did you mean ${near}?`)
})
