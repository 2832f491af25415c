import { describe, expect, test } from 'vitest'
import { load } from '../../core/config/load.ts'
import { schema, SECTIONS, toSettings } from '../../core/config/schema.ts'
import { formatProblem, fromText, OTHER_VARIABLES, variableName } from '../../core/config/sources.ts'

interface From {
  readonly file?: string
  readonly environment?: Record<string, string>
  readonly sets?: readonly string[]
}

const read = ({ file, environment = {}, sets = [] }: From) =>
  load({ file: file === undefined ? null : { name: 'exaproxy.toml', text: file }, environment, sets })

function settingsOf(from: From) {
  const { settings, problems } = read(from)
  expect(problems.map(formatProblem)).toEqual([])
  return settings!
}

const REQUIRED = [
  'listener.*.address',
  'upstream.*.servers',
  'parent.*.servers',
  'rule.*.do',
  'helper.*.program',
  'icap.*.url',
]

const problemsOf = (from: From) => read(from).problems.map(formatProblem)
const warningsOf = (from: From) => read(from).warnings.map(formatProblem)

describe('defaults', () => {
  test('one forward listener for this machine alone', () => {
    const { listener, upstream } = settingsOf({})
    expect(listener.map(({ name, mode, address }) => [name, mode, address])).toEqual([
      ['http', 'forward', ['127.0.0.1:3128', '[::1]:3128']],
    ])
    expect(upstream).toEqual([])
  })

  test('the names that outside checks rely on', () => {
    const settings = settingsOf({})
    expect(settings.outgoing.connect_ports.map(({ first }) => first)).toEqual([443, 981, 7000])
    expect(settings.outgoing).toMatchObject({ ipv4: true, ipv6: true, prefer: 'auto', deny: [], allow_local: [] })
    expect(settings.http).toMatchObject({ via: true, forwarded_for: 'append', expect: true, methods: [] })
    expect(settings.dns.hosts).toBe(true)
    expect(settings.access_log).toEqual({ format: 'squid', destination: 'stdout', strip_query: true })
    expect(settings.log).toEqual({ level: 'info', destination: 'stderr' })
    expect(settings.service).toMatchObject({ workers: 'auto', engine: 'auto' })
    expect(settings.admin).toEqual({ address: ['127.0.0.1:8080'] })
  })

  test('are valid, each as it is written in the table', () => {
    for (const { options } of SECTIONS) {
      for (const { fallback, unset, form, description, path } of options) {
        expect([form, description].map((text) => text.length > 0), path.join('.')).toEqual([true, true])
        const required = REQUIRED.includes(path.join('.'))
        expect(fallback === undefined && unset === '', path.join('.')).toBe(required)
      }
    }
    expect(toSettings(schema.parse({})).listener).toEqual([])
  })

  test.each<[string, From, Array<[string, readonly string[]]>]>([
    ['http keeps its address', { file: '[listener.http]\nidle_timeout = "1s"' }, [
      ['http', ['127.0.0.1:3128', '[::1]:3128']],
    ]],
    ['another listener takes its place', { file: '[listener.web]\naddress = "127.0.0.1:80"' }, [
      ['web', ['127.0.0.1:80']],
    ]],
    ['an empty table is a listener', { file: '[listener.http]' }, [['http', ['127.0.0.1:3128', '[::1]:3128']]]],
    ['the table of all listeners is none', { file: '[listener]' }, [['http', ['127.0.0.1:3128', '[::1]:3128']]]],
  ])('%s', (_, from, listeners) => {
    expect(settingsOf(from).listener.map(({ name, address }) => [name, address])).toEqual(listeners)
  })
})

describe('order of strength', () => {
  const file = '[http]\nname = "file"\n'
  const environment = { EXAPROXY_HTTP_NAME: 'environment' }
  const sets = ['http.name=first', 'http.name=last']
  test.each<[string, From, string, string]>([
    ['default', {}, '', 'default'],
    ['file', { file }, 'file', 'exaproxy.toml:2'],
    ['environment over file', { file, environment }, 'environment', 'EXAPROXY_HTTP_NAME'],
    ['--set over environment', { file, environment, sets }, 'last', '--set'],
    ['--set alone', { sets }, 'last', '--set'],
  ])('%s', (_, from, name, where) => {
    expect(settingsOf(from).http.name).toBe(name)
    expect(read(from).origins.get('http.name')?.where ?? 'default').toBe(where)
  })
})

