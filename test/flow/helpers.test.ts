import { describe, expect, test } from 'vitest'
import {
  HELPER_BACKOFF,
  HELPER_BACKOFF_MAX,
  HELPER_COMPLAINTS,
  HELPER_GRACE,
  HELPER_GROWTH,
  HELPER_SHRINK,
  HELPER_STRAYS,
  HELPER_YOUNG,
} from '../../core/limits.ts'
import type { HelperStatistics } from '../../core/flow/helpers.ts'
import { HelperMachine, type Judged } from './helper_machine.ts'

const words = (all: readonly Judged[]): string[] => all.map((one) => one.word)
const LATE = '503 the filter did not answer in time'
const NOT_RUNNING = '503 the filter does not run'

/** What has been counted, zeros left out. */
const counted = (m: HelperMachine): Partial<HelperStatistics> =>
  Object.fromEntries(Object.entries(m.pool.statistics).filter(([, count]) => count !== 0))

/** Nothing is left when a pool is closed. */
async function closes(m: HelperMachine): Promise<void> {
  m.pool.close()
  await m.tick(3 * HELPER_GRACE)
  await m.pool.finished()
  expect(m.machine.clock.pending).toBe(0)
}

describe('questions and answers', () => {
  test('without channels: one at a time, in the order they came', async () => {
    const m = new HelperMachine({ maximum: 1 })
    const asked = [m.ask('/1'), m.ask('/2'), m.ask('/3')]
    await m.tick()
    const [child] = m.children
    expect(child.lines).toEqual(['http://a.test/1 GET'])
    child.say('\n')
    await m.tick()
    expect(words(asked)).toEqual(['permit', 'waits', 'waits'])
    expect(child.lines).toEqual(['http://a.test/1 GET', 'http://a.test/2 GET'])
    child.say('OK url="http://b.test/"\n')
    await m.tick()
    child.say('http://c.test/\r\n')
    await m.tick()
    expect(words(asked)).toEqual(['permit', 'redirect http://b.test/', 'rewrite http://c.test/'])
    expect(counted(m)).toMatchObject({ children: 1, questions: 3, answers: 3, starts: 1 })
    await closes(m)
  })

  test('with channels: several at once, from 1 on, and answers in any order', async () => {
    const m = new HelperMachine({ maximum: 1, concurrency: 2 })
    const asked = [m.ask('/1'), m.ask('/2'), m.ask('/3')]
    await m.tick()
    const [child] = m.children
    expect(child.lines).toEqual(['1 http://a.test/1 GET', '2 http://a.test/2 GET'])
    child.say('2 OK url="http://b.test/2"\n')
    await m.tick()
    expect(child.lines[2]).toBe('3 http://a.test/3 GET')
    child.say('3 OK url="http://b.test/3"\n1 \n')
    await m.tick()
    expect(words(asked)).toEqual(['permit', 'redirect http://b.test/2', 'redirect http://b.test/3'])
    await closes(m)
  })

  test('an answer may come in any pieces', async () => {
    const answer = '12 OK url="http://b.test/"\r\n'
    for (let cut = 1; cut < answer.length; cut++) {
      const m = new HelperMachine({ maximum: 1, concurrency: 20 })
      const asked = Array.from({ length: 12 }, () => m.ask())
      await m.tick()
      m.children[0].say(answer.slice(0, cut))
      await m.tick()
      expect(asked[11].word).toBe('waits')
      m.children[0].say(answer.slice(cut))
      await m.tick()
      expect(asked[11].word, `cut at ${cut}`).toBe('redirect http://b.test/')
      m.pool.close()
    }
  })

  test('the child that has least to do is asked', async () => {
    const m = new HelperMachine({ minimum: 3, concurrency: 10 })
    for (let i = 0; i < 6; i++) m.ask()
    await m.tick()
    expect(m.children.map(({ lines }) => lines.length)).toEqual([2, 2, 2])
    m.children[1].say('1 OK\n2 OK\n')
    await m.tick()
    m.ask()
    m.ask()
    await m.tick()
    expect(m.children.map(({ lines }) => lines.length)).toEqual([2, 4, 2])
    await closes(m)
  })

  test('what is not a question is decided at once', async () => {
    const m = new HelperMachine()
    expect(m.ask(`/${'x'.repeat(10_000)}`).word).toBe('414 the URL is too long for the filter')
    await closes(m)
  })
})

