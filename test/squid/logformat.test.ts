import { describe, expect, test } from 'vitest'
import { expandLogFormat, LogFormatError, parseLogFormat, quote } from '../../core/squid/logformat.ts'
import { subjectOf } from '../filter/subject.ts'

const subject = subjectOf('http://a.test:8080/b%20c?d=e', {
  user: 'joe',
  client: '2001:db8::1',
  tls: { tls: true, sni: 'sni.test', ech: false },
  fields: { 'User-Agent': 'UA with "space" 100%', 'Cookie': 'a=1; b=2', 'X-List': 'one=1, two, three=3' },
  date: Date.UTC(2025, 0, 1, 0, 0, 0, 7),
})

describe('logformat', () => {
  test.each([
    ['', ''],
    ['plain words', 'plain words'],
    ['100%%', '100%'],
    ['%>a|%>A|%la|%lp|%un|%ul', '2001:db8::1|2001:db8::1|10.0.0.1|3128|joe|joe'],
    ['%rm %>rm %ru %>ru', 'GET GET http://a.test:8080/b%2520c?d=e http://a.test:8080/b%2520c?d=e'],
    ['%>rs %>rd %>rP %>rp', 'http a.test 8080 /b%2520c?d=e'],
    ['%ts.%03tu', '1735689600.007'],
    ['%ssl::>sni', 'sni.test'],
    ['%ui %>eui %note %DATA %<st', '- - - - -'],
    ['%{User-Agent}>h', 'UA%20with%20%22space%22%20100%25'],
    ['%>{User-Agent}', 'UA%20with%20%22space%22%20100%25'],
    ['%"{User-Agent}>h', 'UA with \\"space\\" 100%'],
    ["%'{User-Agent}>h", 'UA with "space" 100%'],
    ['%/{User-Agent}>h', '"UA with \\"space\\" 100%"'],
    ['%#{User-Agent}>h', 'UA%20with%20%22space%22%20100%25'],
    ['%[{User-Agent}>h', 'UA with "space" 100%'],
    ['%{Cookie:;b}>h %{X-List:three}>h %{X-List:two}>h %{X-List:four}>h', '2 3 two -'],
    ['%{Nothing}>h', '-'],
    ['%>h', '-'],
    ['[%10un][%-10un][%05lp][%.2un]', '[       joe][joe       ][03128][jo]'],
    [
      '%SRC %DST %PORT %PROTO %METHOD %PATH %LOGIN %MYADDR %MYPORT',
      '2001:db8::1 a.test 8080 http GET /b%2520c?d=e joe 10.0.0.1 3128',
    ],
  ])('%j is %j', (format, line) => {
    expect(expandLogFormat(parseLogFormat(format, 'url'), subject)).toBe(line)
  })

  test('where a percent sign is left as it is', () => {
    expect(expandLogFormat(parseLogFormat('%ru', 'url-but-percent'), subject)).toBe('http://a.test:8080/b%20c?d=e')
  })

  test.each(['%', '%xyz', '%>', '%{a', '%{a}', '%03'])('%j is none', (format) => {
    expect(() => parseLogFormat(format, 'url')).toThrow(LogFormatError)
  })

  test('no quoting lets the end of a line through', () => {
    for (const quoting of ['url', 'url-but-percent', 'quotes', 'mime', 'shell', 'raw'] as const) {
      for (let code = 0; code < 0x180; code++) {
        const quoted = quote(`a${String.fromCharCode(code)}b`, quoting)
        expect(quoted, `${quoting} ${code}`).not.toMatch(/[\r\n\0]/)
        if (quoting.startsWith('url')) expect(quoted, `${quoting} ${code}`).toMatch(/^[!-~]+$/)
      }
    }
  })
})
