import { describe, expect, it } from 'vitest'
import type { ListSettings } from '../../core/config/settings.ts'
import { ListFailure, Lists, loadList } from '../../core/flow/lists.ts'
import { LIST_CHECK } from '../../core/limits.ts'
import { subjectOf } from '../filter/subject.ts'
import { Machine, settle } from '../memory/machine.ts'

const settingsOf = (more: Partial<ListSettings>): ListSettings => {
  return { name: 'bad', file: '', folder: '', format: 'domains', ...more }
}

/** A machine with these files and a list of them, started. */
async function start(files: Readonly<Record<string, string>>, more: Partial<ListSettings> = { file: '/list' }) {
  const machine = new Machine()
  for (const [path, text] of Object.entries(files)) machine.files.put(path, text)
  const said: string[] = []
  const lists = new Lists(machine, [settingsOf(more)], (name, words) => said.push(`${name}: ${words}`))
  const find = (url: string): string | null => lists.find('bad')?.matches(subjectOf(url)) ?? null
  /** The checks of so many periods, and what they do. */
  const later = async (periods = 1) => {
    for (let i = 0; i < periods; i++) {
      await machine.clock.advance(LIST_CHECK)
      await settle(50)
    }
  }
  await machine.clock.advance(60_000)
  await lists.start()
  return { machine, lists, said, find, later }
}

async function failureOf(work: Promise<unknown>): Promise<[string, string]> {
  try {
    await work
  } catch (error) {
    if (error instanceof ListFailure) return [error.code, error.message]
    throw error
  }
  return ['', '']
}

describe('loadList()', () => {
  it('gives the list, what is wrong in it, and how many entries it has', async () => {
    const machine = new Machine()
    machine.files.put('/list', 'a.test\n!\nb.test\n')
    const { list, problems, entries } = await loadList(machine, settingsOf({ file: '/list' }))
    expect([list.name, list.matches(subjectOf('http://b.test/')), problems, entries])
      .toEqual(['bad', 'b.test', ['/list:2: "!" is no domain'], 2])
  })

  it.each<[string, Partial<ListSettings>, [string, string]]>([
    ['a file that is not there', { file: '/none' }, ['missing', '/none is not there']],
    ['a folder that is not there', { folder: '/none', format: 'squidguard' }, ['missing', '/none is not there']],
    ['a file that may not be read', { file: '/denied' }, ['denied', '/denied cannot be read: denied (/denied)']],
    ['a file with NUL', { file: '/nul' }, ['broken', '/nul is no list: it holds a NUL, as no text does']],
    ['a web page', { file: '/page' }, ['broken', 'it has no valid entry: /page:1: "<html>" is no domain']],
    ['a folder as a file', { file: '/folder' }, ['broken', '/folder is a folder']],
    ['squidguard in a file', { file: '/page', format: 'squidguard' }, [
      'broken',
      'the format squidguard takes a folder',
    ]],
    ['a folder without categories', { folder: '/folder', format: 'squidguard' }, [
      'broken',
      '/folder holds no file of the format squidguard',
    ]],
  ])('says of %s what it is', async (_, more, failure) => {
    const machine = new Machine()
    machine.files.put('/nul', 'a.test\n\0\n')
    machine.files.put('/denied', 'a.test\n')
    machine.files.failures.set('/denied', 'denied')
    machine.files.put('/page', '<html>\n</html>\n')
    machine.files.put('/folder/other', '')
    expect(await failureOf(loadList(machine, settingsOf(more)))).toEqual(failure)
  })

  it('takes an empty file for an empty list', async () => {
    const machine = new Machine()
    machine.files.put('/list', '')
    expect((await loadList(machine, settingsOf({ file: '/list' }))).entries).toBe(0)
  })

  it('finds the categories of squidGuard, and those inside others', async () => {
    const { find, lists } = await start({
      '/db/ads/domains': 'ads.test\n',
      '/db/ads/urls': 'x.test/ads\n',
      '/db/ads/urls.diff': '+x.test/more\n',
      '/db/ads/expressions': 'banner\n',
      '/db/recreation/sports/domains': 'sport.test\n',
      '/db/recreation/sports/domains.diff': '-sport.test\n+ball.test\n',
      '/db/README': 'not a list\n',
      '/db/.git/domains': 'hidden.test\n',
    }, { folder: '/db/', format: 'squidguard' })
    expect([
      'http://ads.test/',
      'http://x.test/ads/1',
      'http://x.test/more',
      'http://x.test/?banner',
      'http://ball.test/',
      'http://sport.test/',
      'http://hidden.test/',
    ].map(find)).toEqual(['ads', 'ads', 'ads', 'ads', 'recreation/sports', null, null])
    expect(lists.statistics[0].entries).toBe(5)
  })

  it('takes a folder of one category by its name', async () => {
    const { find } = await start({ '/db/ads/domains': 'ads.test\n' }, { folder: '/db/ads', format: 'squidguard' })
    expect(find('http://ads.test/')).toBe('ads')
  })

  it('takes each file of a folder for a category, but hidden ones', async () => {
    const { find } = await start({
      '/lists/spam.txt': 'spam.test\n',
      '/lists/war': 'war.test\n',
      '/lists/war~': 'old.test\n',
      '/lists/.war': 'hidden.test\n',
    }, { folder: '/lists' })
    expect(['spam.test', 'war.test', 'old.test', 'hidden.test'].map((host) => find(`http://${host}/`)))
      .toEqual(['spam', 'war', null, null])
  })

  it('reads a large file that has two names once', async () => {
    const large = `${'# padding\n'.repeat(110_000)}large.test\n`
    const { find, said } = await start(
      { '/db/adult/domains': large, '/db/porn/domains': large, '/db/z/domains': 'z.test\n' },
      { folder: '/db', format: 'squidguard' },
    )
    expect([find('http://large.test/'), find('http://z.test/')]).toEqual(['adult', 'z'])
    expect(said).toContain('bad: /db/porn/domains is /db/adult/domains once more: it is read once')
  }, 30_000)
})

