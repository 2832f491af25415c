import { describe, expect, test } from 'vitest'
import { main } from '../../core/cli/main.ts'
import { readTime, timeText } from '../../core/cli/wall_time.ts'
import { EXIT } from '../../core/exit_codes.ts'
import { MemoryClock } from '../memory/clock.ts'
import { Machine } from '../memory/machine.ts'

const CONFIG = `[listener.http]
address = "127.0.0.1:0"
filter = ["guard", "rules", "clam"]
peek = true
[listener]
open = { address = "127.0.0.1:0", filter = [] }
[listener.asked]
mode = "icap"
address = "127.0.0.1:0"
[helper.guard]
program = ["/bin/guard"]
[icap.clam]
url = "icap://127.0.0.1/av"

[list.ads]
file = "/ads"

[[rule]]
name = "every matcher"
listener = "http"
client = "10.0.0.0/8"
user = "al"
method = "GET"
scheme = "http"
host = "example.com"
port = 8080
path = "/a"
query = "q"
header = { User-Agent = "curl" }
list = "ads"
time = "wed 09:00-10:00"
address = "192.0.2.0/24"
not = { host = "www.example.com" }
any = [{ port = 80 }, { port = 8080 }]
all = [{ method = "GET" }]
do = "redirect"
to = "https://block.test/?u={url}"
reason = "by test"

[[rule]]
name = "all of TLS"
sni = "in.test"
tls = true
ech = true
sni_mismatch = true
do = "close"

[[rule]]
host = "old.test"
do = "rewrite"
to = "http://new.test{path}"
set = { X-Was = "{host}" }
append = { A = "b" }
remove = "Referer"
cookie = { c = "d", e = "" }
safe_search = "strict"
parent = "p"
[[rule]]
host = "new.test"
do = "respond"
text = "here"

[[rule]]
host = "try.test"
do = "deny"
report_only = true

[[rule]]
host = "try.test"
do = "intercept"
to = "127.0.0.1:81"

[[rule]]
host = "inner.test"
address = "10.0.0.0/8"
do = "deny"

[[rule]]
host = "fine.test"
do = "permit"
final = true

[parent.p]
servers = ["192.0.2.1:3128"]
`

async function run(args: readonly string[], config = CONFIG, files: Readonly<Record<string, string>> = {}) {
  const machine = new Machine({ arguments: ['-c', '/c.toml', ...args] })
  machine.files.put('/c.toml', config)
  machine.files.put('/ads', 'example.com\n')
  for (const [path, text] of Object.entries(files)) machine.files.put(path, text)
  const code = await main(machine, () => Promise.reject(new Error('nothing is started')))
  return { code, printed: machine.output.text, complained: machine.errors.text }
}

const explained = async (...args: string[]) => {
  const { code, printed, complained } = await run(['rules', 'test', ...args])
  expect([code, complained]).toEqual([EXIT.ok, ''])
  return printed
}

/** All that the first rule asks for. */
const FITS = [
  'http://EXAMPLE.com:8080/%61/b?q=1',
  '--client=10.1.1.1',
  '--user=al',
  '--time=2026-11-25 09:30',
  '--header=User-Agent: curl/8',
  '--address=192.0.2.1',
]

