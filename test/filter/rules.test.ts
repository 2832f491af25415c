import { describe, expect, test } from 'vitest'
import type { Subject, TlsFacts } from '../../core/filter/subject.ts'
import { type About, subjectOf } from './subject.ts'
import { deny, listsOf, rulesOf } from './table.ts'

const holds = (condition: string, subject: Subject): boolean => deny(condition).judge(subject).kind === 'decided'

/** Condition, what it holds for, what it does not. */
type Row = readonly [condition: string, yes: readonly Asked[], no: readonly Asked[]]
type Asked = string | readonly [url: string, about: About]

const made = (asked: Asked): Subject => typeof asked === 'string' ? subjectOf(asked) : subjectOf(...asked)

const from = (client: string): Asked => ['http://a.example/', { client }]
const who = (user: string): Asked => ['http://a.example/', { user }]
const by = (method: string): Asked => ['http://a.example/', { method }]
const at = (date: number, zone = 0): Asked => ['http://a.example/', { date, zone }]
const having = (fields: Record<string, string>): Asked => ['http://a.example/', { fields }]
const going = (...addresses: string[]): Asked => ['http://a.example/', { addresses }]
const inside = (tls: Partial<TlsFacts>): Asked => {
  return ['a.example:443', { tls: { tls: true, sni: '', ech: false, ...tls } }]
}
/** November 2026: the 22nd is a Sunday. */
const day = (date: number, hour: number, minute = 0) => Date.UTC(2026, 10, date, hour, minute)

