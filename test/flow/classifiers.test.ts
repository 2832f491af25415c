import { describe, expect, test } from 'vitest'
import type { HelperSettings } from '../../core/config/settings.ts'
import { type Helper, openHelper, readPages } from '../../core/flow/classifiers.ts'
import type { HelperLog } from '../../core/flow/helpers.ts'
import { HELPER_FOLDERS, HELPER_PAGES, PAGE_TEMPLATE_SIZE } from '../../core/limits.ts'
import { LogFormatError } from '../../core/squid/logformat.ts'
import { asking } from '../exaproxy/asking.ts'
import type { Io } from '../memory/children.ts'
import { Machine, settle } from '../memory/machine.ts'
import { Judged, SETTINGS } from './helper_machine.ts'

const SILENT: HelperLog = { info() {}, warning() {}, error() {} }

interface Opened {
  readonly machine: Machine
  readonly helper: Helper
  /** Questions, in the order they came. */
  readonly questions: string[]
  ask(url?: string): Judged
}

/** A helper that reads to `end` and answers what `answer` says of it. */
async function open(
  settings: Partial<HelperSettings>,
  answer: (question: string) => string,
  end = '\n',
  machine = new Machine(),
): Promise<Opened> {
  const questions: string[] = []
  machine.children.programs.set('guard', async (io: Io) => {
    let rest = ''
    for await (const bytes of io.input) {
      rest += new TextDecoder().decode(bytes)
      for (let at = rest.indexOf(end); at >= 0; at = rest.indexOf(end)) {
        const question = rest.slice(0, at + end.length)
        rest = rest.slice(at + end.length)
        questions.push(question)
        await io.write(answer(question))
      }
    }
    return 0
  })
  const helper = await openHelper(machine, { ...SETTINGS, extras: '', maximum: 1, ...settings }, SILENT)
  return {
    machine,
    helper,
    questions,
    ask: (url = 'http://a.test/x') => new Judged(helper.judge(asking(url))),
  }
}

describe('the language is that of the configuration', () => {
  test.each<[string, Partial<HelperSettings>, string, string, string, string]>([
    [
      'squid',
      {},
      '\n',
      'http://a.test/x 10.1.2.3/10.1.2.3 - GET myip=10.0.0.1 myport=3128\n',
      '302:http://b/\n',
      'redirect http://b/',
    ],
    [
      'squid with channels',
      { concurrency: 1 },
      '\n',
      '1 http://a.test/x 10.1.2.3/10.1.2.3 - GET myip=10.0.0.1 myport=3128\n',
      '1 ERR\n',
      'permit',
    ],
    [
      'external_acl',
      { protocol: 'external_acl' },
      '\n',
      '10.1.2.3 - GET http://a.test/x -\n',
      'ERR message=no\n',
      '403 no',
    ],
    [
      'exaproxy-url',
      { protocol: 'exaproxy-url' },
      '\n',
      'a.test/x 10.1.2.3 - GET -\n',
      'http://b/\n',
      'rewrite http://b/',
    ],
    [
      'exaproxy-icap',
      { protocol: 'exaproxy-icap', extras: 'icap://svc/x' },
      '\r\n\r\n',
      'REQMOD icap://svc/x ICAP/1.0\nHost: svc\n',
      'ICAP/1.0 403 no\nPragma: comment: games\n\n',
      '403 games',
    ],
  ])('%s', async (_, settings, end, question, answer, word) => {
    const { helper, questions, ask } = await open(settings, () => answer, end)
    const asked = ask()
    await settle(10)
    expect([questions[0]?.slice(0, question.length), asked.word]).toEqual([question, word])
    expect(helper.statistics).toMatchObject({ questions: 1, answers: 1, children: 1 })
    expect(helper.cache === null).toBe(settings.protocol !== 'external_acl')
    helper.close()
  })

  test.each(['squid', 'external_acl'] as const)('%s with extras that are none is refused', async (protocol) => {
    await expect(open({ protocol, extras: '%what' }, () => '')).rejects.toThrow(LogFormatError)
  })
})

