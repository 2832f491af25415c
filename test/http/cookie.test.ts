import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../../core/bytes/writer.ts'
import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import { cookieOf, withoutCookie } from '../../core/http/cookie.ts'
import { readHead } from '../../core/http/change.ts'
import { type RequestForwarding, writeRequestHead } from '../../core/http/forward.ts'
import { newTarget, parseTarget } from '../../core/http/target.ts'

const headOf = (...lines: string[]) =>
  readHead(toBytes(`GET / HTTP/1.1\r\nHost: a\r\n${lines.join('\r\n')}\r\n\r\n`)).head

describe('cookies by name', () => {
  test.each([
    [['Cookie: s=1'], '1'],
    [['Cookie: a=b; s=1; c=d'], '1'],
    [['cookie:s=1;s=2'], '1'],
    [['Cookie: a=b', 'Cookie: s=1'], '1'],
    [['Cookie: \ts = 1 \t; a=b'], '1'],
    [['Cookie: s=a=b'], 'a=b'],
    [['Cookie: s='], ''],
    [['Cookie: s'], ''],
    [['Cookie: ss=1; S=2; as=3'], ''],
    [['Cookie: a="s=1"'], ''],
    [['X: s=1'], ''],
    [['Cookie:'], ''],
    [['Cookie: ;;=;= ;'], ''],
  ])('%j: "%s"', (lines, value) => {
    expect(cookieOf(headOf(...lines), 's')).toBe(value)
  })

  test.each([
    ['s=1', ''],
    ['a=b; s=1; c=d', 'a=b; c=d'],
    ['s=1; a=b', 'a=b'],
    ['a=b; s=1', 'a=b'],
    ['s=1;s=2 ; a', 'a'],
    ['ss=1; S=2', 'ss=1; S=2'],
    ['a=b;;c', 'a=b;;c'],
    ['s', ''],
    ['a="s=1"', 'a="s=1"'],
  ])('"%s" without s is "%s"', (value, rest) => {
    expect(withoutCookie(value, 's')).toBe(rest)
  })

  const forwarded = (withoutCookie: string, ...lines: string[]): string => {
    const head = headOf(...lines)
    const how: RequestForwarding = {
      ...{
        form: 'origin',
        via: '',
        forwardedFor: 'off',
        forwarded: false,
        transparent: false,
        client: '',
        expect: true,
      },
      ...{ upgrades: [], keepAlive: true, chunked: false, trailers: true, maxForwards: -1, hostFromTarget: false },
      ...{ authorization: '', withoutCookie },
    }
    const out = new ByteWriter()
    writeRequestHead(out, head, parseTarget(head, newTarget()), how)
    return latin1(out.view(), 0, out.length)
  }
  const request = (...lines: string[]): string => ['GET / HTTP/1.1', 'Host: a', ...lines, '', ''].join('\r\n')

  test.each([
    ['', ['Cookie: s=1', 'A: b'], ['Cookie: s=1', 'A: b']],
    ['s', ['Cookie: s=1', 'A: b'], ['A: b']],
    ['s', ['A: b', 'Cookie: s=1'], ['A: b']],
    ['s', ['A: b', 'Cookie: a=b; s=1', 'C: d'], ['A: b', 'Cookie: a=b', 'C: d']],
    ['s', ['Cookie: s=1', 'Cookie: s=2', 'Cookie: c=d', 'C: d'], ['Cookie: c=d', 'C: d']],
    ['s', ['cookie:a=b'], ['cookie: a=b']],
  ])('without "%s", %j goes out as %j', (name, lines, expected) => {
    expect(forwarded(name, ...lines)).toBe(request(...expected))
  })
})
