/** Logins of the scheme Basic (RFC 7617). */

import { expect, test } from 'vitest'
import { parseBasic } from '../../core/http/basic.ts'

const login = (name: string, password: string) => ({ name, password })

test.each([
  ['RFC 7617 2', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==', login('Aladdin', 'open sesame')],
  ['RFC 7617 2.1, UTF-8 as bytes', 'Basic dGVzdDoxMjPCow==', login('test', '123\xc2\xa3')],
  ['the scheme in any case, and spaces', 'bASIC   YTpi', login('a', 'b')],
  ['a colon in the password', 'Basic YTpiOmM=', login('a', 'b:c')],
  ['nothing at all', 'Basic Og==', login('', '')],
  ['all letters', 'Basic Ojo+Pz8/', login('', ':>???')],
])('%s', (_, value, expected) => {
  expect(parseBasic(value)).toEqual(expected)
})

test.each([
  ['another scheme', 'Bearer YTpi'],
  ['the scheme alone', 'Basic'],
  ['no credentials', 'Basic '],
  ['no colon', 'Basic YWI='],
  ['padding that is missing', 'Basic YTpiOmM'],
  ['padding that is too much', 'Basic YTpi='],
  ['padding alone', 'Basic ===='],
  ['one letter too many', 'Basic YTpiY==='],
  ['bits that say nothing', 'Basic YTpiOmN='],
  ['letters of base64url', 'Basic Ojo-Pz8_'],
  ['a space inside', 'Basic YT pi'],
  ['something behind it', 'Basic YTpi x'],
  ['a line end', 'Basic YTpi\n'],
])('none: %s', (_, value) => {
  expect(parseBasic(value)).toBe(null)
})

test('every byte and every length', () => {
  for (let size = 1; size < 260; size++) {
    const text = `:${String.fromCharCode(...Array.from({ length: size }, (_, i) => (i * 7 + size) & 0xff))}`
    expect(parseBasic(`Basic ${btoa(text)}`)).toEqual(login('', text.slice(1)))
  }
})
