import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { EXIT, EXIT_WORDS } from '../../core/exit_codes.ts'
import { HELP } from '../../core/cli/help.ts'
import { main } from '../../core/cli/main.ts'
import { VERSION } from '../../core/cli/version.ts'
import type { Settings } from '../../core/config/settings.ts'
import { SystemFailure } from '../../core/runtime.ts'
import { machine, type MachineOptions } from './machine.ts'

interface Outcome {
  readonly code: number
  readonly printed: string
  readonly complained: string
  /** What the proxy was started with, if it was. */
  readonly started: Settings | null
}

async function run(args: readonly string[], options?: MachineOptions, code = 0): Promise<Outcome> {
  const { runtime, printed, complained } = machine(args, options)
  let started: Settings | null = null
  const answer = await main(runtime, (_, settings) => {
    started = settings
    return Promise.resolve(code)
  })
  return { code: answer, printed: printed(), complained: complained(), started }
}

const VIA_OFF = '[http]\nvia = false\n'
const WRONG = '[http]\nvia = "no"\nnam = "x"\n'

describe('what answers at once', () => {
  test.each([[['help']], [['--help']], [['-h']], [['config', '--help']], [['--help', '--nonsense']]])(
    '%j',
    async (args) => {
      expect(await run(args)).toEqual({ code: EXIT.ok, printed: HELP, complained: '', started: null })
    },
  )

  test.each([[['version']], [['--version']], [['-V']]])('%j', async (args) => {
    expect(await run(args)).toMatchObject({ code: EXIT.ok, printed: `exaproxy ${VERSION} (memory 1.2.3)\n` })
  })

  test('the version is that of package.json', () => {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
    expect((JSON.parse(text) as { version: string }).version).toBe(VERSION)
  })

  test('help fits a terminal, and names every exit code', () => {
    expect(HELP.split('\n').filter((line) => line.length > 120)).toEqual([])
    for (const [code, words] of EXIT_WORDS) expect(HELP).toContain(`${code}  ${words}`)
    expect(new Set(EXIT_WORDS.map(([code]) => code))).toEqual(new Set(Object.values(EXIT)))
  })
})

describe('running', () => {
  test('with defaults', async () => {
    const { code, started, complained } = await run([])
    expect([code, complained]).toEqual([0, ''])
    expect(started?.listener[0]?.address).toEqual(['127.0.0.1:3128', '[::1]:3128'])
  })

  test('the exit code is that of the proxy', async () => expect((await run([], {}, 69)).code).toBe(69))

  test.each<[string, string[], MachineOptions, boolean]>([
    ['--config', ['--config', 'a'], { files: { a: VIA_OFF, 'exaproxy.toml': '' } }, false],
    ['--config=', ['--config=a'], { files: { a: VIA_OFF } }, false],
    ['-c', ['-c', 'a'], { files: { a: VIA_OFF } }, false],
    [
      'EXAPROXY_CONFIG',
      [],
      { files: { a: VIA_OFF, 'exaproxy.toml': '' }, environment: { EXAPROXY_CONFIG: 'a' } },
      false,
    ],
    [
      '--config over EXAPROXY_CONFIG',
      ['-c', 'a'],
      { files: { a: VIA_OFF }, environment: { EXAPROXY_CONFIG: 'b' } },
      false,
    ],
    ['./exaproxy.toml', [], { files: { 'exaproxy.toml': VIA_OFF, '/etc/exaproxy/exaproxy.toml': '' } }, false],
    ['/etc/exaproxy/exaproxy.toml', [], { files: { '/etc/exaproxy/exaproxy.toml': VIA_OFF } }, false],
    ['no file', [], { files: { a: VIA_OFF } }, true],
    ['an empty EXAPROXY_CONFIG', [], { environment: { EXAPROXY_CONFIG: '' } }, true],
    ['a folder nobody may look into', [], {
      files: { '/etc/exaproxy/exaproxy.toml': new SystemFailure('denied', 'EACCES') },
    }, true],
    ['a byte order mark', ['-c', 'a'], { files: { a: `\ufeff${VIA_OFF}` } }, false],
    ['--set', ['--set', 'http.via=no'], {}, false],
    ['--set twice', ['--set', 'http.via=no', '-s', 'http.via=yes'], { files: { 'exaproxy.toml': VIA_OFF } }, true],
    ['--set=', ['--set=http.via=no'], {}, false],
    ['environment', [], { environment: { EXAPROXY_HTTP_VIA: 'no' } }, false],
  ])('%s', async (_, args, options, via) => {
    const { code, started, complained } = await run(args, options)
    expect([code, complained]).toEqual([0, ''])
    expect(started?.http.via).toBe(via)
  })

  test('a value that looks like a number is text', async () => {
    expect((await run(['--set', 'http.name=0123'])).started?.http.name).toBe('0123')
    expect((await run(['--config', '0123'], { files: { '0123': VIA_OFF } })).started?.http.via).toBe(false)
  })

  test('a warning does not stop it', async () => {
    const { started, complained } = await run(['--set', 'upstream.a.servers=a:1'])
    expect(complained).toBe(
      'exaproxy: warning: --set: upstream.a: is served by no listener; add one with mode = "reverse", or remove it\n',
    )
    expect(started).not.toBeNull()
  })
})

