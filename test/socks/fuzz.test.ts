import { expect, test } from 'vitest'
import target from '../../scripts/fuzz/socks.ts'
import { fuzz } from '../../scripts/fuzz/main.ts'

test(target.invariant, () => {
  expect(fuzz(target, 1, (tried) => tried >= 4096)).toBeGreaterThanOrEqual(4096)
})
