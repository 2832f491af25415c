import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HelperWorld } from './helper_world.ts'
import { curl, installed, lacking, newFolder, run } from './peers.ts'
import { childrenOf, isRunning } from './processes.ts'
import { until } from './waiting.ts'
import { statusOf, valueOf } from './wire.ts'

const missing = lacking('squidGuard', 'curl')

/** Domains of the category: a list as large as those that are given away. */
const DOMAINS = 60_000
const BLOCK = 'http://block.test/?client=127.0.0.1&class=default&target=adult&url='

/** A folder with a configuration and a list, made into a database by squidGuard itself. */
async function database(): Promise<string> {
  const folder = newFolder()
  mkdirSync(join(folder, 'db/adult'), { recursive: true })
  const many = Array.from({ length: DOMAINS }, (_, i) => `bad-${i}.example\n`)
  writeFileSync(join(folder, 'db/adult/domains'), `${many.join('')}blocked.test\n`)
  writeFileSync(join(folder, 'db/adult/urls'), 'site.test/bad\nsite.test/worse/of/all\n')
  writeFileSync(join(folder, 'db/adult/expressions'), '(casino|poker)[0-9]*\\.html\n')
  writeFileSync(
    join(folder, 'squidGuard.conf'),
    `dbhome ${folder}/db
logdir ${folder}
src kids {
  ip 127.0.0.2
}
dest adult {
  domainlist adult/domains
  urllist adult/urls
  expressionlist adult/expressions
}
acl {
  kids {
    pass none
    redirect http://good.test:KIDSPORT/kids?c=%a
  }
  default {
    pass !adult all
    redirect 302:http://block.test/?client=%a&class=%s&target=%t&url=%u
  }
}
`,
  )
  const { code, errors } = await run('squidGuard', ['-c', join(folder, 'squidGuard.conf'), '-C', 'all'])
  if (code !== 0) throw new Error(`squidGuard -C all ended with ${code}: ${errors} ${logOf(folder)}`)
  return folder
}

const logOf = (folder: string): string => readFileSync(join(folder, 'squidGuard.log'), 'utf8')

