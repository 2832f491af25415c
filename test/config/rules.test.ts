import { describe, expect, test } from 'vitest'
import { configure } from '../../core/config/include.ts'
import { load } from '../../core/config/load.ts'
import { report } from '../../core/config/report.ts'
import { formatProblem } from '../../core/config/sources.ts'
import { SystemFailure } from '../../core/runtime.ts'
import { Machine } from '../memory/machine.ts'

const LISTENER = '[listener.http]\naddress = "127.0.0.1:0"\nfilter = ["rules"]\n'

const read = (text: string) => load({ file: { name: 'f.toml', text }, environment: {}, sets: [] })

function settingsOf(text: string) {
  const { settings, problems } = read(text)
  expect(problems.map(formatProblem)).toEqual([])
  return settings!
}

const complaints = (text: string) => {
  const { problems, warnings } = read(text)
  return [...problems, ...warnings].map(formatProblem)
}

describe('rules in the file', () => {
  test('all defaults, and a single value where there may be several', () => {
    expect(settingsOf(`${LISTENER}[[rule]]\nhost = "a"\nport = 80\nremove = "B"\ndo = "rewrite"\n`).rule).toEqual([{
      name: '',
      host: ['a'],
      port: [{ first: 80, last: 80 }],
      do: 'rewrite',
      to: '',
      status: 0,
      reason: '',
      set: {},
      append: {},
      remove: ['B'],
      cookie: {},
      file: '',
      text: '',
      type: '',
      report_only: false,
      final: false,
      safe_search: '',
      parent: '',
      or_direct: false,
      bind: [],
    }])
  })

  const RULES = `[[rule]]
do = "deny"
not = { host = "a", any = [{ port = 1 }, { client = ["10.0.0.1", "10.0.0.0/8"] }] }
header = { User-Agent = "curl", A = ["b", ""] }
[[rule]]
set.A = "b"
do = "rewrite"
append = { "x-y" = "c", z = "d" }
`
  const SAME = `rule = [
  { do = "deny", not.host = "a", not.any = [{ port = [1] }, { client = ["10.0.0.1", "10.0.0.0/8"] }], header.User-Agent = ["curl"], header.A = ["b", ""] },
  { do = "rewrite", set = { A = "b" }, append = { x-y = "c", z = "d" } },
]
`
  const TABLES = `[[rule]]
do = "deny"
[rule.not]
host = ["a"]
[[rule.not.any]]
port = "1"
[[rule.not.any]]
client = ["10.0.0.1/32", "10.1.1.1/8"]
[rule.header]
User-Agent = "curl"
A = ["b", ""]
[[rule]]
do = "rewrite"
[rule.set]
A = "b"
[rule.append]
x-y = "c"
z = "d"
`

  test('however they are written they are the same', () => {
    const { rule } = settingsOf(LISTENER + RULES)
    expect(settingsOf(SAME + LISTENER).rule).toEqual(rule)
    expect(settingsOf(LISTENER + TABLES).rule).toEqual(rule)
    expect(rule).toMatchObject([
      {
        not: { host: ['a'], any: [{ port: [{ first: 1, last: 1 }] }, { client: ['10.0.0.1/32', '10.0.0.0/8'] }] },
        header: { 'User-Agent': ['curl'], A: ['b', ''] },
      },
      { set: { A: 'b' }, append: { 'x-y': 'c', z: 'd' } },
    ])
  })

  test('are told back as they were, with where each stands', () => {
    const { settings, origins } = read(LISTENER + RULES)
    const text = report(settings!, origins)
    expect(settingsOf(text)).toEqual(settings)
    expect(settingsOf(report(settings!, origins, true))).toEqual(settings)
    expect(text).toContain(`[[rule]]
header = { User-Agent = "curl", A = ["b", ""] }  # f.toml:7
`)
    expect(text).toContain('do = "deny"                                   # f.toml:5\n')
  })

  test.each<[rule: string, complaint: string]>([
    ['host = "a"', 'f.toml:4: rule.1.do: is missing; it is one of "permit", "deny", '],
    ['hots = "a"', 'f.toml:5: rule.1.hots: there is no option of that name; did you mean host?'],
    ['host = 5', 'f.toml:5: rule.1.host: 5 is not a pattern of names'],
    ['host = "a b"', 'f.toml:5: rule.1.host: "a b" is no name of a host'],
    ['host = ["a", "b", "c d"]', 'f.toml:5: rule.1.host: "c d" is no name of a host (number 3 of the list)'],
    ['host = []', 'f.toml:5: rule.1.host: is empty'],
    ['host = "~("', 'f.toml:5: rule.1.host: "~(" is no regular expression: '],
    ['path = "a"', 'f.toml:5: rule.1.path: "a" does not begin with "/"'],
    ['path = "/a?b"', 'f.toml:5: rule.1.path: "/a?b" has a "?": what follows it is for query'],
    ['client = "10.0.0.0/33"', 'f.toml:5: rule.1.client: "10.0.0.0/33" is not a network'],
    ['client = "localhost"', 'f.toml:5: rule.1.client: "localhost" is not a network'],
    ['user = ""', 'f.toml:5: rule.1.user: "" is empty: a request without a user is matched by not = { user = "*" }'],
    ['port = 0', 'f.toml:5: rule.1.port: 0 is not a port or a range of ports'],
    ['port = "9-8"', 'f.toml:5: rule.1.port: "9-8" is not a port or a range of ports'],
    ['method = "G T"', 'f.toml:5: rule.1.method: "G T" is not a method'],
    ['scheme = "ftp"', 'f.toml:5: rule.1.scheme: "ftp" is not one of "http", "https"'],
    ['time = "foo"', 'f.toml:5: rule.1.time: "foo" has days that are none: foo'],
    ['time = "mon 8-9"', 'f.toml:5: rule.1.time: "mon 8-9" is not a time, as "mon-fri 08:00-17:00"'],
    ['time = "25:00-26:00"', 'f.toml:5: rule.1.time: "25:00-26:00" has hours that are none: 25:00-26:00'],
    ['time = "08:00-08:00"', 'f.toml:5: rule.1.time: "08:00-08:00" has hours that are none'],
    ['time = 08:00:00', 'f.toml:5: rule.1.time: '],
    ['header = { "a b" = "c" }', 'f.toml:5: rule.1.header.a b: '],
    ['header = "a"', 'f.toml:5: rule.1.header: "a" is not a table; write it as { "User-Agent" = "curl" }'],
    ['tls = "yes"', 'f.toml:5: rule.1.tls: "yes" is not true or false'],
    ['not = { hots = "a" }', 'f.toml:5: rule.1.not: hots: there is no condition of that name'],
    ['not = { host = ["a", "b c"] }', 'f.toml:5: rule.1.not.host: "b c" is no name of a host (number 2 of the list)'],
    ['not = "a"', 'f.toml:5: rule.1.not: is not a table of conditions'],
    ['any = { host = "a" }', 'f.toml:5: rule.1.any: is not a list of tables'],
    ['any = [{ host = "a b" }]', 'f.toml:5: rule.1.any.0.host: "a b" is no name of a host'],
    ['list = "x"', 'f.toml:5: rule.1.list: there is no list "x"; there is none: add [list.x]'],
    ['listener = "htp"', 'f.toml:5: rule.1.listener: there is no listener "htp"; did you mean http?'],
    ['not = { listener = "x" }', 'f.toml:5: rule.1.not.listener: there is no listener "x"; there are http'],
    ['do = "redirect"', 'f.toml:5: rule.1.do: '],
    ['set = { A = 5 }', 'f.toml:5: rule.1.set.A: 5 is not a text; write it in quotes'],
    ['do = 5', 'f.toml:5: rule.1.do: 5 is not one of "permit"'],
  ])('%s', (rule, complaint) => {
    const given = rule.startsWith('do') || rule === 'host = "a"' ? rule : `${rule}\ndo = "deny"`
    const found = complaints(`${LISTENER}[[rule]]\n${given}\n`)
    // `do = "redirect"` is told about by the next table.
    if (rule === 'do = "redirect"') return
    expect(found[0]).toContain(complaint)
  })

  test.each<[rule: string, complaint: string]>([
    ['do = "redirect"', 'f.toml:4: rule.1.to: is missing: where to?'],
    ['do = "redirect"\nto = "/a"', 'f.toml:6: rule.1.to: "/a" is not an absolute URL'],
    ['do = "redirect"\nto = "ftp://a/"', 'f.toml:6: rule.1.to: "ftp://a/" is not an absolute URL'],
    ['do = "redirect"\nto = "http://a b/"', 'is not an absolute URL'],
    ['do = "redirect"\nto = "http://u@a/"', 'is not an absolute URL'],
    ['do = "redirect"\nto = "http://a/{urn}"', 'rule.1.to: "http://a/{urn}" has {urn}, which stands for nothing'],
    [
      'do = "redirect"\nto = "http://a/"\nstatus = 304',
      'f.toml:7: rule.1.status: 304 is not one of 301, 302, 303, 307, 308',
    ],
    ['do = "redirect"\nto = "http://a/\\r\\nX: y"', 'holds a control character'],
    ['do = "rewrite"', 'f.toml:4: rule.1: rewrites nothing'],
    ['do = "rewrite"\nto = "a"', '"a" is not an absolute URL, nor "host:port"'],
    ['do = "intercept"', 'rule.1.to: is missing: to which server?'],
    ['do = "intercept"\nto = "a"', '"a" lacks a host or a port'],
    ['do = "intercept"\nto = "http://a/"', 'is not a host and a port'],
    ['do = "deny"\nto = "http://a/"', 'rule.1.to: is of no use with do = "deny"'],
    ['do = "deny"\nstatus = 200', 'rule.1.status: 200 is not one of 400 to 599'],
    ['do = "close"\nstatus = 400', 'rule.1.status: is of no use with do = "close"'],
    ['do = "respond"\nstatus = 101', 'rule.1.status: 101 is not one of 200 to 599'],
    ['do = "respond"\nstatus = 204\ntext = "a"', 'rule.1.status: 204 has no content'],
    ['do = "respond"\nfile = "/a"\ntext = "b"', 'rule.1.text: and file are both given; choose one'],
    ['do = "deny"\ntext = "b"', 'rule.1.text: is of no use with do = "deny"'],
    ['do = "deny"\nset = { A = "b" }', 'rule.1.set: is of no use with do = "deny"'],
    ['do = "deny"\nbind = "192.0.2.1"', 'rule.1.bind: is of no use with do = "deny"'],
    ['do = "permit"\nbind = "eth0"', 'rule.1.bind: "eth0" is not an IP address'],
    ['do = "permit"\nbind = ["192.0.2.1", "192.0.2.2"]', 'rule.1.bind: has two addresses of one family'],
    ['do = "deny"\nfinal = true', 'rule.1.final: is of no use with do = "deny"'],
    ['do = "permit"\nfinal = true\nset = { A = "b" }', 'rule.1.final: does not go together with changes'],
    ['do = "rewrite"\nset = { Content-Length = "5" }', '"Content-Length" says how the message is carried'],
    [
      'do = "rewrite"\nappend = { transfer-encoding = "chunked" }',
      '"transfer-encoding" says how the message is carried',
    ],
    ['do = "rewrite"\nremove = ["Connection"]', '"Connection" says how the message is carried'],
    ['do = "rewrite"\nremove = "Host"', 'Host may be set, but there is always one'],
    ['do = "rewrite"\nappend = { Host = "a" }', 'Host may be set, but there is always one'],
    ['do = "rewrite"\nset = { Host = "a b" }', '"a b" is not a host, or a host and a port'],
    ['do = "rewrite"\nset = { A = "b\\r\\nc" }', 'the value of A holds a control character'],
    ['do = "rewrite"\nset = { A = "b\\u0000" }', 'the value of A holds a control character'],
    ['do = "rewrite"\nset = { A = "{nothing}" }', 'rule.1.set.A: "{nothing}" has {nothing}'],
    ['do = "rewrite"\nset = { "a b" = "c" }', '"a b" is not the name of a field'],
    ['do = "rewrite"\ncookie = { a = "b;c" }', 'the value of the cookie a holds what no cookie can'],
    ['do = "rewrite"\ncookie = { "a=" = "b" }', '"a=" is not the name of a cookie'],
  ])('%s', (rule, complaint) => {
    expect(complaints(`${LISTENER}[[rule]]\n${rule}\n`)[0]).toContain(complaint)
  })

  test('rules are for files, and come one after another', () => {
    expect(complaints('[rule.a]\ndo = "deny"')[0]).toBe(
      'f.toml:2: rule.a.do: comes again and again, and only in a file; write [[rule]] above each',
    )
    expect(complaints('[[listener]]')[0]).toBe(
      'f.toml:1: listener: tables have names here; write [listener.NAME], not [[listener]]',
    )
    const { problems } = load({ file: null, environment: { EXAPROXY_RULE_1_DO: 'deny' }, sets: ['rule.1.do=deny'] })
    expect(problems.map(({ where }) => where)).toEqual(['EXAPROXY_RULE_1_DO', '--set'])
  })
})

