/** How the end of a body is known, and what becomes of the connection (RFC 9112 6 and 9). */

import { describe, expect, test } from 'vitest'
import { everyWay, type Message, run } from './tools.ts'
import { toBytes } from '../../core/bytes/ascii.ts'

const next = 'GET /next HTTP/1.1\r\nHost: n\r\n\r\n'
const post = (fields: string, body = 'abc', version = '1.1', method = 'POST'): string =>
  `${method} / HTTP/${version}\r\nHost: h\r\n${fields}\r\n${body}`
const answer = (fields: string, body = '', line = 'HTTP/1.1 200 OK'): string => `${line}\r\n${fields}\r\n${body}`
const nextAnswer = 'HTTP/1.1 299 Next\r\nContent-Length: 0\r\n\r\n'

describe('requests that are taken', () => {
  const rows: [title: string, text: string, framing: string, body: string][] = [
    ['9112 6.3: no framing, no body', post('', ''), 'none', ''],
    ['9112 6.2: a length', post('Content-Length: 3\r\n'), 'length 3', 'abc'],
    ['9112 6.2: a length of nothing', post('Content-Length: 0\r\n', ''), 'length 0', ''],
    ['9110 8.6: leading zeros', post('Content-Length: 0003\r\n'), 'length 3', 'abc'],
    ['9112 6.2: white space around the length', post('Content-Length: \t3 \r\n'), 'length 3', 'abc'],
    ['9110 5.1: the name in any case', post('cONTENT-lENGTH: 3\r\n'), 'length 3', 'abc'],
    [
      '9112 6.2: a length in HTTP/1.0',
      post('Connection: keep-alive\r\nContent-Length: 3\r\n', 'abc', '1.0'),
      'length 3',
      'abc',
    ],
    ['9112 6.1: chunked', post('Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\n\r\n'), 'chunked', 'abc'],
    ['9112 7: codings in any case', post('TRANSFER-ENCODING:  ChUnKeD \r\n', '0\r\n\r\n'), 'chunked', ''],
    ['9110 9.3.1: a body of GET', post('Content-Length: 3\r\n', 'abc', '1.1', 'GET'), 'length 3', 'abc'],
    ['9110 9.3.2: a body of HEAD', post('Content-Length: 3\r\n', 'abc', '1.1', 'HEAD'), 'length 3', 'abc'],
    ['9110 9.3.5: a body of DELETE', post('Content-Length: 3\r\n', 'abc', '1.1', 'DELETE'), 'length 3', 'abc'],
    [
      'names with an underscore frame nothing',
      post('Content_Length: 3\r\nTransfer_Encoding: chunked\r\n', ''),
      'none',
      '',
    ],
    ['9110 9.3.6: CONNECT with a length of nothing', post('Content-Length: 0\r\n', '', '1.1', 'CONNECT'), 'none', ''],
  ]
  test.each(rows)('%s', (_title, text, framing, body) => {
    const result = everyWay('request', text + next)
    expect(result.messages[0]).toMatchObject({ framing, body, trailers: [] })
    expect(result.messages[1]).toMatchObject({ start: 'GET /next 1', framing: 'none', trailers: [] })
    expect(result.end).toBe('waiting')
  })
})

describe('9112 6.3: a Content-Length that is no number is refused (400)', () => {
  const values = [
    '',
    '+3',
    '-3',
    '0x3',
    '3z',
    'z3',
    '1_0',
    '3 4',
    '3,4',
    '3, 3',
    '3,',
    ',3',
    '3.0',
    '"3"',
    '3e0',
    '\xb2',
  ]
  const huge = ['9007199254740992', '9007199254740993', '18446744073709551616', '18446744073709551619', '9'.repeat(400)]
  test.each([...values, ...huge])('%s', (value) => {
    const result = everyWay('request', post(`Content-Length: ${value}\r\n`) + next)
    expect(result).toMatchObject({ messages: [], end: 'bad-framing' })
  })
  test('2^53 - 1 is the largest', () => {
    const result = run('request', [toBytes(post('Content-Length: 9007199254740991\r\n'))])
    expect(result.messages[0]).toMatchObject({ framing: 'length 9007199254740991', body: 'abc', trailers: null })
  })
})