const ROWS: readonly Row[] = [
  ['listener = "http"', ['http://a/'], [['http://a/', { listener: 'other' }]]],
  ['listener = ["http", "other"]', ['http://a/', ['http://a/', { listener: 'other' }]], []],

  ['client = "10.0.0.0/8"', [from('10.255.0.1')], [from('11.0.0.1'), from('9.255.255.255'), from(''), from('::1')]],
  ['client = "192.0.2.7"', [from('192.0.2.7')], [from('192.0.2.6'), from('192.0.2.70')]],
  ['client = ["2001:db8::/33", "::1"]', [from('2001:db8::5'), from('::1')], [
    from('2001:db8:8000::'),
    from('10.0.0.1'),
  ]],
  ['client = "::ffff:10.0.0.0/104"', [from('10.9.9.9')], [from('11.0.0.1')]],
  ['client = "0.0.0.0/0"', [from('255.255.255.255'), from('0.0.0.0')], [from('::1')]],
  ['client = "fe80::/10"', [from('fe80::1%eth0')], [from('fec0::1')]],
  [
    'client = ["10.0.0.1", "10.0.0.3", "10.0.0.2", "172.16.0.0/12", "192.168.0.0/16", "1.0.0.0/8"]',
    ['10.0.0.1', '10.0.0.2', '10.0.0.3', '172.31.255.255', '192.168.4.4', '1.255.255.255'].map(from),
    ['10.0.0.0', '10.0.0.4', '172.32.0.0', '192.167.255.255', '2.0.0.0', '0.255.255.255'].map(from),
  ],

  ['user = "alice"', [who('alice')], [who('Alice'), who('alice2'), who('')]],
  ['user = "*"', [who('alice')], [who('')]],
  ['user = ["a*e", "~^b[0-9]$"]', [who('alice'), who('b1')], [who('alicex'), who('b12'), who('')]],

  ['method = "GET"', [by('GET')], [by('get'), by('POST'), by('CONNECT')]],
  ['method = ["PUT", "CONNECT"]', [by('PUT'), 'a.example:443'], [by('GET')]],

  ['scheme = "http"', ['http://a/'], ['https://a/', 'a:443']],
  ['scheme = "https"', ['https://a/'], ['http://a/', 'a:443']],

  [
    'host = "example.com"',
    ['http://example.com/', 'http://www.EXAMPLE.com./', 'http://a.b.example.com/', 'example.com:443'],
    ['http://badexample.com/', 'http://example.com.evil.test/', 'http://example.co/', 'http://com/'],
  ],
  ['host = "=example.com"', ['http://example.com/', 'http://EXAMPLE.COM./'], ['http://www.example.com/']],
  ['host = "*.example.com"', ['http://www.example.com/', 'http://a.b.example.com/'], [
    'http://example.com/',
    'http://badexample.com/',
  ]],
  ['host = ".example.com"', ['http://www.example.com/'], ['http://example.com/']],
  ['host = "Ex*le.com."', ['http://example.com/', 'http://ex.mple.le.com/'], ['http://www.example.com/']],
  ['host = "ads*.example.com"', ['http://ads.example.com/', 'http://ads7.x.example.com/'], [
    'http://xads.example.com/',
    'http://ads.example.com.x/',
    'http://example.com/',
  ]],
  ['host = "*ads*"', ['http://ads/', 'http://my.ads.test/', 'http://roads.test/'], ['http://example.com/']],
  ['host = "*"', ['http://a/', 'http://[::1]/'], []],
  ['host = "~^ads?[0-9]*\\\\."', ['http://ad1.test/', 'http://ADS.test/'], ['http://bad1.test/']],
  ['host = "BÜCHER.example"', ['http://xn--bcher-kva.example/', 'http://www.xn--bcher-kva.example/'], [
    'http://bucher.example/',
  ]],
  ['host = "xn--bcher-kva.example"', ['http://xn--bcher-kva.example/'], []],
  ['host = "*.bücher.example"', ['http://a.xn--bcher-kva.example/'], ['http://xn--bcher-kva.example/']],
  ['host = "ads*.bücher.example"', ['http://ads1.xn--bcher-kva.example/'], ['http://xn--bcher-kva.example/']],
  ['host = "0x7f.1"', ['http://127.0.0.1/', 'http://2130706433/', 'http://0177.0.0.1/', 'http://[::ffff:7f00:1]/'], [
    'http://127.0.0.2/',
    'http://1.127.0.0.1/',
  ]],
  ['host = "127.0.0.1"', ['http://127.1/', 'http://127.0.0.1./'], ['http://a.127.0.0.1.test/']],
  ['host = "[2001:DB8:0::1]"', ['http://[2001:db8::1]/', 'http://[2001:db8:0:0::0:1]/'], ['http://[2001:db8::2]/']],
  ['host = ["a.test", "=b.test", "*.c.test", "d.test", "*.d.test", "e.test", "=f.e.test", "~^x"]', [
    'http://a.test/',
    'http://x.a.test/',
    'http://b.test/',
    'http://x.c.test/',
    'http://d.test/',
    'http://y.x.d.test/',
    'http://f.e.test/',
    'http://g.f.e.test/',
    'http://xyz/',
  ], ['http://c.test/', 'http://y.b.test/', 'http://test/', 'http://aa.test/']],

  ['port = 80', ['http://a/', 'http://a:80/'], ['http://a:81/', 'https://a/']],
  ['port = [443, "8000-8999"]', ['https://a/', 'http://a:8000/', 'http://a:8999/', 'a:443'], [
    'http://a:9000/',
    'http://a/',
  ]],

  [
    'path = "/a"',
    ['http://h/a', 'http://h/a/', 'http://h/a/b?c', 'http://h/%61', 'http://h/x/../a/b', 'http://h/./a'],
    [
      'http://h/ab',
      'http://h/A',
      'http://h/',
      'http://h/b/a',
      'h:443',
    ],
  ],
  ['path = "/a/"', ['http://h/a/', 'http://h/a/b'], ['http://h/a']],
  ['path = "/"', ['http://h', 'http://h/', 'http://h/a'], ['h:443']],
  ['path = "=/a"', ['http://h/a', 'http://h/a?b', 'http://h/b/../a'], ['http://h/a/', 'http://h/a/b']],
  ['path = "/a/*.gif"', ['http://h/a/b.gif', 'http://h/a/b/c.gif', 'http://h/a/.gif'], [
    'http://h/a/b.gif2',
    'http://h/b.gif',
    'http://h/a/b.GIF',
  ]],
  ['path = "*.exe"', ['http://h/a.exe', 'http://h/b/%61.%65xe'], ['http://h/a.exe/b']],
  ['path = "/caf\u00e9 x"', ['http://h/caf%c3%a9%20x', 'http://h/caf%C3%A9%20x/y'], ['http://h/caf%e9%20x']],
  ['path = "/a%2fb"', ['http://h/a%2Fb', 'http://h/a%2fb'], ['http://h/a/b']],
  ['path = "~/v[0-9]+/"', ['http://h/api/v12/x'], ['http://h/api/V12/x', 'h:443']],
  ['path = "~*/v[0-9]+/"', ['http://h/api/V12/x'], ['http://h/api/x']],
  ['path = ["/a", "/b"]', ['http://h/a', 'http://h/b/c'], ['http://h/c']],

  ['query = "sex"', ['http://h/?q=sex', 'http://h/?q=%73%65x&a'], [
    'http://h/?q=SEX',
    'http://h/sex',
    'http://h/',
    'h:443',
  ]],
  ['query = "=a=1"', ['http://h/?a=1', 'http://h/?%61=1'], ['http://h/?a=12']],
  ['query = "a=*&b=1"', ['http://h/?a=5&b=1'], ['http://h/?xa=5&b=1', 'http://h/?a=5&b=12']],
  ['query = "~^a=[0-9]$"', ['http://h/?a=5'], ['http://h/?a=55']],
  ['query = "\u00e9"', ['http://h/?x=%c3%A9'], ['http://h/?x=%e9']],

  ['header = { User-Agent = "curl" }', [having({ 'user-agent': 'Curl/8' }), having({ 'User-Agent': 'x CURL' })], [
    having({ 'user-agent': 'wget' }),
    having({ agent: 'curl' }),
  ]],
  ['header = { X-A = "" }', [having({ 'x-a': '' }), having({ 'x-a': 'b' })], [having({ 'x-b': 'b' })]],
  ['header = { X-A = ["=one", "t*o", "~^Three$"] }', [
    having({ 'x-a': 'One' }),
    having({ 'x-a': 'Tatoo' }),
    having({ 'x-a': 'Three' }),
  ], [having({ 'x-a': 'ones' }), having({ 'x-a': 'two things' }), having({ 'x-a': 'three' })]],
  ['header = { A = "1", B = "2" }', [having({ a: '1', b: '2' })], [having({ a: '1' }), having({ b: '2' })]],

  ['time = "mon-fri 08:00-17:00"', [at(day(23, 8)), at(day(25, 12)), at(day(27, 16, 59))], [
    at(day(23, 7, 59)),
    at(day(27, 17)),
    at(day(22, 12)),
    at(day(28, 12)),
  ]],
  ['time = "22:00-06:00"', [at(day(25, 22)), at(day(25, 5, 59)), at(day(22, 0)), at(day(28, 23)), at(day(22, 5))], [
    at(day(25, 6)),
    at(day(25, 21, 59)),
  ]],
  ['time = "fri 22:00-06:00"', [at(day(27, 23)), at(day(28, 5))], [at(day(26, 23)), at(day(27, 5)), at(day(28, 6))]],
  ['time = "sat 22:00-06:00"', [at(day(28, 23)), at(day(29, 5)), at(day(22, 5, 59))], [at(day(29, 6)), at(day(28, 5))]],
  ['time = "sat,sun"', [at(day(28, 0)), at(day(29, 23, 59))], [at(day(27, 23, 59)), at(day(30, 0))]],
  ['time = "fri-mon"', [at(day(27, 1)), at(day(28, 1)), at(day(29, 1)), at(day(30, 1))], [
    at(day(25, 1)),
    at(day(26, 1)),
  ]],
  ['time = "MTWHF 08:00-17:00"', [at(day(26, 9)), at(day(27, 9))], [at(day(28, 9)), at(day(29, 9))]],
  ['time = "SA"', [at(day(22, 1)), at(day(28, 1))], [at(day(23, 1)), at(day(27, 1))]],
  ['time = "D 8:00-9:00"', [at(day(27, 8))], [at(day(28, 8))]],
  ['time = "SAT"', [at(day(28, 8))], [at(day(22, 8)), at(day(24, 8))]],
  ['time = "daily 00:00-24:00"', [at(day(22, 0)), at(day(28, 23, 59))], []],
  ['time = ["mon", "Wednesday 10:00-11:00"]', [at(day(23, 1)), at(day(25, 10))], [at(day(25, 9)), at(day(24, 10))]],
  ['time = "wed 09:00-10:00"', [at(day(25, 8, 30), 60), at(day(25, 14), -300)], [
    at(day(25, 8, 30)),
    at(day(25, 9, 30), 60),
  ]],
  ['time = "thu 00:00-01:00"', [at(day(25, 23), 60), at(day(26, 3, 15), -180)], [at(day(25, 23))]],

  ['address = "10.0.0.0/8"', [going('10.1.1.1'), going('192.0.2.1', '10.1.1.1')], [going('192.0.2.1'), going()]],
  ['address = "fd00::/8"', [going('fd00::1')], [going('10.0.0.1')]],
  ['address = "127.0.0.1"', ['http://127.1/'], ['http://127.2/']],

  ['sni = "b.example"', [inside({ sni: 'b.example' }), inside({ sni: 'www.b.example' })], [
    inside({}),
    'b.example:443',
  ]],
  ['sni = "*"', [inside({ sni: 'b.example' })], [inside({})]],
  ['tls = true', [inside({})], [inside({ tls: false }), 'a.example:443', 'http://a/']],
  ['tls = false', [inside({ tls: false })], [inside({}), 'a.example:443', 'http://a/']],
  ['ech = true', [inside({ ech: true })], [inside({}), 'a.example:443']],
  ['ech = false', [inside({})], [inside({ ech: true }), 'a.example:443']],
  ['sni_mismatch = true', [inside({ sni: 'b.example' })], [inside({ sni: 'a.example' }), inside({}), 'a.example:443']],
  ['sni_mismatch = false', [inside({ sni: 'a.example' }), inside({})], [inside({ sni: 'b.example' }), 'a.example:443']],

  ['not = { sni = "b.example" }', [inside({ sni: 'c.example' }), inside({}), inside({ tls: false })], [
    inside({ sni: 'b.example' }),
    'a.example:443',
    'http://a.example/',
  ]],
  ['not = { any = [{ tls = true }] }', [inside({ tls: false })], [inside({}), 'a.example:443']],
  ['not = { not = { ech = true } }', [inside({ ech: true })], [inside({}), 'a.example:443']],
  ['any = [{ not = { sni = "*" } }, { host = "z.test" }]', [inside({}), 'http://z.test/'], ['http://a.test/']],

  ['not = { host = "a.test" }', ['http://b.test/'], ['http://a.test/', 'http://x.a.test/']],
  ['not = { host = "a.test", method = "GET" }', ['http://b.test/', ['http://a.test/', { method: 'PUT' }]], [
    'http://a.test/',
  ]],
  ['not = { not = { host = "a.test" } }', ['http://a.test/'], ['http://b.test/']],
  ['not = {}', [], ['http://a.test/']],
  ['any = [{ host = "a.test" }, { client = "10.9.0.0/16" }]', [
    'http://a.test/',
    ['http://b.test/', { client: '10.9.1.1' }],
  ], ['http://b.test/']],
  ['all = [{ any = [{ host = "a.test" }, { host = "b.test" }] }, { not = { host = "x.b.test" } }]', [
    'http://a.test/',
    'http://b.test/',
  ], ['http://x.b.test/', 'http://c.test/']],
  ['host = "a.test"\nmethod = "GET"\nport = 81', ['http://a.test:81/'], [
    'http://a.test/',
    'http://b.test:81/',
    ['http://a.test:81/', { method: 'PUT' }],
  ]],
  ['', ['http://a/', 'a:443'], []],
]

