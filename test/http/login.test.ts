import { describe, expect, test } from 'vitest'
import { bindsLogin } from '../../core/http/login.ts'
import { headOf } from './tools.ts'

const request = (fields = '') => headOf('request', `GET / HTTP/1.1\r\nHost: h\r\n${fields}\r\n`)
const response = (status: number, fields = '') =>
  headOf('response', `HTTP/1.1 ${status} X\r\n${fields}Content-Length: 0\r\n\r\n`)

describe('a login binds its connection', () => {
  const offers: readonly [number, string, boolean][] = [
    [401, 'WWW-Authenticate: NTLM\r\n', true],
    [401, 'WWW-Authenticate: negotiate\r\n', true],
    [401, 'WWW-Authenticate: Basic realm="x", Negotiate\r\n', true],
    [401, 'WWW-Authenticate: Basic realm="x"\r\nWWW-Authenticate: NTLM TlRM\r\n', true],
    [407, 'Proxy-Authenticate: NTLM\r\n', true],
    [401, 'WWW-Authenticate: Basic realm="NTLM"\r\n', false],
    [401, 'WWW-Authenticate: NTLMv3\r\n', false],
    [401, '', false],
    [200, 'WWW-Authenticate: NTLM\r\n', false],
  ]
  test.each(offers)('%i with %j: %s', (status, fields, expected) => {
    expect(bindsLogin(request(), response(status, fields))).toBe(expected)
  })

  const sent: readonly [string, boolean][] = [
    ['Authorization: NTLM TlRM\r\n', true],
    ['Authorization: Negotiate YII=\r\n', true],
    ['Authorization: Basic eDp5\r\n', false],
    ['Authorization: Bearer negotiate\r\n', false],
  ]
  test.each(sent)('a request with %j: %s', (fields, expected) => {
    expect(bindsLogin(request(fields), response(200))).toBe(expected)
  })
})
