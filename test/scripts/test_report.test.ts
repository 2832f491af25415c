import { expect, test } from 'vitest'
import { type Report, tally } from '../../scripts/test_report.ts'

const file = (status: string, ...tests: string[]): Report['testResults'][number] => ({
  name: '/top/test/x.test.ts',
  status,
  assertionResults: tests.map((status, i) => ({ fullName: `test ${i}`, status })),
})
const report = (...testResults: Report['testResults']): Report => ({ testResults })

const CASES: readonly [
  string,
  Report | null,
  number | null,
  [passed: number, failed: number, skipped: number],
  string?,
][] = [
  ['all passed', report(file('passed', 'passed', 'passed'), file('passed', 'passed')), 0, [3, 0, 0]],
  ['one failed', report(file('failed', 'passed', 'failed')), 1, [1, 1, 0], 'failed: test/x.test.ts: test 1'],
  ['a file that does not load', report(file('failed'), file('passed', 'passed')), 1, [1, 1, 0], 'the file itself'],
  ['an error outside of tests', report(file('passed', 'passed')), 1, [1, 1, 0], 'though no test failed'],
  ['ended by a signal', report(file('passed', 'passed')), null, [1, 1, 0], 'though no test failed'],
  ['no report', null, null, [0, 1, 0], 'gave no report'],
  ['no report, and says it is fine', null, 0, [0, 1, 0], 'gave no report'],
  ['no test', report(), 0, [0, 1, 0], 'no test was found'],
  ['an empty file', report(file('passed')), 0, [0, 1, 0], 'no test was found'],
  [
    'skipped as it may be',
    report(file('passed', 'passed', 'skipped')),
    0,
    [1, 0, 1],
    'skipped: test/x.test.ts: test 1',
  ],
  ['skipped as it may not be', report(file('passed', 'skipped', 'passed')), 0, [1, 1, 0], 'counts as failed'],
  ['to be written', report(file('passed', 'todo', 'passed')), 0, [1, 1, 0], 'counts as failed'],
]

test.each(CASES)('%s', (_, report, code, counts, note) => {
  const { passed, failed, skipped, notes } = tally(report, code, '/top', (title) => title === 'test 1')
  expect([passed, failed, skipped]).toEqual(counts)
  expect(notes.join('\n')).toContain(note ?? '')
  expect(notes).toHaveLength(note === undefined ? 0 : 1)
})
