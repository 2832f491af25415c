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

const USELESS = 'is of no use without proxy_protocol = "require": nobody says who the client is'
const NOBODY = 'is empty, so that every connection is closed; name the load balancer, as ["10.0.0.5/32"]'
test.each([
  [{ proxy_protocol_user: 'cn' }, [`warning listener.one.proxy_protocol_user ${USELESS}`]],
  [{ proxy_protocol_from: ['10.0.0.0/8'] }, [`warning listener.one.proxy_protocol_from ${USELESS}`]],
  [{ proxy_protocol_from: ['127.0.0.0/8', '::1/128'] }, []],
  [{ proxy_protocol: 'require', proxy_protocol_from: ['10.0.0.0/8'] }, []],
  [{ proxy_protocol: 'require', proxy_protocol_from: [] }, [`error listener.one.proxy_protocol_from ${NOBODY}`]],
  // Its folder says who may use it.
  [{ address: 'unix:/run/one.sock', proxy_protocol: 'require', proxy_protocol_from: [] }, []],
])('%j: whom a header is taken from', (one, expected) => {
  expect(found(one)).toEqual(expected)
})
