import { describe, expect, test } from 'vitest'
import { parseArgs, type ParseOptions } from '../../core/cli/parse_args.ts'

type Case = readonly [what: string, args: string[], options: ParseOptions, result: Record<string, unknown>]

/** The behaviour that @std/cli documents for its parseArgs. */
const CASES: readonly Case[] = [
  ['nothing', [], {}, { _: [] }],
  ['arguments', ['a', 'b'], {}, { _: ['a', 'b'] }],
  ['arguments that are numbers', ['1', '1.5', '-', '0x10', '1e3', '1a'], {}, { _: [1, 1.5, '-', 16, 1000, '1a'] }],
  ['arguments kept as text', ['1', '0x10'], { string: '_' }, { _: ['1', '0x10'] }],

  ['an undeclared option', ['--a'], {}, { a: true, _: [] }],
  ['... with a value', ['--a', 'b'], {}, { a: 'b', _: [] }],
  ['... with =', ['--a=b'], {}, { a: 'b', _: [] }],
  ['... with = in the value', ['--a=b=c'], {}, { a: 'b=c', _: [] }],
  ['... that is a number', ['--a', '08', '--b=0x1f'], {}, { a: 8, b: 31, _: [] }],
  ['... before an option', ['--a', '--b'], {}, { a: true, b: true, _: [] }],
  ['... again and again', ['--a=1', '--a=2'], {}, { a: 2, _: [] }],
  ['a name of Object', ['--toString', '--constructor=x'], {}, { toString: true, constructor: 'x', _: [] }],
  ['dots', ['--a.b=1', '--a.c', 'x'], {}, { a: { b: 1, c: 'x' }, _: [] }],

  ['a string', ['--a', '08'], { string: 'a' }, { a: '08', _: [] }],
  ['... absent', [], { string: ['a'] }, { _: [] }],
  ['... without a value', ['--a'], { string: ['a'] }, { a: '', _: [] }],
  ['... without a value before an option', ['--a', '--b'], { string: ['a'] }, { a: '', b: true, _: [] }],
  ['... with a negative number', ['--a=-1'], { string: ['a'] }, { a: '-1', _: [] }],

  ['a boolean', ['--a', 'b'], { boolean: ['a'] }, { a: true, _: ['b'] }],
  ['... absent', [], { boolean: ['a'] }, { a: false, _: [] }],
  ['... =false', ['--a=false'], { boolean: 'a' }, { a: false, _: [] }],
  ['... =true', ['--a=true'], { boolean: 'a' }, { a: true, _: [] }],
  ['... true or false behind it', ['--a', 'false', '--b', 'true'], { boolean: ['a', 'b'] }, {
    a: false,
    b: true,
    _: [],
  }],
  ['... its letter', ['-a', 'b'], { boolean: 'a' }, { a: true, _: ['b'] }],

  ['letters', ['-a'], {}, { a: true, _: [] }],
  ['a letter with a value', ['-a', 'b'], {}, { a: 'b', _: [] }],
  ['a letter with -', ['-a', '-'], {}, { a: '-', _: [] }],
  ['a group of letters', ['-abc'], {}, { a: true, b: true, c: true, _: [] }],
  ['... with a value', ['-abc', 'd'], {}, { a: true, b: true, c: 'd', _: [] }],
  ['a letter and a number', ['-n5'], {}, { n: 5, _: [] }],
  ['a group and a number', ['-an5'], {}, { a: true, n: 5, _: [] }],
  ['a letter with =', ['-a=b'], {}, { a: 'b', _: [] }],
  ['a letter and a path', ['-I/usr/include'], {}, { I: '/usr/include', _: [] }],
  ['a group before an option', ['-ab', '-c'], {}, { a: true, b: true, c: true, _: [] }],

  ['aliases', ['-s', 'x'], { string: 'set', alias: { set: 's' } }, { set: 'x', s: 'x', _: [] }],
  ['several aliases', ['--b=x'], { alias: { a: ['b', 'c'] } }, { a: 'x', b: 'x', c: 'x', _: [] }],
  ['a boolean by its alias', ['-h', 'x'], { boolean: 'help', alias: { help: 'h' } }, { help: true, h: true, _: ['x'] }],
  ['an absent boolean and its alias', [], { boolean: 'help', alias: { help: 'h' } }, { help: false, h: false, _: [] }],

  ['collected', ['--a=1', '--a', '2'], { string: 'a', collect: 'a' }, { a: ['1', '2'], _: [] }],
  ['... absent', [], { string: 'a', collect: ['a'] }, { a: [], _: [] }],
  ['... by its alias', ['-a', '1', '--all', '2'], { string: 'all', collect: 'all', alias: { all: 'a' } }, {
    all: ['1', '2'],
    a: ['1', '2'],
    _: [],
  }],
  ['... not declared otherwise', ['--a=1', '--a=x'], { collect: 'a' }, { a: [1, 'x'], _: [] }],

  ['no-', ['--no-a'], { boolean: 'a', negatable: 'a' }, { a: false, _: [] }],
  ['... the last one counts', ['--no-a', '--a'], { boolean: 'a', negatable: ['a'] }, { a: true, _: [] }],
  ['... over a default', ['--no-a'], { negatable: 'a', default: { a: 'x' } }, { a: false, _: [] }],
  ['... not declared', ['--no-a'], { boolean: 'b' }, { 'no-a': true, b: false, _: [] }],

  ['defaults', ['--b=1'], { default: { a: 'x', b: 2 } }, { a: 'x', b: 1, _: [] }],
  ['a default and its alias', [], { default: { a: 'x' }, alias: { a: 'b' } }, { a: 'x', b: 'x', _: [] }],
  ['a default of a boolean', [], { boolean: 'a', default: { a: true } }, { a: true, _: [] }],
  ['a default under a dot', [], { default: { 'a.b': 1 } }, { a: { b: 1 }, _: [] }],

  ['--', ['a', '--', '--b', '1'], {}, { _: ['a', '--b', '1'] }],
  ['-- apart', ['a', '--', '--b', 'c'], { '--': true }, { _: ['a'], '--': ['--b', 'c'] }],
  ['-- apart, of nothing', ['a'], { '--': true }, { _: ['a'], '--': [] }],
  ['-- after an option', ['--a', '--', 'b'], {}, { a: true, _: ['b'] }],

  ['stop early', ['--a', '--', 'b'], { stopEarly: true, boolean: 'a' }, { a: true, _: ['b'] }],
  ['... at the first argument', ['-a', 'run', '--b', '7', '-c'], { stopEarly: true, boolean: 'a' }, {
    a: true,
    _: ['run', '--b', '7', '-c'],
  }],
  ['... but a value is none', ['--a', 'x', 'run', '--b'], { stopEarly: true, string: 'a' }, {
    a: 'x',
    _: ['run', '--b'],
  }],
]

