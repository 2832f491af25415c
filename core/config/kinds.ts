/**
 * The kinds of values an option may have: how each is written, read, and written back.
 *
 * A kind is a zod type that goes both ways: decoding gives what the core reads (milliseconds, bytes, ranges), encoding gives
 * what a person writes ("5s", "64KB", "8000-8999"). What they say when a value is wrong ends with how to write it right.
 */

import * as z from 'zod'
import {
  canonical,
  family,
  formatEndpoint,
  formatNetwork,
  type HostPort,
  isLinkLocal,
  parseAddress,
  parseEndpoint,
  parseNetwork,
  parsePort,
  splitHostPort,
} from '../bytes/address.ts'
import { isPrefix } from '../bytes/embedding.ts'
import type { AddressPattern, PortRange } from './settings.ts'

/**
 * What text from the environment or from --set becomes before it is read: `list` is split, `flag` is yes or no. A `table` is
 * only in the file.
 */
export type Shape = 'text' | 'number' | 'flag' | 'list' | 'table'

export interface Kind<T extends z.ZodType = z.ZodType> {
  readonly type: T
  readonly shape: Shape
  /** For people: `a time, as "5s"`. */
  readonly form: string
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** Longer is a mistake of units, or `0`. */
const LONGEST = 365 * DAY
const TIME_UNITS: ReadonlyArray<readonly [string, number]> = [
  ['d', DAY],
  ['h', HOUR],
  ['m', MINUTE],
  ['s', SECOND],
  ['ms', 1],
]
const SIZE_UNITS: ReadonlyArray<readonly [string, number]> = [['GB', 1024 ** 3], ['MB', 1024 ** 2], ['KB', 1024]]

const TIME = /^(?:0|[0-9]{1,12}(?:ms|s|m|h|d))$/
const SIZE = /^[0-9]{1,15}(?:[KMG]?B)?$/
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** A token and perhaps a version (RFC 9110 7.8). */
const PROTOCOL = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:\/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?$/
/** A pseudonym, or a host and a port (RFC 9110 7.6.3); or empty. */
const RECEIVED_BY = /^$|^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?::[0-9]{1,5})?$/
/** As much as is shown on a page; no controls. */
// deno-lint-ignore no-control-regex
const ONE_LINE = /^[^\x00-\x1f\x7f-\x9f]{0,200}$/
/** Letters, digits, hyphens, underscores between dots. A name with other letters is written as it is looked up (xn--). */
export const HOST = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_][a-z0-9_-]{0,62})*$/
/** As much of a wrong value as is shown. */
const SHOWN = 60

/** A value in a message: as a person would write it, cut short. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null && !('toISOString' in value)) return 'a table'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text
}

/** The message for a value that is not of this form. `example` is TOML. */
function wrong(form: string, example: string): (issue: { readonly input?: unknown }) => string {
  return ({ input }) =>
    input === undefined
      ? `is missing; it is ${form}, as ${example}`
      : `${show(input)} is not ${form}; write it as ${example}`
}

/** A kind read from text by `read`, which gives `null` for what it cannot read. `hint` may know better what is wrong. */
function read<T extends z.ZodType>(
  form: string,
  example: string,
  into: T,
  decode: (text: string) => z.input<T> | null,
  encode: (value: z.input<T>) => string,
  hint?: (text: string) => string | null,
): z.ZodCodec<z.ZodString, T> {
  const error = wrong(form, example)
  return z.codec(z.string({ error }), into, {
    decode(text, context) {
      const value = decode(text)
      if (value !== null) return value
      context.issues.push({ code: 'custom', input: text, message: hint?.(text) ?? error({ input: text }) })
      return z.NEVER
    },
    encode,
  })
}

const asIs = (text: string): string => text

function parseUnits(text: string, units: ReadonlyArray<readonly [string, number]>): number {
  const digits = /^[0-9]+/.exec(text)?.[0] ?? '0'
  const unit = text.slice(digits.length)
  return Number(digits) * (units.find(([name]) => name === unit)?.[1] ?? 1)
}

function formatUnits(value: number, units: ReadonlyArray<readonly [string, number]>): string | null {
  const unit = value === 0 ? undefined : units.find(([, factor]) => value % factor === 0)
  return unit === undefined ? null : `${value / unit[1]}${unit[0]}`
}

