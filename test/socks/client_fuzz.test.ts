import { expect, test } from 'vitest'
import { fuzz } from '../../scripts/fuzz/main.ts'
import target from '../../scripts/fuzz/socks_client.ts'

test(target.invariant, () => {
  expect(fuzz(target, 1, (tried) => tried >= 4096)).toBeGreaterThanOrEqual(4096)
})
