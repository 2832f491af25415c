import { expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { Failure } from '../../core/failure.ts'
import { changeCookies, changeHead, type HeadChanges, readHead } from '../../core/http/change.ts'

const NONE: HeadChanges = { url: '', keepHost: false, set: [], append: [], remove: [], cookie: [] }

const REQUEST = [
  'POST http://example.com/a?b HTTP/1.1',
  'Host: example.com',
  'User-Agent: tester',
  'Cookie: a=1; b=2',
  'Content-Length: 5',
  'X-Two: one',
  'x-two: two',
]

/** The lines of REQUEST after the changes. */
function changed(changes: Partial<HeadChanges>, lines: readonly string[] = REQUEST): string[] {
  const before = readHead(toBytes(`${lines.join('\r\n')}\r\n\r\n`))
  const after = changeHead(before.head, { ...NONE, ...changes })
  const { head } = after
  const text = String.fromCharCode(...head.bytes.subarray(0, head.end))
  expect(text.endsWith('\r\n\r\n')).toBe(true)
  return text.slice(0, -4).split('\r\n')
}

/** REQUEST with these lines in the place of others. */
function expected(edit: (lines: string[]) => string[]): string[] {
  return edit([...REQUEST])
}

test('no change leaves it as it is', () => {
  expect(changed({})).toEqual(REQUEST)
})

test.each([
  [
    'another URL has another Host',
    { url: 'http://other.example:81/x' },
    'http://other.example:81/x',
    'other.example:81',
  ],
  ['unless Host is kept', { url: 'http://other.example/x', keepHost: true }, 'http://other.example/x', 'example.com'],
  ['an IPv6 address', { url: 'http://[::1]:8/' }, 'http://[::1]:8/', '[::1]:8'],
  ['a query and no path', { url: 'http://h?q' }, 'http://h?q', 'h'],
])('%s', (_, changes, url, host) => {
  expect(changed(changes)).toEqual([`POST ${url} HTTP/1.1`, `Host: ${host}`, ...REQUEST.slice(2)])
})

test('CONNECT goes elsewhere', () => {
  const lines = ['CONNECT a:443 HTTP/1.1', 'Host: a:443']
  expect(changed({ url: 'b:8443' }, lines)).toEqual(['CONNECT b:8443 HTTP/1.1', 'Host: b:8443'])
})

test('the version stays', () => {
  expect(changed({ url: 'http://b/' }, ['GET http://a/ HTTP/1.0'])).toEqual(['GET http://b/ HTTP/1.0'])
})

test('set takes the place of all of that name, in any case of letters', () => {
  expect(changed({ set: [['X-TWO', 'three']] })).toEqual(expected((lines) => [...lines.slice(0, 5), 'X-TWO: three']))
})

test('append is beside them, remove takes all of them out', () => {
  expect(changed({ append: [['X-Two', 'three']], remove: ['user-AGENT'] }))
    .toEqual(expected((lines) => [...lines.filter((line) => !line.startsWith('User')), 'X-Two: three']))
})

test('cookies', () => {
  expect(changed({ cookie: [['b', null], ['c', '3']] }))
    .toEqual(expected((lines) => [...lines.filter((line) => !line.startsWith('Cookie')), 'Cookie: a=1; c=3']))
})

test('the last cookie taken out takes the field', () => {
  expect(changed({ cookie: [['a', null], ['b', null]] }))
    .toEqual(expected((lines) => lines.filter((line) => !line.startsWith('Cookie'))))
})

test.each<[string, string, HeadChanges['cookie'], string]>([
  ['set in its place', 'a=1; b=2; c=3', [['b', '9']], 'a=1; b=9; c=3'],
  ['set where there is none', '', [['b', '9']], 'b=9'],
  ['the same name twice becomes one', 'a=1; a=2', [['a', '3']], 'a=3'],
  ['names are case-sensitive', 'A=1', [['a', '2']], 'A=1; a=2'],
  ['a value with "="', 'a=b=c; d=e', [['d', null]], 'a=b=c'],
  ['untidy spaces and empty pairs', ' a=1 ;;b=2 ', [], 'a=1; b=2'],
])('cookies: %s', (_, line, changes, result) => {
  expect(changeCookies(line, changes)).toBe(result)
})

test.each([
  ['a URL with a space', { url: 'http://a/ b' }],
  ['a field with a line end', { set: [['X', 'a\r\nY: b\r\n\r\nGET / HTTP/1.1']] as const }],
  ['a field that would be two', { set: [['X', 'a\r\nY: b']] as const }],
  ['a field name that is none', { set: [['X Y', 'a']] as const }],
])('%s makes no request', (_, changes) => {
  const before = readHead(toBytes(`${REQUEST.join('\r\n')}\r\n\r\n`))
  expect(() => changeHead(before.head, { ...NONE, ...changes })).toThrow(Failure)
})