describe('what is refused', () => {
  test.each<[string, string[], number, string]>([
    [
      'an unknown command',
      ['confg'],
      EXIT.usage,
      'there is no command "confg"; did you mean config? (see exaproxy help)',
    ],
    ['a far-off command', ['run-away'], EXIT.usage, 'there is no command "run-away" (see exaproxy help)'],
    ['an unknown option', ['--confg', 'a'], EXIT.usage, 'there is no option --confg; did you mean --config? (see'],
    ['an unknown option with a value', ['--port=80'], EXIT.usage, 'there is no option --port (see exaproxy help)'],
    ['an unknown letter', ['-x'], EXIT.usage, 'there is no option -x (see exaproxy help)'],
    [
      'an unknown option of a command',
      ['config', '--dif'],
      EXIT.usage,
      'there is no option --dif; did you mean --diff?',
    ],
    ['--config of nothing', ['--config'], EXIT.usage, '--config needs the name of a file'],
    ['--config of nothing before an option', ['--config', '--diff'], EXIT.usage, '--config needs the name of a file'],
    ['--set of nothing', ['--set'], EXIT.usage, '--set needs an option and its value'],
    ['--diff of nothing', ['--diff'], EXIT.usage, '--diff belongs to exaproxy config'],
    ['--diff of a check', ['config', 'check', '--diff'], EXIT.usage, '--diff belongs to exaproxy config alone'],
    [
      'an unknown config command',
      ['config', 'chekc'],
      EXIT.usage,
      'there is no command config "chekc"; did you mean check?',
    ],
    ['too many arguments', ['config', 'check', 'a', 'b'], EXIT.usage, 'there are too many arguments'],
    ['an argument of schema', ['config', 'schema', 'a'], EXIT.usage, 'there are too many arguments'],
    ['a missing file', ['--config', 'nothing'], EXIT.no_input, 'there is no configuration file nothing'],
    ['a file of another', ['-c', 'secret'], EXIT.no_permission, 'the configuration file secret may not be read'],
    ['a folder', ['-c', 'folder'], EXIT.no_input, 'the configuration file folder cannot be read: other (EISDIR)'],
    ['a file that is no text', ['-c', 'binary'], EXIT.no_input, 'the configuration file binary is not UTF-8'],
    [
      'a check of a missing file',
      ['config', 'check', 'nothing'],
      EXIT.no_input,
      'there is no configuration file nothing',
    ],
    ['a check of no file', ['config', 'check'], EXIT.no_input, 'there is no configuration file here; name one'],
  ])('%s', async (_, args, code, words) => {
    const outcome = await run(args, {
      files: {
        secret: new SystemFailure('denied', 'EACCES'),
        folder: new SystemFailure('other', 'EISDIR'),
        binary: new Uint8Array([0x61, 0xff]),
      },
    })
    expect(outcome.complained).toContain(`exaproxy: ${words}`)
    expect(outcome.complained.split('\n')).toHaveLength(2)
    expect(outcome).toMatchObject({ code, printed: '', started: null })
  })

  test('a wrong configuration: every problem, a line each, and the proxy is not started', async () => {
    const outcome = await run(['-c', 'f.toml'], { files: { 'f.toml': WRONG } })
    expect(outcome).toEqual({
      code: EXIT.configuration,
      printed: '',
      complained: `f.toml:3: http.nam: there is no option of that name; did you mean name?
f.toml:2: http.via: "no" is not true or false; write it as true
exaproxy: 2 problems in the configuration
`,
      started: null,
    })
  })
})

