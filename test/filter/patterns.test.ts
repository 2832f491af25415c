import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { policyHost } from '../../core/bytes/host.ts'
import { type Expression, parseGlob } from '../../core/filter/expression.ts'
import { HostSet, NameTable, parseHost } from '../../core/filter/host_patterns.ts'
import { NetworkSet } from '../../core/filter/networks.ts'
import { normalPath, normalText } from '../../core/filter/normal.ts'
import { contains, parseAddress, parseNetwork } from '../../core/bytes/address.ts'
import { compileConditions } from '../../core/filter/conditions.ts'
import { NO_LISTS } from '../../core/filter/lists.ts'
import { RuleIndex } from '../../core/filter/rule_index.ts'
import { settingsOf } from './table.ts'
import { subjectOf } from './subject.ts'

function patternsOf(texts: readonly string[]) {
  return texts.map((text) => {
    const parsed = parseHost(text)
    if ('error' in parsed) throw new Error(`${text} ${parsed.error}`)
    return parsed.pattern
  })
}

const label = fc.constantFrom('a', 'b', 'ab', 'example', 'com')
const host = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'))
const spelled = fc.tuple(fc.constantFrom('', '=', '*.'), host).map((of) => of.join(''))

/** What the words of the manual say, by labels. */
function says(pattern: string, name: string): boolean {
  const bare = pattern.replace(/^(?:=|\*\.)/, '').split('.')
  const labels = name.split('.')
  const tail = labels.slice(-bare.length).join('.') === bare.join('.') && labels.length >= bare.length
  if (pattern.startsWith('=')) return name === bare.join('.')
  return tail && (!pattern.startsWith('*.') || labels.length > bare.length)
}

describe('host patterns', () => {
  test('a set, small or large, holds what its patterns say', () => {
    fc.assert(fc.property(fc.array(spelled, { minLength: 1, maxLength: 12 }), host, (patterns, name) => {
      const set = new HostSet(patternsOf(patterns))
      expect(set.matches(name)).toBe(patterns.some((pattern) => says(pattern, name)))
    }))
  })

  test('case, the last dot and the alphabet make no difference', () => {
    fc.assert(fc.property(spelled, host, fc.boolean(), (pattern, name, dot) => {
      const written = pattern.toUpperCase() + (dot ? '.' : '')
      expect(new HostSet(patternsOf([written])).matches(name)).toBe(says(pattern, name))
    }))
    for (const written of ['BÜCHER.example', 'bücher\u3002example', 'xn--bcher-kva.EXAMPLE.']) {
      expect(patternsOf([written])).toEqual([{ kind: 'below', name: 'xn--bcher-kva.example' }])
    }
  })

  test.each([
    ['', 'is no name of a host'],
    ['=', 'is no name of a host'],
    ['a..b', 'is no name of a host'],
    ['a b', 'is no name of a host'],
    ['a/b', 'is no name of a host'],
    ['a:80', 'is no name of a host'],
    ['[::1', 'is no name of a host'],
    ['1.2.3.999', 'is no name of a host'],
    ['*.127.0.0.1', 'is below an address'],
    ['=*.a', 'has "*" after "="'],
    ['*.*b_/c', 'holds a character that no name has'],
    ['~', 'is an empty regular expression'],
    ['~(', 'is no regular expression'],
  ])('%j is refused', (text, error) => {
    const parsed = parseHost(text)
    expect('error' in parsed ? parsed.error : parsed).toContain(error)
  })
})

test('a table gives what every name above a host was given', () => {
  fc.assert(fc.property(fc.uniqueArray(host, { maxLength: 60 }), host, (names, asked) => {
    const table = new NameTable<string>()
    for (const name of names) table.set(name, '?')
    for (const name of names) table.set(name, name)
    const into: string[] = []
    const end = table.collect(asked, into, 0)
    const labels = asked.split('.')
    const above = labels.map((_, i) => labels.slice(labels.length - 1 - i).join('.'))
    expect(into.slice(0, end)).toEqual(above.filter((name) => names.includes(name)))
    expect(table.size).toBe(names.length)
    expect(names.map((name) => table.get(name))).toEqual(names)
  }))
})

test('a wildcard is a regular expression with .* in the place of the star', () => {
  const text = fc.stringMatching(/^[ab.]{0,8}$/)
  const glob = fc.stringMatching(/^[ab.*]{0,6}$/)
  fc.assert(
    fc.property(glob, text, fc.boolean(), (pattern, value, anywhere) => {
      const source = pattern.replaceAll('.', '\\.').replaceAll('*', '.*')
      const model = new RegExp(anywhere ? source : `^${source}$`)
      const matches: Expression = parseGlob(pattern, anywhere)
      expect(matches(value)).toBe(model.test(value))
    }),
    { numRuns: 2000 },
  )
})

