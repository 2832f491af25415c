/** Helper programs that misbehave, and a program that asks them: what the tests of them share. */

import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { helper } from './helper_world.ts'
import { Origin } from './origin.ts'
import { lacking } from './peers.ts'
import { childrenOf } from './processes.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import type { Table } from './toml.ts'
import { until, within } from './waiting.ts'
import { statusOf, valueOf } from './wire.ts'

export const missing = lacking('perl')

let origin: Origin
/** Of the test that runs. */
export let program: Program

/** The hooks of a file of these tests. */
export function attackable(): void {
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
}

/** The program with a bad helper, one that is good, and a listener for each; `plain` asks nobody. */
export async function start(mode: string, settings: Table = {}): Promise<void> {
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
export async function get(path = '/', listener = 'http', client?: RawClient): Promise<string> {
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
export function tally(answers: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1
  return counts
}

export const many = (count: number, path?: (i: number) => string): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => get(path?.(i))))

export const LATER = '503 later'

/** The helpers' processes: children of the worker that are not workers. */
export const helpers = (): number[] =>
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

/** What holds of every bad helper, asked one question at a time (0) or as many as there are channels. */
export function misbehaves(concurrency: number): void {
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
}