describe('requests with a framing that could be read in two ways are refused', () => {
  const chunked = 'Transfer-Encoding: chunked\r\n'
  const rows: [title: string, text: string, code: string][] = [
    ['9110 8.6: two lengths that differ', post('Content-Length: 3\r\nContent-Length: 4\r\n'), 'bad-framing'],
    ['9110 8.6: two lengths that are equal', post('Content-Length: 3\r\ncontent-length: 3\r\n'), 'bad-framing'],
    ['9112 6.1: a length and a coding', post(`Content-Length: 3\r\n${chunked}`), 'bad-framing'],
    ['9112 6.1: a coding and a length', post(`${chunked}Content-Length: 3\r\n`), 'bad-framing'],
    ['9112 6.1: a length of nothing and a coding', post(`Content-Length: 0\r\n${chunked}`), 'bad-framing'],
    ['9112 6.1: a coding in HTTP/1.0', post(chunked, '0\r\n\r\n', '1.0'), 'bad-framing'],
    ['9110 9.3.6: CONNECT with a coding', post(chunked, '0\r\n\r\n', '1.1', 'CONNECT'), 'bad-framing'],
    ['9110 9.3.6: CONNECT with a length', post('Content-Length: 3\r\n', 'abc', '1.1', 'CONNECT'), 'bad-framing'],
    ...[
      'gzip',
      'identity',
      'chunked, identity',
      'chunked, gzip',
      'xchunked',
      'chunkedx',
      'chunke',
      '',
      ',',
      ',chunked',
      'chunked,',
      'gzip,,chunked',
      '"chunked"',
      'chunked;x=1',
      'gzip;q=1, chunked',
      'chunked, chunked',
      'chunked chunked',
      'chunked\r\nTransfer-Encoding: chunked',
      'chunked\r\nTransfer-Encoding: gzip',
      'chunked\r\nTransfer-Encoding:',
      'gzip, chunked\r\nTransfer-Encoding: chunked',
      'chunked\xa0',
      '\xffchunked',
      '\x85chunked',
    ].map((coding): [string, string, string] => [
      `9112 6.1: Transfer-Encoding: ${coding}`,
      post(`Transfer-Encoding: ${coding}\r\n`),
      'bad-framing',
    ]),
    ...['gzip, chunked', 'br,chunked', 'deflate , chunked', 'identity, chunked', 'gzip\r\nTransfer-Encoding: chunked']
      .map((coding): [string, string, string] => [
        `9112 6.1: Transfer-Encoding: ${coding} (501)`,
        post(`Transfer-Encoding: ${coding}\r\n`),
        'coding-unknown',
      ]),
    ['9112 6.1: VT before chunked', post('Transfer-Encoding: \vchunked\r\n'), 'bad-request'],
    ['9112 5.1: a space before the colon', post('Transfer-Encoding : chunked\r\n'), 'bad-request'],
    ['9112 5.2: a folded coding', post('Transfer-Encoding:\r\n chunked\r\n'), 'bad-request'],
  ]
  test.each(rows)('%s', (_title, text, code) => {
    expect(everyWay('request', text + next)).toMatchObject({ messages: [], end: code })
  })
})

describe('9112 8: a request body that stops short', () => {
  test.each([
    ['of a length', post('Content-Length: 10\r\n'), 'abc'],
    ['of a length, nothing of it', post('Content-Length: 10\r\n', ''), ''],
    ['in a chunk', post('Transfer-Encoding: chunked\r\n', '5\r\nabc'), 'abc'],
    ['after a chunk', post('Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n'), 'abc'],
    ['in the last chunk', post('Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\n'), 'abc'],
    ['in the trailers', post('Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\nA: b\r\n'), 'abc'],
  ])('%s', (_title, text, body) => {
    const result = everyWay('request', text)
    expect(result.end).toBe('client-left')
    expect(result.messages[0]).toMatchObject({ body, trailers: null })
  })
})