describe('BH', () => {
  test('is asked again, twice, then it is the stated answer with what it said', async () => {
    const m = new HelperMachine({ maximum: 1 })
    const asked = m.ask()
    for (let i = 1; i <= 3; i++) {
      await m.tick()
      expect(m.children[0].lines.length).toBe(i)
      expect(asked.word).toBe('waits')
      m.children[0].say('BH message="no database"\n')
    }
    await m.tick()
    expect(asked.word).toBe('503 no database')
    expect(counted(m)).toMatchObject({ retries: 2, broken: 1, questions: 1 })
    await closes(m)
  })

  test('once, and then an answer, is an answer', async () => {
    const m = new HelperMachine({ minimum: 2 })
    const asked = m.ask()
    await m.tick()
    m.children[0].say('BH\n')
    await m.tick()
    m.children.forEach((child) => child.lines.length > 0 && child.say('OK url="http://b.test/"\n'))
    await m.tick()
    expect(asked.word).toBe('redirect http://b.test/')
    await closes(m)
  })
})

describe('the time limit', () => {
  test('counts waiting, and each has its stated answer', async () => {
    for (const [on_error, answer] of [['unavailable', '503'], ['deny', '403'], ['permit', 'permit']] as const) {
      const m = new HelperMachine({ maximum: 1, timeout: 1000, on_error })
      const first = m.ask()
      await m.tick(500)
      const second = m.ask()
      await m.tick(510)
      expect(words([first, second])).toEqual([`${answer} the filter did not answer in time`, 'waits'])
      // The child was killed, and the other question is asked of the next one.
      await m.tick(HELPER_BACKOFF + 100)
      expect(m.children.length).toBe(2)
      await m.tick(800)
      expect(second.word).toBe(`${answer} the filter did not answer in time`)
      await closes(m)
    }
  })

  test('a late child without channels is killed: what it says then is for nobody', async () => {
    const m = new HelperMachine({ maximum: 1 })
    const asked = m.ask('/1')
    await m.tick(1100)
    expect(asked.word).toBe(LATE)
    expect(counted(m)).toMatchObject({ timeouts: 1, kills: 1 })
    await m.tick(HELPER_BACKOFF)
    const next = m.ask('/2')
    await m.tick()
    m.children[0].say('OK url="http://late.test/"\n')
    await m.tick()
    expect(next.word).toBe('waits')
    m.children[1].say('OK\n')
    await m.tick()
    expect(next.word).toBe('permit')
    await closes(m)
  })

  test('a child that has others to answer has its chance, and is forgiven when it answers at last', async () => {
    const m = new HelperMachine({ maximum: 1, concurrency: 3 })
    const first = m.ask('/1')
    await m.tick(600)
    const second = m.ask('/2')
    await m.tick(500)
    const third = m.ask('/3')
    await m.tick()
    const [child] = m.children
    // Nothing new for a child that is late.
    expect([first.word, child.lines.length]).toEqual([LATE, 2])
    child.say('2 OK url="http://b.test/"\n')
    await m.tick()
    expect(second.word).toBe('redirect http://b.test/')
    child.say('1 OK\n')
    await m.tick()
    expect(child.lines[2]).toBe('3 http://a.test/3 GET')
    child.say('3 OK\n')
    await m.tick()
    expect(third.word).toBe('permit')
    expect(counted(m)).toEqual(expect.not.objectContaining({ kills: expect.anything() }))
    await closes(m)
  })

  test('a child that has only late ones left is killed', async () => {
    const m = new HelperMachine({ maximum: 1, concurrency: 3 })
    m.ask('/1')
    await m.tick(600)
    const second = m.ask('/2')
    await m.tick(500)
    m.children[0].say('2 OK\n')
    await m.tick(100)
    expect(second.word).toBe('permit')
    expect(counted(m)).toMatchObject({ kills: 1 })
    await closes(m)
  })

  test('a child is not killed for what had waited before', async () => {
    const m = new HelperMachine({ maximum: 1, timeout: 1000 })
    m.ask('/1')
    const second = m.ask('/2')
    await m.tick(400)
    m.children[0].say('OK\n')
    await m.tick(700)
    expect(second.word).toBe(LATE)
    expect(counted(m)).toEqual(expect.not.objectContaining({ kills: expect.anything() }))
    m.children[0].say('OK\n')
    await m.tick()
    expect(counted(m)).toMatchObject({ strays: 1, children: 1 })
    await closes(m)
  })

  test('nobody waits longer than it, whatever the children do', async () => {
    const m = new HelperMachine({ maximum: 2, queue: 500, timeout: 1000 })
    const asked = Array.from({ length: 500 }, () => m.ask())
    await m.tick(1000 + 1000 / 16 + 1)
    expect(words(asked)).toEqual(expect.not.arrayContaining(['waits']))
    await closes(m)
  })
})

