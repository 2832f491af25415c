import { defineConfig } from 'vitest/config'

/** Live tests of a part of the core beside real peers, not of the whole program: these run inside each runtime. */
const PARTS = ['test/live/dns*.test.ts', 'test/live/log*.test.ts']

/** Each adapter's contract runs on its own runtime, which alone can load it. */
const HERE = 'Bun' in globalThis ? 'bun' : 'Deno' in globalThis ? 'deno' : 'node'
const ELSEWHERE = ['node', 'deno', 'bun'].filter((name) => name !== HERE).map((name) => `test/contract/${name}.test.ts`)

/**
 * Four projects: `unit` (no network but what a test makes itself), `contract` (each adapter against core/runtime.ts), `parts`
 * (above) and `live` (the real program over sockets). All but the last run inside every runtime; scripts/test.ts says how.
 */
export default defineConfig({
  test: {
    // All of two cores, twice: live tests wait more than they compute.
    maxWorkers: 4,
    // Live programs and sockets are slow on a busy two-core machine; a test that hangs is caught all the same.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: ['test/contract/**', 'test/live/**'] },
      },
      { extends: true, test: { name: 'contract', include: ['test/contract/**/*.test.ts'], exclude: ELSEWHERE } },
      { extends: true, test: { name: 'parts', include: PARTS } },
      { extends: true, test: { name: 'live', include: ['test/live/**/*.test.ts'], exclude: PARTS } },
    ],
  },
})
