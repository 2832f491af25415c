import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Uncounted } from '../../core/filter/byte_set.ts'
import { DomainPlan, type DomainSet } from '../../core/filter/domain_set.ts'

const encoder = new TextEncoder()

function setOf(names: readonly string[], { below = true, numbered = false, expected = 100 } = {}): DomainSet {
  const plan = new DomainPlan(expected, numbered)
  const bytes = names.map((name) => encoder.encode(name))
  const good = bytes.filter((name) => plan.add(name, 0, name.length))
  const set = plan.make(below)
  for (const name of good) set.add(name, 0, name.length, bytes.indexOf(name) & 0xff)
  return set
}

describe('DomainSet', () => {
  const set = setOf(['example.com', 'a.b.c.test', 'org', 'UPPER.net', 'under_score.io', 'ab.cd', 'abc.de', '192.0.2.1'])
  it.each([
    ['example.com', true],
    ['www.example.com', true],
    ['a.very.deep.one.example.com', true],
    ['notexample.com', false],
    ['example.co', false],
    ['com', false],
    ['xample.com', false],
    ['example.com.evil', false],
    ['b.c.test', false],
    ['a.b.c.test', true],
    ['x.a.b.c.test', true],
    ['wikipedia.org', true],
    ['org', true],
    ['upper.net', true],
    ['under_score.io', true],
    ['b.cd', false],
    ['ab.cd', true],
    ['aab.cd', false],
    ['abc.de', true],
    ['bc.de', false],
    ['192.0.2.1', true],
    ['192.0.2.11', false],
    ['', false],
    ['.', false],
    ['example.com.', false],
    ['éxample.com', false],
    ['2001:db8::1', false],
    [`${'a.'.repeat(120)}example.com`, true],
    [`${'a.'.repeat(130)}example.com`, false],
  ])('find(%j) is %j', (host, found) => {
    expect(set.find(host) >= 0).toBe(found)
  })

  it('with below = false has the names themselves alone', () => {
    const exact = setOf(['example.com', 'a.example.com'], { below: false })
    expect(['example.com', 'a.example.com', 'b.example.com', 'b.a.example.com', 'com'].map((host) => exact.find(host)))
      .toEqual([0, 0, -1, -1, -1])
  })

  it.each(['', '.', 'a..b', '.a', 'a.', 'a b', 'a/b', 'é', `${'a'.repeat(64)}.com`, `${'a.'.repeat(127)}a`])(
    'takes no name for %j',
    (name) => {
      const bytes = encoder.encode(name)
      const plan = new DomainPlan(10, false)
      expect(plan.add(bytes, 0, bytes.length)).toBe(false)
      expect(plan.count).toBe(0)
    },
  )

  it('takes names as long as they may be', () => {
    const name = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`
    const set = setOf([name])
    expect(set.find(name)).toBe(0)
    expect(set.find(`x${name.slice(1)}`)).toBe(-1)
  })

  it('keeps a name that comes twice once, with its first number', () => {
    const set = setOf(['b.test', 'a.test', 'A.test'], { numbered: true })
    expect(set.count).toBe(2)
    expect([set.find('b.test'), set.find('x.a.test')]).toEqual([0, 1])
  })

  it('throws for what was not counted', () => {
    const plan = new DomainPlan(10, false)
    const set = plan.make(true)
    expect(() => set.add(encoder.encode('a.test'), 0, 6, 0)).toThrow(Uncounted)
  })

  it('is empty once it is released', () => {
    const set = setOf(['a.test'])
    set.release()
    expect([set.find('a.test'), set.count, set.memory]).toEqual([-1, 0, 0])
  })

  it('agrees with a set of strings', () => {
    const label = fc.stringMatching(/^[a-c0-]{1,3}$/)
    const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'))
    fc.assert(
      fc.property(
        fc.array(name, { maxLength: 40 }),
        fc.array(name, { maxLength: 40 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 2000 }),
        (names, hosts, below, expected) => {
          const set = setOf(names, { below, expected })
          const model = new Set(names)
          expect(set.count).toBe(model.size)
          for (const host of [...hosts, ...names]) {
            const labels = host.split('.')
            const all = below ? labels.map((_, i) => labels.slice(i).join('.')) : [host]
            expect([host, set.find(host) >= 0]).toEqual([host, all.some((each) => model.has(each))])
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})
