import { describe, expect, test } from 'vitest'
import { TLS_HELLO_SIZE } from '../../core/limits.ts'
import { type HelloFacts, HelloReader } from '../../core/tls/client_hello.ts'
import { BUN, CHROMIUM, CURL, DENO, NAMELESS, NODE, S_CLIENT } from './captures.ts'
import { alpn, bytesOf, extension, hello, message, number, record, records, serverName, vector } from './hello.ts'

const NOT_TLS: HelloFacts = { tls: false, sni: '', named: 'nothing', ech: false }
const BARE: HelloFacts = { ...NOT_TLS, tls: true }
const EXAMPLE: HelloFacts = { ...BARE, sni: 'www.example.com', named: 'name' }

interface Known extends HelloFacts {
  readonly unreadable: HelloReader['unreadable']
  /** Whether nothing could change it. */
  readonly done: boolean
}

/** What is known after these. */
function read(...pieces: readonly Uint8Array[]): Known {
  const reader = new HelloReader()
  let said = 'more'
  for (const piece of pieces) {
    // Lent: nothing of it may be looked at afterwards.
    const lent = piece.slice()
    said = reader.feed(lent)
    lent.fill(0xaa)
  }
  return { ...reader.facts, unreadable: reader.unreadable, done: said === 'done' }
}

const text = (...texts: readonly string[]): Known => read(...texts.map(bytesOf))
const done = (facts: HelloFacts): Known => ({ ...facts, unreadable: '', done: true })
const UNREADABLE: Known = { ...NOT_TLS, unreadable: 'malformed', done: true }

