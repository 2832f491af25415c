import { describe, expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { readIcapHead } from '../../core/icap/head.ts'
import { clientOf, fromBase64, userOf } from '../../core/icap/identity.ts'

function headOf(fields: string) {
  const bytes = toBytes(`REQMOD icap://i/x ICAP/1.0\r\n${fields}\r\n`)
  return readIcapHead('request', bytes, bytes.length)
}

const base64 = (text: string): string => btoa(String.fromCharCode(...new TextEncoder().encode(text)))

test.each([
  ['none', '', null],
  ['IPv4', 'X-Client-IP: 192.0.2.7\r\n', '192.0.2.7'],
  ['IPv6, made canonical', 'x-client-ip: 2001:DB8:0:0::1\r\n', '2001:db8::1'],
  ['IPv4 as IPv6', 'X-Client-IP: ::ffff:192.0.2.7\r\n', '192.0.2.7'],
  ['what is none', 'X-Client-IP: -\r\n', null],
  ['a name', 'X-Client-IP: a.test\r\n', null],
  ['an odd notation', 'X-Client-IP: 0x7f.1\r\n', null],
  ['two of them', 'X-Client-IP: 192.0.2.7\r\nX-Client-IP: 192.0.2.8\r\n', null],
])('the address: %s', (_, fields, address) => {
  expect(clientOf(headOf(fields))).toBe(address)
})

describe('the user', () => {
  test.each([
    ['nobody', '', ''],
    ['nobody, in Squid’s way', 'X-Client-Username: -\r\n', ''],
    ['plain', 'X-Authenticated-User: bob\r\n', 'bob'],
    ['Squid’s field', 'X-Client-Username: bob\r\n', 'bob'],
    ['both: the first counts', 'X-Client-Username: eve\r\nX-Authenticated-User: bob\r\n', 'bob'],
    ['with a domain', 'X-Authenticated-User: CORP\\bob\r\n', 'CORP\\bob'],
    ['with a realm', 'X-Authenticated-User: bob@corp.test\r\n', 'bob@corp.test'],
    ['Base64', `X-Authenticated-User: ${base64('robert')}\r\n`, 'robert'],
    ['Base64 with UTF-8', `X-Authenticated-User: ${base64('Jürgen')}\r\n`, 'Jürgen'],
    ['WinNT', 'X-Authenticated-User: WinNT://CORP/bob\r\n', 'bob'],
    ['WinNT in Base64', `X-Authenticated-User: ${base64('WinNT://CORP/bob')}\r\n`, 'bob'],
    ['Local', `X-Authenticated-User: ${base64('Local://bob')}\r\n`, 'bob'],
    ['LDAP', 'X-Authenticated-User: LDAP://dc.test/CN=bob,OU=x,DC=corp\r\n', 'bob'],
    ['LDAP by uid', `X-Authenticated-User: ${base64('ldap://dc.test/uid=bob,ou=x')}\r\n`, 'bob'],
    ['LDAP, escaped', 'X-Authenticated-User: LDAP://dc.test/cn=Doe\\, Bob,ou=x\r\n', 'Doe, Bob'],
    ['LDAP by something else', 'X-Authenticated-User: LDAP://dc.test/ou=x,cn=bob\r\n', 'ou=x,cn=bob'],
    // Four letters are Base64 too, but of bytes that are no text.
    ['a name that looks like Base64', 'X-Authenticated-User: anna\r\n', 'anna'],
    ['a name that looks like Base64 of controls', 'X-Authenticated-User: AAAA\r\n', 'AAAA'],
  ])('%s', (_, fields, user) => {
    expect(userOf(headOf(fields))).toBe(user)
  })
})

test.each([
  ['', null],
  ['YQ==', 'a'],
  ['YWI=', 'ab'],
  ['YWJj', 'abc'],
  ['YWJjZA==', 'abcd'],
  ['YWJjZA', null],
  ['YW Jj', null],
  ['YWJj=', null],
  ['====', null],
  ['YQ=a', null],
  ['YWJj-_==', null],
  [base64('a\r\nb'), null],
  ['/w==', null],
])('Base64: %s', (text, decoded) => {
  expect(fromBase64(text)).toBe(decoded)
})