describe('the queue', () => {
  test('that is full is answered at once', async () => {
    const m = new HelperMachine({ maximum: 1, queue: 2 })
    const asked = Array.from({ length: 5 }, () => m.ask())
    await m.tick()
    const full = '503 the filter has too much to do'
    expect(words(asked)).toEqual(['waits', 'waits', 'waits', full, full])
    expect(counted(m)).toMatchObject({ full: 2, waiting: 2, busy: 1, asked: 1 })
    m.children[0].say('OK\n')
    await m.tick()
    expect(m.ask().word).toBe('waits')
    await closes(m)
  })

  test('of length 0 starts children, and then refuses', async () => {
    const m = new HelperMachine({ maximum: 2, queue: 0 })
    expect(words([m.ask(), m.ask(), m.ask()])).toEqual(['waits', 'waits', '503 the filter has too much to do'])
    await closes(m)
  })

  test('is served the oldest first, and what has no time left is not asked', async () => {
    const m = new HelperMachine({ maximum: 1, timeout: 1000 })
    const asked = [m.ask('/1'), m.ask('/2')]
    await m.tick(600)
    asked.push(m.ask('/3'))
    await m.tick(200)
    // An answer takes 800 ms usually: 200 are too few for the second question, not for the third.
    m.children[0].say('OK\n')
    await m.tick()
    expect(m.children[0].lines.length).toBe(2)
    expect(m.children[0].lines[1]).toBe('http://a.test/3 GET')
    expect(words(asked)).toEqual(['permit', '503 the filter had no time', 'waits'])
    await closes(m)
  })
})

describe('how many children there are', () => {
  test('the minimum at once', async () => {
    const m = new HelperMachine({ minimum: 3 })
    await m.tick()
    expect(m.children.length).toBe(3)
    await closes(m)
  })

  test('none before the first question, where the minimum is 0', async () => {
    const m = new HelperMachine({ minimum: 0 })
    await m.tick(1000)
    expect(m.children.length).toBe(0)
    const asked = m.ask()
    await m.tick()
    m.children[0].say('OK\n')
    await m.tick()
    expect(asked.word).toBe('permit')
    await closes(m)
  })

  test('more when all are busy, one by one, up to the maximum', async () => {
    const m = new HelperMachine({ maximum: 4, queue: 100 })
    for (let i = 0; i < 20; i++) m.ask()
    await m.tick()
    expect(m.children.length).toBe(1)
    await m.tick(HELPER_GROWTH)
    m.ask()
    await m.tick()
    expect(m.children.length).toBe(2)
    await m.tick(500)
    expect(m.children.length).toBe(4)
    expect(m.children.map(({ lines }) => lines.length)).toEqual([1, 1, 1, 1])
    await closes(m)
  })

  test('fewer when they are not needed, down to the minimum', async () => {
    const m = new HelperMachine({ minimum: 1, maximum: 8, queue: 100, timeout: 5000 })
    for (let i = 0; i < 8; i++) m.ask()
    await m.tick(1000)
    expect(m.pool.statistics.children).toBe(8)
    for (const child of m.children) child.say('OK\n')
    await m.tick(HELPER_SHRINK)
    await m.tick(HELPER_SHRINK)
    expect(m.pool.statistics.children).toBe(4)
    await m.tick(3 * HELPER_SHRINK)
    expect(m.pool.statistics).toMatchObject({ children: 1, deaths: 0, kills: 0 })
    expect(m.children.filter(({ ended }) => ended).length).toBe(7)
    expect(m.said).toEqual([])
    await closes(m)
  })
})

