import { expect, test } from 'vitest'
import target from '../../scripts/fuzz/helpers.ts'
import { fuzz } from '../../scripts/fuzz/main.ts'

test(target.invariant, () => {
  expect(fuzz(target, 1, (tried) => tried >= 1024)).toBeGreaterThanOrEqual(1024)
}, 60_000)
