import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Uncounted } from '../../core/filter/byte_set.ts'
import { NoText } from '../../core/filter/list_lines.ts'
import { type ListFile, ListMaker, type MadeList } from '../../core/filter/list_maker.ts'
import { LIST_LINE_SIZE } from '../../core/limits.ts'
import { subjectOf } from './subject.ts'
import { deny } from './table.ts'

const encoder = new TextEncoder()

interface Source extends Partial<ListFile> {
  readonly kind: ListFile['kind']
  readonly text: string | Uint8Array
}

/** The list of these files, given in pieces that end where `cuts` says. */
function make(
  sources: readonly Source[],
  { categories = [], cut = 0 }: { categories?: string[]; cut?: number } = {},
): { list: MadeList; problems: string[] } {
  const files = sources.map(({ text, ...file }, i) => {
    const bytes = typeof text === 'string' ? encoder.encode(text) : text
    return { path: `f${i}`, diff: false, category: 0, size: bytes.length, ...file, bytes }
  })
  const maker = new ListMaker('x', files, categories)
  for (const second of [false, true]) {
    if (second) maker.turn()
    for (const file of files) {
      maker.begin(file)
      const step = cut === 0 ? file.bytes.length : cut
      // Lent: what was given is gone when the next comes.
      for (let at = 0; at < file.bytes.length; at += step) {
        const piece = file.bytes.slice(at, at + step)
        maker.piece(piece)
        piece.fill(0xff)
      }
      maker.end()
    }
  }
  return { list: maker.make(), problems: maker.problems() }
}

const found = (list: MadeList, url: string) => list.matches(subjectOf(url))