describe('parseArgs', () => {
  test.each(CASES)('%s', (_, args, options, result) => {
    const given = [...args]
    expect(parseArgs(args, options)).toEqual(result)
    expect(args).toEqual(given)
  })

  test('__proto__ changes nothing', () => {
    const found = parseArgs(['--__proto__.polluted=1', '--a.__proto__=1'])
    expect(Object.keys(found)).toEqual(['_'])
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})

describe('unknown', () => {
  function heard(args: string[], answer: unknown) {
    const calls: unknown[] = []
    const result = parseArgs(args, {
      string: 's',
      boolean: 'b',
      alias: { b: 'long' },
      unknown: (...call) => {
        calls.push(call)
        return answer
      },
    })
    return { calls, result }
  }

  test('hears of arguments and of options that were not declared', () => {
    const { calls, result } = heard(['arg', '-s', 'x', '--b', '--long', '--x=1', '-y', 'v'], true)
    expect(calls).toEqual([['arg'], ['--x=1', 'x', 1], ['-y', 'y', 'v']])
    expect(result).toEqual({ s: 'x', b: true, long: true, x: 1, y: 'v', _: ['arg'] })
  })

  test('may leave them out', () => {
    expect(heard(['arg', '--x=1', '-s', 'y'], false).result).toEqual({ s: 'y', b: false, long: false, _: [] })
  })

  test('hears nothing of what follows --', () => {
    expect(heard(['--', 'a', '--b'], false)).toEqual({ calls: [], result: { b: false, long: false, _: ['a', '--b'] } })
  })
})

test('types: what was declared is known', () => {
  const found = parseArgs(['--set', 'a', '--diff'], { string: ['config', 'set'], collect: ['set'], boolean: ['diff'] })
  const set: string[] = found.set
  const diff: boolean = found.diff
  const config: string | undefined = found.config
  expect([set, diff, config]).toEqual([['a'], true, undefined])
})
