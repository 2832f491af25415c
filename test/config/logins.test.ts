/** Where a login, or a user named by the proxy in front, is of use. */

import { expect, test } from 'vitest'
import { check } from '../../core/config/checks.ts'
import { fromSettings, schema, toSettings } from '../../core/config/schema.ts'
import type { Settings } from '../../core/config/settings.ts'

const settingsOf = (one: object): Settings =>
  toSettings(schema.parse({
    listener: { one: { address: '127.0.0.1:3128', ...one } },
    upstream: { site: { servers: ['127.0.0.1:9000'] } },
  }))
const found = (one: object): string[] =>
  check(settingsOf(one)).filter(({ option }) => option.startsWith('listener.one')).map(({ grave, option, words }) =>
    `${grave ? 'error' : 'warning'} ${option} ${words}`
  )

const FILE = { users_file: '/etc/exaproxy/users' }

test.each([
  [{ mode: 'socks', ...FILE }],
  [{ mode: 'forward', ...FILE }],
  [{ mode: 'reverse' }],
  [{ mode: 'reverse', proxy_protocol: 'require', proxy_protocol_user: 'cn' }],
])('%j is fine, and written back as it was', (one) => {
  expect(found(one)).toEqual([])
  const settings = settingsOf(one)
  expect(toSettings(schema.parse(fromSettings(settings)))).toEqual(settings)
})

test.each([
  ['reverse', {}],
  ['icap', {}],
  ['passthrough', { server: '192.0.2.1:25' }],
  ['transparent', {}],
])('mode %s has no login', (mode, more) => {
  const words = `error listener.one.users_file mode "${mode}" has no login of its own; remove it`
  expect(found({ mode, ...more, ...FILE })).toContain(words)
})

test('nobody says who the user is without a header', () => {
  expect(found({ proxy_protocol_user: 'cn' })).toEqual([
    expect.stringMatching(
      /^warning listener\.one\.proxy_protocol_user is of no use without proxy_protocol = "require"/,
    ),
  ])
})