describe('a child that ends', () => {
  test('has what it was asked asked of another', async () => {
    const m = new HelperMachine({ minimum: 2, concurrency: 4 })
    await m.tick(HELPER_YOUNG)
    const asked = [m.ask('/1'), m.ask('/2'), m.ask('/3'), m.ask('/4')]
    await m.tick()
    const [bad, good] = m.children
    expect([bad.lines.length, good.lines.length]).toEqual([2, 2])
    good.say('1 OK\n')
    bad.exit(1)
    await m.tick()
    // The new child has less to do, and the older question goes first.
    expect(good.lines.slice(2)).toEqual([])
    expect(m.children[2].lines).toEqual(['1 http://a.test/1 GET', '2 http://a.test/3 GET'])
    good.say('2 OK\n')
    m.children[2].say('2 OK\n1 OK url="http://b.test/"\n')
    await m.tick()
    expect(words(asked)).toEqual(['redirect http://b.test/', 'permit', 'permit', 'permit'])
    expect(m.said).toEqual(['warning helper guard lost a child: it ended'])
    expect(counted(m)).toMatchObject({ retries: 2, deaths: 1, answers: 4 })
    await closes(m)
  })

  test('is replaced at once when it had lived for a while', async () => {
    const m = new HelperMachine({ minimum: 1 })
    await m.tick(HELPER_YOUNG)
    m.children[0].exit(0)
    await m.tick()
    expect(m.children.length).toBe(2)
    await closes(m)
  })

  test('takes no question with it, but one that two have died of is not asked of a third', async () => {
    const m = new HelperMachine({ minimum: 3, timeout: 10_000 })
    await m.tick(HELPER_YOUNG)
    const asked = m.ask('/poison')
    await m.tick()
    m.children.find(({ lines }) => lines.length > 0)!.exit(139)
    await m.tick()
    m.children.findLast(({ lines }) => lines.length > 0)!.exit(139)
    await m.tick()
    expect(asked.word).toBe('503 the filter broke down')
    expect(m.children.filter(({ lines }) => lines.length > 0).length).toBe(2)
    expect(counted(m)).toMatchObject({ deaths: 2, retries: 1, broken: 1, children: 3 })
    await closes(m)
  })

  test('gave the answer it wrote at last', async () => {
    const m = new HelperMachine()
    const asked = m.ask()
    await m.tick()
    m.children[0].say('OK url="http://b.test/"\n')
    m.children[0].exit(0)
    await m.tick()
    expect(asked.word).toBe('redirect http://b.test/')
    await closes(m)
  })
})

describe('a program that does not run', () => {
  const starts = (m: HelperMachine): number => m.pool.statistics.starts

  test('is said once, is tried less and less often, and questions have their stated answer at once', async () => {
    const m = new HelperMachine({ minimum: 5, maximum: 20 }, null)
    await m.tick()
    expect(starts(m)).toBe(5)
    const asked = m.ask()
    await m.tick(2 * HELPER_BACKOFF)
    expect(asked.word).toBe(NOT_RUNNING)
    expect(m.ask().word).toBe(NOT_RUNNING)
    await m.tick(60_000)
    // After 100, 200, 400, ... ms.
    expect(starts(m)).toBeLessThan(20)
    await m.tick(10 * HELPER_BACKOFF_MAX)
    expect(starts(m)).toBeLessThan(32)
    expect(m.said).toEqual([
      ...Array(5).fill('warning helper guard lost a child: it ended, there is no such program'),
      'error helper guard does not run, guard: it ended, there is no such program',
    ])
    await closes(m)
  })

  test('that runs again is used again, and that is said', async () => {
    const m = new HelperMachine({ minimum: 2 }, null)
    await m.tick(10_000)
    expect(m.ask().word).toBe(NOT_RUNNING)
    m.machine.children.programs.set('guard', async (io) => {
      for await (const _ of io.input) await io.write('OK\n')
      return 0
    })
    await m.tick(2 * HELPER_BACKOFF_MAX)
    const asked = m.ask()
    await m.tick()
    expect(asked.word).toBe('permit')
    expect(m.said.at(-1)).toBe('info helper guard answers again')
    await m.tick(HELPER_YOUNG)
    expect(m.pool.statistics.children).toBe(2)
    await closes(m)
  })

  test('dies of each question: no storm, and everyone has an answer', async () => {
    const m = new HelperMachine({ minimum: 2, maximum: 8, timeout: 2000, queue: 100 }, async (io) => {
      for await (const _ of io.input) return 1
      return 0
    })
    const asked: Judged[] = []
    for (let i = 0; i < 100; i++) {
      asked.push(m.ask())
      await m.tick(100)
    }
    await m.tick(2500)
    expect(words(asked)).toEqual(expect.not.arrayContaining(['waits']))
    expect(starts(m)).toBeLessThan(20)
    await closes(m)
  })
})

