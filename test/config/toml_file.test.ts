import { describe, expect, test } from 'vitest'
import { parseArray, parseFile, tomlString, tomlValue } from '../../core/config/toml_file.ts'

const entriesOf = (text: string) =>
  parseFile(text).entries.map(({ path, value, line }) => [path.join('.'), value, line])

describe('parseFile', () => {
  test.each<[string, string, unknown[]]>([
    ['nothing', '', []],
    ['comments', '# a\n\n# b\n', []],
    ['a table', '[http]\nvia = false\n', [['http.via', false, 2]]],
    ['carriage returns', '[http]\r\nvia = false\r\n', [['http.via', false, 2]]],
    ['an empty table', '\n[listener.web]\n', [['listener.web', undefined, 2]]],
    ['dotted keys', 'http.via = true\n', [['http.via', true, 1]]],
    ['a dotted key in a table', '[listener]\nweb.mode = "reverse"\n', [['listener.web.mode', 'reverse', 2]]],
    ['an inline table', 'http = { via = false, expect = true }', [['http.via', false, 1], ['http.expect', true, 1]]],
    ['an empty inline table', 'listener.web = {}', [['listener.web', undefined, 1]]],
    ['a quoted name', '[listener."my web"]\nmode = \'forward\'', [['listener.my web.mode', 'forward', 2]]],
    ['a list over lines', '[dns]\nservers = [\n  "a", # one\n  "b",\n]\n', [['dns.servers', ['a', 'b'], 2]]],
    ['numbers', 'a.b = 1_000\na.c = 0x10\n', [['a.b', 1000, 1], ['a.c', 16, 2]]],
  ])('%s', (_, text, entries) => {
    expect(entriesOf(text)).toEqual(entries)
    expect(parseFile(text).problems).toEqual([])
  })

  test.each<[string, string, number, RegExp]>([
    ['no value', '[http]\nvia = # none\nexpect = true', 2, /no value after "="/],
    ['no value at the end', '[http]\nvia =\n\n\n', 2, /no value after "="/],
    ['no equals sign', '[http]\nvia\n\nexpect = true', 2, /same line/],
    ['an open bracket', '[http\nvia = true', 1, /same line/],
    ['a wrong character', '[http]\nvia = true\n!\n', 3, /character \(column 1\)$/],
    ['a value without quotes', '\n\nvia = yes\n', 3, /text needs quotes/],
    ['an open string', 'a = "b\n', 1, /string/i],
    ['an open list', 'a = [1,\n\n', 1, /./],
    ['the same key twice', '[http]\nvia = true\nvia = false\n', 3, /multiple/i],
    ['an array of tables', '[http]\n[[listener]]\nmode = "reverse"\n', 2, /\[listener\.NAME\], not \[\[listener\]\]/],
  ])('says where %s is', (_, text, line, words) => {
    const { problems } = parseFile(text)
    expect(problems).toHaveLength(1)
    expect(problems[0]!.line).toBe(line)
    expect(problems[0]!.words).toMatch(words)
  })
})

describe('parseArray', () => {
  test.each([
    ['[]', []],
    ['["a", \'b\']', ['a', 'b']],
    ['[443, "8000-8999"]', [443, '8000-8999']],
    ['[::1]', null],
    ['[a]', null],
    ['1', null],
    ['[1]\nother = 2', null],
  ])('%s', (text, value) => expect(parseArray(text)).toEqual(value))
})

test.each(['', 'a', '"', '\\', '\n\r\t\b', '\x00\x1f\x7f', 'é€😀', '# no comment', '\u2028'])(
  'tomlString(%j)',
  (text) => {
    expect(entriesOf(`a.b = ${tomlString(text)}`)).toEqual([['a.b', text, 1]])
  },
)

test.each([[true], [0], [['a', 1]], [[]], ['x']])('tomlValue(%j)', (value) => {
  expect(entriesOf(`a.b = ${tomlValue(value)}`)).toEqual([['a.b', value, 1]])
})