describe('environment', () => {
  test.each<[string, string, string, unknown]>([
    ['EXAPROXY_HTTP_VIA', 'no', 'http.via', false],
    ['EXAPROXY_ACCESS_LOG_FORMAT', 'json', 'access_log.format', 'json'],
    ['EXAPROXY_ACCESS_LOG_STRIP_QUERY', 'off', 'access_log.strip_query', false],
    ['EXAPROXY_DNS_TTL_MAX', '1h', 'dns.ttl_max', 3_600_000],
    ['EXAPROXY_DNS_NEGATIVE_TTL_MAX', '0', 'dns.negative_ttl_max', 0],
    ['EXAPROXY_DNS_SERVERS', '127.0.0.1:53,::1', 'dns.servers', ['127.0.0.1:53', '[::1]:53']],
    ['EXAPROXY_DNS_SERVERS', '', 'dns.servers', []],
    ['EXAPROXY_HTTP_METHODS', 'GET, HEAD', 'http.methods', ['GET', 'HEAD']],
    ['EXAPROXY_HTTP_METHODS', '["GET", "HEAD"]', 'http.methods', ['GET', 'HEAD']],
    ['EXAPROXY_OUTGOING_CONNECT_PORTS', '443,8443', 'outgoing.connect_ports', [
      { first: 443, last: 443 },
      { first: 8443, last: 8443 },
    ]],
    ['EXAPROXY_OUTGOING_CONNECT_PORTS', '[443, "8000-8999"]', 'outgoing.connect_ports', [
      { first: 443, last: 443 },
      { first: 8000, last: 8999 },
    ]],
    ['EXAPROXY_LISTENER_HTTP_ADDRESS', '[::1]:1', 'listener.http.address', ['[::1]:1']],
    ['EXAPROXY_LISTENER_HTTP_CONNECTIONS', '5', 'listener.http.connections', 5],
    ['EXAPROXY_LISTENER_HTTP_CONNECTIONS_PER_CLIENT', '6', 'listener.http.connections_per_client', 6],
    ['EXAPROXY_LISTENER_HTTP_HEAD_SIZE', '2KB', 'listener.http.head_size', 2048],
  ])('%s=%s', (variable, text, option, value) => {
    const settings = settingsOf({ environment: { [variable]: text } })
    const [section, ...path] = option.split('.')
    let found: unknown = settings[section as keyof typeof settings]
    if (section === 'listener') found = settings.listener.find(({ name }) => name === path.shift())
    expect((found as Record<string, unknown>)[path[0]!]).toEqual(value)
  })

  test('a name may have underscores, and even end like an option', () => {
    const address = (port: number) => ({ address: `127.0.0.1:${port}` })
    const tables = { web_connections: address(1), head: address(2), a_b_c: address(3) }
    const environment = Object.fromEntries(
      Object.entries(tables).map(([name, { address }]) => [`EXAPROXY_LISTENER_${name.toUpperCase()}_ADDRESS`, address]),
    )
    environment.EXAPROXY_LISTENER_WEB_CONNECTIONS_CONNECTIONS = '7'
    environment.EXAPROXY_LISTENER_HEAD_HEAD_TIMEOUT = '8s'
    const { listener } = settingsOf({ environment })
    expect(new Set(listener.map(({ name }) => name))).toEqual(new Set(Object.keys(tables)))
    expect(listener.find(({ name }) => name === 'web_connections')?.connections).toBe(7)
    expect(listener.find(({ name }) => name === 'head')?.head_timeout).toBe(8000)
  })

  test('a name of the file keeps its letters', () => {
    const file = '[listener.My-Web]\naddress = "127.0.0.1:1"'
    const { listener } = settingsOf({ file, environment: { EXAPROXY_LISTENER_MY_WEB_CONNECTIONS: '9' } })
    expect(listener.map(({ name, connections }) => [name, connections])).toEqual([['My-Web', 9]])
  })

  test.each<[string, string | null]>([
    ['EXAPROXY_HTTP_VAI', 'EXAPROXY_HTTP_VIA'],
    ['EXAPROXY_HTTP', null],
    ['EXAPROXY_', null],
    ['EXAPROXY_LISTENER_ADDRESS', 'EXAPROXY_LISTENER_NAME_ADDRESS'],
    ['EXAPROXY_LISTENER__ADDRESS', 'EXAPROXY_LISTENER_NAME_ADDRESS'],
    ['EXAPROXY_CONFG', 'EXAPROXY_CONFIG'],
    ['EXAPROXY_SOMETHING_ELSE_ALTOGETHER', null],
  ])('%s is no option', (variable, near) => {
    const [problem = ''] = problemsOf({ environment: { [variable]: 'x' } })
    expect(problem).toMatch(new RegExp(`^${variable}: is not an option`))
    if (near === null) expect(problem).not.toContain('did you mean')
    else expect(problem).toContain(`did you mean ${near}?`)
  })

  test('variables of others, of the launcher and of the tests are left alone', () => {
    const others = [
      'PATH',
      'exaproxy_http_via',
      'EXAPROXYHTTP',
      'EXAPROXY_TEST_PROGRAM',
      ...Object.keys(OTHER_VARIABLES),
    ]
    settingsOf({ environment: Object.fromEntries(others.map((name) => [name, 'x'])) })
  })

  test('every option has a variable that is its own', () => {
    const environment: Record<string, string> = {}
    // Rules come one after another, and have no names.
    const sections = SECTIONS.filter(({ many }) => !many)
    for (const { options } of sections) {
      for (const { path } of options) environment[variableName(path)] = '?'
    }
    const { origins, problems } = read({ environment })
    expect(problems.filter(({ words }) => words.includes('is not an option'))).toEqual([])
    for (const { options } of sections) {
      for (const { path } of options) {
        expect(origins.get(path.map((part) => part === '*' ? 'name' : part).join('.'))?.where).toBe(variableName(path))
      }
    }
  })
})

