import { afterEach, describe, expect, test } from 'vitest'
import { Diagnostics, logger, tellTrouble } from '../../core/proxy/diagnostics.ts'
import type { LogSettings } from '../../core/config/settings.ts'
import { LogFile } from '../../core/flow/log_file.ts'
import { toBytes } from '../../core/bytes/ascii.ts'
import { LogMachine } from '../flow/log_machine.ts'

const TIME = '2026-11-24T17:15:55.046Z'
let open: Diagnostics | null = null

async function start(machine: LogMachine, settings: Partial<LogSettings> = {}): Promise<Diagnostics> {
  open = await Diagnostics.open(machine.runtime, { level: 'debug', destination: 'stderr', ...settings })
  return open
}

afterEach(async () => {
  await open?.close()
  open = null
})

/** What was written, as UTF-8. */
function lines(machine: LogMachine, destination = 'stderr'): string[] {
  const bytes = toBytes(machine.text(destination))
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  return text.split('\n').slice(0, -1)
}

describe('a line', () => {
  test.each<[string, () => void, string]>([
    ['words', () => logger('server').info('listening'), 'info    server: listening'],
    [
      'facts',
      () =>
        logger('server').warning('busy', { clients: 12, of: '10.0.0.1', empty: '', list: [1, 2], on: true, no: null }),
      'warning server: busy clients=12 of=10.0.0.1 empty="" list=[1,2] on=true no=null',
    ],
    [
      'facts inside the words are not said twice',
      () => logger('dns').error('no answer from {server}', { server: '127.0.0.1:53', tries: 3 }),
      'error   dns: no answer from 127.0.0.1:53 tries=3',
    ],
    ['a template', () => logger('dns').debug`${2} of ${'three'}`, 'debug   dns: 2 of three'],
    [
      'what is not ASCII',
      () => logger('dns').info('“été” \u{1f600}', { a: 'é' }),
      'info    dns: “été” \u{1f600} a="é"',
    ],
    [
      'quotes, spaces and backslashes',
      () => logger('a').info('b', { c: 'd "e" \\f' }),
      'info    a: b c="d \\"e\\" \\\\f"',
    ],
    [
      'what a client may have sent',
      () => logger('a').info('b {c}\n2026', { c: 'd\r\n2026-11-24 e', f: '\x1b[2J\u202e' }),
      'info    a: b d\\x0d\\x0a2026-11-24 e\\x0a2026 f="\\\\x1b[2J\\\\u202e"',
    ],
  ])('%s', async (_, log, line) => {
    const machine = new LogMachine()
    await start(machine)
    log()
    await machine.idle()
    expect(lines(machine)).toEqual([`${TIME} ${line}`])
  })

  test('an error is followed by its stack, whose lines cannot be taken for lines of the log', async () => {
    const machine = new LogMachine()
    await start(machine)
    logger('proxy').error('a bug', { error: new TypeError(`bad\n${TIME} info    forged`) })
    await machine.idle()
    const [first, ...stack] = lines(machine)
    expect(first).toBe(`${TIME} error   proxy: a bug error="bad\\\\x0a${TIME} info    forged"`)
    expect(stack.join('\n')).toMatch(/TypeError/)
    for (const line of stack) expect(line).toMatch(/^ {4}\S|^ {5}/)
    expect(stack.length).toBeGreaterThan(1)
  })

  test('a fact that cannot be told is told badly, and nothing breaks', async () => {
    const machine = new LogMachine()
    await start(machine)
    const round: { self?: unknown } = {}
    round.self = round
    logger('a').info('b', { round, missing: undefined, symbol: Symbol('s'), big: 10n })
    await machine.idle()
    expect(lines(machine)).toEqual([
      `${TIME} info    a: b round="[object Object]" missing=undefined symbol="Symbol(s)" big=10`,
    ])
  })

  test('is written at once', async () => {
    const machine = new LogMachine()
    await start(machine)
    logger('a').info('b')
    expect(machine.writes).toHaveLength(1)
  })
})

