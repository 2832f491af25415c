import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Automaton } from '../../core/filter/automaton.ts'
import { parsePosixRegex } from '../../core/filter/posix_regex.ts'

function automatonOf(...sources: string[]): Automaton {
  const automaton = new Automaton()
  for (const source of sources) {
    const tree = parsePosixRegex(source, true)
    if (typeof tree === 'string') throw new TypeError(`${source} ${tree}`)
    automaton.add(tree)
  }
  return automaton
}

describe('a regular expression', () => {
  it.each([
    ['abc', 'xxabcxx', true],
    ['abc', 'xxABCxx', true],
    ['ABC', 'xxabcxx', true],
    ['abc', 'ab', false],
    ['^abc', 'abcd', true],
    ['^abc', 'xabc', false],
    ['abc$', 'xabc', true],
    ['abc$', 'abcx', false],
    ['^$', '', true],
    ['^$', 'a', false],
    ['a|bc', 'xbc', true],
    ['(a|b)c', 'bc', true],
    ['(?:a|b)c', 'cc', false],
    ['ab?c', 'ac', true],
    ['ab*c', 'abbbc', true],
    ['ab+c', 'ac', false],
    ['ab{2}c', 'abbc', true],
    ['ab{2}c', 'abbbc', false],
    ['ab{2,}c', 'abbbc', true],
    ['ab{,2}c', 'abbc', true],
    ['ab{1,2}c', 'abbbc', false],
    ['a{x}', 'a{x}', true],
    ['ab+?c', 'abbc', true],
    ['a.c', 'a/c', true],
    ['a\\.c', 'a/c', false],
    ['[abc]d', 'xcd', true],
    ['[^abc]d', 'cd', false],
    ['[^abc]d', 'xd', true],
    ['[^A]d', 'ad', false],
    ['[a-c]d', 'Bd', true],
    ['[]a]d', ']d', true],
    ['[-a]d', '-d', true],
    ['[a-]d', '-d', true],
    ['[\\?+=&/_-]d', '?d', true],
    ['[[:digit:]]{3}', 'a123', true],
    ['[[:alpha:]_]9', '_9', true],
    ['\\d\\w\\s', '1_ ', true],
    ['[\\d.]x', '.x', true],
    ['\\bsex\\b', 'a-sex-b', true],
    ['\\bsex\\b', 'essex', false],
    ['\\bsex\\b', 'sex', true],
    ['\\<sex\\>', 'x.sex', true],
    ['\\Bex', 'sex', true],
    ['\\Bex', 'ex', false],
    ['(^|[-./])sex([-./]|$)', 'sex.com/', true],
    ['é', 'x', false],
    ['(a*)*b', 'aaab', true],
    ['(^)*a', 'ba', true],
    ['(|a)+$', 'x', true],
  ])('%j on %j: %j', (source, text, fits) => {
    expect(automatonOf(source).find(text)).toBe(fits ? 0 : -1)
  })

  it.each([
    ['(a', 'holds a "(" without its ")"'],
    ['a)', 'holds a ")" without its "("'],
    ['[a', 'holds a "[" without its "]"'],
    ['[[:none:]]', 'holds a class of characters that is not known'],
    ['*a', 'holds a "*" with nothing before it'],
    ['a\\', 'ends in a backslash'],
    ['(a)\\1', 'holds a "\\1", which is not known'],
    ['(?=a)', 'holds a "(?", which is not known'],
    ['[b-a]', 'holds a range that ends before it begins'],
    ['a{2,1}', 'repeats at most less than at least'],
    ['(a{100}){101}', 'is too large'],
    ['((a{99}){99}){99}', 'is too large'],
    [`${'('.repeat(60)}a${')'.repeat(60)}`, 'is nested too deeply'],
  ])('%j is refused: it %s', (source, words) => {
    expect(parsePosixRegex(source, true)).toBe(words)
  })

  it('is found by its number among others', () => {
    const automaton = automatonOf('^one', 'two', 'three$', '[0-9]{3}')
    expect(['one', 'a two', 'a three', 'three b', 'x123', 'x12'].map((text) => automaton.find(text)))
      .toEqual([0, 1, 2, -1, 3, -1])
    automaton.clear()
    expect([automaton.find('one'), automaton.count]).toEqual([-1, 0])
  })

  it('says the same as JavaScript', () => {
    const atom = fc.constantFrom(
      'a',
      'b',
      '-',
      '.',
      '[ab]',
      '[^a]',
      '(a|b)',
      '(a|)',
      '^',
      '$',
      '\\b',
      '\\B',
      '\\w',
      '(b-)',
    )
    const piece = fc.tuple(atom, fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,3}'))
      // JavaScript does not repeat edges.
      .map(([what, often]) => /^(?:\^|\$|\\b)$/i.test(what) ? what : what + often)
    const source = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join(''))
    const text = fc.stringMatching(/^[abB-]{0,12}$/)
    fc.assert(
      fc.property(
        fc.array(source, { minLength: 1, maxLength: 4 }),
        fc.array(text, { maxLength: 20 }),
        (sources, texts) => {
          const automaton = automatonOf(...sources)
          for (const text of texts) {
            const fitting = sources.map((source, i) => new RegExp(source, 'i').test(text) ? i : -1).filter((i) =>
              i >= 0
            )
            const found = automaton.find(text)
            expect([sources, text, fitting.length === 0 ? found === -1 : fitting.includes(found)]).toEqual([
              sources,
              text,
              true,
            ])
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  it('takes any text as a source, or refuses it in words', () => {
    fc.assert(fc.property(fc.string({ maxLength: 30 }), (source) => {
      const tree = parsePosixRegex(source, true)
      if (typeof tree === 'string') expect(tree).not.toBe('')
      else automatonOf(source).find('some text 123')
    }))
  })

  it('keeps what it knows within bounds, and is right all the same', () => {
    // As many states as there are ways for the last 13 characters to be.
    const automaton = automatonOf('a.{12}b$')
    let seed = 1
    let text = ''
    for (let i = 0; i < 30_000; i++) {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      text += (seed >>> 16) % 2 === 0 ? 'a' : 'c'
    }
    expect(automaton.find(text)).toBe(-1)
    expect(automaton.find(`${text}a${'c'.repeat(12)}b`)).toBe(0)
    expect(automaton.memory).toBeLessThan(3_000_000)
  })
})