describe('Lists', () => {
  it('says at start which list is missing', async () => {
    const lists = new Lists(new Machine(), [settingsOf({ file: '/none' })], () => {})
    expect(await failureOf(lists.start())).toEqual(['missing', 'list.bad: /none is not there'])
    expect(lists.find('bad')).toBe(null)
  })

  it('has no list of another name', async () => {
    const { lists } = await start({ '/list': 'a.test\n' })
    expect(lists.find('other')).toBe(null)
  })

  it('swaps a list whose file has changed', async () => {
    const { machine, find, later, said, lists } = await start({ '/list': 'a.test\n' })
    const old = lists.find('bad')!
    await later(3)
    expect(lists.statistics[0].loads).toBe(1)
    machine.files.put('/list', 'b.test\nc.test\n')
    await later(2)
    expect([find('http://a.test/'), find('http://b.test/')]).toEqual([null, 'b.test'])
    expect(lists.statistics).toMatchObject([{ name: 'bad', entries: 2, loads: 2, failures: 0 }])
    expect(said.map((words) => words.replace(/ in .*/, ''))).toEqual(['bad: 1 entries read', 'bad: 2 entries read'])
    // Whoever still holds the old one has an empty list: its memory is given back.
    expect(old.matches(subjectOf('http://a.test/'))).toBe(null)
  })

  it('finds what it found before while the new one is read', async () => {
    const { machine, find, lists } = await start({ '/list': 'a.test\n' })
    machine.files.put('/list', 'b.test\n'.repeat(1000))
    let done = false
    const reloading = lists.reload().then(() => done = true)
    let asked = 0
    while (!done) {
      const [a, b] = [find('http://a.test/'), find('http://b.test/')]
      expect([a, b].filter((entry) => entry !== null)).toHaveLength(1)
      if (a !== null) asked++
      await settle(1)
    }
    await reloading
    expect(asked).toBeGreaterThan(0)
    expect(find('http://b.test/')).toBe('b.test')
  })

  it('leaves a file alone that is being written, but not on reload', async () => {
    const { machine, find, later, lists } = await start({ '/list': 'a.test\n' })
    for (let i = 0; i < 3; i++) {
      await machine.clock.advance(LIST_CHECK - 1)
      machine.files.put('/list', `b${i}.test\n`)
      await machine.clock.advance(1)
      await settle(50)
      expect(find('http://a.test/')).toBe('a.test')
    }
    await lists.reload()
    expect(find('http://b2.test/')).toBe('b2.test')
    await later()
    expect(lists.statistics[0].loads).toBe(2)
  })

  it.each<[string, string, string]>([
    ['is no text', 'b.test\n\0', '/list is no list: it holds a NUL, as no text does'],
    ['is a web page', '<html>\n', 'it has no valid entry: /list:1: "<html>" is no domain'],
    ['is empty', '', '/list is empty (where that is meant, put a comment in it)'],
  ])('keeps the old list when the file %s, says so once, and takes the next', async (_, text, words) => {
    const { machine, find, later, said, lists } = await start({ '/list': 'a.test\n' })
    said.length = 0
    machine.files.put('/list', text)
    await later(4)
    expect(find('http://a.test/')).toBe('a.test')
    expect(said).toEqual([`bad: ${words}; the old list is kept`])
    expect(lists.statistics[0].failures).toBe(1)
    machine.files.put('/list', 'c.test\n')
    await later(2)
    expect([find('http://a.test/'), find('http://c.test/')]).toEqual([null, 'c.test'])
  })

  it('keeps the old list while the file is not there or cannot be read, and looks again', async () => {
    const { machine, find, later, said } = await start({ '/list': 'a.test\n' })
    said.length = 0
    await machine.files.remove('/list')
    await later(3)
    machine.files.put('/list', 'b.test\n')
    machine.files.failures.set('/list', 'denied')
    await later(3)
    expect(find('http://a.test/')).toBe('a.test')
    expect(said).toEqual([
      'bad: /list is not there; the old list is kept',
      'bad: /list cannot be read: denied (/list); the old list is kept',
    ])
    machine.files.failures.delete('/list')
    await later()
    expect(find('http://b.test/')).toBe('b.test')
  })

  it('does not take a file that changed while it was read', async () => {
    const { machine, find, later, lists, said } = await start({ '/list': 'a.test\n' })
    machine.files.put('/list', 'b.test\n'.repeat(100))
    const reloading = lists.reload()
    // In the midst of it: a piece takes a few of these.
    for (let i = 0; i < 60; i++) await Promise.resolve()
    machine.files.put('/list', 'c.test\n'.repeat(90))
    await reloading
    expect([find('http://a.test/'), find('http://b.test/')]).toEqual(['a.test', null])
    expect(said).toContain('bad: /list changed while it was read; the old list is kept')
    await later(2)
    expect(find('http://c.test/')).toBe('c.test')
  })

  it('reports broken lines', async () => {
    const { said } = await start({ '/list': 'a.test\na b\n' })
    expect(said[0]).toBe('bad: /list:2: "a b" is more than a domain')
  })

  it('finds and reads nothing once it is closed', async () => {
    const { machine, lists, later } = await start({ '/list': 'a.test\n' })
    lists.close()
    machine.files.put('/list', 'b.test\n')
    await later(3)
    expect([lists.find('bad'), lists.statistics[0].loads, machine.clock.pending]).toEqual([null, 1, 0])
  })

  it('closed while it reads, leaves nothing running', async () => {
    const machine = new Machine()
    machine.files.put('/list', 'a.test\n')
    const lists = new Lists(machine, [settingsOf({ file: '/list' })], () => {})
    const starting = lists.start()
    lists.close()
    await starting
    expect([lists.find('bad'), machine.clock.pending]).toEqual([null, 0])
  })
})
