/** Lists in the program as it runs: each format by a rule, files that change under traffic, and squidGuard beside it. */

import { spawn } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NameServer } from './name_server.ts'
import { answering, Origin } from './origin.ts'
import { installed, lacking, newFolder } from './peers.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import { within } from './waiting.ts'
import { statusOf } from './wire.ts'

/** Files by their path inside a new folder; gives the folder. */
function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = newFolder()
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}

/** As those do who know that the file is read: aside first, then in its place at once. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}

const LISTENER = { http: { mode: 'forward', address: '127.0.0.1:0', filter: ['rules'] } }

describe('lists', () => {
  const folder = folderOf({
    'domains': 'denied.test\nbücher.test\nnot a domain\n',
    'hosts': '127.0.0.1 localhost\n0.0.0.0 exact.test\n',
    'cidr': '203.0.113.0/24\n127.0.0.2\n',
    'adblock': '! list\n||ads.test^\n@@||ads.test^*/fine\n/banner/*\n||typed.test^$script\n',
    'squidguard/games/domains': 'games.test\n',
    'squidguard/games/urls': 'site.test/play\n',
    'squidguard/warez/expressions': '(^|[./])crackz([./]|$)\n',
  })
  let origin: Origin
  let names: NameServer
  let program: Program
  /** What each request so far was decided by. */
  const decided: { readonly rule: string | null; readonly category: string | null }[] = []

  beforeAll(async () => {
    origin = await Origin.listen(answering())
    names = await NameServer.listen({ 'far.test': { a: ['127.0.0.2'] }, '*.test': { a: ['127.0.0.1'] }, ...KNOWN })
    const list = Object.fromEntries(
      ['domains', 'hosts', 'cidr', 'adblock'].map((format) => [format, { file: join(folder, format), format }]),
    )
    program = await Program.start({
      listener: LISTENER,
      dns: { servers: [names.authority], hosts: false },
      outgoing: { connect_ports: ['1-65535'] },
      list: { ...list, squidguard: { folder: join(folder, 'squidguard'), format: 'squidguard' } },
      rule: [...Object.keys(list), 'squidguard'].map((name) => ({ name, list: name, do: 'deny' })),
    })
  })

  afterAll(async () => {
    expect(program.ended, program.diagnostics).toBe(null)
    await program?.[Symbol.asyncDispose]()
    names?.close()
    origin?.close()
    rmSync(folder, { recursive: true })
  })

  const KNOWN = Object.fromEntries(
    'good denied a.denied xn--bcher-kva exact below.exact ads x.ads games www.games site crackz typed'.split(' ')
      .map((name) => [`${name}.test`, { a: ['127.0.0.1'] }]),
  )

  test.each<[string, string, string, string]>([
    ['good.test', '/', '', ''],
    ['denied.test', '/', 'domains', 'domains'],
    ['A.Denied.Test.', '/', 'domains', 'domains'],
    ['xn--bcher-kva.test', '/', 'domains', 'domains'],
    ['exact.test', '/', 'hosts', 'hosts'],
    ['below.exact.test', '/', '', ''],
    // By the address that the name has.
    ['far.test', '/', 'cidr', 'cidr'],
    ['203.0.113.7', '/', 'cidr', 'cidr'],
    ['x.ads.test', '/', 'adblock', 'adblock'],
    ['ads.test', '/so/fine', '', ''],
    ['good.test', '/banner/1.gif', 'adblock', 'adblock'],
    ['typed.test', '/', '', ''],
    ['www.games.test', '/', 'squidguard', 'games'],
    ['site.test', '/PLAY/now?x', 'squidguard', 'games'],
    ['site.test', '/%70lay', 'squidguard', 'games'],
    ['site.test', '/work', '', ''],
    ['crackz.test', '/', 'squidguard', 'warez'],
  ])('http://%s%s is denied by "%s"', async (host, path, rule, category) => {
    using client = await RawClient.connect(program.port())
    const authority = `${host}:${origin.port}`
    const url = `http://${authority}${path}`
    const answer = await client.ask(`GET ${url} HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`)
    expect(statusOf(answer)).toBe(rule === '' ? 200 : 403)
    decided.push({ rule: rule || null, category: category || null })
  })

  test('the access log has the rule and the category', async () => {
    expect(await program.accessLog(decided.length)).toMatchObject(decided)
  })

  test('CONNECT is judged by its host', async () => {
    for (const [host, status] of [['a.denied.test', 403], ['good.test', 200], ['www.games.test', 403]] as const) {
      using client = await RawClient.connect(program.port())
      const authority = `${host}:${origin.port}`
      await client.send(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
      expect([host, statusOf(await client.message(status === 200 ? 'bodiless' : 'response'))]).toEqual([host, status])
    }
  })

  test('what is wrong in them was reported with file and line', () => {
    expect(program.diagnostics).toContain(`${folder}/domains:3: `)
    expect(program.diagnostics).toContain('1 rules that a proxy cannot obey were skipped: 1 resource types')
    expect(program.diagnostics).not.toContain(`${folder}/hosts:`)
  })
})

