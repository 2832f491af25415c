import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import process from 'node:process'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { helper } from './helper_world.ts'
import { Origin } from './origin.ts'
import { lacking } from './peers.ts'
import { childrenOf, isRunning } from './processes.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import type { Table } from './toml.ts'
import { PATIENCE, until, within } from './waiting.ts'
import { statusOf, valueOf } from './wire.ts'

const missing = lacking('perl')

let origin: Origin
let program: Program

beforeAll(async () => {
  origin = await Origin.listen(async (connection) => {
    while (await connection.request() !== null) {
      await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n')
    }
    connection.end()
  })
})

afterAll(() => origin?.close())

afterEach(() => program?.[Symbol.asyncDispose]())

/** The program with a bad helper, one that is good, and a listener for each; `plain` asks nobody. */
async function start(mode: string, settings: Table = {}): Promise<void> {
  const words = Number(settings.concurrency ?? 0) > 0 ? ['--channels'] : []
  const listener = (filter: string[]) => ({ mode: 'forward', address: '127.0.0.1:0', filter })
  program = await Program.start({
    listener: { http: listener(['bad']), good: listener(['good']), plain: listener([]) },
    log: { level: 'info' },
    helper: {
      bad: {
        program: helper('squid_bad.pl', mode, ...words),
        minimum: 2,
        maximum: 4,
        timeout: '1s',
        queue: 5000,
        ...settings,
      },
      good: { program: helper('squid_bad.pl', 'is good'), minimum: 1, maximum: 1, queue: 5000 },
    },
  })
}

/** The status of an answer, whole; and where it sends the client. */
async function get(path = '/', listener = 'http', client?: RawClient): Promise<string> {
  const one = client ?? await RawClient.connect(program.port(listener))
  try {
    const answer = await one.ask(
      `GET http://127.0.0.1:${origin.port}${path} HTTP/1.1\r\nHost: 127.0.0.1:${origin.port}\r\n\r\n`,
    )
    if (!answer.complete) throw new Error('half an answer')
    return [statusOf(answer), valueOf(answer, 'location'), valueOf(answer, 'retry-after') === '' ? '' : 'later']
      .filter((word) => word !== '').join(' ')
  } finally {
    if (client === undefined) one.close()
  }
}

/** How often each answer came. */
function tally(answers: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1
  return counts
}

const many = (count: number, path?: (i: number) => string): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => get(path?.(i))))

const LATER = '503 later'

/** The helpers' processes: children of the worker that are not workers. */
const helpers = (): number[] =>
  [program.pid, ...program.workers].flatMap((pid) => childrenOf(pid)).filter((pid) =>
    commandOf(pid).includes('squid_bad')
  )

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