describe('a condition holds for what it says, and for nothing else', () => {
  test.each(ROWS)('%s', (condition, yes, no) => {
    for (const asked of yes) expect(holds(condition, made(asked)), `yes: ${JSON.stringify(asked)}`).toBe(true)
    for (const asked of no) expect(holds(condition, made(asked)), `no: ${JSON.stringify(asked)}`).toBe(false)
  })
})

describe('lists', () => {
  const lists = listsOf({ ads: { 'a.test': 'banners' }, work: { 'b.test': 'b.test' } })

  test('a condition holds where one of the lists has it, and says which category', () => {
    const rules = deny('list = ["ads", "work"]', lists)
    expect(rules.judge(subjectOf('http://a.test/'))).toMatchObject({ decision: { category: 'banners' } })
    expect(rules.judge(subjectOf('http://b.test/'))).toMatchObject({ decision: { category: 'work' } })
    expect(rules.judge(subjectOf('http://c.test/'))).toMatchObject({ kind: 'undecided' })
  })

  test('what was found beside the matter is not the category', () => {
    const rules = rulesOf(
      `[[rule]]\nlist = "ads"\nport = 81\ndo = "deny"\n[[rule]]\nnot = { list = "work" }\ndo = "close"\n`,
      lists,
    )
    expect(rules.judge(subjectOf('http://a.test/'))).toMatchObject({ index: 1, decision: { category: '' } })
  })

  test('are asked for each time, so that the next request sees another', () => {
    let now = lists
    const rules = deny('list = "ads"', { find: (name) => now.find(name) })
    expect(rules.judge(subjectOf('http://a.test/')).kind).toBe('decided')
    now = listsOf({ ads: { 'c.test': 'x' } })
    expect(rules.judge(subjectOf('http://a.test/')).kind).toBe('undecided')
    expect(rules.judge(subjectOf('http://c.test/')).kind).toBe('decided')
    now = listsOf({})
    expect(rules.judge(subjectOf('http://c.test/')).kind).toBe('undecided')
  })
})

