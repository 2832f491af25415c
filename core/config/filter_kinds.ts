/** The kinds of values that rules, lists, helper programs and services have, beside those of kinds.ts. */

import * as z from 'zod'
import { family, formatNetwork, parseNetwork, splitHostPort } from '../bytes/address.ts'
import { policyHost } from '../bytes/host.ts'
import type { ParsedExpression } from '../filter/expression.ts'
import { parseHost } from '../filter/host_patterns.ts'
import { parsePath, parseQuery, parseUser, parseValue } from '../filter/text_patterns.ts'
import { parseTime } from '../filter/times.ts'
import { type Kind, show } from './kinds.ts'

type Read = { readonly error: string } | object

/** A text that `parse` can read; it stays as it is. */
function readable(form: string, example: string, parse: (text: string) => Read) {
  const error = ({ input }: { readonly input?: unknown }) => `${show(input)} is not ${form}; write it as ${example}`
  const type = z.string({ error }).check(z.superRefine((text, context) => {
    const parsed = parse(text)
    if ('error' in parsed) context.addIssue({ code: 'custom', message: `${show(text)} ${parsed.error}` })
  }))
  return { type, shape: 'text', form } as const satisfies Kind
}

/** One, or a list of them: either may be written. */
export function some<T extends z.ZodType<unknown, string | number>>(
  kind: Kind<T>,
  form: string,
  example: string,
  least = 1,
) {
  const error = ({ input }: { readonly input?: unknown }) => `${show(input)} is not ${form}, or a list; as ${example}`
  const one = z.union([z.string(), z.int()], { error })
  const type = z.codec(
    z.union([one, z.array(one)], { error }),
    z.array(kind.type).min(least, { error: () => 'is empty' }),
    {
      decode: (value) => (Array.isArray(value) ? value : [value]) as z.input<T>[],
      encode: (value) => (value.length === 1 ? value[0]! : value) as string | number | (string | number)[],
    },
  )
  return { type, shape: 'list', form: `${form}, or a list` } as const satisfies Kind
}

export const host = readable('a pattern of names', '"example.com"', parseHost)
const expression = (form: string, example: string, parse: (text: string) => ParsedExpression) =>
  readable(form, example, parse)
export const path = expression('a pattern of paths', '"/a/b"', parsePath)
export const query = expression('a pattern of queries', '"q=text"', parseQuery)
export const user = expression('the name of a user', '"alice"', parseUser)
export const value = expression('a text', '"text"', parseValue)
export const week = readable('a time of the week', '"mon-fri 08:00-17:00"', parseTime)

/** A network, or an address alone; both are kept as networks. */
export const network = {
  type: z.codec(z.string({ error: ({ input }) => `${show(input)} is not a network` }), z.string(), {
    decode(text, context) {
      const network = parseNetwork(text)
      if (network !== null) return formatNetwork(network)
      const message = `${show(text)} is not a network; write it as "10.0.0.0/8", "fd00::/8" or an address`
      context.issues.push({ code: 'custom', input: text, message })
      return z.NEVER
    },
    encode: (text) => text,
  }),
  shape: 'text',
  form: 'an address or a network, as "10.0.0.0/8"',
} as const satisfies Kind

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/
/** What may stand in the value of a cookie (RFC 6265 4.1.1). */
const COOKIE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/

/** How a message ends, or what is about one connection only: not for rules (RFC 9110 7.6.1, RFC 9112 6). */
const RESERVED = [
  'content-length',
  'transfer-encoding',
  'connection',
  'proxy-connection',
  'keep-alive',
  'te',
  'trailer',
  'upgrade',
  'http2-settings',
  'expect',
  'proxy-authorization',
  'proxy-authenticate',
]

/** What is wrong with changing this field; `null`: nothing. */
function fieldProblem(name: string, how: 'set' | 'append' | 'remove'): string | null {
  if (!TOKEN.test(name)) return `${show(name)} is not the name of a field`
  const lower = name.toLowerCase()
  if (RESERVED.includes(lower)) return `${show(name)} says how the message is carried: no rule may change it`
  if (lower === 'host' && how !== 'set') return 'Host may be set, but there is always one'
  return null
}