describe('warnings', () => {
  test.each<[text: string, warning: string]>([
    ['[listener.http]\nfilter = []\n[[rule]]\ndo = "deny"', 'f.toml:3: rule.1: no listener asks the rules'],
    [
      `${LISTENER}[[rule]]\ndo = "permit"\n[[rule]]\ndo = "deny"`,
      'f.toml:6: rule.2: is never asked: rule 1 has no conditions',
    ],
    [
      `${LISTENER}[[rule]]\nname = "a"\nport = 1\ndo = "permit"\n[[rule]]\nname = "a"\ndo = "deny"`,
      'rule 1 is called the same',
    ],
    [`${LISTENER}[[rule]]\nech = true\ndo = "deny"`, 'rule.1: asks for what is inside tunnels, and no listener looks'],
    [`${LISTENER}[list.a]\nfile = "/a"`, 'f.toml:5: list.a: no rule asks for it'],
    [`${LISTENER}[helper.a]\nprogram = ["/a"]`, 'f.toml:5: helper.a: is asked by no listener'],
    [`${LISTENER}[icap.a]\nurl = "icap://a/"`, 'f.toml:5: icap.a: is asked by no listener'],
  ])('%s', (text, warning) => {
    expect(read(text).problems).toEqual([])
    expect(read(text).warnings.map(formatProblem).join('\n')).toContain(warning)
  })

  test('a rule that only reports, or rewrites to another URL, leaves the rest to others', () => {
    const text =
      `${LISTENER}[[rule]]\nreport_only = true\ndo = "deny"\n[[rule]]\ndo = "rewrite"\nto = "http://a/"\n[[rule]]\ndo = "deny"`
    expect(complaints(text)).toEqual([])
  })
})