describe.skipIf(missing !== '')(`helpers that misbehave${missing}`, () => {
  describe.each([['without channels', 0], ['with channels', 16]])('%s', (_, concurrency) => {
    test.each([
      'sleeps',
      'never reads',
      'ignores signals',
      'writes half a line',
      'writes without being asked',
      'closes its output',
      'dies',
    ])('a program that %s: everyone has an answer, the others go on', async (mode) => {
      await start(mode, { concurrency })
      const asked = many(100)
      // While they wait, or are refused, nobody else is held up.
      using good = await RawClient.connect(program.port('good'))
      using plain = await RawClient.connect(program.port('plain'))
      for (let i = 0; i < 50; i++) {
        expect(await get('/good', 'good', good)).toBe('200')
        expect(await get('/plain', 'plain', plain)).toBe('200')
      }
      const answers = tally(await within(asked, 'all answers'))
      if (mode === 'writes without being asked') {
        expect((answers[LATER] ?? 0) + (answers['200'] ?? 0)).toBe(100)
        expect(answers[LATER]).toBeGreaterThan(0)
      } else {
        expect(answers).toEqual({ [LATER]: 100 })
      }
      expect(program.ended).toBe(null)
    })

    test.each(['answers the last first', 'answers piece by piece', 'floods stderr', 'dies of its 20th question'])(
      'a program that %s: everyone has the right answer, in the end',
      async (mode) => {
        await start(mode, { concurrency, timeout: '6s' })
        const answers = tally(await many(mode === 'dies of its 20th question' ? 30 : 100))
        expect(answers).toEqual({ 200: mode === 'dies of its 20th question' ? 30 : 100 })
      },
    )

    test('a program that answers twice sends nobody elsewhere', async () => {
      await start('answers twice', { concurrency, timeout: '2s' })
      const answers = tally([...await many(20), ...await many(20)])
      expect(Object.keys(answers).filter((answer) => answer !== '200' && answer !== LATER)).toEqual([])
      expect(answers['200']).toBeGreaterThan(0)
    })

    test('a question that kills is given up after two deaths; the others are answered', async () => {
      await start('dies of a question', { concurrency, minimum: 4, timeout: '6s' })
      expect(tally(await many(20))).toEqual({ 200: 20 })
      const [poisoned] = await Promise.all([get('/poison'), many(20)])
      expect(poisoned).toBe(LATER)
      await until(async () => (await get('/after')) === '200', 'an answer after it')
    })

    test('one child that sleeps over a question does not stop the rest', async () => {
      await start('sleeps over a question', { concurrency, minimum: 3, timeout: '4s' })
      const poisoned = get('/poison')
      let over = false
      void poisoned.then(() => over = true)
      // Until it is the stuck one’s turn no more: it is asked last.
      using client = await RawClient.connect(program.port())
      for (let i = 0; i < 200; i++) expect(await get('/', 'http', client)).toBe('200')
      expect(over).toBe(false)
      expect(await poisoned).toBe(LATER)
    })
  })

  test('answers to channels that nobody has are nobody’s', async () => {
    await start('answers another', { concurrency: 16 })
    expect(tally(await many(30))).toEqual({ [LATER]: 30 })
  })

  test('a line without end is not kept', async () => {
    await start('writes a line without end')
    expect(tally(await many(20))).toEqual({ [LATER]: 20 })
    expect(program.diagnostics).toContain('a line of more than 1048576 bytes')
  })

  test.each([['permit', '200'], ['deny', '403'], ['unavailable', LATER]])(
    'on_error = "%s" is %s',
    async (on_error, answer) => {
      await start('sleeps', { on_error, timeout: '200ms' })
      expect(tally(await many(5))).toEqual({ [answer]: 5 })
    },
  )

  test('a program that does not exist is said once', async () => {
    await start('', { program: ['/nowhere/guard', '-c', 'x'], timeout: '300ms' })
    expect(tally(await many(50))).toEqual({ [LATER]: 50 })
    await program.until(() => program.diagnostics.includes('does not run'), 'a word about it')
    expect(program.diagnostics.match(/does not run/g)?.length).toBe(1)
    expect(await get('/', 'good')).toBe('200')
  })

  test('2,000 clients at once', { timeout: 4 * PATIENCE }, async () => {
    for (const [mode, answer] of [['is good', '200'], ['never reads', LATER]] as const) {
      await start(mode, { concurrency: 16, timeout: '3s' })
      const before = program.memory().now
      const clients: RawClient[] = []
      for (let i = 0; i < 2000; i += 100) {
        clients.push(...await Promise.all(Array.from({ length: 100 }, () => RawClient.connect(program.port()))))
      }
      const asked = Promise.all(clients.map((client) => get('/', 'http', client)))
      for (let i = 0; i < 20; i++) expect(await get('/', 'good')).toBe('200')
      expect(tally(await within(asked, 'all answers', undefined, 3 * PATIENCE))).toEqual({ [answer]: 2000 })
      expect(program.memory().now - before).toBeLessThan(250_000_000)
      for (const client of clients) client.close()
      await program[Symbol.asyncDispose]()
    }
  })
})

describe.skipIf(missing !== '')(`children${missing}`, () => {
  test('hold nothing of the program’s: no socket that listens, none of a client', async () => {
    await start('is good', { minimum: 3 })
    using client = await RawClient.connect(program.port())
    expect(await get('/', 'http', client)).toBe('200')
    const pids = helpers()
    expect(pids.length).toBeGreaterThanOrEqual(3)
    const listening = new Set(
      ['tcp', 'tcp6'].flatMap((name) =>
        readFileSync(`/proc/net/${name}`, 'latin1').split('\n').slice(1).map((line) => line.trim().split(/\s+/)[9])
      ),
    )
    for (const pid of pids) {
      const held = readdirSync(`/proc/${pid}/fd`).map((name) => readlinkSync(`/proc/${pid}/fd/${name}`))
      const inodes = held.map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1]).filter((inode) => inode !== undefined)
      expect(inodes.filter((inode) => listening.has(inode))).toEqual([])
    }
  })

  test('end with the program', async () => {
    await start('is good', { minimum: 3 })
    const pids = helpers()
    expect((await program.stop()).code).toBe(0)
    await until(() => !pids.some(isRunning), 'the end of all helpers')
  })

  test('end with the program though they ignore signals', async () => {
    await start('ignores signals', { minimum: 3 })
    const pids = helpers()
    expect(pids.length).toBeGreaterThanOrEqual(3)
    expect((await program.stop()).code).toBe(0)
    await until(() => !pids.some(isRunning), 'the end of all helpers')
  })

  test('end with a worker that is killed, and the next one has its own', async () => {
    await start('is good', { minimum: 3 })
    const pids = helpers()
    const [worker] = program.workers.filter((pid) => !pids.includes(pid))
    if (worker !== undefined) process.kill(worker, 'SIGKILL')
    else program.signal('SIGKILL')
    await until(() => !pids.some(isRunning), 'the end of all helpers')
    if (worker !== undefined) {
      await until(async () => (await get().catch(() => '')) === '200', 'an answer of the next worker')
    }
  })

  test('that are killed are replaced, and leave no zombies', async () => {
    await start('is good', { minimum: 3 })
    for (let round = 0; round < 3; round++) {
      const before = helpers()
      for (const pid of before) process.kill(pid, 'SIGKILL')
      await until(
        () => helpers().filter((pid) => !before.includes(pid) && isRunning(pid)).length >= 1,
        'another helper',
      )
      await until(async () => (await get()) === '200', 'an answer')
    }
    await until(() => helpers().every(isRunning), 'no zombies')
  })
})