/** A value of Host: what may be told of it before the request is there. */
function hostProblem(text: string): string | null {
  if (text.includes('{')) return null
  const split = splitHostPort(text, 0)
  return split === null || policyHost(split.host) === null ? `${show(text)} is not a host, or a host and a port` : null
}

function table(form: string, problem: (name: string, value: string) => string | null) {
  const error = ({ input }: { readonly input?: unknown }) => `${show(input)} is not ${form}`
  const value = z.string({ error: ({ input }) => `${show(input)} is not a text; write it in quotes` })
  const type = z.record(z.string(), value, { error }).check(z.superRefine((pairs, context) => {
    for (const [name, value] of Object.entries(pairs)) {
      const message = problem(name, value)
      if (message !== null) context.addIssue({ code: 'custom', message })
    }
  }))
  return { type, shape: 'table', form } as const satisfies Kind
}

const valueProblem = (name: string, value: string): string | null =>
  CONTROL.test(value) ? `the value of ${name} holds a control character: no field can` : null

export const set = table('fields and their values, as { Name = "value" }', (name, value) => {
  const problem = fieldProblem(name, 'set') ?? valueProblem(name, value)
  return problem ?? (name.toLowerCase() === 'host' ? hostProblem(value) : null)
})

export const append = table(
  'fields and their values, as { Name = "value" }',
  (name, value) => fieldProblem(name, 'append') ?? valueProblem(name, value),
)

export const cookie = table('cookies and their values, as { name = "value" }', (name, value) => {
  if (!TOKEN.test(name)) return `${show(name)} is not the name of a cookie`
  return COOKIE.test(value) ? null : `the value of the cookie ${name} holds what no cookie can`
})

const removed = {
  type: z.string({ error: ({ input }) => `${show(input)} is not the name of a field` }).check(
    z.superRefine((name, context) => {
      const message = fieldProblem(name, 'remove')
      if (message !== null) context.addIssue({ code: 'custom', message })
    }),
  ),
  shape: 'text',
  form: 'the name of a field',
} as const satisfies Kind

export const fields = some(removed, 'the name of a field', '"Referer"', 0)

/** Names of fields, and of each the patterns, one of which has to be in it. */
const values = some(value, 'a text', '"text"')
export const header = {
  type: z.record(
    z.string().regex(TOKEN, { error: ({ input }) => `${show(input)} is not the name of a field` }),
    values.type,
    {
      error: ({ input }) => `${show(input)} is not a table; write it as { "User-Agent" = "curl" }`,
    },
  ),
  shape: 'table',
  form: 'fields and texts, as { "User-Agent" = "curl" }',
} as const satisfies Kind

/** Any text of one line; empty where there is none. */
export const line = {
  type: z.string({ error: ({ input }) => `${show(input)} is not a text` }).refine((text) => !CONTROL.test(text), {
    error: () => 'holds a control character',
  }),
  shape: 'text',
  form: 'a text',
} as const satisfies Kind

export const text = {
  type: z.string({ error: ({ input }) => `${show(input)} is not a text` }),
  shape: 'text',
  form: 'a text, of several lines where it is needed',
} as const satisfies Kind

/** A word of a command. */
export const word = {
  type: z.string({ error: ({ input }) => `${show(input)} is not a text` }).refine((text) => !text.includes('\0'), {
    error: () => 'holds a NUL',
  }),
  shape: 'text',
  form: 'a text',
} as const satisfies Kind

function serviceProblem(url: string): string | null {
  if (url.startsWith('icaps://')) return 'is ICAP over TLS, which is not spoken here; put a TLS relay before it'
  const match = /^icap:\/\/([^/?#]+)(\/[\x21\x22\x24-\x7e]*)?$/i.exec(url)
  const split = match === null ? null : splitHostPort(match[1]!, 1344)
  if (split === null || split.port === 0) {
    return 'is not an address of a service; write it as "icap://127.0.0.1:1344/echo"'
  }
  if (family(split.host) === null && policyHost(split.host) === null) return 'has a host that is no name'
  return null
}

/** The address of an ICAP service (RFC 3507 4.2). */
export const service = readable('the address of an ICAP service', '"icap://127.0.0.1:1344/echo"', (url) => {
  const error = serviceProblem(url)
  return error === null ? {} : { error }
})
