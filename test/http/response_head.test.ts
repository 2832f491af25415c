/** Status lines and the fields of responses (RFC 9112 4 and 5). */

import { describe, expect, test } from 'vitest'
import { everyWay } from './tools.ts'
import { HEAD_LIMITS } from '../../core/http/parse_head.ts'

const response = (line: string, fields = 'Content-Length: 0\r\n'): string => `${line}\r\n${fields}\r\n`

describe('status lines that are taken', () => {
  test.each([
    ['HTTP/1.1 200 OK', '1 200 OK'],
    ['HTTP/1.0 200 OK', '0 200 OK'],
    ['HTTP/1.9 200 OK', '1 200 OK'],
    ['HTTP/1.1 200 ', '1 200 '],
    ['HTTP/1.1 200', '1 200 '],
    ['HTTP/1.1 404 Not Found at all', '1 404 Not Found at all'],
    ['HTTP/1.1 599 \xe9t\xe9\t:', '1 599 \xe9t\xe9\t:'],
    ['HTTP/1.1 999 X', '1 999 X'],
    ['HTTP/1.1 600 X', '1 600 X'],
  ])('%s', (line, start) => {
    const result = everyWay('response', response(line) + response('HTTP/1.1 299 Next'))
    expect(result.messages.map((message) => message.start)).toEqual([start, '1 299 Next'])
  })
})

test.each([
  'HTTP/1.1 2000 OK',
  'HTTP/1.1 20 OK',
  'HTTP/1.1 099 X',
  'HTTP/1.1 000 X',
  'HTTP/1.1  200 OK',
  'HTTP/1.1\t200 OK',
  'HTTP/1.1 200\tOK',
  'HTTP/1.1 abc OK',
  'HTTP/1.1 +20 OK',
  'HTTP/1.1 20x OK',
  'HTTP/1.1',
  'HTTP/1.1 ',
  'HTTP/1.10 200 OK',
  'HTTP/2.0 200 OK',
  'HTTP/01.1 200 OK',
  'http/1.1 200 OK',
  'ICY 200 OK',
  '200 OK',
  ' HTTP/1.1 200 OK',
  'HTTP/1.1 200 O\0K',
  'HTTP/1.1 200 O\x07K',
  'HTTP/1.1 200 O\rK',
  'HTTP/1.1 200 OK\n',
  '\r\nHTTP/1.1 200 OK',
])('9112 4: %j is refused', (line) => {
  expect(everyWay('response', response(line))).toMatchObject({ messages: [], end: 'bad-response' })
})

describe('fields', () => {
  test.each([
    ['9112 5.1: white space before the colon is taken away', 'X-A : 1\r\nX-B \t:2\r\nContent-Length : 0\r\n', [
      'X-A: 1',
      'X-B: 2',
      'Content-Length: 0',
    ]],
    ['9112 5.1: ... of an empty value too', 'X-A :\r\nContent-Length: 0\r\n', ['X-A: ', 'Content-Length: 0']],
    ['9110 5.5: bytes above 0x7f', 'X: \x80\xff\r\nContent-Length: 0\r\n', ['X: \x80\xff', 'Content-Length: 0']],
    ['9110 5.3: Set-Cookie is never joined', 'Set-Cookie: a, b\r\nSet-Cookie: c\r\nContent-Length: 0\r\n', [
      'Set-Cookie: a, b',
      'Set-Cookie: c',
      'Content-Length: 0',
    ]],
  ])('%s', (_title, lines, fields) => {
    const result = everyWay('response', response('HTTP/1.1 200 OK', lines) + response('HTTP/1.1 299 Next'))
    expect(result.messages[0].fields).toEqual(fields)
    expect(result.messages).toHaveLength(2)
  })
  test('9112 5.1: white space before the colon far into a large head', () => {
    const lines = `${'X-Long: ' + 'y'.repeat(3000)}\r\nX-A : 1\r\nContent-Length: 0\r\n`
    const result = everyWay('response', response('HTTP/1.1 200 OK', lines))
    expect(result.messages[0].fields.slice(1)).toEqual(['X-A: 1', 'Content-Length: 0'])
  })
  test.each([
    ['9112 5.2: a folded line', 'X: a\r\n b\r\n'],
    ['9112 5.2: a folded line, with a tab', 'X: a\r\n\tb\r\n'],
    ['9112 2.2: white space before the first field', ' X: a\r\n'],
    ['9110 5.1: no colon', 'X\r\n'],
    ['9110 5.1: two words before the colon', 'X Y: a\r\n'],
    ['9110 5.1: a space and no colon', 'X \r\n'],
    ['9110 5.1: no name', ': a\r\n'],
    ['9110 5.1: a space for a name', ' : a\r\n'],
    ['9110 5.5: NUL', 'X: a\0b\r\n'],
    ['9110 5.5: a lone CR', 'X: a\rb\r\n'],
    ['9112 2.2: a bare LF', 'X: a\nContent-Length: 7\r\n'],
    ['9110 5.5: a control', 'X: a\x07b\r\n'],
  ])('refused: %s', (_title, lines) => {
    expect(everyWay('response', response('HTTP/1.1 200 OK', lines))).toMatchObject({
      messages: [],
      end: 'bad-response',
    })
  })
  test('9110 5.4: too large, too many', () => {
    const limits = { ...HEAD_LIMITS, size: 100, fields: 2 }
    const large = response('HTTP/1.1 200 OK', `X: ${'a'.repeat(100)}\r\n`)
    expect(everyWay('response', large, { limits }).end).toBe('response-head-too-large')
    const many = response('HTTP/1.1 200 OK', 'A: 1\r\nB: 2\r\nC: 3\r\n')
    expect(everyWay('response', many, { limits }).end).toBe('response-head-too-large')
  })
})