describe('who is asked', () => {
  const chain = (filter: string, rest = '', mode = 'forward') =>
    complaints(`[listener.http]\naddress = "127.0.0.1:0"\nmode = "${mode}"\nfilter = ${filter}\n${rest}`)[0] ?? 'fine'
  const GUARD = '[helper.guard]\nprogram = ["/g"]\n'

  test.each<[filter: string, rest: string, complaint: string, mode?: string]>([
    ['["rules", "guard"]', GUARD, 'fine'],
    ['["gaurd"]', GUARD, 'f.toml:4: listener.http.filter: there is no helper "gaurd"; did you mean guard?'],
    ['["x"]', '', 'there is no helper "x"'],
    ['["guard", "guard"]', GUARD, '"guard" is asked twice'],
    ['["guard"]', `${GUARD}[icap.guard]\nurl = "icap://a/"`, 'icap.guard: helper.guard has the same name'],
    ['["rules"]', '[helper.rules]\nprogram = ["/g"]', 'helper.rules: "rules" means the rules: give it another name'],
    ['["av"]', '[icap.av]\nurl = "icap://a/"\nmethod = "respmod"', 'icap.av is shown responses', 'icap'],
  ])('%s %s', (filter, rest, complaint, mode) => {
    expect(chain(filter, rest, mode)).toContain(complaint)
  })
})