/** Milliseconds. `zero` says what 0 means, where it means something; elsewhere 0 is refused. `most`: what the kernel takes. */
export function time(zero: string | null = null, most = LONGEST) {
  const form = zero === null ? 'a time' : `a time or 0 (${zero})`
  const longest = most === LONGEST ? 'a year' : `${formatUnits(most, TIME_UNITS)}, the longest time the kernel takes`
  const error = wrong(form, '"250ms", "5s", "2m", "1h" or "1d"')
  const zeros = zero === null ? 'must be longer than 0' : ''
  const type = z.codec(z.union([z.string().regex(TIME, { error }), z.literal(0)], { error }), z.number(), {
    decode(text, context) {
      const ms = text === 0 ? 0 : parseUnits(text, TIME_UNITS)
      if (ms > most) {
        context.issues.push({ code: 'custom', input: text, message: `${show(text)} is more than ${longest}` })
      }
      if (ms === 0 && zeros !== '') context.issues.push({ code: 'custom', input: text, message: zeros })
      return ms
    },
    encode: (ms) => formatUnits(ms, TIME_UNITS) ?? 0,
  })
  return { type, shape: 'number', form: `${form}, as "5s"` } as const satisfies Kind
}

/** Bytes. Units are of 1024. `most` itself may be one byte less than a person would write: 64KB is taken for it. */
export function size(least: number, most: number) {
  const error = wrong('a size', '"64KB", "1MB" or a number of bytes')
  const range = `must be from ${sizeText(least)} to ${sizeText(most)}`
  const type = z.codec(
    z.union([z.string().regex(SIZE, { error }), z.int().nonnegative({ error })], { error }),
    z.number(),
    {
      decode(text, context) {
        const bytes = typeof text === 'number' ? text : parseUnits(text, SIZE_UNITS)
        if (bytes < least || bytes > most + 1) context.issues.push({ code: 'custom', input: text, message: range })
        return Math.min(bytes, most)
      },
      encode: (bytes) => bytes === most ? sizeText(most) : formatUnits(bytes, SIZE_UNITS) ?? bytes,
    },
  )
  return { type, shape: 'number', form: `a size, as "32KB", from ${sizeText(least)} to ${sizeText(most)}` } as const
}

function sizeText(bytes: number): string {
  return formatUnits(bytes, SIZE_UNITS) ?? formatUnits(bytes + 1, SIZE_UNITS) ?? `${bytes} bytes`
}

export function count(least: number, most: number) {
  const form = `a whole number from ${least} to ${most}`
  const type = z.int({ error: wrong(form, String(Math.max(least, 1))) })
    .min(least, { error: ({ input }) => `${show(input)} is not ${form}` })
    .max(most, { error: ({ input }) => `${show(input)} is not ${form}` })
  return { type, shape: 'number', form } as const satisfies Kind
}

/** A number, or the word that lets the program find it. */
export function countOr<const T extends string>(word: T, least: number, most: number) {
  const form = `"${word}" or a whole number from ${least} to ${most}`
  const error = ({ input }: { readonly input?: unknown }) => `${show(input)} is not ${form}`
  const type = z.union([z.literal(word), z.int({ error }).min(least, { error }).max(most, { error })], { error })
  return { type, shape: 'number', form } as const satisfies Kind
}

export const flag = {
  type: z.boolean({ error: wrong('true or false', 'true') }),
  shape: 'flag',
  form: 'true or false',
} as const satisfies Kind

export function choice<const T extends readonly [string, ...string[]]>(...values: T) {
  const form = `one of ${values.map((value) => `"${value}"`).join(', ')}`
  const type = z.enum(values, {
    error: ({ input }) => input === undefined ? `is missing; it is ${form}` : `${show(input)} is not ${form}`,
  })
  return { type, shape: 'text', form } as const satisfies Kind
}

export function list<T extends z.ZodType>(kind: Kind<T>, form: string, example: string, least = 0) {
  const type = z.array(kind.type, { error: wrong(form, example) })
    .min(least, { error: () => `is empty; it is ${form}, as ${example}` })
  return { type, shape: 'list', form } as const satisfies Kind
}

/** A path, or one of the words that stand in its place. Empty where `optional`. */
export function path(words: readonly string[], optional = false) {
  const said = [...words.map((word) => `"${word}"`), 'a path'].join(', ') + (optional ? ', or empty' : '')
  const fine = (text: string) => (optional || text !== '') && !text.includes('\0') ? text : null
  return {
    type: read(said, '"/some/where"', z.string(), fine, asIs),
    shape: 'text',
    form: said,
  } as const satisfies Kind
}