describe('a list of domains', () => {
  const text = [
    '\ufeff# comment',
    'example.com',
    '  .dotted.test  ',
    '*.star.test\r',
    'UPPER.Test.',
    'inline.test # why',
    'bücher.example',
    'xn--bcher-kva.test',
    'δοκιμή.Test',
    '192.0.2.7',
    '',
    'http://url.test/',
    'two words.test',
    'a..b',
    'last.test',
  ].join('\n')

  it.each([
    ['example.com', 'example.com'],
    ['a.example.com', 'example.com'],
    ['dotted.test', 'dotted.test'],
    ['x.dotted.test', 'dotted.test'],
    ['star.test', 'star.test'],
    ['upper.test', 'upper.test'],
    ['inline.test', 'inline.test'],
    ['www.xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['xn--bcher-kva.test', 'xn--bcher-kva.test'],
    ['xn--jxalpdlp.test', 'xn--jxalpdlp.test'],
    ['192.0.2.7', '192.0.2.7'],
    ['last.test', 'last.test'],
    ['url.test', null],
    ['words.test', null],
    ['test', null],
    ['comment', null],
  ])('finds %s by %s', (host, entry) => {
    const { list } = make([{ kind: 'domains', text }])
    expect(found(list, `http://${host}/path`)).toBe(entry)
    expect(found(list, `${host}:443`)).toBe(entry)
  })

  it('is the same however the file is cut', () => {
    for (let cut = 1; cut < 40; cut++) {
      const { list, problems } = make([{ kind: 'domains', text }], { cut })
      expect([cut, list.entries, problems]).toEqual([cut, 10, [
        'f0:12: "http://url.test/" is no domain',
        'f0:13: "two words.test" is more than a domain',
        'f0:14: "a..b" is no domain',
      ]])
    }
  })

  it('reports twenty broken lines and counts the others', () => {
    const { list, problems } = make([{ kind: 'domains', text: `${'!\n'.repeat(50)}ok.test\n` }])
    expect([list.entries, problems.length, problems[19], problems[20]])
      .toEqual([1, 21, 'f0:20: "!" is no domain', 'and 30 more lines that were skipped'])
  })

  it.each([1, 1000, 0])('passes over a line that is too long, in pieces of %i', (cut) => {
    const text = `a.test\n${'b'.repeat(LIST_LINE_SIZE + 1)}\nc.test\n`
    const { list, problems } = make([{ kind: 'domains', text }], { cut })
    expect([problems, list.entries]).toEqual([[`f0:2: is longer than ${LIST_LINE_SIZE} bytes`], 2])
    expect([found(list, 'http://a.test/'), found(list, 'http://c.test/')]).toEqual(['a.test', 'c.test'])
  })

  it.each([['a NUL', encoder.encode('a.test\nb\0c\n')], ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 1, 10)]])(
    'refuses %s',
    (_, text) => {
      expect(() => make([{ kind: 'domains', text }])).toThrow(NoText)
    },
  )

  it('throws when the second pass brings more than the first', () => {
    const file = { path: 'f', kind: 'domains', diff: false, category: 0, size: 10 } as const
    const maker = new ListMaker('x', [file], [])
    maker.begin(file)
    maker.piece(encoder.encode('a.test\n'))
    maker.end()
    maker.turn()
    maker.begin(file)
    expect(() => maker.piece(encoder.encode('b.test\nc.test\nd.test\n'))).toThrow(Uncounted)
  })

  it('takes any bytes, cut anywhere, without an error', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('domains', 'hosts', 'urls', 'expressions', 'adblock', 'cidr'),
        fc.uint8Array({ maxLength: 200 }),
        fc.integer({ min: 1, max: 50 }),
        (kind, bytes, cut) => {
          const text = bytes.map((byte) => byte === 0 ? 10 : byte)
          const { list } = make([{ kind, text }], { cut: bytes[0] === 0x1f ? 1 : cut })
          expect(list.entries).toBeGreaterThanOrEqual(0)
          list.matches(subjectOf('http://a.test/b?c'))
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('a list of a hosts file', () => {
  const { list, problems } = make([{
    kind: 'hosts',
    text: [
      '127.0.0.1 localhost localhost.localdomain',
      '::1 ip6-localhost ip6-loopback',
      '0.0.0.0 0.0.0.0',
      '0.0.0.0 ads.test Tracker.Test. # both',
      '127.0.0.1\tone.test',
      ':: six.test#no',
      ':: seven.test',
      '192.168.1.5 printer.test',
      'alone.test',
      '0.0.0.0 bad/name good.test',
    ].join('\r\n'),
  }])

  it.each([
    ['ads.test', 'ads.test'],
    ['tracker.test', 'tracker.test'],
    ['one.test', 'one.test'],
    ['seven.test', 'seven.test'],
    ['good.test', 'good.test'],
    ['below.ads.test', null],
    ['test', null],
    ['localhost', null],
    ['printer.test', null],
    ['alone.test', null],
  ])('finds %s by %s', (host, entry) => {
    expect(found(list, `http://${host}/`)).toBe(entry)
  })

  it('says what is wrong', () => {
    expect(problems).toEqual([
      'f0:6: "six.test#no" is no name of a host',
      'f0:8: 192.168.1.5 is not 0.0.0.0, :: or this machine: such a line blocks nothing',
      'f0:9: "alone.test" is not an address and names',
      'f0:10: "bad/name" is no name of a host',
    ])
  })
})

describe('a list of networks', () => {
  const { list, problems } = make([{
    kind: 'cidr',
    text: [
      '10.0.0.0/8 ; SBL1',
      '10.1.0.0/16',
      '192.0.2.7',
      '198.51.100.64/26#tight',
      '2001:db8::/33',
      '2001:db8::1',
      '::ffff:203.0.113.0/120',
      '; a comment',
      '10.0.0.0/33',
      'example.com',
      '10.0.0.1 10.0.0.2',
    ].join('\n'),
  }])

  it.each([
    ['9.255.255.255', null],
    ['10.0.0.0', '10.0.0.0/8'],
    ['10.1.2.3', '10.1.0.0/16'],
    ['10.255.255.255', '10.0.0.0/8'],
    ['11.0.0.0', null],
    ['192.0.2.7', '192.0.2.7/32'],
    ['192.0.2.8', null],
    ['198.51.100.63', null],
    ['198.51.100.64', '198.51.100.64/26'],
    ['198.51.100.127', '198.51.100.64/26'],
    ['198.51.100.128', null],
    ['2001:db8::1', '2001:db8::1/128'],
    ['2001:db8:7fff::', '2001:db8::/33'],
    ['2001:db8:8000::', null],
    ['203.0.113.5', '203.0.113.0/24'],
    ['::ffff:203.0.113.5', '203.0.113.0/24'],
    ['example.com', null],
  ])('finds %s by %s', (address, network) => {
    expect(list.matches({ ...subjectOf('http://x/'), host: address })).toBe(network)
    expect(list.matches(subjectOf('http://example.com/', { addresses: ['203.0.114.1', address] }))).toBe(network)
  })

  it('keeps a rule waiting for the addresses of the destination, where they matter', () => {
    const names = make([{ kind: 'domains', text: 'a.test' }]).list
    const lists = { find: (name: string) => name === 'work' ? list : names }
    const kinds = (condition: string) =>
      [null, [], ['10.1.1.1']].map((addresses) =>
        deny(condition, lists).judge(subjectOf('http://a.test/', { addresses })).kind
      )
    expect(kinds('list = "work"')).toEqual(['needs-address', 'undecided', 'decided'])
    expect(kinds('list = ["work", "ads"]')).toEqual(['decided', 'decided', 'decided'])
    expect(kinds('list = "ads"')).toEqual(['decided', 'decided', 'decided'])
    expect(kinds('not = { list = "work" }')).toEqual(['needs-address', 'decided', 'undecided'])
  })

  it('says what is wrong, and that addresses count', () => {
    expect(problems).toEqual([
      'f0:9: "10.0.0.0/33" is no network',
      'f0:10: "example.com" is no network',
      'f0:11: "10.0.0.1 10.0.0.2" is no network',
    ])
    expect([list.byAddress, make([{ kind: 'domains', text: 'a' }]).list.byAddress]).toEqual([true, false])
  })
})

describe('a list of squidGuard', () => {
  const list = make([
    { kind: 'domains', text: '+new.test\n-old.test\n+gone.test\n-gone.test\n', diff: true, category: 0 },
    { kind: 'domains', text: 'old.test\nkept.test\nboth.test\ngone.test\n', category: 0 },
    { kind: 'urls', text: '-host.test/removed\n', diff: true, category: 0 },
    {
      kind: 'urls',
      text: 'host.test/removed\nExample.com/Path\nhost.test/a/b?id=5\nwww.stripped.test/x\n',
      category: 0,
    },
    { kind: 'urls', text: 'whole.test\nslash.test/\nported.test:8080/z\nspa ced\n', category: 1 },
    { kind: 'domains', text: 'old.test\nboth.test\nsecond.test\n', category: 1 },
    {
      kind: 'expressions',
      text: '(^|[-/.])SEX([-/.]|$)\n# no\n(unclosed\n(a)\\1\n[[:digit:]]{5}\\.mp3\n',
      category: 1,
    },
  ], { categories: ['one', 'two'] })

  it.each([
    ['http://new.test/', 'one'],
    ['http://old.test/', 'two'],
    ['http://kept.test/', 'one'],
    ['http://gone.test/', null],
    ['http://a.both.test/', 'one'],
    ['http://second.test/', 'two'],
    ['http://host.test/removed', null],
    // As squidGuard 1.6 answers.
    ['http://example.com/path', 'one'],
    ['http://example.com/PATH/x', 'one'],
    ['http://example.com/pat', null],
    ['http://www1.example.com/path', 'one'],
    ['http://web.example.com/path', 'one'],
    ['http://ftp.example.com/path', 'one'],
    ['http://www-x.example.com/path', null],
    ['http://x.example.com/path', null],
    ['http://host.test/a/b?id=5', 'one'],
    ['http://host.test/a/b?id=55', 'one'],
    ['http://host.test/a/b?id=4', null],
    ['http://host.test/a/b', null],
    ['http://stripped.test/x', 'one'],
    ['http://www.stripped.test/x', 'one'],
    ['http://ported.test/z', 'two'],
    ['http://whole.test/', 'two'],
    ['whole.test:443', 'two'],
    ['slash.test:443', 'two'],
    ['http://slash.test/any', 'two'],
    ['example.com:443', null],
    ['http://n.test/a-sex-b', 'two'],
    ['http://n.test/essex', null],
    ['sex.test:443', 'two'],
    ['http://n.test/x?f=12345.MP3', 'two'],
    ['http://n.test/x?f=1234.mp3', null],
  ])('finds %s in %s', (url, category) => {
    expect(found(list.list, url)).toBe(category)
  })

  it('says what is wrong', () => {
    expect(list.problems).toEqual([
      'f4:4: "spa ced" is no host and path',
      'f6:3: holds a "(" without its ")"',
      'f6:4: holds a "\\1", which is not known',
    ])
  })

  it('is empty once it is released', () => {
    const { list } = make([{ kind: 'domains', text: 'a.test\n' }, { kind: 'urls', text: 'b.test/x\n' }])
    list.release()
    expect([found(list, 'http://a.test/'), found(list, 'http://b.test/x'), list.entries]).toEqual([null, null, 0])
  })

  it('finds URLs as a plain search for beginnings does', () => {
    const part = fc.stringMatching(/^[ab/?]{0,6}$/)
    const url = fc.tuple(fc.constantFrom('a.test', 'b.test', 'www.a.test', 'aa.test'), part)
    fc.assert(
      fc.property(fc.array(url, { maxLength: 20 }), fc.array(url, { maxLength: 20 }), (entries, urls) => {
        const lines = entries.map(([host, rest]) => `${host}/${rest}`)
        const { list } = make([{ kind: 'urls', text: lines.join('\n') }])
        const model = lines.map((line) =>
          line.replace(/^www\./, '').replace(/^([^?]*)\?$/, '$1').replace(/^([^/]*)\/$/, '$1')
        )
        for (const [host, rest] of urls) {
          const whole = `${host}/${rest}`.replace(/^([^?]*)\?$/, '$1')
          const bare = whole.replace(/^www\./, '')
          const expected = model.some((entry) =>
            bare.startsWith(entry) && (entry.includes('/') || bare.startsWith(`${entry}/`))
          )
          expect([whole, found(list, `http://${whole}`) !== null]).toEqual([whole, expected])
        }
      }),
    )
  })
})