describe('addresses that are not known', () => {
  const asked = (condition: string, about: About = {}) => {
    return deny(condition).judge(subjectOf('http://a.test/', { addresses: null, ...about })).kind
  }

  test.each([
    ['address = "10.0.0.0/8"', 'needs-address'],
    ['address = "10.0.0.0/8"\nhost = "a.test"', 'needs-address'],
    ['address = "10.0.0.0/8"\nhost = "b.test"', 'undecided'],
    ['not = { address = "10.0.0.0/8" }', 'needs-address'],
    ['not = { address = "10.0.0.0/8", host = "b.test" }', 'decided'],
    ['any = [{ address = "10.0.0.0/8" }, { host = "a.test" }]', 'decided'],
    ['any = [{ address = "10.0.0.0/8" }, { host = "b.test" }]', 'needs-address'],
    ['all = [{ address = "10.0.0.0/8" }, { host = "b.test" }]', 'undecided'],
    ['all = [{ address = "10.0.0.0/8" }, { host = "a.test" }]', 'needs-address'],
  ])('%s: %s', (condition, kind) => {
    expect(asked(condition)).toBe(kind)
    expect(asked(condition, { addresses: [] })).not.toBe('needs-address')
  })

  test('nothing is counted until they are', () => {
    const rules = rulesOf(`[[rule]]
do = "deny"
report_only = true
[[rule]]
address = "10.0.0.0/8"
do = "deny"
`)
    expect(rules.judge(subjectOf('http://a.test/')).kind).toBe('needs-address')
    expect([...rules.reports]).toEqual([0, 0])
    expect(rules.judge(subjectOf('http://a.test/', { addresses: ['10.1.1.1'] })).kind).toBe('decided')
    expect([[...rules.reports], [...rules.hits]]).toEqual([[1, 0], [0, 1]])
  })

  test('a rule before it decides without', () => {
    const rules = rulesOf('[[rule]]\nhost = "a.test"\ndo = "permit"\n[[rule]]\naddress = "10.0.0.0/8"\ndo = "deny"\n')
    expect(rules.judge(subjectOf('http://a.test/')).kind).toBe('decided')
    expect(rules.judge(subjectOf('http://b.test/')).kind).toBe('needs-address')
  })
})

