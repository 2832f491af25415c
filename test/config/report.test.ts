import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { load } from '../../core/config/load.ts'
import { reference, report } from '../../core/config/report.ts'
import { findOption, fromSettings, jsonSchema, SECTIONS } from '../../core/config/schema.ts'
import { parseFile, tomlValue } from '../../core/config/toml_file.ts'
import { REFERENCES, withReference } from '../../scripts/config_reference.ts'

function read(text: string, environment: Record<string, string> = {}, sets: readonly string[] = []) {
  const configuration = load({ file: { name: 'f.toml', text }, environment, sets })
  expect(configuration.problems).toEqual([])
  return { ...configuration, settings: configuration.settings! }
}

/** Options -> arbitrary values as a person would write them. Every kind of value is in it. */
const timeIn = (...units: string[]) =>
  fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.constantFrom(...units)).map((of) => of.join(''))
const time = timeIn('ms', 's', 'm', 'h')
const shortTime = timeIn('ms', 's')
const port = fc.integer({ min: 1, max: 32_000 })
const range = fc.tuple(port, fc.integer({ min: 0, max: 32_000 })).map(([first, more]) => `${first}-${first + more}`)
const four = fc.ipV4()
/** Not of a link: those need its name behind them. */
const six = fc.ipV6().filter((text) => !text.includes('.') && !/^fe[89ab]/i.test(text))
const name = fc.stringMatching(/^[a-z][a-z0-9]{0,9}(\.[a-z][a-z0-9-]{0,9}[a-z0-9]){0,2}$/)
const path = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 })
  .map((text) => `/${text}`).filter((text) => !text.includes('\0'))
const VALUES: Record<string, fc.Arbitrary<unknown>> = {
  'outgoing.ipv4': fc.boolean(),
  'outgoing.prefer': fc.constantFrom('auto', 'ipv4', 'ipv6'),
  'outgoing.nat64': fc.constantFrom('off', 'auto', '64:ff9b::/96', '2001:db8:1:0200::/56'),
  'outgoing.bind4': fc.oneof(four, fc.constant(''), fc.array(four)),
  'outgoing.bind6': fc.oneof(six, fc.constant(''), fc.array(six)),
  'outgoing.mark': fc.integer({ min: 0, max: 0xffff_ffff }),
  'outgoing.keep_alive': fc.oneof(shortTime, fc.constant(0)),
  'outgoing.connect_timeout': time,
  'outgoing.idle_total': fc.integer({ min: 0, max: 1_000_000 }),
  'outgoing.connect_ports': fc.array(fc.oneof(port, range)),
  'outgoing.deny': fc.array(fc.tuple(four, fc.integer({ min: 0, max: 32 })).map((of) => of.join('/'))),
  'outgoing.allow_local': fc.array(fc.oneof(
    fc.tuple(four, fc.oneof(range, fc.constant('*'))).map((of) => of.join(':')),
    fc.tuple(six, port).map(([address, to]) => `[${address}/64]:${to}`),
  )),
  'http.methods': fc.array(fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,10}$/)),
  'http.pages': path,
  'dns.servers': fc.array(fc.oneof(four, six)),
  'dns.stale': fc.oneof(time, fc.constant(0)),
  'dns.retries': fc.integer({ min: 0, max: 20 }),
  'listener.web.head_size': fc.oneof(fc.integer({ min: 1024, max: 65_536 }), fc.constantFrom('1KB', '64KB')),
  'listener.web.address': fc.oneof(
    fc.tuple(four, port).map((of) => of.join(':')),
    fc.tuple(six, port).map(([address, to]) => [`[${address}]:${to}`]),
    path.map((text) => `unix:${text}`),
  ),
  'upstream.all.hosts': fc.uniqueArray(fc.tuple(fc.constantFrom('', '*.'), name).map((of) => of.join('')), {
    minLength: 1,
  }),
  'upstream.all.servers': fc.uniqueArray(fc.tuple(fc.oneof(four, name), port).map((of) => of.join(':')), {
    minLength: 1,
  }),
  'access_log.destination': path,
}

const REQUIRED = ['listener.web.address', 'upstream.all.servers']

const written = fc.record(VALUES, { requiredKeys: REQUIRED }).map((values) =>
  Object.entries(values).map(([option, value]) => `${option} = ${tomlValue(value)}\n`).join('')
)