test.each<[string, 'text' | 'number' | 'flag' | 'list', unknown]>([
  ['5', 'text', '5'],
  ['5', 'number', 5],
  ['5s', 'number', '5s'],
  ['', 'number', ''],
  ['1e3', 'number', '1e3'],
  ['TRUE', 'flag', true],
  ['On', 'flag', true],
  ['0', 'flag', false],
  ['maybe', 'flag', 'maybe'],
  ['a', 'list', ['a']],
  ['a,,b', 'list', ['a', '', 'b']],
  ['[::1]', 'list', ['[::1]']],
  ['[1, "a"]', 'list', [1, 'a']],
])('fromText(%j, %s)', (text, shape, value) => expect(fromText(text, shape)).toEqual(value))

describe('what is wrong', () => {
  test.each<[string, From, string]>([
    [
      'an option',
      { file: '\n[outgoing]\nprefer = "ipv5"' },
      'exaproxy.toml:3: outgoing.prefer: "ipv5" is not one of ' +
      '"auto", "ipv4", "ipv6"',
    ],
    [
      'an unknown option',
      { file: '[http]\nvai = true' },
      'exaproxy.toml:2: http.vai: there is no option of that name; ' +
      'did you mean via?',
    ],
    [
      'an unknown section',
      { file: '[lgo]\nlevel = "info"' },
      'exaproxy.toml:2: lgo.level: there is no section of that ' +
      'name; did you mean log?',
    ],
    [
      'an unknown empty section',
      { file: '[nothing]' },
      'exaproxy.toml:1: nothing: there is no section of that name; ' +
      'there are listener, upstream, parent, rule, list, helper, icap, filter, outgoing, http, dns, log, access_log, service, admin',
    ],
    [
      'an unknown option like no other',
      { file: '[access_log]\nzzzzzzzz = 1' },
      'exaproxy.toml:2: access_log.zzzzzzzz: there is no option of that name; ' +
      'there are format, destination, strip_query',
    ],
    [
      'an option outside its section',
      { file: 'via = true' },
      'exaproxy.toml:1: via: is not an option; did you mean ' +
      'http.via?',
    ],
    [
      'a listener without a name',
      { file: '[listener]\naddress = "127.0.0.1:1"' },
      'exaproxy.toml:2: listener.address: ' +
      'belongs to a table with a name; write [listener.NAME] above it',
    ],
    ['a section that is a value', { file: 'http = 1' }, 'exaproxy.toml:1: http: is a table; write [http]'],
    ['a path too deep', { file: '[http.via]\nx = 1' }, 'exaproxy.toml:2: http.via.x: goes deeper than any option'],
    [
      'a name',
      { file: '[listener."a b"]\naddress = "127.0.0.1:1"' },
      'exaproxy.toml:2: listener.a b.address: a name has ' +
      'letters, digits, "-" and "_", at most 63',
    ],
    [
      'the name of an empty table',
      { file: '[listener."__proto__"]' },
      'exaproxy.toml:1: listener.__proto__: a name has ' +
      'letters, digits, "-" and "_", at most 63',
    ],
    [
      'one of a list',
      { file: '[dns]\nservers = [\n"127.0.0.1",\n"x"]' },
      'exaproxy.toml:2: dns.servers: "x" is not an ' +
      'address and a port; write it as "127.0.0.1:53" or "[::1]:53" (number 2 of the list)',
    ],
    [
      'a variable',
      { environment: { EXAPROXY_HTTP_VIA: 'maybe' } },
      'EXAPROXY_HTTP_VIA: http.via: "maybe" is not true or ' +
      'false; write it as true',
    ],
    [
      '--set',
      { sets: ['log.level=loud'] },
      '--set: log.level: "loud" is not one of "debug", "info", "warning", "error", ' +
      '"off"',
    ],
    ['--set of nothing', { sets: ['http.via'] }, '--set http.via: write it as --set section.option=value'],
    [
      '--set of an unknown option',
      { sets: ['dns.server=1'] },
      '--set: dns.server: there is no option of that name; did ' +
      'you mean servers?',
    ],
    [
      'a listener without an address',
      { file: '[listener.web]\nmode = "forward"' },
      'exaproxy.toml:2: ' +
      'listener.web.address: is missing; it is an address and a port, or a list, as "127.0.0.1:3128"',
    ],
    [
      'an empty listener',
      { file: '\n[listener.web]' },
      'exaproxy.toml:2: listener.web.address: is missing; it is an ' +
      'address and a port, or a list, as "127.0.0.1:3128"',
    ],
    [
      'an upstream without servers',
      { file: '[upstream.a]\nhosts = ["*"]' },
      'exaproxy.toml:2: upstream.a.servers: is ' +
      'missing; it is a list of servers, as ["127.0.0.1:9000"]',
    ],
    [
      'what is no TOML',
      { file: 'via yes', environment: { EXAPROXY_LISTENER_WEB_MODE: 'reverse' } },
      'exaproxy.toml:1: ' +
      'Expected equal (=) token (column 5)',
    ],
  ])('%s', (_, from, problem) => {
    expect(problemsOf(from)).toEqual([problem])
    expect(read(from).settings).toBeNull()
  })

  test('all of it is told, from every source', () => {
    const file = '[http]\nvia = 1\nnam = "x"\n[outgoing]\nprefer = "x"\ndeny = ["a", "10.0.0.0/8", "b"]\n'
    const problems = problemsOf({ file, environment: { EXAPROXY_DNS_TIMEOUT: '5', EXAPROXY_X: '1' }, sets: ['a.b=c'] })
    expect(problems.map((problem) => problem.split(': ').slice(0, 2).join(': '))).toEqual([
      'exaproxy.toml:3: http.nam',
      'EXAPROXY_X: is not an option; see exaproxy config for those there are',
      '--set: a.b',
      'exaproxy.toml:5: outgoing.prefer',
      'exaproxy.toml:6: outgoing.deny',
      'exaproxy.toml:6: outgoing.deny',
      'exaproxy.toml:2: http.via',
      'EXAPROXY_DNS_TIMEOUT: dns.timeout',
    ])
  })
})

