import { describe, expect, test } from 'vitest'
import { load } from '../../core/config/load.ts'
import { formatProblem } from '../../core/config/sources.ts'

const read = (text: string) => load({ file: { name: 'f.toml', text }, environment: {}, sets: [] })

const complaints = (text: string): string[] => {
  const { problems, warnings } = read(text)
  return [...problems, ...warnings].map(formatProblem)
}

const P = '[parent.p]\nservers = ["10.0.0.1:3128", "Proxy.Example:3128"]\n'
const RULES = '[listener.http]\nfilter = ["rules"]\n'

test('all defaults', () => {
  const { settings } = read(`${P}[outgoing]\nparent = "p"\n`)
  expect(settings!.parent).toEqual([{
    name: 'p',
    type: 'http',
    servers: ['10.0.0.1:3128', 'proxy.example:3128'],
    balance: 'round_robin',
    check: 'off',
    check_interval: 2000,
    check_url: '',
    credentials_file: '',
  }])
  expect(settings!.outgoing).toMatchObject({ parent: 'p', or_direct: false })
})

/** Everything through a parent of this type that is here; and a listener that is there. */
const itself = (server: string, address: string, more = '', type = 'socks5', mode = 'socks'): string =>
  `[parent.p]\ntype = "${type}"\nservers = ["192.0.2.1:1", "${server}"]\n[outgoing]\nparent = "p"\n` +
  `[listener.s]\nmode = "${mode}"\naddress = ["127.0.0.1:9000", "${address}"]\n${more}`

const LED = 'filter = ["rules"]\n[[rule]]\nlistener = "s"\ndo = "permit"\nparent = "direct"\n'

describe('a parent that is one of our own listeners', () => {
  test.each([
    itself('127.0.0.1:1080', '127.0.0.1:1080'),
    itself('127.0.0.1:1080', '0.0.0.0:1080'),
    itself('127.8.0.1:1080', '0.0.0.0:1080'),
    itself('[::1]:1080', '[::]:1080'),
    itself('[0::1]:1080', '[::1]:1080'),
    itself('localhost:1080', '0.0.0.0:1080'),
    itself('localhost:1080', '[::1]:1080'),
    itself('192.0.2.7:1080', '192.0.2.7:1080'),
    itself('192.0.2.7:1080', '0.0.0.0:1080', '[admin]\naddress = "192.0.2.7:80"\n'),
    itself('192.0.2.7:1080', '192.0.2.7:1080', '', 'http', 'forward'),
    itself('127.0.0.1:1080', '127.0.0.1:1080', LED),
    itself('127.0.0.1:1080', '127.0.0.1:1080', 'server = "192.0.2.9:3128"\n', 'http', 'passthrough'),
  ])('%j', (text) => {
    const { settings, problems } = read(text)
    expect(settings).toBe(null)
    expect(problems.map(formatProblem).join()).toContain('is listener.s of this very proxy')
  })

  test.each([
    itself('127.0.0.1:1081', '127.0.0.1:1080'),
    itself('127.0.0.2:1080', '127.0.0.1:1080'),
    itself('127.0.0.1:1080', '[::]:1080'),
    itself('192.0.2.7:1080', '0.0.0.0:1080'),
    itself('proxy.test:1080', '0.0.0.0:1080'),
    itself('127.0.0.1:1080', 'unix:/run/x'),
    // The way to a parent that is elsewhere.
    itself('127.0.0.1:1080', '127.0.0.1:1080', `server = "192.0.2.9:3128"\n${LED}`, 'http', 'passthrough'),
  ])('none: %j', (text) => {
    expect(complaints(text)).toEqual([])
  })
})

describe('complaints', () => {
  test.each([
    ['[outgoing]\nparent = "q"', 'there is no parent "q"'],
    ['[outgoing]\nor_direct = true', 'is of no use without outgoing.parent'],
    [P, 'is asked by nobody'],
    [`${RULES}[[rule]]\ndo = "permit"\nparent = "q"\n${P}`, 'there is no parent "q"'],
    [`${RULES}[[rule]]\ndo = "deny"\nparent = "p"\n${P}`, 'is of no use with do = "deny"'],
    [`${RULES}[[rule]]\ndo = "permit"\nor_direct = true`, 'is of no use without a parent'],
    [`${RULES}[[rule]]\ndo = "permit"\nparent = "direct"\nor_direct = true`, 'is of no use without a parent'],
    [`${RULES}peek = true\n[[rule]]\nsni = "a.test"\ndo = "permit"\nparent = "p"\n${P}`, 'comes too late'],
    [`${P}check = "http"\n[outgoing]\nparent = "p"`, 'is missing; say what a check asks for'],
    [`${P}check = "http"\ntype = "socks5"\n[outgoing]\nparent = "p"`, '"http" is not what a server of type'],
    [`${P}check_url = "http://a.test/"\n[outgoing]\nparent = "p"`, 'is of no use with check = "off"'],
    [`${P}check_url = "https://a.test/"\n[outgoing]\nparent = "p"`, 'an absolute http:// URL'],
    [P.replaceAll('.p]', '.direct]'), '"direct" means no parent'],
    ['[parent.p]\nservers = []\n[outgoing]\nparent = "p"', 'is empty'],
  ])('%j', (text, words) => {
    expect(complaints(text).join('\n')).toContain(words)
  })

  test.each([
    `${P}[outgoing]\nparent = "p"\nor_direct = true`,
    `${P}check = "http"\ncheck_url = "http://a.test/x?y"\n[outgoing]\nparent = "p"`,
    `${RULES}[[rule]]\nhost = "a.test"\ndo = "rewrite"\nparent = "p"\nor_direct = true\n${P}`,
    `${RULES}[[rule]]\nhost = "a.test"\ndo = "permit"\nparent = "direct"\n${P}[outgoing]\nparent = "p"`,
    `${RULES}mode = "tls"\n[[rule]]\nsni = "a.test"\ndo = "permit"\nparent = "p"\n${P}`,
  ])('none: %j', (text) => {
    expect(complaints(text)).toEqual([])
  })
})
