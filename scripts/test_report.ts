/** What a run of vitest came to: everything that is not a test that passed is counted against it. */
import { relative } from 'node:path'

/** The JSON report of vitest, as far as it is read here. */
export interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

export interface Tally {
  passed: number
  failed: number
  skipped: number
  /** What a person must know, one line each. */
  readonly notes: string[]
}

/**
 * @param report `null`: there is none, so the run broke off
 * @param code what vitest ended with
 * @param skippable may the test of this title be skipped here?
 */
export function tally(
  report: Report | null,
  code: number | null,
  root: string,
  skippable: (title: string) => boolean,
): Tally {
  const sum: Tally = { passed: 0, failed: 0, skipped: 0, notes: [] }
  for (const { name, status, assertionResults } of report?.testResults ?? []) {
    const path = relative(root, name)
    let failed = 0
    for (const { fullName, status } of assertionResults) {
      if (status === 'passed') {
        sum.passed++
      } else if (status === 'failed') {
        failed++
        sum.notes.push(`failed: ${path}: ${fullName}`)
      } else if (skippable(fullName)) {
        sum.skipped++
        sum.notes.push(`skipped: ${path}: ${fullName}`)
      } else {
        failed++
        sum.notes.push(`skipped, which counts as failed here: ${path}: ${fullName}`)
      }
    }
    if (status === 'failed' && failed === 0) {
      failed = 1
      sum.notes.push(`failed: ${path}: the file itself`)
    }
    sum.failed += failed
  }
  if (sum.failed > 0) return sum
  // An error outside of any test is in the exit code alone.
  if (report === null) fail(sum, `broke off (${code}) and gave no report`)
  else if (code !== 0) fail(sum, `vitest ended with ${code}, though no test failed: see the errors above`)
  else if (sum.passed + sum.skipped === 0) fail(sum, 'no test was found')
  return sum
}

function fail(sum: Tally, note: string): void {
  sum.failed++
  sum.notes.push(note)
}