describe('rules test', () => {
  test('says why a rule decides, condition by condition', async () => {
    expect(await explained(...FITS)).toBe(`GET http://EXAMPLE.com:8080/%61/b?q=1
from 10.1.1.1 (al) at wed 2026-11-25 09:30
listener http asks: helper.guard (asked at run time), rules, icap.clam (asked at run time)

rule 1 "every matcher" holds  # /c.toml:18
  + listener "http": http
  + method "GET": GET
  + scheme "http": http
  + port 8080: 8080
  + host "example.com": example.com
  + user "al": al
  + client "10.0.0.0/8": 10.1.1.1
  + time "wed 09:00-10:00": wed 09:30
  + path "/a": /a/b
  + query "q": q=1
  + header User-Agent "curl": "curl/8"
  + list "ads": in ads, by example.com
  + not
    - host "www.example.com": example.com
  + all
    + all[1]
      + method "GET": GET
  + any
    - any[1]
      - port 80: 8080
    + any[2]
      + port 8080: 8080
  + address "192.0.2.0/24": 192.0.2.1

rule 1 "every matcher" decides: redirect (302) to https://block.test/?u=http%3A%2F%2FEXAMPLE.com%3A8080%2F%2561%2Fb%3Fq%3D1
  reason: by test
  category: ads
`)
  })

  test.each<[string, string, string]>([
    ['--client=11.1.1.1', '- client "10.0.0.0/8": 11.1.1.1', 'client'],
    ['--user=bo', '- user "al": bo', 'user'],
    ['--method=PUT', '- method "GET": PUT', 'method'],
    ['--listener=open', '- listener "http": open', 'listener'],
    ['--time=2026-11-25 10:00', '- time "wed 09:00-10:00": wed 10:00', 'time'],
    ['--time=2026-11-26 09:30', '- time "wed 09:00-10:00": thu 09:30', 'day'],
  ])('%s does not fit', async (change, line) => {
    const name = change.slice(0, change.indexOf('='))
    const printed = await explained(...FITS.filter((word) => !word.startsWith(`${name}=`)), change)
    expect(printed).toContain('rule 1 "every matcher" does not hold')
    expect(printed).toContain(`\n  ${line}\n`)
    expect(printed).toContain('no rule decides: permit\n')
  })

  test('a URL of https is a tunnel, and what is inside may be said', async () => {
    const printed = await explained('https://out.test/a', '--sni=In.test', '--ech')
    expect(printed).toContain('CONNECT out.test:443\n(a client asks for a tunnel to fetch this; ')
    expect(printed).toContain(`rule 2 "all of TLS" holds  # /c.toml:40
  + tls true: true
  + ech true: true
  + sni_mismatch true: true
  + sni "in.test": in.test

rule 2 "all of TLS" decides: close the connection
`)
    expect(await explained('out.test:8443')).toContain('CONNECT out.test:8443\nfrom')
    expect(await explained('https://out.test/a', '--method=GET', '--listener=asked')).toContain(
      'GET https://out.test/a\nfrom',
    )
  })

  test('a rewrite is followed', async () => {
    const printed = await explained('http://old.test/x')
    expect(printed).toContain(`rule 3 decides: rewrite to http://new.test/x
  set X-Was: old.test
  append A: b
  remove Referer
  cookie c=d
  remove cookie e
  safe search: strict
  parent: p

GET http://new.test/x
rules about where it goes are asked again
`)
    expect(printed).toContain('rule 4 decides: respond (200) with a text as text/plain; charset=utf-8\n')
    expect(printed.match(/rule 3/g)).toHaveLength(2)
  })

  test('a rule that only reports is passed', async () => {
    const printed = await explained('try.test')
    expect(printed).toContain('  would deny (403), but only reports\n')
    expect(printed).toContain('rule 6 decides: intercept: connect to 127.0.0.1:81\n')
  })

  test('what depends on an address is said to, and not guessed', async () => {
    const printed = await explained('http://inner.test/')
    expect(printed).toContain(`rule 7 depends on the address of the destination  # /c.toml:73
  + host "inner.test": inner.test
  ? address "10.0.0.0/8": not looked up

rule 7 may decide: it needs the address of inner.test; say it with --address
`)
    expect(await explained('http://inner.test/', '--address=10.2.2.2')).toContain('rule 7 decides: deny (403)\n')
    expect(await explained('http://inner.test/', '--address=11.2.2.2')).toContain('no rule decides: permit\n')
  })

  test('the end of the chain, and a listener that does not ask', async () => {
    expect(await explained('http://fine.test/')).toContain('rule 8 decides: permit, and ask nobody else\n')
    expect(await explained('http://fine.test/', '--listener=open')).toContain(
      'listener open asks nobody (listener.open.filter is empty)\n',
    )
  })

  test('any letters may be used', async () => {
    expect(await explained('http://Bücher.test/é x')).toContain('GET http://xn--bcher-kva.test/%C3%A9%20x\n')
  })

  test.each<[string[], string]>([
    [[], 'exaproxy rules test needs a URL'],
    [['http://a/', 'b'], 'there are too many arguments'],
    [['https://a/', '--method=GET'], 'no request is made of that: wrong-scheme'],
    [['http://a b/'], 'no request is made of that'],
    [['http://a/', '--client=b'], '--client "b" is not an IP address'],
    [['http://a/', '--address=b'], '--address "b" is not an IP address'],
    [['http://a/', '--time=noon'], '--time "noon": write it as "2026-11-25 09:00" or "09:00"'],
    [['http://a/', '--time=2026-02-30 09:00'], '--time "2026-02-30 09:00": write it'],
    [['http://a/', '--header=nothing'], '--header "nothing": write it as "Name: value"'],
    [['http://a/', '--header=a b: c'], 'no request is made of that'],
    [['http://a/', '--listener=htp'], 'there is no listener "htp"; did you mean http?'],
    [['http://a/', '--sni=b'], '--sni and --ech are of what is inside a tunnel'],
    [['https://a/', '--sni=b c'], '--sni "b c" is not a name'],
    [['http://a/', '--clint=b'], 'there is no option --clint; did you mean --client?'],
  ])('%j is refused', async (args, words) => {
    const { code, complained } = await run(['rules', 'test', ...args])
    expect([code, complained]).toEqual([EXIT.usage, expect.stringContaining(words)])
  })

  test('a list that is not there is a problem, a bad line in it a warning', async () => {
    const missing = await run(['rules', 'test', 'http://a/'], CONFIG.replace('"/ads"', '"/nowhere"'))
    expect([missing.code, missing.complained]).toEqual([EXIT.no_input, 'exaproxy: list.ads: /nowhere is not there\n'])
    const bad = await run(['rules', 'test', 'http://a/'], CONFIG, { '/ads': 'a.test\n%%\n' })
    expect(bad.code).toBe(EXIT.ok)
    expect(bad.complained).toContain('exaproxy: warning: list.ads: /ads:2: ')
  })
})