/** What keeps an address, with a port or without, from being used as it is written; `null`: nothing, or it is none. */
function linkTrouble(text: string): string | null {
  const address = parseAddress(splitHostPort(text, 0)?.host ?? text)
  if (address === null) return null
  // The zone may be the number of an interface, and that may begin with 25.
  if (/^25.*[^0-9]/.test(address.zone)) {
    return `${show(text)} has %25, which stands for % in URLs alone; write ${show(text.replace('%25', '%'))}`
  }
  if (address.zone !== '' || !isLinkLocal(address)) return null
  return `${show(text)} is on a link, and on which it does not say; write "fe80::1%eth0"`
}

/** Unless the address in it cannot be used as it is written. */
function usable(text: string | null): string | null {
  return text === null || linkTrouble(text) === null ? text : null
}

/** An IPv6 address without brackets whose last group may have been meant for a port: `::1` and 80 of `::1:80`. */
function meantPort(text: string): HostPort | null {
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, Math.max(colon, 0))
  const port = parsePort(text.slice(colon + 1))
  return port > 0 && family(host) === 6 ? { host, port } : null
}

function isListening(text: string): string | null {
  const endpoint = parseEndpoint(text)
  return endpoint === null ? null : usable(formatEndpoint(endpoint))
}

function listeningHint(text: string): string | null {
  const trouble = linkTrouble(text)
  if (trouble !== null) return trouble
  const said = `${show(text)} is not an address and a port; write `
  const meant = meantPort(text)
  if (meant !== null) return `${said}"[${meant.host}]:${meant.port}"`
  if (parsePort(text) >= 0) {
    return `${said}"127.0.0.1:${text}" for this machine alone, or "0.0.0.0:${text}" for everyone`
  }
  const address = family(text)
  if (address !== null) return `${said}${address === 6 ? `"[${text}]:3128"` : `"${text}:3128"`}`
  if (text.startsWith('*:') || text.startsWith(':')) {
    return `${said}"0.0.0.0${text.slice(text.indexOf(':'))}" and "[::]${text.slice(text.indexOf(':'))}"`
  }
  const split = splitHostPort(text)
  return split === null ? null : `${show(text)} starts with a name, and names are not looked up here; write its address`
}

const listening = read(
  'an address and a port, or the path of a socket',
  '"127.0.0.1:3128", "[::1]:3128" or "unix:/run/exaproxy.sock"',
  z.string(),
  isListening,
  asIs,
  listeningHint,
)

/** One place to listen, or several. */
export const endpoints = {
  type: z.codec(
    z.union([z.string(), z.array(z.string())], {
      error: wrong('an address and a port, or a list', '"127.0.0.1:3128"'),
    }),
    z.array(listening).min(1, { error: () => 'is empty; say where to listen, as "127.0.0.1:3128"' }),
    { decode: (value) => typeof value === 'string' ? [value] : value, encode: (value) => value },
  ),
  shape: 'list',
  form: 'an address and a port, as "127.0.0.1:3128", "[::1]:3128" or "unix:/path", or a list of them',
} as const satisfies Kind

const OFF = 'off'

function places(value: string | readonly string[]): string[] {
  const all = typeof value === 'string' ? [value] : [...value]
  return all.length === 1 && (all[0] === OFF || all[0] === '') ? [] : all
}

/** The same, or nowhere: the word "off", or an empty list. */
export const endpointsOrOff = {
  type: z.codec(
    z.union([z.string(), z.array(z.string())], {
      error: wrong('an address and a port, a list, or "off"', '"127.0.0.1:8080"'),
    }),
    z.array(listening),
    {
      // From the command line the word comes as a list of one.
      decode: places,
      encode: (value) => value.length === 0 ? OFF : value,
    },
  ),
  shape: 'list',
  form: 'an address and a port, as "127.0.0.1:8080" or "unix:/path", a list of them, or "off"',
} as const satisfies Kind

/** `address:port`; the port may be left out where `port` is known. */
export function server(port: number) {
  const decode = (text: string) => {
    const endpoint = parseEndpoint(text, port) ?? (family(text) === 6 ? parseEndpoint(`[${text}]`, port) : null)
    return endpoint === null || endpoint.family === 'unix' || endpoint.port === 0
      ? null
      : usable(formatEndpoint(endpoint))
  }
  const example = `"127.0.0.1:${port}" or "[::1]:${port}"`
  const type = read('an address and a port', example, z.string(), decode, asIs, linkTrouble)
  return { type, shape: 'text', form: `an address, as "127.0.0.1:${port}"` } as const satisfies Kind
}