describe('lists, helpers, services', () => {
  const RULE = '[[rule]]\nlist = "a"\ndo = "deny"\n'

  test('defaults', () => {
    const { list, helper, icap } = settingsOf(`${LISTENER}${RULE}[list.a]\nfile = "/a"
[helper.a]\nprogram = ["/a", ""]\n[helper.b]\nprogram = ["/b"]\nprotocol = "exaproxy-url"\nmaximum = 5\n[icap.c]\nurl = "icap://c"\n`)
    expect(list).toEqual([{ name: 'a', file: '/a', folder: '', format: 'domains' }])
    expect(helper).toMatchObject([
      {
        name: 'a',
        program: ['/a', ''],
        protocol: 'squid',
        minimum: 1,
        maximum: 20,
        concurrency: 0,
        queue: 40,
        timeout: 10_000,
        on_error: 'unavailable',
        ttl: 3_600_000,
        negative_ttl: 3_600_000,
        grace: 0,
        cache_size: 262_144,
      },
      { name: 'b', protocol: 'exaproxy-url', queue: 10, on_error: 'deny' },
    ])
    expect(icap).toMatchObject([{
      name: 'c',
      url: ['icap://c'],
      method: 'reqmod',
      timeout: 10_000,
      on_error: 'unavailable',
      preview: 4096,
      connections: 100,
    }])
  })

  test.each<[text: string, complaint: string]>([
    ['[list.a]', 'f.toml:7: list.a: needs file = "/some/where"'],
    ['[list.a]\nformat = "squidguard"', 'list.a: needs folder = "/some/where"'],
    ['[list.a]\nfile = "/a"\nfolder = "/b"', 'f.toml:9: list.a.folder: and file are both given; choose one'],
    [
      '[list.a]\nfile = "/a"\nformat = "squidguard"',
      'list.a.file: "squidguard" is a folder; write folder = in its place',
    ],
    ['[list.a]\nfile = "/a"\nformat = "csv"', 'list.a.format: "csv" is not one of'],
    ['[list.a]\nfile = "/a"\n[helper.b]', 'helper.b.program: is missing'],
    ['[list.a]\nfile = "/a"\n[helper.b]\nprogram = []', 'helper.b.program: is empty'],
    ['[list.a]\nfile = "/a"\n[helper.b]\nprogram = "/b"', 'helper.b.program: "/b" is not a command, word by word'],
    ['[list.a]\nfile = "/a"\n[helper.b]\nprogram = ["/b"]\nminimum = 30', 'is more than helper.b.maximum (20)'],
    ['[list.a]\nfile = "/a"\n[helper.b]\nprogram = ["/b"]\non_error = "x"', 'helper.b.on_error: "x" is not one of'],
    ['[list.a]\nfile = "/a"\n[icap.b]', 'icap.b.url: '],
    ['[list.a]\nfile = "/a"\n[icap.b]\nurl = "http://b/"', '"http://b/" is not an address of a service'],
    ['[list.a]\nfile = "/a"\n[icap.b]\nurl = "icaps://b/"', 'is ICAP over TLS, which is not spoken here'],
  ])('%s', (text, complaint) => {
    expect(complaints(`${LISTENER}${RULE}${text}\n`).join('\n')).toContain(complaint)
  })
})