describe('external_acl', () => {
  const settings = { protocol: 'external_acl', ttl: 1000, negative_ttl: 1000, grace: 50, cache_size: 10 } as const

  test('is asked once, then anew in the grace, without anybody waiting', async () => {
    let answer = 'OK user=a\n'
    const { machine, helper, questions, ask } = await open(settings, () => answer)
    ask()
    await settle(10)
    answer = 'ERR message=later\n'
    expect(ask().word).toBe('permit')
    expect(questions.length).toBe(1)
    await machine.clock.advance(600)
    expect(ask().word).toBe('permit')
    await settle(10)
    expect(questions.length).toBe(2)
    expect(ask().word).toBe('403 later')
    expect(helper.cache).toMatchObject({ entries: 1, hits: 3, misses: 1, refreshes: 1 })
    helper.close()
  })

  test('what is asked at the same time is asked once, and only then', async () => {
    const { helper, questions, ask } = await open({ ...settings, queue: 1 }, () => 'ERR message=no\n')
    const asked = [ask(), ask(), ask(), ask('http://b.test/'), ask()]
    expect(asked.map(({ word }) => word)).toEqual(Array.from(asked, () => 'waits'))
    await settle(10)
    expect(asked.map(({ word }) => word)).toEqual(Array.from(asked, () => '403 no'))
    expect(questions.length).toBe(2)
    expect(helper.statistics).toMatchObject({ questions: 2, asked: 0, waiting: 0 })
    helper.close()
  })

  test.each([{ ttl: 0 }, { negative_ttl: 0 }, { cache_size: 0 }])('each is asked about where %j', async (changes) => {
    const { helper, questions, ask } = await open({ ...settings, ...changes }, () => 'ERR\n')
    const asked = [ask(), ask(), ask()]
    await settle(20)
    expect(asked.map(({ word }) => word)).toEqual(['403 ', '403 ', '403 '])
    expect(questions.length).toBe(3)
    helper.close()
  })

  test('who waits for the same when it is closed is answered, too', async () => {
    const { helper, ask } = await open(settings, () => '')
    const asked = [ask(), ask()]
    await settle()
    helper.close()
    await settle(10)
    expect(asked.map(({ word }) => word.slice(0, 3))).toEqual(['503', '503'])
  })

  test('what is known stands while the helper is broken', async () => {
    let answer = 'OK user=a\n'
    const { machine, helper, questions, ask } = await open(settings, () => answer)
    ask()
    await settle(10)
    answer = 'BH\n'
    await machine.clock.advance(600)
    expect(ask().word).toBe('permit')
    await settle(10)
    // Asked three times, and then no more until the answer is old.
    expect(questions.length).toBe(4)
    expect(ask().word).toBe('permit')
    expect(questions.length).toBe(4)
    await machine.clock.advance(600)
    const late = ask()
    expect(late.word).toBe('waits')
    await settle(10)
    expect(late.word).toMatch(/^503 /)
    helper.close()
  })
})

describe('pages', () => {
  test('are read with those of folders inside', async () => {
    const { files } = new Machine()
    files.put('/pages/deny.html', 'no')
    files.put('/pages/more/dot.txt', 'dot')
    for (const folder of ['/pages', '/pages/']) {
      expect([...(await readPages(files, folder)).keys()].sort()).toEqual(['deny.html', 'more/dot.txt'])
    }
  })

  test('none are read where there is no folder', async () => {
    expect((await readPages(new Machine().files, '')).size).toBe(0)
  })

  test('what is too large, or too deep, is not there', async () => {
    const { files } = new Machine()
    files.put('/pages/large.html', 'x'.repeat(PAGE_TEMPLATE_SIZE + 1))
    files.put('/pages/fits.html', 'x'.repeat(PAGE_TEMPLATE_SIZE))
    files.put(`/pages/${'d/'.repeat(HELPER_FOLDERS)}deep.html`, 'x')
    files.put(`/pages/${'d/'.repeat(HELPER_FOLDERS - 1)}low.html`, 'x')
    const found = [...(await readPages(files, '/pages')).keys()]
    expect(found.sort()).toEqual([`${'d/'.repeat(HELPER_FOLDERS - 1)}low.html`, 'fits.html'])
  })

  test('too many are refused, and what cannot be read', async () => {
    const { files } = new Machine()
    for (let i = 0; i <= HELPER_PAGES; i++) files.put(`/pages/${i}.html`, '')
    await expect(readPages(files, '/pages')).rejects.toMatchObject({ code: 'full' })
    await expect(readPages(files, '/nowhere')).rejects.toMatchObject({ code: 'missing' })
  })

  test('are sent by those who name them', async () => {
    const machine = new Machine()
    machine.files.put('/pages/deny.html', '<p>no %(host)s')
    const settings = { protocol: 'exaproxy-url', folder: '/pages' } as const
    const { helper, ask } = await open(settings, () => 'file://deny.html\r\n', '\n', machine)
    const asked = ask()
    await settle(10)
    expect(asked.decision).toMatchObject({ kind: 'respond', status: 200, type: 'text/html' })
    helper.close()
  })
})

