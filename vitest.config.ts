import { defineConfig } from 'vitest/config'

/**
 * Three projects: `unit` (no network beyond what a test makes in memory), `contract` (each adapter against core/runtime.ts)
 * and `live` (the real program, and real peers, over sockets). The first two run inside every runtime; scripts/test.ts says how.
 */
export default defineConfig({
  test: {
    // Live programs and sockets are slow on a busy two-core machine; a test that hangs is caught all the same.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/contract/**', 'test/live/**'] },
      },
      { extends: true, test: { name: 'contract', include: ['test/contract/**/*.test.ts'] } },
      { extends: true, test: { name: 'live', include: ['test/live/**/*.test.ts'] } },
    ],
  },
})