describe('the table', () => {
  const TABLE = `[[rule]]
name = "first"
host = "a.test"
path = "/x"
do = "deny"
[[rule]]
host = "test"
do = "close"
report_only = true
[[rule]]
host = "a.test"
do = "permit"
[[rule]]
do = "close"
`

  test('the first that holds decides', () => {
    const rules = rulesOf(TABLE)
    const index = (url: string) => {
      const judgement = rules.judge(subjectOf(url))
      return judgement.kind === 'decided'
        ? [judgement.index, judgement.reported.map((hit) => hit.index)]
        : judgement.kind
    }
    expect(index('http://a.test/x')).toEqual([0, []])
    expect(index('http://a.test/')).toEqual([2, [1]])
    expect(index('http://b.test/')).toEqual([3, [1]])
    expect(index('http://b.example/')).toEqual([3, []])
    expect([...rules.hits]).toEqual([1, 0, 1, 2])
    expect([...rules.reports]).toEqual([0, 2, 0, 0])
  })

  test('rules that are skipped are not asked', () => {
    const rules = rulesOf(TABLE)
    expect(rules.judge(subjectOf('http://a.test/x'), new Set([0, 1]))).toMatchObject({ index: 2, reported: [] })
    expect(rules.judge(subjectOf('http://a.test/x'), new Set([0, 1, 2, 3]))).toMatchObject({ kind: 'undecided' })
  })

  test('a rule that only reports decides nothing, and says what it would have', () => {
    const rules = rulesOf('[[rule]]\ndo = "deny"\nreason = "no"\nreport_only = true\n')
    expect(rules.judge(subjectOf('http://a/'))).toMatchObject({
      kind: 'undecided',
      reported: [{ index: 0, decision: { kind: 'deny', reason: 'no', rule: '1' } }],
    })
  })

  test('says whether it asks about TLS', () => {
    expect(rulesOf(TABLE).asksTls).toBe(false)
    expect(rulesOf('[[rule]]\nnot = { any = [{ ech = true }] }\ndo = "deny"\n').asksTls).toBe(true)
  })

  test('nothing is made for a request that no rule is about', () => {
    const rules = rulesOf('[[rule]]\nhost = "b.test"\ndo = "deny"\n')
    expect(rules.judge(subjectOf('http://a/'))).toBe(rules.judge(subjectOf('http://c/')))
  })
})