describe('paths in normal form', () => {
  test.each([
    ['', '/'],
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/%41%2d%5F%7e', '/A-_~'],
    ['/%2f%c3%a9', '/%2F%C3%A9'],
    ['/\xc3\xa9 "<>\\^`{|}', '/%C3%A9%20%22%3C%3E%5C%5E%60%7B%7C%7D'],
    ['/a/./b/../c', '/a/c'],
    ['/a/%2e%2e/b', '/b'],
    ['/a/%2E', '/a/'],
    ['/a/..', '/'],
    ['/../../a', '/a'],
    ['/a/...', '/a/...'],
    ['/.a/..b', '/.a/..b'],
    ['//a//b', '//a//b'],
    ['/%', '/%25'],
    ['/%4', '/%254'],
    ['/%zz', '/%25zz'],
    ['/%2541', '/%2541'],
    ["/!$&'()*+,;=:@", "/!$&'()*+,;=:@"],
    ['/[]', '/%5B%5D'],
  ])('%j is %j', (path, normal) => {
    expect(normalPath(path)).toBe(normal)
  })

  const bytes = fc.array(fc.integer({ min: 0x21, max: 0xff }), { maxLength: 12 }).map((codes) =>
    `/${String.fromCharCode(...codes)}`
  )

  test('made twice it is the same', () => {
    fc.assert(fc.property(bytes, (path) => {
      const once = normalPath(path)
      expect(normalPath(once)).toBe(once)
      expect(normalText(normalText(path))).toBe(normalText(path))
    }))
  })

  test('however it is percent-encoded it is the same', () => {
    const plain = fc.stringMatching(/^\/[a-zA-Z0-9._~/-]{0,12}$/)
    fc.assert(fc.property(plain, fc.array(fc.boolean()), fc.boolean(), (path, which, upper) => {
      const written = [...path].map((character, i) => {
        if (i === 0 || character === '/' || !which[i % Math.max(which.length, 1)]) return character
        const hex = character.charCodeAt(0).toString(16)
        return `%${upper ? hex.toUpperCase() : hex}`
      }).join('')
      expect(normalPath(written)).toBe(normalPath(path))
    }))
  })
})

test('a set of networks holds the addresses of each', () => {
  const network = fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([address, length]) =>
    `${address}/${length}`
  )
  const six = fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })).map(([address, length]) => `${address}/${length}`)
  const near = fc.oneof(fc.ipV4(), fc.ipV6())
  fc.assert(fc.property(fc.array(fc.oneof(network, six), { maxLength: 8 }), near, (networks, text) => {
    const address = parseAddress(text)!
    const model = networks.some((one) => contains(parseNetwork(one)!, address))
    const set = new NetworkSet(networks)
    expect(set.matches(text)).toBe(model)
    // The very ends of each are the likeliest to be wrong.
    for (const one of networks) expect(set.matches(one.slice(0, one.indexOf('/')))).toBe(true)
  }))
})

test('the index leaves out no rule that holds', () => {
  const condition = fc.oneof(
    fc.array(fc.oneof(spelled, fc.constantFrom('a*.com', '~b$', '*b', 'a*.b.com')), { minLength: 1, maxLength: 3 })
      .map((hosts) => `host = ${JSON.stringify(hosts)}`),
    fc.array(fc.constantFrom('10.0.0.0/8', '10.1.0.0/16', '10.1.2.3', '::1', '0.0.0.0/0', '10.1.2.0/25'), {
      minLength: 1,
      maxLength: 3,
    }).map((clients) => `client = ${JSON.stringify(clients)}`),
    fc.array(fc.constantFrom('/a', '/', '/a/', '=/a/b', '/a/*.x', '/a/*/../b', '*b', '~b', '/%61/b', '=/', '/a/b/c*'), {
      minLength: 1,
      maxLength: 3,
    }).map((paths) => `path = ${JSON.stringify(paths)}`),
    fc.constantFrom('user = ["al", "bo"]', 'user = "a*"', 'user = "bo"', 'port = 80', 'port = 81'),
  )
  const rules = fc.array(condition, { minLength: 1, maxLength: 12 })
  const client = fc.constantFrom('10.1.2.3', '10.200.0.1', '192.0.2.1', '::1', '')
  const user = fc.constantFrom('', 'al', 'bo', 'cy')
  const path = fc.stringMatching(/^\/[ab/]{0,6}(\.x)?$/)
  fc.assert(fc.property(rules, host, client, user, path, (conditions, name, client, user, path) => {
    const settings = settingsOf(conditions.map((one) => `[[rule]]\n${one}\ndo = "deny"\nreport_only = true\n`).join(''))
    const subject = subjectOf(`http://${name}${path}`, { client, user })
    const index = new RuleIndex(settings)
    const given: number[] = []
    index.start(subject)
    for (let at = index.next(-1); at >= 0; at = index.next(at)) given.push(at)
    expect(given).toEqual([...new Set(given)].sort((a, b) => a - b))
    const asked = { subject, category: '' }
    for (const [at, rule] of settings.entries()) {
      const holds = compileConditions(rule, NO_LISTS).every((one) => one.holds(asked) === 1)
      if (holds) expect(given).toContain(at)
    }
  }))
})

test('a host of policy is read however it is written', () => {
  expect(['A.b.', '0x7f.1', '[::1]', '::FFFF:1.2.3.4', 'ü.de'].map(policyHost)).toEqual([
    'a.b',
    '127.0.0.1',
    '::1',
    '1.2.3.4',
    'xn--tda.de',
  ])
  expect(['', '.', 'a..b', '[a]', '[1.2.3.4]', '1.2.3.4.5', 'a b', '::g'].map(policyHost)).toEqual(Array(8).fill(null))
})
