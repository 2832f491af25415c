import { expect, test } from 'vitest'
import { load } from '../../core/config/load.ts'
import { formatProblem } from '../../core/config/sources.ts'

/** What is wrong with a helper of these lines, without where it is. */
function problems(...lines: readonly string[]): string[] {
  const text = ['[listener.http]', 'filter = ["guard"]', '[helper.guard]', 'program = ["guard"]', ...lines].join('\n')
  const read = load({ file: { name: 'exaproxy.toml', text }, environment: {}, sets: [] })
  expect(read.warnings).toEqual([])
  return read.problems.map(formatProblem).map((words) => words.replace(/^exaproxy\.toml:[0-9]+: /, ''))
}

const protocol = (name: string) => `protocol = "${name}"`
const noUse = (option: string, name: string) =>
  expect.stringMatching(`${option}.*is of no use with protocol = "${name}"`)

test.each<[string, readonly string[], readonly unknown[]]>([
  ['nothing else', [], []],
  ['codes of logformat', ['extras = "%>a %un %{X-Y}>h"'], []],
  ['no codes', ['extras = "%what"'], [expect.stringMatching(/extras.*"%what" is not a code of Squid/)]],
  ['external_acl, no codes', [protocol('external_acl'), 'extras = "%>a %what"'], [
    expect.stringMatching(/is not a code/),
  ]],
  ['an address for exaproxy-icap', [protocol('exaproxy-icap'), 'extras = "icap://svc:1344/a"'], []],
  ['an address without a path', [protocol('exaproxy-icap'), 'extras = "icap://svc"'], []],
  ['another scheme', [protocol('exaproxy-icap'), 'extras = "http://svc/"'], [
    expect.stringMatching(/is no icap:\/\/ URI/),
  ]],
  ['a space', [protocol('exaproxy-icap'), 'extras = "icap://svc/a b"'], [expect.stringMatching(/is no icap:\/\/ URI/)]],
  ['extras for exaproxy-url', [protocol('exaproxy-url'), 'extras = "%>a"'], [noUse('extras', 'exaproxy-url')]],
  ['a folder of pages', [protocol('exaproxy-url'), 'folder = "/pages"'], []],
  ['the same for exaproxy-icap', [protocol('exaproxy-icap'), 'folder = "/pages"'], []],
  ['a folder for squid', ['folder = "/pages"'], [noUse('folder', 'squid')]],
  ['a folder for external_acl', [protocol('external_acl'), 'folder = "/p"'], [noUse('folder', 'external_acl')]],
  ['channels for exaproxy-icap', [protocol('exaproxy-icap'), 'concurrency = 2'], [
    noUse('concurrency', 'exaproxy-icap'),
  ]],
])('a helper with %s', (_, lines, found) => {
  expect(problems(...lines)).toEqual(found)
})