describe('9112 9.3: whether the client lets the connection live', () => {
  const rows: [version: string, fields: string, persistent: boolean][] = [
    ['1.1', '', true],
    ['1.1', 'Connection: close\r\n', false],
    ['1.1', 'Connection: CLOSE\r\n', false],
    ['1.1', 'Connection: keep-alive, close\r\n', false],
    ['1.1', 'Connection: keep-alive\r\nConnection: close\r\n', false],
    ['1.1', 'Connection: closed\r\n', true],
    ['1.1', 'Connection: x, "close"\r\n', true],
    ['1.1', 'Proxy-Connection: close\r\n', true],
    ['1.0', '', false],
    ['1.0', 'Connection: keep-alive\r\n', true],
    ['1.0', 'Connection: Keep-Alive\r\n', true],
    ['1.0', 'Connection: close, keep-alive\r\n', false],
    ['1.0', 'Proxy-Connection: keep-alive\r\n', false],
    ['1.0', 'Connection: keep-alive\r\nVia: 1.0 old\r\n', false],
  ]
  test.each(rows)('HTTP/%s %j: %s', (version, fields, persistent) => {
    const result = everyWay('request', post(fields, '', version))
    expect(result.messages[0].persistent).toBe(persistent)
  })
})

describe('what a head asks for', () => {
  const rows: [title: string, text: string, flags: string][] = [
    ['9110 10.1.1: Expect with a body', post('Expect: 100-continue\r\nContent-Length: 3\r\n'), 'expect'],
    ['9110 10.1.1: in any case', post('Expect: 100-Continue\r\nContent-Length: 3\r\n'), 'expect'],
    [
      '9110 10.1.1: Expect with chunks',
      post('Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
      'expect',
    ],
    ['9110 10.1.1: not without a body', post('Expect: 100-continue\r\n', ''), ''],
    ['9110 10.1.1: not with an empty body', post('Expect: 100-continue\r\nContent-Length: 0\r\n', ''), ''],
    ['9110 10.1.1: not in HTTP/1.0', post('Expect: 100-continue\r\nContent-Length: 3\r\n', 'abc', '1.0'), ''],
    ['9110 10.1.1: unknown in HTTP/1.0 is passed over', post('Expect: x\r\nContent-Length: 3\r\n', 'abc', '1.0'), ''],
    ['9110 7.8: Upgrade', post('Connection: Upgrade\r\nUpgrade: websocket\r\n', ''), 'upgrade'],
    ['9110 7.8: Upgrade that Connection does not name', post('Upgrade: websocket\r\n', ''), ''],
    ['9110 7.8: Connection without Upgrade', post('Connection: upgrade\r\n', ''), ''],
    ['9110 7.8: not in HTTP/1.0', post('Connection: upgrade\r\nUpgrade: websocket\r\n', '', '1.0'), ''],
    ['9110 10.1.4: trailers', post('TE: trailers\r\n', ''), 'trailers'],
    ['9110 10.1.4: trailers among others', post('TE: gzip;q=0.5, Trailers\r\n', ''), 'trailers'],
    ['9110 10.1.4: trailers with a weight is no such thing', post('TE: trailers;q=0.5\r\n', ''), ''],
  ]
  test.each(rows)('%s', (_title, text, flags) => {
    expect(everyWay('request', text).messages[0].flags).toBe(flags)
  })
  test.each(['200-ok', '100-continue, x', '100-continue;x=1', 'x=y', '100-continu'])(
    '9110 10.1.1: another expectation, %s (417)',
    (value) => {
      const result = everyWay('request', post(`Expect: ${value}\r\nContent-Length: 3\r\n`))
      expect(result).toMatchObject({ messages: [], end: 'expectation-failed' })
    },
  )
})

describe('9110 7.6.1: fields that are not for the next hop', () => {
  const cut = (fields: string): string[] =>
    everyWay('request', post(fields, '')).messages[0].fields.filter((field) => field.startsWith('- '))
  test('the known ones', () => {
    const fields = [
      'Connection: close',
      'Proxy-Connection: x',
      'Keep-Alive: x',
      'TE: gzip',
      'Upgrade: x',
      'HTTP2-Settings: x',
      'Proxy-Authorization: x',
    ]
    expect(cut(`${fields.join('\r\n')}\r\nX: y\r\n`)).toEqual(fields.map((field) => `- ${field}`))
  })
  test('those that Connection names, in any case, before and after it, in several lines', () => {
    const fields =
      'X-One: 1\r\nConnection: x-one, X-TWO ,, x-none\r\nX-Two: 2\r\nX-Three: 3\r\nConnection: x-four\r\n' +
      'X-Four: 4\r\nx-one: 5\r\nX-On: 6\r\n'
    expect(cut(fields)).toEqual([
      '- X-One: 1',
      '- Connection: x-one, X-TWO ,, x-none',
      '- X-Two: 2',
      '- Connection: x-four',
      '- X-Four: 4',
      '- x-one: 5',
    ])
  })
  test('what is for all recipients stays, whatever Connection says', () => {
    const names = ['Host', 'Authorization', 'Cookie', 'Via', 'X-Forwarded-For', 'Forwarded', 'Cache-Control', 'Date']
    const fields = names.slice(1).map((name) => `${name}: x\r\n`).join('')
    expect(cut(`${fields}Connection: ${names.join(', ')}\r\n`)).toEqual([`- Connection: ${names.join(', ')}`])
  })
})

describe('responses', () => {
  const chunks = '3\r\nabc\r\n0\r\n\r\n'
  const te = 'Transfer-Encoding: chunked\r\n'
  type Row = [title: string, text: string, message: Partial<Message>]
  const rows: Row[] = [
    ['9112 6.3: a length', answer('Content-Length: 3\r\n', 'abc'), {
      framing: 'length 3',
      body: 'abc',
      persistent: true,
    }],
    ['9112 6.3: chunked', answer(te, chunks), { framing: 'chunked', body: 'abc', persistent: true }],
    ['9112 6.3: both: chunks count, then close', answer(`Content-Length: 9\r\n${te}`, chunks), {
      framing: 'chunked',
      body: 'abc',
      persistent: false,
      fields: ['- Content-Length: 9', '- Transfer-Encoding: chunked'],
    }],
    ['9110 8.6: equal lengths are one', answer('Content-Length: 3\r\nContent-Length: 03\r\n', 'abc'), {
      framing: 'length 3',
      fields: ['Content-Length: 3', '- Content-Length: 03'],
    }],
    ['9112 6.3: 204', answer('Content-Length: 5\r\n', '', 'HTTP/1.1 204 No Content'), {
      framing: 'none',
      fields: ['- Content-Length: 5'],
    }],
    ['9112 6.3: 204 with chunks', answer(te, '', 'HTTP/1.1 204 No Content'), { framing: 'none' }],
    ['9112 6.3: 304 keeps its length', answer('Content-Length: 5\r\n', '', 'HTTP/1.1 304 Not Modified'), {
      framing: 'none',
      fields: ['Content-Length: 5'],
    }],
    ['9112 6.3: 304 with chunks', answer(te, '', 'HTTP/1.1 304 Not Modified'), { framing: 'none' }],
    ['9112 6.3: 100', answer('Content-Length: x\r\n', '', 'HTTP/1.1 100 Continue'), { framing: 'none' }],
    ['9112 6.3: 103', answer(te, '', 'HTTP/1.1 103 Early Hints'), { framing: 'none', persistent: true }],
    ['9112 9.3: close', answer('Connection: close\r\nContent-Length: 0\r\n'), { persistent: false }],
    ['9112 9.3: HTTP/1.0', answer('Content-Length: 0\r\n', '', 'HTTP/1.0 200 OK'), { persistent: false }],
    [
      '9112 9.3: HTTP/1.0 with keep-alive',
      answer('Connection: keep-alive\r\nContent-Length: 0\r\n', '', 'HTTP/1.0 200 OK'),
      {
        persistent: true,
      },
    ],
  ]
  test.each(rows)('%s', (_title, text, message) => {
    const result = everyWay('response', text + nextAnswer)
    expect(result.messages[0]).toMatchObject({ ...message, trailers: [] })
    expect(result.messages[1].start).toBe('1 299 Next')
    expect(result.end).toBe('waiting')
  })

  test.each([
    ['9112 6.3: a length', 'Content-Length: 10\r\n', ['Content-Length: 10']],
    ['9112 6.3: chunked', te, ['- Transfer-Encoding: chunked']],
    ['9112 6.3: nothing', '', []],
    ['9112 6.3: an unknown coding', 'Transfer-Encoding: gzip\r\n', ['- Transfer-Encoding: gzip']],
  ])('an answer to HEAD has no body: %s', (_title, fields, kept) => {
    const result = everyWay('response', answer(fields) + nextAnswer, { answering: [{ head: true }, {}] })
    expect(result.messages[0]).toMatchObject({ framing: 'none', body: '', fields: kept, persistent: true })
    expect(result.messages).toHaveLength(2)
  })

  test('9112 6.3: 2xx to CONNECT has no body', () => {
    const text = answer('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')
    const result = everyWay('response', text + nextAnswer, { answering: [{ connect: true }, {}] })
    expect(result.messages[0]).toMatchObject({ framing: 'none', trailers: [] })
    expect(result.messages).toHaveLength(2)
  })
  test('9112 6.3: another answer to CONNECT has one', () => {
    const text = answer('Content-Length: 3\r\n', 'abc', 'HTTP/1.1 407 No')
    const result = everyWay('response', text, { answering: [{ connect: true }] })
    expect(result.messages[0]).toMatchObject({ framing: 'length 3', body: 'abc' })
  })

  test.each([
    ['9112 6.3: neither', ''],
    ['9112 6.3: identity', 'Transfer-Encoding: identity\r\n'],
    ['9112 6.3: identity and a length', 'Transfer-Encoding: identity\r\nContent-Length: 2\r\n'],
  ])('to the end of the connection: %s', (_title, fields) => {
    const result = everyWay('response', answer(fields, `abc${nextAnswer}`))
    expect(result.messages).toHaveLength(1)
    expect(result.messages[0]).toMatchObject({
      framing: 'close',
      persistent: false,
      body: `abc${nextAnswer}`,
      trailers: [],
    })
    expect(result.end).toBe('waiting')
  })
  test('an empty body to the end of the connection', () => {
    expect(everyWay('response', answer('')).messages[0]).toMatchObject({ framing: 'close', body: '', trailers: [] })
  })

  test.each([
    ['9112 6.3: lengths that differ', 'Content-Length: 3\r\nContent-Length: 4\r\n'],
    ['9112 6.3: lengths in one line', 'Content-Length: 3, 4\r\n'],
    ['9112 6.3: no number', 'Content-Length: x\r\n'],
    ['9112 6.3: an empty length', 'Content-Length:\r\n'],
    ['9112 6.3: a huge length', 'Content-Length: 18446744073709551619\r\n'],
    ['9112 6.1: a coding nobody asked for', 'Transfer-Encoding: gzip\r\n'],
    ['9112 6.1: ... before chunked', 'Transfer-Encoding: gzip, chunked\r\n'],
    ['9112 6.1: chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'],
    ['9112 6.1: chunked in quotes', 'Transfer-Encoding: "chunked"\r\n'],
  ])('refused (502): %s', (_title, fields) => {
    expect(everyWay('response', answer(fields, 'abc'))).toMatchObject({ messages: [], end: 'bad-response' })
  })
  test('9112 6.1: refused (502): chunked in HTTP/1.0', () => {
    expect(everyWay('response', answer(te, chunks, 'HTTP/1.0 200 OK'))).toMatchObject({
      messages: [],
      end: 'bad-response',
    })
  })
  test('9110 8.6: refused (502): a length that is none on 304', () => {
    expect(everyWay('response', answer('Content-Length: x\r\n', '', 'HTTP/1.1 304 X')).end).toBe('bad-response')
  })

  test.each([
    ['in the head', 'HTTP/1.1 200 OK\r\n', 0],
    ['in the status line', 'HTT', 0],
    ['of a length', answer('Content-Length: 10\r\n', 'abc'), 1],
    ['of chunks', answer(te, '3\r\nabc\r\n'), 1],
    ['in the last chunk', answer(te, '0\r\n'), 1],
  ])('9112 8: an early end %s', (_title, text, messages) => {
    const result = everyWay('response', text)
    expect(result.end).toBe('origin-left')
    expect(result.messages).toHaveLength(messages)
    expect(result.messages.every((message) => message.trailers === null)).toBe(true)
  })

  test('101 with what was asked for', () => {
    const text = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'
    expect(everyWay('response', text).messages[0]).toMatchObject({ framing: 'none', flags: 'upgrade', trailers: [] })
  })
})