function isOrigin(text: string): string | null {
  const split = splitHostPort(text)
  if (split === null || split.port === 0) return null
  const address = canonical(split.host)
  const kind = family(address)
  if (kind !== null) return kind === 6 ? `[${address}]:${split.port}` : `${address}:${split.port}`
  const host = split.host.toLowerCase()
  return HOST.test(host) && !looksLikeAddress(host) ? `${host}:${split.port}` : null
}

/** `256.1.1.1`: a last label of digits is never a name (RFC 1123 2.1). */
function looksLikeAddress(host: string): boolean {
  return /(?:^|\.)[0-9]+$/.test(host)
}

/** An origin server of an upstream, by address or by name. */
export const origin = {
  type: read(
    'a server and its port',
    '"127.0.0.1:9000" or "app.internal:9000"',
    z.string(),
    (text) => usable(isOrigin(text)),
    asIs,
    linkTrouble,
  ),
  shape: 'text',
  form: 'a server and its port, as "127.0.0.1:9000"',
} as const satisfies Kind

export const originOrNone = {
  type: read(
    'a server and its port, or empty',
    '"127.0.0.1:9000" or "app.internal:9000"',
    z.string(),
    (text) => text === '' ? text : isOrigin(text),
    asIs,
  ),
  shape: 'text',
  form: 'a server and its port, as "127.0.0.1:9000", or empty',
} as const satisfies Kind

function isHostPattern(text: string): string | null {
  const name = text.toLowerCase()
  if (name === '*') return name
  const bare = name.startsWith('*.') ? name.slice(2) : name
  return HOST.test(bare) || (name === bare && family(bare) !== null) ? name : null
}

export const host = {
  type: read(
    'the name of a site',
    '"example.com", "*.example.com" (anything below it) or "*" (everything else)',
    z.string(),
    isHostPattern,
    asIs,
  ),
  shape: 'text',
  form: 'a name, as "example.com" or "*.example.com", or "*"',
} as const satisfies Kind

function asAddress(text: string): string | null {
  return family(text) === null ? null : canonical(text)
}

/**
 * Addresses of this machine to come from: one, or a list of them; none, or empty text: the system's choice. 0: of either
 * family.
 */
export function locals(version: 4 | 6 | 0) {
  const one = version === 0 ? 'an IP address' : `an IPv${version} address`
  const example = version === 6 ? '"2001:db8::1"' : '"192.0.2.1"'
  const decode = (text: string) => (version || family(text)) === family(text) ? usable(asAddress(text)) : null
  const hint = (text: string) => version === 4 ? null : linkTrouble(text)
  const address = read(one, example, z.string(), decode, asIs, hint)
  const form = `${one}, or a list of them`
  const type = z.codec(
    z.union([z.string(), z.array(z.string())], { error: wrong(form, example) }),
    z.array(address),
    {
      decode: (value) => (typeof value === 'string' ? [value] : [...value]).filter((text) => text !== ''),
      encode: (value) => value,
    },
  )
  return { type, shape: 'list', form } as const satisfies Kind
}

function isTranslation(text: string): string | null {
  if (text === 'off' || text === 'auto') return text
  const prefix = text.includes('/') ? parseNetwork(text) : null
  return prefix !== null && isPrefix(prefix) ? formatNetwork(prefix) : null
}

/** `off`, `auto`, or the prefix of a translator to IPv4. */
export const nat64 = {
  type: read(
    '"off", "auto" or a prefix of 32, 40, 48, 56, 64 or 96 bits',
    '"64:ff9b::/96"',
    z.string(),
    isTranslation,
    asIs,
  ),
  shape: 'text',
  form: '"off", "auto" or a prefix, as "64:ff9b::/96"',
} as const satisfies Kind

function isNetwork(text: string): string | null {
  const network = parseNetwork(text)
  return network === null ? null : formatNetwork(network)
}

export const network = {
  type: read('a network', '"10.0.0.0/8", "fd00::/8" or an address', z.string(), isNetwork, asIs),
  shape: 'text',
  form: 'a network, as "10.0.0.0/8"',
} as const satisfies Kind

