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