describe('files of rules', () => {
  const RULE = (host: string) => `[[rule]]\nhost = "${host}"\ndo = "deny"\n`

  async function configured(include: string, files: Readonly<Record<string, string>>, name = '/etc/e/main.toml') {
    const machine = new Machine()
    for (const [path, text] of Object.entries(files)) machine.files.put(path, text)
    const text = `${LISTENER}filter.include = ${include}\n`.replace('filter.include', '[filter]\ninclude')
    const file = { name, text: text + RULE('main') }
    const { settings, problems, warnings } = await configure(machine, { file, environment: {}, sets: [] })
    return settings === null ? [...problems, ...warnings].map(formatProblem) : settings.rule.map(({ host }) => host![0])
  }

  test('follow those of the file, by order and by name', async () => {
    const files = {
      '/etc/e/b.toml': RULE('b'),
      '/etc/e/rules.d/2.toml': RULE('two'),
      '/etc/e/rules.d/1.toml': RULE('one') + RULE('uno'),
      '/etc/e/rules.d/.3.toml': RULE('hidden'),
      '/etc/e/rules.d/4.txt': RULE('text'),
      '/abs/c.toml': RULE('c'),
    }
    expect(await configured('["rules.d/*.toml", "b.toml", "/abs/c.toml", "b.toml"]', files)).toEqual(
      ['main', 'one', 'uno', 'two', 'b', 'c'],
    )
    expect(await configured('["rules.d/*.none"]', files)).toEqual(['main'])
    expect(await configured('["/abs/c.toml"]', files, 'main.toml')).toEqual(['main', 'c'])
  })

  test('say where they are wrong, and hold nothing else', async () => {
    const files = { '/etc/e/b.toml': `${RULE('b')}${RULE('c d')}[http]\nvia = false\n`, '/etc/e/c.toml': 'rule' }
    expect(await configured('["b.toml"]', files)).toEqual([
      '/etc/e/b.toml:8: http.via: a file of filter.include has [[rule]] alone',
      '/etc/e/b.toml:5: rule.3.host: "c d" is no name of a host',
    ])
    expect((await configured('["c.toml"]', files))[0]).toContain('/etc/e/c.toml:1: ')
  })

  test.each<[include: string, complaint: string]>([
    ['["no.toml"]', '/etc/e/main.toml:5: filter.include: there is no configuration file /etc/e/no.toml'],
    ['["no/*.toml"]', '/etc/e/main.toml:5: filter.include: there is no folder /etc/e/no/'],
    ['["*/a.toml"]', '/etc/e/main.toml:5: filter.include: "*" may stand in the name of a file only, not in /etc/e/*/'],
    ['[""]', '/etc/e/main.toml:5: filter.include: "" is not a path'],
    ['[5]', '/etc/e/main.toml:5: filter.include: '],
  ])('%s', async (include, complaint) => {
    expect((await configured(include, {}))[0]).toContain(complaint)
  })

  test('a file of another user says so', async () => {
    const machine = new Machine()
    machine.files.read = () => Promise.reject(new SystemFailure('denied', 'EACCES'))
    const file = { name: 'f.toml', text: '[filter]\ninclude = ["/b.toml"]\n' }
    const { problems } = await configure(machine, { file, environment: {}, sets: [] })
    expect(problems.map(formatProblem)).toEqual([
      'f.toml:2: filter.include: the configuration file /b.toml may not be read',
    ])
  })
})