describe.skipIf(missing !== '')(`squidGuard with ${DOMAINS} domains${missing}`, () => {
  let folder: string
  let world: HelperWorld

  beforeAll(async () => {
    folder = await database()
    world = await HelperWorld.start({
      program: [installed('squidGuard'), '-c', join(folder, 'squidGuard.conf')],
      minimum: 2,
      maximum: 4,
      queue: 1000,
    })
    // In that mode it lets everything through.
    expect(logOf(folder)).not.toMatch(/emergency/i)
  }, 60_000)

  afterAll(async () => {
    await world?.[Symbol.asyncDispose]()
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  })

  const fetch = async (url: string, ...words: string[]) => {
    const proxy = `http://127.0.0.1:${world.program.port()}`
    const { output } = await curl('-x', proxy, '-o', '/dev/null', '-w', '%{http_code} %{redirect_url}', ...words, url)
    return output.toString()
  }

  const guards = () => world.program.workers.flatMap(childrenOf)

  test.each<[string, string]>([
    ['a host that is on no list', 'http://good.test:[origin]/page'],
    ['a path that is on no list', 'http://site.test:[origin]/good'],
    ['the beginning of a name', 'http://old.test:[origin]/blocked.test'],
    ['an address', 'http://127.0.0.1:[origin]/'],
  ])('lets through: %s', async (_, url) => {
    const before = world.requests.length
    expect(await fetch(url.replace('[origin]', String(world.origin.port)))).toBe('200 ')
    expect(world.requests.length).toBe(before + 1)
  })

  test.each<[string, string]>([
    ['a domain', 'http://blocked.test/'],
    ['a domain with a port', 'http://blocked.test:8080/page?q=1'],
    ['what is below it', 'http://www.blocked.test/'],
    ['letters of any case', 'http://WWW.Blocked.TEST/'],
    ['the last of the list', `http://bad-${DOMAINS - 1}.example/`],
    ['a URL', 'http://site.test/bad/page.html'],
    ['an expression', 'http://old.test/x/poker7.html'],
  ])('redirects to the page: %s', async (_, url) => {
    const before = world.requests.length
    const said = await fetch(url)
    expect(said.toLowerCase()).toBe(`302 ${BLOCK}${url}`.toLowerCase())
    expect(world.requests.length).toBe(before)
  })

  test('a tunnel', async () => {
    const good = await world.connect('good.test')
    expect([good.status, good.origin]).toEqual([200, 'GET /inside HTTP/1.1 @ inside'])
    const bad = await world.connect('blocked.test')
    expect([bad.status, bad.location, bad.origin]).toEqual([302, `${BLOCK}blocked.test:${world.origin.port}`, ''])
  })

  test('who asks matters: all is rewritten for some', async () => {
    const { port } = world.origin
    // Where to is known only now; those that run have read the file.
    const conf = join(folder, 'squidGuard.conf')
    writeFileSync(conf, readFileSync(conf, 'utf8').replace('KIDSPORT', String(port)))
    await using other = await HelperWorld.start({ program: [installed('squidGuard'), '-c', conf] })
    const before = world.requests.length
    const { output } = await curl(
      '-x',
      `http://127.0.0.1:${other.program.port()}`,
      '--interface',
      '127.0.0.2',
      `http://site.test:${port}/anything`,
    )
    expect(output.toString()).toBe('hello\n')
    expect(world.requests.slice(before).map(({ line }) => line)).toEqual(['GET /kids?c=127.0.0.2 HTTP/1.1'])
  })

  test('one of them killed while many ask: each is answered, and nothing slips through', async () => {
    const { port } = world.origin
    const authority = `good.test:${port}`
    await until(() => guards().length >= 2, 'two programs at work')
    const answers: Record<string, number> = {}
    let served = 0
    let killed = 0
    const before = world.requests.length
    const victims = guards()
    const ask = async (round: number) => {
      using client = await world.client()
      for (let i = 0; i < 50; i++) {
        const blocked = (i + round) % 2 === 0
        const url = blocked ? `http://bad-${i}.example/` : `http://${authority}/${round}/${i}`
        const host = blocked ? `bad-${i}.example` : authority
        const answer = await client.ask(`GET ${url} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
        const words = `${statusOf(answer)} ${
          blocked ? valueOf(answer, 'location') === BLOCK + url : answer.body.toString()
        }`
        answers[words] = (answers[words] ?? 0) + 1
        served++
        // One after the other, all that were there at the beginning.
        if (served % 200 === 100 && victims.length > 0) {
          process.kill(victims.pop()!, 'SIGKILL')
          killed++
        }
      }
    }
    await Promise.all(Array.from({ length: 20 }, (_, round) => ask(round)))
    expect(killed).toBeGreaterThanOrEqual(2)
    expect(answers).toEqual({ '200 hello\n': 500, '302 true': 500 })
    expect(world.requests.length - before).toBe(500)
  }, 60_000)

  test('expressions, which it reads at its start, are read anew on SIGHUP, while many ask', async () => {
    const added = 'http://good.test/brand-new/'
    const url = `http://good.test:${world.origin.port}/brand-new/`
    expect(await fetch(url)).toBe('200 ')
    appendFileSync(join(folder, 'db/adult/expressions'), '/brand-new/\n')
    expect(await fetch(url)).toBe('200 ')
    let asking = true
    const statuses = new Set<number>()
    const load = Promise.all(Array.from({ length: 4 }, async () => {
      while (asking) statuses.add((await world.get('/meanwhile', [], 'good.test')).status)
    }))
    const old = new Set(guards())
    world.program.signal('SIGHUP')
    await until(() => guards().length >= 2 && guards().every((pid) => !old.has(pid)), 'other children')
    expect(await fetch(added)).toBe(`302 ${BLOCK}${added}`)
    asking = false
    await load
    expect([...statuses]).toEqual([200])
  })

  test('goes with the proxy, however that ends', async () => {
    const other = await HelperWorld.start({ program: [installed('squidGuard'), '-c', join(folder, 'squidGuard.conf')] })
    const guards = other.program.workers.flatMap(childrenOf)
    expect(guards.length).toBeGreaterThan(0)
    for (const pid of other.program.workers) process.kill(pid, 'SIGKILL')
    await until(() => guards.every((pid) => !isRunning(pid)), 'the end of the programs')
    await other[Symbol.asyncDispose]()
  })
})