describe('what real clients send', () => {
  const clients: [string, Uint8Array, HelloFacts][] = [
    ['curl', CURL, EXAMPLE],
    ['openssl s_client, TLS 1.2', S_CLIENT, EXAMPLE],
    ['openssl s_client without a name', NAMELESS, BARE],
    ['Node', NODE, EXAMPLE],
    ['Deno', DENO, { ...EXAMPLE, sni: 'localhost' }],
    ['Bun', BUN, EXAMPLE],
    ['Chromium', CHROMIUM, { ...EXAMPLE, ech: true }],
  ]

  test.each(clients)('%s', (_, bytes, facts) => {
    expect(read(bytes)).toEqual(done(facts))
  })

  test.each(clients)('%s, cut in two anywhere, and byte by byte', (_, bytes, facts) => {
    for (let at = 1; at < bytes.length; at++) {
      const reader = new HelloReader()
      expect(reader.feed(bytes.subarray(0, at))).toBe('more')
      expect(reader.facts.tls).toBe(false)
      expect(reader.feed(bytes.subarray(at))).toBe('done')
      expect(reader.facts).toEqual(facts)
    }
    expect(read(...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(done(facts))
  })

  test.each(clients)('%s, in records of any size', (_, bytes, facts) => {
    const inner = String.fromCharCode(...bytes.subarray(5))
    for (const size of [1, 2, 3, 4, 5, 7, 64, 100, 511, 1000]) {
      const cut = bytesOf(records(inner, size))
      expect(read(cut), `${size}`).toEqual(done(facts))
      expect(read(...Array.from(cut, (byte) => Uint8Array.of(byte))), `${size}`).toEqual(done(facts))
    }
  })

  test.each(clients)('%s: what follows is not looked at, and nothing less is enough', (_, bytes, facts) => {
    const reader = new HelloReader()
    const more = new Uint8Array(bytes.length + 3)
    more.set(bytes)
    expect(reader.feed(more)).toBe('done')
    expect(reader.size).toBe(bytes.length)
    expect(reader.feed(bytes)).toBe('done')
    expect(reader.facts).toEqual(facts)
    const half = new HelloReader()
    expect(half.feed(bytes.subarray(0, bytes.length - 1))).toBe('more')
    half.end()
    expect(half.facts).toEqual(NOT_TLS)
    expect(half.feed(bytes)).toBe('done')
    expect(half.facts).toEqual(NOT_TLS)
  })
})

describe('the server name', () => {
  test.each<[string, string, 'name' | 'address']>([
    ['example.com', 'example.com', 'name'],
    ['EXAMPLE.Com', 'example.com', 'name'],
    ['example.com.', 'example.com', 'name'],
    ['localhost', 'localhost', 'name'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example', 'name'],
    ['_dmarc.a_b.example', '_dmarc.a_b.example', 'name'],
    [`${'a'.repeat(63)}.example`, `${'a'.repeat(63)}.example`, 'name'],
    ['192.0.2.1', '', 'address'],
    ['2001:db8::1', '', 'address'],
    ['::ffff:192.0.2.1', '', 'address'],
  ])('%s', (sent, sni, named) => {
    expect(read(hello(serverName(sent)))).toEqual(done({ ...BARE, sni, named }))
  })

  test.each([
    ['empty', ''],
    ['a dot', '.'],
    ['an empty label', 'a..example'],
    ['two dots at the end', 'example.com..'],
    ['a zero byte', 'blocked.example\0.good.example'],
    ['a space', 'a b.example'],
    ['UTF-8', 'b\xc3\xbccher.example'],
    ['a star', '*.example'],
    ['a port', 'example.com:443'],
    ['a label that is too long', `${'a'.repeat(64)}.example`],
    ['a name that is too long', `${'a.'.repeat(127)}example`],
    ['a label of hyphens', 'a.--.example'],
    ['an odd address', '0x7f.1'],
    ['a number at the end', 'a.1'],
    ['brackets', '[2001:db8::1]'],
  ])('%s cannot be judged', (_, sent) => {
    expect(read(hello(serverName(sent)))).toEqual(UNREADABLE)
  })

  test('two of them, or the extension twice: nobody could tell which one counts', () => {
    expect(read(hello(serverName('a.example', 'b.example')))).toEqual(UNREADABLE)
    expect(read(hello(serverName('a.example'), serverName('b.example')))).toEqual(UNREADABLE)
    expect(read(hello(serverName('a.example'), alpn('h2'), serverName('a.example')))).toEqual(UNREADABLE)
  })

  test('names of other types are passed over', () => {
    const other = '\x07' + vector('whatever', 2)
    const name = '\0' + vector('a.example', 2)
    expect(read(hello(extension(0, vector(other + name, 2))))).toEqual(
      done({ ...BARE, sni: 'a.example', named: 'name' }),
    )
    expect(read(hello(extension(0, vector(other, 2))))).toEqual(done(BARE))
  })

  test('an extension of it that is empty, or has more than its list', () => {
    expect(read(hello(extension(0, '')))).toEqual(UNREADABLE)
    expect(read(hello(extension(0, vector('', 2))))).toEqual(UNREADABLE)
    expect(read(hello(extension(0, vector('\0' + vector('a.example', 2), 2) + 'x')))).toEqual(UNREADABLE)
  })
})

describe('the rest', () => {
  test.each([
    ['an unknown one twice', extension(0x1234, '') + extension(0x1234, 'x')],
    ['GREASE twice', extension(0x0a0a, '') + extension(0x0a0a, '\0')],
    ['ALPN twice', alpn('h2') + alpn('h2')],
    ['ALPN with an empty name', alpn('')],
    ['ALPN of nothing', extension(16, '')],
    ['ALPN that is cut off', extension(16, '\0\x01')],
    ['half a version', extension(43, vector('\x03', 1))],
    ['no version', extension(43, vector('', 1))],
    ['more than the versions', extension(43, vector('\x03\x04', 1) + 'x')],
  ])('other extensions are not looked into, for some servers do not either: %s', (_, other) => {
    const named = done({ ...BARE, sni: 'a.example', named: 'name' })
    expect(read(hello(serverName('a.example'), other))).toEqual(named)
    expect(read(hello(other, serverName('a.example')))).toEqual(named)
  })

  test.each([0, 0x0200, 0x0300, 0x0301, 0x0305, 0x0404, 0xfefd, 0xffff])('legacy_version %d', (version) => {
    expect(text(record(message({ version, extensions: serverName('a.example') })))).toEqual(
      done({ ...BARE, sni: 'a.example', named: 'name' }),
    )
  })

  test.each([
    ['outer', 0xfe0d, '\0' + 'x'.repeat(200)],
    ['inner', 0xfe0d, '\x01'],
    ['ESNI', 0xffce, 'x'.repeat(100)],
  ])('an encrypted ClientHello: %s', (_, type, body) => {
    expect(read(hello(serverName('public.example'), extension(type, body)))).toEqual(
      done({ ...BARE, sni: 'public.example', named: 'name', ech: true }),
    )
    expect(read(hello(extension(type - 1, body))).ech).toBe(false)
  })

  test('before there were extensions, and none', () => {
    expect(text(record(message({ extensions: null, version: 0x0301 })))).toEqual(done(BARE))
    expect(text(record(message({ version: 0x0300 })))).toEqual(done(BARE))
  })

  test('GREASE and padding mean nothing', () => {
    const odd = [
      extension(0x0a0a, ''),
      extension(21, '\0'.repeat(600)),
      serverName('a.example'),
      extension(0xfafa, '\0'),
    ]
    expect(read(hello(...odd))).toEqual(done({ ...BARE, sni: 'a.example', named: 'name' }))
  })
})

describe('what servers pass over', () => {
  const whole = message({ extensions: serverName('a.example') })
  const named = record(whole)
  const facts = done({ ...BARE, sni: 'a.example', named: 'name' })
  const warning = record('\x01\x70', 21)

  test.each([
    ['the version of the record', record(whole, 22, 0x0305)],
    ['an empty record', record('') + named],
    ['many of them', record('').repeat(100) + named],
    ['one after each byte', [...whole].map((byte) => record(byte) + record('')).join('')],
    ['a warning', warning + named],
    ['warnings and empty records', warning + record('') + warning + warning + named],
    ['empty records inside', record('\x01') + record('') + records(whole.slice(1), 9)],
    ['a warning inside the header', record(whole.slice(0, 2)) + warning + record(whole.slice(2))],
    ['warnings inside', record(whole.slice(0, 50)) + warning + warning + record(whole.slice(50))],
    [
      'a record that is too large',
      record(message({ extensions: serverName('a.example') + extension(21, '\0'.repeat(16_400)) })),
    ],
  ])('%s', (_, sent) => {
    expect(text(sent)).toEqual(facts)
    expect(text(...sent)).toEqual(facts)
  })

  test.each([
    ['an alert of another size', record('\x01\x70\x00', 21) + named],
    ['an alert cut in two', record('\x01', 21) + record('\x70', 21) + named],
    ['an empty alert', record('', 21) + named],
    ['an alert of no level', record('\x03\x28', 21) + named],
    ['change_cipher_spec inside the message', record('\x01') + record('\x01', 20) + record(whole.slice(1))],
    ['data after an empty record', record('') + record('x', 23) + named],
    ['another message before it', record('\0\0\0\0') + named],
    ['another major version inside', record('\x01') + record(whole.slice(1), 22, 0x0401)],
  ])('but not: %s', (_, sent) => {
    expect(text(sent)).toEqual(UNREADABLE)
    expect(text(...sent)).toEqual(UNREADABLE)
  })

  test.each([
    ['a fatal alert, after which nobody goes on', record('\x02\x28', 21) + named],
    ['change_cipher_spec', record('\x01', 20) + named],
    ['data', record('x', 23) + named],
    ['another major version', record(whole, 22, 0x0401)],
  ])('and no TLS is: %s', (_, sent) => {
    expect(text(sent)).toEqual(done(NOT_TLS))
    expect(text(...sent)).toEqual(done(NOT_TLS))
  })
})

describe('no ClientHello', () => {
  test.each([
    ['HTTP', 'GET / HTTP/1.1\r\n'],
    ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['SSLv2', '\x80\x2e\x01\x03\x01\0\x15\0\0\0\x10'],
  ])('%s', (_, sent) => {
    expect(text(sent)).toEqual(done(NOT_TLS))
    expect(text(...sent)).toEqual(done(NOT_TLS))
  })

  test.each([
    ['a ServerHello', record('\x02' + message().slice(1))],
    ['a message of nothing', record('\x01\0\0\0')],
    ['a session id that is too long', record(message({ session: 's'.repeat(33) }))],
    ['no cipher', record(message({ ciphers: '' }))],
    ['half a cipher', record(message({ ciphers: '\x13\x01\x13' }))],
    ['no compression', record(message({ compression: '' }))],
    ['half an extension', record(message({ extensions: '\0\x2b\0' }))],
    ['a byte after the last one', record(message({ extensions: serverName('a.example') + '\0' }))],
    ['an extension past the end', record(message({ extensions: number(43, 2) + number(9, 2) + 'x' }))],
    ['extensions, and more', record('\x01' + vector(message().slice(4) + 'x', 3))],
  ])('what begins as TLS and cannot be judged: %s', (_, sent) => {
    expect(text(sent)).toEqual(UNREADABLE)
    expect(text(...sent)).toEqual(UNREADABLE)
  })

  test('half of one is none', () => {
    for (const sent of ['\x16', '\x16\x03\x01\0', record('\x01\0')]) {
      const reader = new HelloReader()
      expect(reader.feed(bytesOf(sent))).toBe('more')
      reader.end()
      expect([reader.facts, reader.unreadable]).toEqual([NOT_TLS, ''])
    }
  })

  test('the first byte is enough', () => {
    for (let byte = 0; byte < 256; byte++) {
      const said = new HelloReader().feed(Uint8Array.of(byte))
      expect(said, `${byte}`).toBe(byte === 22 || byte === 21 ? 'more' : 'done')
    }
  })

  test('nothing at all', () => {
    expect(read()).toEqual({ ...done(NOT_TLS), done: false })
    expect(read(new Uint8Array(0))).toEqual({ ...done(NOT_TLS), done: false })
  })

  test('every hello without its end, and with each of its bytes another, is read without a mistake', () => {
    const parts = [
      serverName('a.example'),
      alpn('h2'),
      extension(43, vector('\x03\x04', 1)),
      extension(0xfe0d, '\0abc'),
    ]
    const whole = hello(...parts)
    const seen = new Set<boolean>()
    for (let at = 0; at < whole.length; at++) {
      for (const byte of [0, 1, 3, 22, 127, 255]) {
        const other = whole.slice()
        other[at] = byte
        const { tls, unreadable } = read(other)
        seen.add(tls)
        // But for the first two bytes, and sizes that have not come.
        if (at > 4) expect(tls || unreadable !== '' || at < 9).toBe(true)
      }
    }
    expect(seen.size).toBe(2)
  })

  test('the largest, and one byte more', () => {
    const sized = (size: number): string => {
      const bare = message({ extensions: serverName('a.example') + extension(21, '') })
      // In whole records of 16 KB each, and their headers.
      const headers = 5 * Math.ceil((size - 20) / 16_384)
      const padding = '\0'.repeat(size - headers - bare.length)
      return records(message({ extensions: serverName('a.example') + extension(21, padding) }), 16_384)
    }
    expect(sized(TLS_HELLO_SIZE).length).toBe(TLS_HELLO_SIZE)
    expect(text(sized(TLS_HELLO_SIZE)).sni).toBe('a.example')
    const larger: Known = { ...UNREADABLE, unreadable: 'too large' }
    expect(text(sized(TLS_HELLO_SIZE + 1))).toEqual(larger)
    expect(text(...sized(TLS_HELLO_SIZE + 1))).toEqual(larger)
  })

  test('bytes that never make one come to an end', () => {
    const reader = new HelloReader()
    const piece = bytesOf(records('x'.repeat(100), 1) + record(''))
    reader.feed(bytesOf(record('\x01' + number(30_000, 3))))
    let fed = 0
    while (reader.feed(piece) === 'more') expect(fed += piece.length).toBeLessThanOrEqual(TLS_HELLO_SIZE)
    expect(reader.facts).toEqual(NOT_TLS)
    expect(reader.unreadable).toBe('too large')
  })

  test('a size that nobody has is given up at once', () => {
    const reader = new HelloReader()
    expect(reader.feed(bytesOf(record(`\x01${number(TLS_HELLO_SIZE, 3)}`)))).toBe('done')
    expect(reader.unreadable).toBe('too large')
  })
})