describe('rules list', () => {
  test('says what there is', async () => {
    const { code, printed } = await run(['rules', 'list'])
    expect(code).toBe(EXIT.ok)
    expect(printed.split('\n')[0]).toBe(
      '1  every matcher  redirect https://block.test/?u={url}  /c.toml:18',
    )
    expect(printed).toContain('\n5                 deny (report only)                    /c.toml:63\n')
    expect((await run(['rules', 'list'], '')).printed).toBe('There are no rules.\n')
  })

  test.each<[string[], string]>([
    [['rules'], 'say what: exaproxy rules test or exaproxy rules list'],
    [['rules', 'tset'], 'there is no command rules "tset"; did you mean test?'],
    [['rules', 'list', 'x'], 'there are too many arguments'],
    [['rules', 'list', '--user=x'], 'belong to exaproxy rules test'],
    [['config', '--ech'], 'belong to exaproxy rules test'],
  ])('%j is refused', async (args, words) => {
    const { code, complained } = await run(args)
    expect([code, complained]).toEqual([EXIT.usage, expect.stringContaining(words)])
  })
})

describe('times', () => {
  test('are those of the clock on the wall', () => {
    const clock = new MemoryClock(Date.UTC(2026, 10, 25, 23, 30))
    clock.ahead = 120
    expect(readTime(clock, '2026-03-01 00:10')).toBe(Date.UTC(2026, 1, 28, 22, 10))
    // It is tomorrow already.
    expect(readTime(clock, '9:05')).toBe(Date.UTC(2026, 10, 26, 7, 5))
    expect(timeText(Date.UTC(2026, 10, 25, 23, 30), 120)).toBe('thu 2026-11-26 01:30')
    for (const text of ['', '24:00', '9', '9:60', '2026-13-01 00:00', '2025-02-29 00:00', 'x 09:00']) {
      expect(readTime(clock, text), text).toBe(null)
    }
    for (const day of ['1970-01-01', '2000-02-29', '2024-12-31', '2100-03-01']) {
      expect(readTime(clock, `${day} 02:00`), day).toBe(Date.parse(`${day}T00:00:00Z`))
    }
  })

  test('the hour that a clock set forward leaves out is read all the same', () => {
    const clock = new MemoryClock()
    const change = Date.UTC(2026, 2, 29, 1)
    Object.assign(clock, { zone: (date: number) => date < change ? 60 : 120 })
    expect(readTime(clock, '2026-03-29 01:30')).toBe(Date.UTC(2026, 2, 29, 0, 30))
    expect(readTime(clock, '2026-03-29 03:30')).toBe(Date.UTC(2026, 2, 29, 1, 30))
    expect(readTime(clock, '2026-10-25 12:00')).toBe(Date.UTC(2026, 9, 25, 10))
  })
})