describe('the level', () => {
  test.each<[LogSettings['level'], string[]]>([
    ['debug', ['debug', 'info', 'warning', 'error', 'fatal']],
    ['info', ['info', 'warning', 'error', 'fatal']],
    ['warning', ['warning', 'error', 'fatal']],
    ['error', ['error', 'fatal']],
    ['off', []],
  ])('%s', async (level, levels) => {
    const machine = new LogMachine()
    await start(machine, { level })
    const log = logger('a')
    for (const name of ['debug', 'info', 'warning', 'error', 'fatal'] as const) log[name]('b')
    await machine.idle()
    expect(lines(machine).map((line) => line.split(' ')[1])).toEqual(levels)
    expect(log.isEnabledFor('debug')).toBe(level === 'debug')
  })

  test('nothing is written before it is opened, nor after it is closed; loggers made before work', async () => {
    const machine = new LogMachine()
    const log = logger('early')
    log.error('before')
    const diagnostics = await start(machine)
    log.error('during')
    await diagnostics.close()
    log.error('after')
    await machine.idle()
    expect(lines(machine)).toEqual([`${TIME} error   early: during`])
  })

  test('opening again takes the place of what was', async () => {
    const first = new LogMachine()
    const second = new LogMachine()
    await start(first)
    await start(second, { level: 'error' })
    logger('a').info('no')
    logger('a').error('yes')
    await second.idle()
    expect(lines(first)).toEqual([])
    expect(lines(second)).toEqual([`${TIME} error   a: yes`])
  })
})

describe('trouble', () => {
  test('a file that cannot be opened is told to whoever opens it', async () => {
    const machine = new LogMachine()
    machine.refuse = 'denied'
    await expect(start(machine, { destination: '/log' })).rejects.toMatchObject({ code: 'denied' })
  })

  test('a full disk: standard error is told once, and the log itself when it works again', async () => {
    const machine = new LogMachine()
    const diagnostics = await start(machine, { destination: '/log' })
    logger('a').info('lost')
    machine.fail = { code: 'full', taken: 0, path: '/log' }
    await machine.idle()
    logger('a').info('kept')
    diagnostics.flush()
    await machine.idle()
    machine.fail = null
    diagnostics.flush()
    await machine.idle()
    expect(lines(machine)).toEqual(['exaproxy: the log cannot be written: /log: full'])
    expect(lines(machine, '/log')).toEqual([
      '',
      `${TIME} info    a: kept`,
      `${TIME} warning log: 1 log lines were lost destination=/log`,
    ])
    expect(diagnostics.lost).toBe(1)
  })

  test('of another log is told here', async () => {
    const machine = new LogMachine()
    await start(machine)
    const other = new LogMachine()
    const file = await LogFile.open(other.runtime, '/access', tellTrouble('the access log', '/access'))
    other.fail = { code: 'full', taken: 0 }
    file.put(toBytes('a\nb\n'))
    await file.flush()
    other.fail = null
    file.put(toBytes('c\n'))
    await file.flush()
    await machine.idle()
    expect(lines(machine)).toEqual([
      `${TIME} error   log: the access log cannot be written, lines are being lost destination=/access why=full`,
      `${TIME} warning log: 2 lines of the access log were lost destination=/access`,
    ])
  })

  test('rotation', async () => {
    const machine = new LogMachine()
    const diagnostics = await start(machine, { destination: '/log' })
    logger('a').info('old')
    await machine.idle()
    machine.rename('/log', '/log.1')
    await diagnostics.reopen()
    logger('a').info('new')
    await machine.idle()
    expect(lines(machine, '/log.1')).toEqual([`${TIME} info    a: old`])
    expect(lines(machine, '/log')).toEqual([`${TIME} info    a: new`])
  })
})