describe('a list that changes under traffic', () => {
  let origin: Origin
  let names: NameServer

  beforeAll(async () => {
    origin = await Origin.listen(answering())
    names = await NameServer.listen({ 'old.test': { a: ['127.0.0.1'] }, 'new.test': { a: ['127.0.0.1'] } })
  })

  afterAll(() => {
    names?.close()
    origin?.close()
  })

  const started = (file: string) =>
    Program.start({
      listener: LISTENER,
      dns: { servers: [names.authority], hosts: false },
      list: { moving: { file, format: 'domains' } },
      rule: [{ list: 'moving', do: 'deny' }],
    })

  /** Asks for both until `ready` says so of their statuses; gives all that were seen, each once, in order. */
  async function ask(program: Program, ready: (both: string) => boolean, what: string): Promise<string[]> {
    const seen: string[] = []
    using client = await RawClient.connect(program.port())
    const asking = async () => {
      for (;;) {
        const both: number[] = []
        for (const host of ['old.test', 'new.test']) {
          const url = `http://${host}:${origin.port}/`
          both.push(statusOf(await client.ask(`GET ${url} HTTP/1.1\r\nHost: ${host}:${origin.port}\r\n\r\n`)))
        }
        const text = both.join(' ')
        if (seen.at(-1) !== text) seen.push(text)
        if (ready(text)) return seen
      }
    }
    return await within(asking(), what, () => `${seen.join(', ')}\n${program.diagnostics}`, 20_000)
  }

  test('is swapped by itself, at once as a whole', async () => {
    const folder = folderOf({ list: 'old.test\n' })
    const file = join(folder, 'list')
    await using program = await started(file)
    expect(await ask(program, () => true, 'an answer')).toEqual(['403 200'])
    replace(file, `${Array.from({ length: 100_000 }, (_, i) => `n${i}.test\n`).join('')}new.test\n`)
    const seen = await ask(program, (both) => both === '200 403', 'the new list')
    // Between two requests of a pair the list may have been swapped: never is there no list.
    expect(seen.filter((both) => both === '200 200')).toEqual([])
    await program.until(() => program.diagnostics.includes('100001 entries'), 'a report')
  })

  test('is swapped at once on SIGHUP; a broken file keeps the old one', async () => {
    const folder = folderOf({ list: 'old.test\n' })
    const file = join(folder, 'list')
    await using program = await started(file)
    replace(file, 'new.test\n')
    program.signal('SIGHUP')
    expect((await ask(program, (both) => both === '200 403', 'the new list')).at(-1)).toBe('200 403')
    replace(file, '<html>not found</html>\n')
    program.signal('SIGHUP')
    await program.until(() => program.diagnostics.includes('the old list is kept'), 'a report')
    expect(await ask(program, () => true, 'an answer')).toEqual(['200 403'])
    rmSync(file)
    await program.until(() => program.diagnostics.includes('is not there; the old list is kept'), 'a report')
    expect(await ask(program, () => true, 'an answer')).toEqual(['200 403'])
  })

  test('that is not there at start is why the program does not start', async () => {
    const program = Program.run({
      listener: LISTENER,
      list: { gone: { file: '/no/such/list', format: 'domains' } },
      rule: [{ list: 'gone', do: 'deny' }],
    })
    const { code } = await within(program.exited, 'the end', () => program.diagnostics, 40_000)
    // EX_NOINPUT of sysexits.h
    expect(code).toBe(66)
    expect(program.diagnostics).toMatch(/list\.gone.*\/no\/such\/list is not there/)
    program.kill()
  })
})