describe('report', () => {
  test('reads back to the same settings, whole and as a difference', () => {
    fc.assert(fc.property(written, (text) => {
      const { settings, origins } = read(text)
      expect(read(report(settings, origins)).settings).toEqual(settings)
      expect(read(report(settings, origins, true)).settings).toEqual(settings)
    }))
  })

  test('of defaults', () => {
    const { settings, origins } = read('')
    const whole = report(settings, origins)
    expect(read(whole).settings).toEqual(settings)
    expect(whole.split('\n').filter((line) => line.includes(' = ')).every((line) => line.endsWith('  # default'))).toBe(
      true,
    )
    expect(report(settings, origins, true)).toBe('# Everything is as by default.\n')
  })

  test('has every option once', () => {
    const { settings, origins } = read(`upstream.a.servers = ["a:1"]
parent.a.servers = ["a:1"]
list.a.file = "/a"
helper.a.program = ["/a"]
icap.b.url = "icap://a/"
`)
    const found = parseFile(report(settings, origins)).entries.map(({ path }) => findOption(path)?.path.join('.'))
    // Of rules there are none.
    const sections = SECTIONS.filter(({ many }) => !many)
    expect(found).toEqual(sections.flatMap(({ options }) => options.map(({ path }) => path.join('.'))))
  })

  test('says where each value came from', () => {
    const { settings, origins } = read('[http]\nvia = false\nname = "a"\n', { EXAPROXY_HTTP_EXPECT: 'no' }, [
      'http.name=b',
      'listener.web.address=127.0.0.1:1',
      'log.level=info',
    ])
    expect(report(settings, origins, true)).toBe(`[listener.web]
address = ["127.0.0.1:1"]  # --set

[http]
via = false     # f.toml:2
name = "b"      # --set
expect = false  # EXAPROXY_HTTP_EXPECT
`)
  })

  test('a listener with nothing of its own is still told of', () => {
    const { settings, origins } = read('[listener.http]\nmode = "forward"\n')
    expect(report(settings, origins, true)).toBe('[listener.http]\n')
  })

  test('a file with a line break in its name stays in its comment', () => {
    const { settings, origins } = load({
      file: { name: 'a\nb = 1', text: 'http.via = false' },
      environment: {},
      sets: [],
    })
    expect(report(settings!, origins, true)).toBe('[http]\nvia = false  # a?b = 1:1\n')
  })
})

describe('JSON Schema', () => {
  interface Part {
    readonly properties?: object
    readonly additionalProperties?: unknown
    readonly items?: unknown
  }
  const schema = jsonSchema() as { properties: Record<string, Part> }

  test('has all sections and options, with descriptions and defaults', () => {
    expect(Object.keys(schema.properties)).toEqual(SECTIONS.map(({ name }) => name))
    for (const { name, named, many, options } of SECTIONS) {
      const section = schema.properties[name]!
      const table = (named ? section.additionalProperties : many ? section.items : section) as {
        properties: Record<string, object>
      }
      for (const { path, fallback, description } of options) {
        const property = table.properties[path.at(-1)!]!
        // What a reference points to has a description of its own.
        if ('$ref' in property) continue
        expect(property, path.join('.')).toMatchObject(
          fallback === undefined ? { description } : { description, default: fallback },
        )
      }
      expect(Object.keys(table.properties)).toHaveLength(options.length)
      expect(table).toHaveProperty('additionalProperties', false)
    }
  })

  test('describes times as text, not as milliseconds', () => {
    expect(schema.properties.outgoing!.properties).toHaveProperty('connect_timeout.anyOf.0.type', 'string')
    expect(schema.properties.outgoing!.properties).toHaveProperty('connect_timeout.default', '10s')
  })
})

test('fromSettings gives what a person would write', () => {
  const { settings } = read('[outgoing]\nconnect_timeout = "90000ms"\nconnect_ports = ["443", "1-2"]')
  expect(fromSettings(settings).outgoing).toMatchObject({ connect_timeout: '90s', connect_ports: [443, '1-2'] })
})

describe('reference', () => {
  test('has every option, its default and no broken row', () => {
    const lines = reference().split('\n')
    for (const { options } of SECTIONS) {
      for (const { path } of options) {
        expect(lines.filter((line) => line.startsWith(`| \`${path.at(-1)}\` |`))).not.toEqual([])
      }
    }
    for (const line of lines.filter((line) => line.startsWith('|'))) {
      expect(line.replaceAll('\\|', '').split('|')).toHaveLength(6)
    }
  })

  test('is put between the markers, and only there', () => {
    const [config] = REFERENCES
    const { begin, end } = config
    const made = withReference(`before\n${begin}\nwhat was there\n${end}\nafter\n`, config)!
    expect(made.startsWith(`before\n${begin}\n\n### `)).toBe(true)
    expect(made.endsWith(`\n${end}\nafter\n`)).toBe(true)
    expect(made).not.toContain('what was there')
    expect(withReference(made, config)).toBe(made)
    expect(withReference('no markers', config)).toBeNull()
  })

  test.each(REFERENCES)('README.md has the current one at $begin', (one) => {
    const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
    expect(withReference(text, one) === text, 'run: node scripts/config_reference.ts --write').toBe(true)
  })
})