describe('nonsense', () => {
  test('an answer that nobody asked for', async () => {
    const m = new HelperMachine()
    await m.tick()
    m.children[0].say('OK\n')
    await m.tick()
    expect(m.said).toEqual(['warning helper guard lost a child: it wrote nonsense: an answer that nobody asked for'])
    expect(counted(m)).toMatchObject({ kills: 1 })
    await closes(m)
  })

  test('two answers to one question: the first one counts, and no other question gets the second', async () => {
    const m = new HelperMachine({ maximum: 1 })
    const asked = [m.ask('/1'), m.ask('/2')]
    await m.tick()
    m.children[0].say('OK\nOK url="http://second.test/"\n')
    await m.tick(HELPER_BACKOFF)
    expect(asked[0].word).toBe('permit')
    await m.tick(100)
    m.children[1].say('OK\n')
    await m.tick()
    expect(words(asked)).toEqual(['permit', 'permit'])
    await closes(m)
  })

  test('a channel that nobody has is skipped', async () => {
    const m = new HelperMachine({ concurrency: 4 })
    const asked = m.ask()
    await m.tick()
    m.children[0].say('7 OK url="http://b.test/"\nhello\n0 OK\n18446744073709551616 OK\n1 OK\n')
    await m.tick()
    expect(asked.word).toBe('permit')
    expect(counted(m)).toMatchObject({ strays: 4, children: 1 })
    await closes(m)
  })

  test('too many such', async () => {
    const m = new HelperMachine({ concurrency: 4 })
    const asked = m.ask()
    await m.tick()
    m.children[0].say('7 OK\n'.repeat(HELPER_STRAYS + 1))
    await m.tick(2 * HELPER_BACKOFF)
    m.children[1].say('1 OK\n')
    await m.tick()
    expect(asked.word).toBe('permit')
    expect(m.said[0]).toContain('nobody asked for')
    await closes(m)
  })

  test('a line without an end', async () => {
    const m = new HelperMachine({}, async (io) => {
      for await (const _ of io.input) for (;;) await io.write('x'.repeat(60_000))
      return 0
    })
    const asked = m.ask()
    await m.tick(1500)
    expect(asked.word).not.toBe('waits')
    expect(m.said[0]).toContain('it wrote nonsense: a line of more than 1048576 bytes')
    await closes(m)
  })
})

describe('one bad child among good ones', () => {
  test('that does not answer is asked last', async () => {
    const m = new HelperMachine({ minimum: 2, concurrency: 100, timeout: 10_000 })
    m.ask('/stuck')
    await m.tick(400)
    const [stuck, good] = m.children
    const asked: Judged[] = []
    for (let i = 0; i < 50; i++) asked.push(m.ask())
    await m.tick()
    expect([stuck.lines.length, good.lines.length]).toEqual([1, 50])
    await closes(m)
  })

  test('that does not read holds up nobody else, and memory is bounded', async () => {
    let started = 0
    const m = new HelperMachine({ minimum: 2, concurrency: 50, timeout: 1000, queue: 1000 }, async (io) => {
      if (started++ === 0) await new Promise(() => {})
      let rest = ''
      for await (const bytes of io.input) {
        const lines = (rest + new TextDecoder().decode(bytes)).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) await io.write(`${line.split(' ')[0]} OK\n`)
      }
      return 0
    })
    const asked: Judged[] = []
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 20; i++) asked.push(m.ask(`/${'x'.repeat(4000)}`))
      await m.tick(50)
    }
    await m.tick(2000)
    const all = words(asked)
    expect(all).toEqual(expect.not.arrayContaining(['waits']))
    expect(all.filter((word) => word === 'permit').length).toBeGreaterThan(asked.length - 60)
    await closes(m)
  })

  test('that floods its stderr: some of it is logged', async () => {
    const m = new HelperMachine({}, async (io) => {
      for (let i = 0; i < 10_000; i++) await io.complain(`trouble ${i}\n`)
      for await (const _ of io.input) await io.write('OK\n')
      return 0
    })
    const asked = m.ask()
    await m.tick(100)
    expect(asked.word).toBe('permit')
    expect(m.said.length).toBe(HELPER_COMPLAINTS)
    expect(m.said[0]).toBe('warning helper guard says: trouble 0')
    await closes(m)
  })
})

describe('closing', () => {
  test('what waits is answered, children are told that there is no more, then by signals', async () => {
    const signals: string[] = []
    const m = new HelperMachine({ minimum: 1, maximum: 1 }, async (io) => {
      io.signal('SIGTERM', () => void signals.push('SIGTERM'))
      for await (const _ of io.input);
      signals.push('end')
      return await new Promise<number>(() => {})
    })
    const asked = [m.ask(), m.ask()]
    await m.tick()
    m.pool.close()
    m.pool.close()
    await m.tick()
    expect(words(asked)).toEqual(Array(2).fill('503 the filter is being stopped'))
    expect(signals).toEqual(['end'])
    let finished = false
    void m.pool.finished().then(() => finished = true)
    await m.tick(HELPER_GRACE)
    expect([signals, finished]).toEqual([['end', 'SIGTERM'], false])
    await m.tick(HELPER_GRACE)
    expect(finished).toBe(true)
    expect(m.ask().word).toBe('503 the filter is being stopped')
    expect(m.machine.clock.pending).toBe(0)
    expect(m.said).toEqual([])
  })
})