/** `443` or `8000-8999`; port 0 is none. */
function parseRange(text: string): PortRange | null {
  const dash = text.indexOf('-')
  const first = parsePort(dash < 0 ? text : text.slice(0, dash))
  const last = dash < 0 ? first : parsePort(text.slice(dash + 1))
  return first < 1 || last < first ? null : { first, last }
}

function formatRange(range: PortRange): string {
  return range.first === range.last ? String(range.first) : `${range.first}-${range.last}`
}

const RANGE = z.object({ first: z.number(), last: z.number() })
const PORTS_ERROR = wrong('a port or a range of ports', '443 or "8000-8999"')

export const ports = {
  type: z.codec(z.union([z.int(), z.string()], { error: PORTS_ERROR }), RANGE, {
    decode(value, context): PortRange {
      const range = parseRange(String(value))
      if (range !== null) return range
      context.issues.push({ code: 'custom', input: value, message: PORTS_ERROR({ input: value }) })
      return z.NEVER
    },
    encode: (range) => range.first === range.last ? range.first : formatRange(range),
  }),
  shape: 'number',
  form: 'a port or a range, as 443 or "8000-8999"',
} as const satisfies Kind

/** `127.0.0.1:*`, `*:80`, `10.0.0.0/8:8000-8999`, `[fd00::/8]:443`; without a colon, any port. */
function parsePattern(text: string): AddressPattern | null {
  const bracket = text.startsWith('[') ? text.indexOf(']') : 0
  if (bracket < 0) return null
  const colon = text.indexOf(':', bracket)
  const head = colon < 0 ? text : text.slice(0, colon)
  const tail = colon < 0 ? '*' : text.slice(colon + 1)
  const inside = bracket > 0 ? (head.length === bracket + 1 ? head.slice(1, bracket) : '') : head
  const address = inside === '*' ? inside : isNetwork(inside)
  const range = tail === '*' ? null : parseRange(tail)
  if (address === null || (range === null && tail !== '*')) return null
  return { address, ports: range }
}

function formatPattern(pattern: AddressPattern): string {
  const address = pattern.address.includes(':') ? `[${pattern.address}]` : pattern.address
  return `${address}:${pattern.ports === null ? '*' : formatRange(pattern.ports)}`
}

function patternHint(text: string): string | null {
  const meant = meantPort(text)
  const ways = meant === null ? [] : [`"[${meant.host}]:${meant.port}"`]
  if (family(text) === 6) ways.push(`"[${text}]:*"`)
  return ways.length === 0 ? null : `${show(text)} has no brackets; write it as ${ways.join(', or as ')}`
}

export const pattern = {
  type: read(
    'an address or a network, a colon and a port',
    '"127.0.0.1:*", "*:80", "10.0.0.0/8:8000-8999" or "[::1]:443"',
    z.object({ address: z.string(), ports: RANGE.nullable() }),
    parsePattern,
    formatPattern,
    patternHint,
  ),
  shape: 'text',
  form: 'an address and ports, as "127.0.0.1:*" or "*:80"',
} as const satisfies Kind

const matching = (form: string, example: string, rule: RegExp, change = asIs) => ({
  type: read(form, example, z.string(), (text) => rule.test(text) ? change(text) : null, asIs),
  shape: 'text' as const,
  form,
})

export const method = matching('a method', '"GET"', TOKEN)
export const protocol = matching('the name of a protocol', '"websocket"', PROTOCOL, (text) => text.toLowerCase())
export const pseudonym = matching('a name without spaces, or empty', '"exaproxy"', RECEIVED_BY)
/** Linux's names have 15 bytes at most; a quote or a space would be a part of the rule it stands in. */
export const interfaceOrNone = matching(
  'the name of a network interface, or empty',
  '"eth0"',
  /^[A-Za-z0-9._:@*+-]{0,15}$/,
)
export const contact = matching('one line of text, an e-mail address or a URL', '"help@example.org"', ONE_LINE)
/** A name as that of a table: letters, digits, "-" and "_". */
export const cookieName = matching('the name of a cookie', '"server"', TOKEN)
export const checkPath = matching('a path', '"/health"', /^\/[!-~]*$/)
export const classifier = matching('a name', '"rules"', /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/)
export const classifierOrNone = matching('a name, or empty', '"office"', /^(?:[A-Za-z0-9][A-Za-z0-9_-]{0,62})?$/)
export const urlOrNone = matching(
  'an absolute http:// URL, or empty',
  '"http://example.com/"',
  /^(?:http:\/\/[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+)?$/,
)