const why = lacking('squidGuard')

describe.skipIf(why !== '')(`beside squidGuard${why}`, () => {
  const files = {
    'db/cat/domains': 'dom.test\nsub.other.test\n192.0.2.9\n',
    'db/cat/urls': 'example.com/Path\nhost.test/a/b\nq.test/s?id=5\nported.test:8080/z\nwhole.test\nlong.test/~user/\n',
    'db/cat/expressions': '(^|[-./])SEX([-./]|$)\n[[:digit:]]{5}\\.mp3\n',
  }
  const URLS = [
    'http://dom.test/',
    'http://a.dom.test/x',
    'http://notdom.test/',
    'http://sub.other.test/',
    'http://other.test/',
    'http://192.0.2.9/',
    'http://example.com/Path',
    'http://example.com/path',
    'http://EXAMPLE.com/PATH/x',
    'http://example.com/pat',
    'http://www.example.com/path',
    'http://www2.example.com/path',
    'http://web.example.com/path',
    'http://ftp.example.com/path',
    'http://x.example.com/path',
    'http://www-x.example.com/path',
    'http://host.test/a/b',
    'http://host.test/a/bc',
    'http://host.test/a/b/c',
    'http://host.test/a/b?x',
    'http://host.test/a/%62',
    'http://host.test/a',
    'http://q.test/s?id=5',
    'http://q.test/s?id=55',
    'http://q.test/s?id=5&y',
    'http://q.test/s?id=4',
    'http://ported.test:8080/z',
    'http://ported.test/z',
    'http://long.test/~user/x',
    'http://long.test/~user',
    'http://n.test/a-sex-b',
    'http://n.test/essex',
    'http://sex.test/',
    'http://n.test/12345.mp3',
    'http://n.test/1234.mp3',
    'http://n.test/?q=12345.MP3',
  ]

  /** What squidGuard says of each: whether it is in the category. */
  async function guarded(folder: string): Promise<boolean[]> {
    const configuration =
      `dbhome ${folder}/db\nlogdir ${folder}\ndest cat {\n domainlist cat/domains\n urllist cat/urls\n ` +
      'expressionlist cat/expressions\n}\nacl {\n default {\n pass !cat all\n redirect http://blocked/\n }\n}\n'
    writeFileSync(join(folder, 'squidGuard.conf'), configuration)
    const child = spawn(installed('squidGuard'), ['-c', join(folder, 'squidGuard.conf')], { stdio: 'pipe' })
    child.stdin.end(URLS.map((url) => `${url} 192.0.2.1/- - GET\n`).join(''))
    let answers = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => answers += text)
    await within(new Promise((resolve) => child.once('close', resolve)), 'the end of squidGuard')
    return answers.trimEnd().split('\n').map((line) => line.includes('http://blocked/'))
  }

  test('the same URLs are in a category', async () => {
    const folder = folderOf(files)
    const theirs = await guarded(folder)
    expect(theirs).toHaveLength(URLS.length)
    using origin = await Origin.listen(answering())
    await using program = await Program.start({
      listener: LISTENER,
      list: { cat: { folder: join(folder, 'db'), format: 'squidguard' } },
      // What is not denied is answered here.
      rule: [{ list: 'cat', do: 'deny' }, { do: 'respond', text: 'fine' }],
    })
    const ours: boolean[] = []
    using client = await RawClient.connect(program.port())
    for (const url of URLS) {
      const host = url.split('/')[2]
      ours.push(statusOf(await client.ask(`GET ${url} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)) === 403)
    }
    expect(origin.requests).toEqual([])
    const said = (answers: readonly boolean[]) => URLS.map((url, i) => `${url} ${answers[i]}`)
    expect(said(ours)).toEqual(said(theirs))
  })
})
