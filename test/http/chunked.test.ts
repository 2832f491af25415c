/** The chunked coding, off and on (RFC 9112 7.1), and trailers (RFC 9110 6.5). */

import { describe, expect, test } from 'vitest'
import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import { ByteWriter } from '../../core/bytes/writer.ts'
import { writeChunkEnd, writeChunkSize, writeLastChunk } from '../../core/http/body.ts'
import { HttpParser } from '../../core/http/parser.ts'
import { everyWay } from './tools.ts'

const next = 'GET /next HTTP/1.1\r\nHost: n\r\n\r\n'
const post = (body: string, fields = ''): string =>
  `POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n${fields}\r\n${body}`
const answer = (body: string): string => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`

describe('taken', () => {
  const rows: [title: string, body: string, data: string][] = [
    ['no data', '0\r\n\r\n', ''],
    ['sizes in either case', 'a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n', '01234567890123456789'],
    ['leading zeros', '003\r\nabc\r\n000\r\n\r\n', 'abc'],
    ['16 digits', '0000000000000003\r\nabc\r\n0000000000000000\r\n\r\n', 'abc'],
    ['data that looks like chunks', '5\r\n0\r\n\r\n\r\n0\r\n\r\n', '0\r\n\r\n'],
    ['an extension', '3;a\r\nabc\r\n0\r\n\r\n', 'abc'],
    ['extensions with values', '3;a=b;c="d"\r\nabc\r\n0;x=y\r\n\r\n', 'abc'],
    ['what may stand in quotes', '3;a="b;\\"\\\\ \t\xff="\r\nabc\r\n0\r\n\r\n', 'abc'],
    ['an empty quoted value', '3;a=""\r\nabc\r\n0\r\n\r\n', 'abc'],
    ['bad white space inside extensions', '3; a = b ; c ; d = "e" ;\tf=g\r\nabc\r\n0\r\n\r\n', 'abc'],
  ]
  test.each(rows)('9112 7.1: %s', (_title, body, data) => {
    for (const [kind, text] of [['request', post(body) + next], ['response', answer(body)]] as const) {
      const result = everyWay(kind, text)
      expect(result.messages[0]).toMatchObject({ framing: 'chunked', body: data, trailers: [] })
      expect(result.end).toBe('waiting')
    }
  })
})

describe('refused', () => {
  const sizes = [
    '0x3',
    '+3',
    '-0',
    '-3',
    '0_3',
    ' 3',
    '\t3',
    '',
    'g',
    '3g',
    '3.',
    '"3"',
    '3\0',
    '3 ',
    '3\t',
    '3 ;a=b',
    '20000000000000',
    '20000000000001',
    'fffffffffffffff',
    'ffffffffffffffff',
    '00000000000000003',
    `${'0'.repeat(64)}3`,
    '3\xff',
  ]
  const extensions = [
    ';',
    ';;a',
    ';a;',
    ';=b',
    ';a=',
    ';a=;b',
    ';a b',
    ';a=b c',
    ';a=b =c',
    ';a="b" =c',
    ';a= b =c',
    ';a =',
    ';a=b ;',
    ';a="b',
    ';a="b"c',
    ';a="b"="c"',
    ';a="\0"',
    ';a="\x07"',
    ';a="\\\0"',
    ';a=b ',
    ';a ',
    ';a\0',
    ';a\xff',
    ';a=(b)',
    `;${'a'.repeat(5000)}`,
    ';a="\r"',
    ';a=b\rc',
  ]
  const rows: [title: string, body: string][] = [
    ...sizes.map((size): [string, string] => [`size ${JSON.stringify(size)}`, `${size}\r\nabc\r\n0\r\n\r\n`]),
    ...extensions.map((text): [string, string] => [`3${text.slice(0, 20)}`, `3${text}\r\nabc\r\n0\r\n\r\n`]),
    ['a bare LF after the size', '3\nabc\r\n0\r\n\r\n'],
    ['a bare LF after an extension', '3;a\nabc\r\n0\r\n\r\n'],
    ['a bare LF in quotes', '3;a="\n"\r\nabc\r\n0\r\n\r\n'],
    ['a CR without LF after the size', '3\rabc\r\n0\r\n\r\n'],
    ['data longer than its size', '3\r\nabcd\r\n0\r\n\r\n'],
    ['data without a line end', '3\r\nabcXX0\r\n\r\n'],
    ['data before a bare LF', '3\r\nabc\n0\r\n\r\n'],
    ['data before CR CR', '3\r\nabc\r\r0\r\n\r\n'],
    ['a bare LF after the last chunk', '0\n\r\n'],
    ['a bare LF at the end', '0\r\n\n'],
    ['a CR without LF at the end', '0\r\n\rx'],
  ]
  test.each(rows)('9112 7.1: %s', (_title, body) => {
    const request = everyWay('request', post(body) + next)
    expect(request.end).toBe('bad-body')
    expect(request.messages).toHaveLength(1)
    expect(request.messages[0].trailers).toBeNull()
    expect(everyWay('response', answer(body)).end).toBe('bad-response')
  })

  test('CVE-2023-39326: extensions are counted over the whole message', () => {
    const chunk = `1;${'a'.repeat(100)}\r\nx\r\n`
    expect(everyWay('request', post(`${chunk.repeat(40)}0\r\n\r\n`)).messages[0].trailers).toEqual([])
    expect(everyWay('request', post(`${chunk.repeat(41)}0\r\n\r\n`)).end).toBe('bad-body')
  })
  test('they are counted anew for the next message', () => {
    const text = post(`${`1;${'a'.repeat(100)}\r\nx\r\n`.repeat(30)}0\r\n\r\n`)
    const result = everyWay('request', text + text)
    expect(result.messages.map((message) => message.trailers)).toEqual([[], []])
  })
})

describe('trailers', () => {
  test('9110 6.5: told as they came, cut unless they were announced', () => {
    const text = post('3\r\nabc\r\n0\r\nX-Check: 1\r\nX-Other:  2 \r\n\r\n', 'Trailer: x-check, x-more\r\n')
    const result = everyWay('request', text + next)
    expect(result.messages[0]).toMatchObject({ body: 'abc', trailers: ['X-Check: 1', '- X-Other: 2'] })
    expect(result.messages[0].fields).not.toContain('X-Check: 1')
    expect(result.messages).toHaveLength(2)
  })
  test('9110 7.6.1: cut when Connection names them', () => {
    const text = post('0\r\nX-Hop: 1\r\nX-End: 2\r\n\r\n', 'Trailer: x-hop, x-end\r\nConnection: x-hop\r\n')
    expect(everyWay('request', text).messages[0].trailers).toEqual(['- X-Hop: 1', 'X-End: 2'])
  })
  test.each([
    ['a space before the colon', 'X : a\r\n'],
    ['a folded line', 'X: a\r\n b\r\n'],
    ['no colon', 'no colon\r\n'],
    ['no name', ': a\r\n'],
    ['NUL', 'X: a\0\r\n'],
    ['a lone CR', 'X: a\rb\r\n'],
    ['a bare LF', 'X: a\n'],
    ['white space first', ' X: a\r\n'],
    ['too many', 'X: a\r\n'.repeat(257)],
    ['too large', `X: ${'a'.repeat(16_400)}\r\n`],
  ])('9112 7.1.2: refused: %s', (_title, lines) => {
    const body = `3\r\nabc\r\n0\r\n${lines}\r\n`
    expect(everyWay('request', post(body)).end).toBe('bad-body')
    expect(everyWay('response', answer(body)).end).toBe('bad-response')
  })
})

describe('putting it on', () => {
  /** The trailers of a chunked request with these lines; all of them are announced but those in `silent`. */
  const trailersOf = (lines: string, silent: string[] = []): ReturnType<HttpParser['next']>['trailers'] => {
    const names = lines.split('\r\n').filter((line) => line !== '').map((line) => line.slice(0, line.indexOf(':')))
    const announced = names.filter((name) => !silent.includes(name))
    const parser = new HttpParser('request')
    parser.feed(toBytes(post(`0\r\n${lines}\r\n`, `Trailer: ${announced.join(',')}\r\n`)))
    parser.next()
    return parser.next().trailers
  }
  test('sizes and data', () => {
    const out = new ByteWriter(8)
    for (const size of [1, 15, 16, 255, 65_536]) {
      writeChunkSize(out, size)
      out.put(new Uint8Array(size).fill(0x78))
      writeChunkEnd(out)
    }
    writeLastChunk(out, null)
    const result = everyWay('response', answer(''), { open: true })
    expect(result.end).toBe('incomplete')
    const parser = new HttpParser('response')
    parser.feed(toBytes(answer('') + latin1(out.view())))
    let size = 0
    let event = parser.next()
    for (; event.kind !== 'end'; event = parser.next()) if (event.kind === 'data') size += event.to - event.from
    expect(size).toBe(1 + 15 + 16 + 255 + 65_536)
    expect(event.trailers).toBeNull()
    expect(parser.buffered).toBe(false)
  })
  test('9110 6.5.1: of the trailers only what was announced', () => {
    const out = new ByteWriter(8)
    writeLastChunk(out, trailersOf('A: 1\r\nB: 2\r\nC: 3\r\n', ['B']))
    expect(latin1(out.view())).toBe('0\r\nA: 1\r\nC: 3\r\n\r\n')
  })
  test('9110 6.5.1: of the trailers only what may be one', () => {
    const names = [
      'Content-Length',
      'Transfer-Encoding',
      'Host',
      'Authorization',
      'Proxy-Authorization',
      'Cookie',
      'Set-Cookie',
      'Connection',
      'Keep-Alive',
      'TE',
      'Trailer',
      'Upgrade',
      'Content-Type',
      'Cache-Control',
      'Expect',
      'Via',
      'X-Forwarded-For',
    ]
    const trailers = trailersOf(`X-One: 1\r\n${names.map((name) => `${name}: 5\r\n`).join('')}ETag:  "a" \r\n`)
    const out = new ByteWriter(8)
    writeLastChunk(out, trailers)
    expect(latin1(out.view())).toBe('0\r\nX-One: 1\r\nETag: "a"\r\n\r\n')
  })
})