describe('read anew', () => {
  test('other children come in the place of those there are, which answer what they have', async () => {
    let started = 0
    const machine = new Machine()
    const settings = { ...SETTINGS, extras: '', minimum: 2, maximum: 2 }
    const release: (() => void)[] = []
    machine.children.programs.set('guard', async (io: Io) => {
      const own = ++started
      for await (const bytes of io.input) {
        if (new TextDecoder().decode(bytes).startsWith('http://slow')) {
          await new Promise<void>((resolve) => release.push(resolve))
        }
        await io.write(`302:http://child-${own}/\n`)
      }
      return 0
    })
    const helper = await openHelper(machine, settings, SILENT)
    const ask = (url: string) => new Judged(helper.judge(asking(url)))
    const slow = ask('http://slow.test/')
    await settle()
    expect([started, slow.word]).toEqual([2, 'waits'])
    await helper.reload()
    await settle()
    // The idle one is gone, and another is there; the busy one has its time.
    expect(started).toBe(3)
    const next = ask('http://a.test/')
    await settle(10)
    expect([next.word, slow.word]).toEqual(['redirect http://child-3/', 'waits'])
    release[0]()
    await settle(10)
    expect(slow.word).toBe('redirect http://child-1/')
    expect(started).toBe(4)
    for (let i = 0; i < 4; i++) {
      const later = ask('http://a.test/')
      await settle(10)
      expect(later.word).toMatch(/child-[34]/)
    }
    expect(helper.statistics).toMatchObject({ children: 2, deaths: 0, kills: 0, retries: 0, broken: 0 })
    helper.close()
    await settle(10)
  })

  test('with one child at most, who asks meanwhile waits for the next', async () => {
    let answer = '302:http://old/\n'
    const { helper, ask } = await open({}, () => answer)
    const before = ask()
    await helper.reload()
    answer = '302:http://new/\n'
    const after = ask()
    await settle(20)
    expect([before.word, after.word].map((word) => word.startsWith('redirect'))).toEqual([true, true])
    expect(helper.statistics).toMatchObject({ children: 1, starts: 2, deaths: 0, kills: 0 })
    helper.close()
  })

  test('one that does not answer any more is killed as ever', async () => {
    const { machine, helper, ask } = await open({ timeout: 100 }, () => '')
    const asked = ask()
    await settle()
    await helper.reload()
    for (let i = 0; i < 30; i++) await machine.clock.advance(10)
    await settle(10)
    expect(asked.word).toMatch(/^503 /)
    expect(helper.statistics).toMatchObject({ children: 1, starts: 2, kills: 1 })
    helper.close()
  })

  test('what external_acl said is forgotten, also what it is about to say', async () => {
    let answer = 'OK\n'
    const settings = { protocol: 'external_acl', ttl: 1000, negative_ttl: 1000, cache_size: 10 } as const
    const { helper, questions, ask } = await open(settings, () => answer)
    ask()
    await settle(10)
    expect(ask().word).toBe('permit')
    const asked = ask('http://b.test/')
    await helper.reload()
    await settle(10)
    expect(asked.word).toBe('permit')
    answer = 'ERR\n'
    const later = [ask(), ask('http://b.test/')]
    await settle(20)
    expect(later.map(({ word }) => word)).toEqual(['403 ', '403 '])
    expect(questions.length).toBe(4)
    helper.close()
  })

  test('pages, which stay where they cannot be read', async () => {
    const machine = new Machine()
    machine.files.put('/pages/deny.html', 'one')
    const settings = { protocol: 'exaproxy-url', folder: '/pages' } as const
    const { helper, ask } = await open(settings, () => 'file://deny.html\n', '\n', machine)
    const body = async () => {
      const asked = ask()
      await settle(20)
      return asked.decision?.kind === 'respond' ? new TextDecoder().decode(asked.decision.body) : asked.word
    }
    expect(await body()).toBe('one')
    machine.files.put('/pages/deny.html', 'two')
    expect(await body()).toBe('one')
    await helper.reload()
    expect(await body()).toBe('two')
    machine.files.failures.set('/pages', 'denied')
    machine.files.put('/pages/deny.html', 'three')
    await helper.reload()
    expect(await body()).toBe('two')
    helper.close()
  })
})