describe('config', () => {
  test('prints what is in force', async () => {
    const { code, printed } = await run(['config'], { files: { 'exaproxy.toml': VIA_OFF } })
    expect(code).toBe(EXIT.ok)
    expect(printed).toMatch(/^via = false +# exaproxy\.toml:2$/m)
    expect(printed).toMatch(/^forwarded_for = "append" +# default$/m)
  })

  test('--diff prints what differs', async () => {
    const { printed } = await run(['config', '--diff', '--set', 'http.via=no'])
    expect(printed).toBe('[http]\nvia = false  # --set\n')
  })

  test('check', async () => {
    const files = { good: VIA_OFF, bad: WRONG, odd: '[upstream.a]\nservers = ["a:1"]' }
    expect(await run(['config', 'check', 'good'], { files })).toMatchObject({ code: EXIT.ok, printed: 'good: fine\n' })
    const bad = await run(['config', 'check', 'bad'], { files })
    expect(bad).toMatchObject({ code: EXIT.configuration, printed: expect.stringMatching(/^bad:3: .*\nbad:2: .*\n$/) })
    const odd = await run(['config', 'check', 'odd'], { files })
    expect(odd).toMatchObject({ code: EXIT.ok, printed: expect.stringMatching(/^warning: odd:2: .*\nodd: fine\n$/) })
  })

  test('check judges the file by itself', async () => {
    const options = { files: { good: VIA_OFF }, environment: { EXAPROXY_HTTP_VIA: 'maybe' } }
    expect(await run(['config', 'check', 'good'], options)).toMatchObject({ code: EXIT.ok })
  })

  test('schema is JSON', async () => {
    const { code, printed } = await run(['config', 'schema'])
    expect(code).toBe(EXIT.ok)
    expect(JSON.parse(printed)).toMatchObject({ type: 'object', title: 'ExaProxy' })
  })

  test('reference is Markdown', async () => {
    expect((await run(['config', 'reference'])).printed).toMatch(/^### `\[listener\.NAME\]`/)
  })
})

describe('when nothing can be printed', () => {
  test('a reader that left is not worth a word', async () => {
    const output = new SystemFailure('reset', 'EPIPE')
    expect(await run(['config'], { output })).toMatchObject({ code: EXIT.output, complained: '' })
  })

  test('a full disk is', async () => {
    const output = new SystemFailure('full', 'ENOSPC')
    expect(await run(['config'], { output })).toMatchObject({
      code: EXIT.output,
      complained: 'exaproxy: standard output cannot be written: full (ENOSPC)\n',
    })
  })
})

test('a bug is told with its stack', async () => {
  const { runtime, complained } = machine([])
  const code = await main(runtime, () => Promise.reject(new TypeError('oops')))
  expect(code).toBe(EXIT.bug)
  expect(complained()).toMatch(/^exaproxy: a bug, please report it:\n(?:TypeError: )?oops/)
  expect(complained()).toContain('main.test')
})