describe('what is wrong together', () => {
  const web = (address: string, more = '') => `[listener.web]\naddress = ${JSON.stringify(address)}\n${more}`
  test.each<[string, string, string | null]>([
    [
      'two listeners at one place',
      `[listener.a]\naddress = "127.0.0.1:80"\n${web('127.0.0.1:80')}`,
      'exaproxy.toml:4: ' +
      'listener.web.address: 127.0.0.1:80 is taken by listener.a; give each its own port',
    ],
    ['... written in two ways', `[listener.a]\naddress = "[0::1]:80"\n${web('[::1]:80')}`, 'listener.web.address: '],
    [
      '... one of them everywhere',
      `[listener.a]\naddress = "0.0.0.0:80"\n${web('127.0.0.1:80')}`,
      '(beside 0.0.0.0:80)',
    ],
    ['... of one listener', '[listener.a]\naddress = ["127.0.0.1:80", "127.0.0.1:80"]', 'is taken by listener.a'],
    ['... by path', `[listener.a]\naddress = "unix:/x"\n${web('unix:/x')}`, 'unix:/x is taken by listener.a'],
    [
      'the control application at the place of a listener',
      `${web('0.0.0.0:80')}\n[admin]\naddress = "127.0.0.1:80"`,
      'admin.address: 127.0.0.1:80 is taken by listener.web; give each its own port',
    ],
    ['... at its default place, which gives way', web('0.0.0.0:8080'), null],
    ['other ports', `[listener.a]\naddress = "127.0.0.1:81"\n${web('127.0.0.1:80')}`, null],
    ['other addresses', `[listener.a]\naddress = "127.0.0.2:80"\n${web('127.0.0.1:80')}`, null],
    ['other families', `[listener.a]\naddress = "[::]:80"\n${web('127.0.0.1:80')}`, null],
    ['ports the system chooses', `[listener.a]\naddress = "127.0.0.1:0"\n${web('127.0.0.1:0')}`, null],
    [
      'reverse without an upstream',
      web('127.0.0.1:80', 'mode = "reverse"'),
      'exaproxy.toml:3: listener.web.mode: ' +
      '"reverse" needs an upstream',
    ],
    ['reverse with one', `${web('127.0.0.1:80', 'mode = "reverse"')}\n[upstream.a]\nservers = ["a:1"]`, null],
    [
      'a site served twice',
      `${web('127.0.0.1:80', 'mode = "reverse"')}\n[upstream.a]\nservers = ["a:1"]\n` +
      '[upstream.b]\nservers = ["a:1"]',
      'upstream.b.hosts: "*" is served by upstream.a already',
    ],
    [
      'no family',
      '[outgoing]\nipv4 = false\nipv6 = false',
      'exaproxy.toml:3: outgoing.ipv6: ipv4 and ipv6 are both off',
    ],
    ['one family', '[outgoing]\nipv4 = false', null],
    [
      'a translator without IPv6',
      '[outgoing]\nipv6 = false\nnat64 = "auto"',
      'exaproxy.toml:3: outgoing.nat64: is reached over IPv6, and outgoing.ipv6 is off',
    ],
    ['a translator for the family that is off', '[outgoing]\nipv4 = false\nnat64 = "64:ff9b::/96"', null],
    [
      'a place of one link, for all connections',
      web('127.0.0.1:80', 'mode = "passthrough"\nserver = "[fe80::1%eth0]:25"'),
      'listener.web.server: is on a link',
    ],
    [
      'the same, the link left out',
      web('127.0.0.1:80', 'mode = "passthrough"\nserver = "[fe80::1]:25"'),
      'listener.web.server: is on a link',
    ],
    ['a place anywhere', web('127.0.0.1:80', 'mode = "passthrough"\nserver = "[2001:db8::1]:25"'), null],
    ['times the wrong way round', '[dns]\nttl_min = "2h"\nttl_max = "1h"', 'exaproxy.toml:2: dns.ttl_min: is longer'],
    ['nothing kept', '[dns]\nttl_max = 0', null],
  ])('%s', (_, file, problem) => {
    const problems = problemsOf({ file })
    if (problem === null) expect(problems).toEqual([])
    else expect(problems).toEqual([expect.stringContaining(problem)])
  })

  test.each<[string, string, string | null]>([
    ['an upstream nobody serves', '[upstream.a]\nservers = ["a:1"]', 'exaproxy.toml:2: upstream.a: is served by no'],
    [
      'a preferred family that is off',
      '[outgoing]\nipv6 = false\nprefer = "ipv6"',
      'exaproxy.toml:3: outgoing.prefer: ',
    ],
    ['the other family off', '[outgoing]\nipv6 = false\nprefer = "ipv4"', null],
    ['more for one origin than for all', '[outgoing]\nidle_total = 5', 'outgoing.idle_per_origin: '],
  ])('warned of: %s', (_, file, warning) => {
    settingsOf({ file })
    expect(warningsOf({ file })).toEqual(warning === null ? [] : [expect.stringContaining(warning)])
  })
})

test.each<[string, string, readonly string[]]>([
  ['there are none', '', []],
  ['there are some', '[[rule]]\nhost = "a.test"\ndo = "deny"\n', ['rules']],
  ['the listener says otherwise', '[listener.http]\nfilter = []\n[[rule]]\nhost = "a.test"\ndo = "deny"\n', []],
])('who is asked by default: rules, where %s', (_, text, filter) => {
  const { settings, problems } = load({ file: { name: 'f.toml', text }, environment: {}, sets: [] })
  expect(problems).toEqual([])
  expect(settings!.listener[0].filter).toEqual(filter)
})
