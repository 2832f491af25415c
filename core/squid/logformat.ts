/**
 * Squid's logformat codes, as far as a request that has not been answered has values for them: for `extras` of helpers and
 * the format of external_acl (Squid 7, src/cf.data.pre: logformat, external_acl_type).
 *
 *     %["|[|#|/|'][-][0][WIDTH][.PRECISION][{ARGUMENT}]CODE
 */

import type { Subject } from '../filter/subject.ts'

/** How a value is written where spaces separate values. */
export type Quoting = 'url' | 'url-but-percent' | 'quotes' | 'mime' | 'shell' | 'raw'

interface Part {
  /** Before the value. */
  readonly text: string
  /** `null`: only text. */
  readonly value: ((subject: Subject) => string | null) | null
  readonly quoting: Quoting
  /** Filled up to it; on the right with spaces when negative, else on the left. */
  readonly width: number
  readonly zeros: boolean
  /** At most so many characters; -1: all. */
  readonly precision: number
}

export type LogFormat = readonly Part[]

/** A format that is none. `message` is a sentence without a full stop. */
export class LogFormatError extends Error {}

const QUOTINGS: Readonly<Record<string, Quoting>> = { '"': 'quotes', '[': 'mime', '#': 'url', '/': 'shell', "'": 'raw' }

const nothing = (): null => null
const some = (text: string): string | null => text === '' ? null : text

type Reader = (subject: Subject) => string | null

/** By code, of those without an argument. */
const CODES: Readonly<Record<string, Reader>> = {
  '>a': (subject) => some(subject.client),
  // Names of clients are not looked up; Squid then repeats the address.
  '>A': (subject) => some(subject.client),
  'la': (subject) => some(subject.local),
  'lp': port,
  '>la': (subject) => some(subject.local),
  '>lp': port,
  'un': (subject) => some(subject.user),
  'ul': (subject) => some(subject.user),
  'rm': (subject) => subject.method,
  '>rm': (subject) => subject.method,
  'ru': (subject) => subject.url,
  '>ru': (subject) => subject.url,
  '>rs': (subject) => some(subject.scheme),
  '>rd': (subject) => subject.host,
  '>rP': (subject) => `${subject.port}`,
  'rp': pathAndQuery,
  '>rp': pathAndQuery,
  '>rv': () => '1.1',
  'rv': () => '1.1',
  'ts': (subject) => `${Math.floor(subject.date / 1000)}`,
  'tu': (subject) => `${Math.floor(subject.date) % 1000}`.padStart(3, '0'),
  'ssl::>sni': (subject) => subject.tls === null ? null : some(subject.tls.sni),
  // What external_acl called them once.
  'SRC': (subject) => some(subject.client),
  'DST': (subject) => subject.host,
  'PORT': (subject) => `${subject.port}`,
  'PROTO': (subject) => some(subject.scheme),
  'METHOD': (subject) => subject.method,
  'PATH': pathAndQuery,
  'URI': (subject) => subject.url,
  'LOGIN': (subject) => some(subject.user),
  'EXT_USER': (subject) => some(subject.user),
  'MYADDR': (subject) => some(subject.local),
  'MYPORT': port,
}

/** Known, but never with a value here. */
const EMPTY = new Set(
  ('>p >eui ui us ue et ea tg tr dt err_code err_detail <A <a <p <la <lp >qos <qos >nfmark <nfmark <rm <ru ' +
    '<rs <rd <rP <rp <rv mt >Hs <Hs >st <st Ss Sh note tl tS DATA ACL IDENT SRCPORT SRCEUI48 SRCEUI64 EXT_LOG EXT_TAG ' +
    'USER_CERT USER_CA_CERT credentials ssl::bump_mode ssl::>cert_subject ssl::>cert_issuer').split(' '),
)

/** Longest first, so that `>rm` is not read as `>r`. */
const NAMES = [...Object.keys(CODES), ...EMPTY].sort((a, b) => b.length - a.length)

function port(subject: Subject): string | null {
  return subject.localPort === 0 ? null : `${subject.localPort}`
}

function pathAndQuery(subject: Subject): string | null {
  return subject.query === '' ? some(subject.path) : `${subject.path}?${subject.query}`
}

/** `quoting`: of values whose code does not ask for another. @throws LogFormatError */
export function parseLogFormat(format: string, quoting: Quoting): LogFormat {
  const parts: Part[] = []
  let text = ''
  let at = 0
  while (at < format.length) {
    const percent = format.indexOf('%', at)
    if (percent === -1) break
    text += format.slice(at, percent)
    if (format[percent + 1] === '%') {
      text += '%'
      at = percent + 2
      continue
    }
    const [part, end] = parseCode(format, percent, text, quoting)
    parts.push(part)
    text = ''
    at = end
  }
  text += format.slice(at)
  if (text !== '') parts.push({ text, value: null, quoting, width: 0, zeros: false, precision: -1 })
  return parts
}

const SHAPE = /%(["[#/'])?(-)?(0)?(\d{1,4})?(?:\.(\d{1,4}))?(?:\{([^}]*)\})?/y

function parseCode(format: string, start: number, text: string, quoting: Quoting): [part: Part, end: number] {
  SHAPE.lastIndex = start
  const [whole, mark, minus, zero, width, precision, before] = SHAPE.exec(format) ?? ['%']
  let end = start + whole.length
  let name = NAMES.find((each) => format.startsWith(each, end))
  if (name === undefined && format[end] === '>' && (format[end + 1] === 'h' || format[end + 1] === '{')) name = '>h'
  // external_acl's old way to name a field.
  const old = /^>\{([^}]*)\}/.exec(format.slice(end))
  let field = before
  let value: Reader
  if (old !== null && field === undefined) {
    field = old[1]
    end += old[0].length
    if (format[end] === 'h') end++
    value = fieldReader(field)
  } else if (name === '>h' || format.startsWith('>h', end)) {
    end += 2
    value = field === undefined ? nothing : fieldReader(field)
  } else if (name === undefined) {
    throw new LogFormatError(`"${format.slice(start, end + 8)}" is not a code of Squid’s logformat known here`)
  } else {
    end += name.length
    value = CODES[name] ?? nothing
  }
  const filled = width === undefined ? 0 : Number(width)
  return [{
    text,
    value,
    quoting: mark === undefined ? quoting : QUOTINGS[mark],
    width: minus === undefined ? filled : -filled,
    zeros: zero !== undefined,
    precision: precision === undefined ? -1 : Number(precision),
  }, end]
}

/** `Name`, or `Name:member` of a list (RFC 9110 5.6.1): what follows `member=`. */
function fieldReader(argument: string): Reader {
  const colon = argument.indexOf(':')
  const name = (colon === -1 ? argument : argument.slice(0, colon)).toLowerCase()
  if (colon === -1) return (subject) => subject.field(name)
  const [member, separator] = memberOf(argument.slice(colon + 1))
  return (subject) => {
    const value = subject.field(name)
    if (value === null) return null
    for (const each of value.split(separator)) {
      const item = each.replace(/^[ \t]+|[ \t]+$/g, '')
      if (item === member) return item
      if (item.startsWith(`${member}=`)) return item.slice(member.length + 1)
    }
    return null
  }
}

/** `;member`: of a list that ";" separates. */
function memberOf(text: string): [member: string, separator: string] {
  return /^[A-Za-z0-9]/.test(text) ? [text, ','] : [text.slice(1), text[0] ?? ',']
}

/** The format with the values of a request: one line, "-" where there is no value. */
export function expandLogFormat(format: LogFormat, subject: Subject): string {
  let line = ''
  for (const part of format) {
    line += part.text
    if (part.value === null) continue
    let value = quote(part.value(subject) ?? '-', part.quoting)
    if (part.precision >= 0) value = value.slice(0, part.precision)
    if (part.width < 0) value = value.padEnd(-part.width)
    else if (part.width > 0) value = value.padStart(part.width, part.zeros ? '0' : ' ')
    line += value
  }
  return line
}

/** What RFC 1738 calls unsafe, and all that is not printable ASCII. */
const UNSAFE = new Uint8Array(128).fill(1, 0, 0x21)
for (const character of '<>"#{}|\\^~[]`\'') UNSAFE[character.charCodeAt(0)] = 1
UNSAFE[0x7f] = 1
const PERCENT = 0x25

/** A value as it stands among others; what would end the line never stands in it. */
export function quote(text: string, quoting: Quoting): string {
  switch (quoting) {
    case 'url':
      return urlEscape(text, true)
    case 'url-but-percent':
      return urlEscape(text, false)
    case 'quotes':
      return backslashes(text)
    case 'mime':
      return text.replace(/[^ -Z\\^-~]/g, percentOf)
    case 'shell':
      return /^[A-Za-z0-9]+$/.test(text) ? text : `"${backslashes(text)}"`
    case 'raw':
      return text.replace(/[\r\n\0]/g, percentOf)
  }
}

/** `%XX` for what is unsafe in a URL; `percent`: for "%" too, so that it can be undone. */
export function urlEscape(text: string, percent: boolean): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0x80 || UNSAFE[code] === 1 || (percent && code === PERCENT)) return escapeAll(text, percent)
  }
  return text
}

function escapeAll(text: string, percent: boolean): string {
  let out = ''
  for (const character of text) {
    const code = character.charCodeAt(0)
    out += code >= 0x80 || UNSAFE[code] === 1 || (percent && code === PERCENT) ? percentOf(character) : character
  }
  return out
}

const encoder = new TextEncoder()

/** A byte as `%XX`; what is no byte as those of its UTF-8. */
function percentOf(character: string): string {
  const code = character.charCodeAt(0)
  const bytes = code <= 0xff && character.length === 1 ? [code] : encoder.encode(character)
  let out = ''
  for (const byte of bytes) out += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  return out
}

function backslashes(text: string): string {
  return text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t')
    .replace(/[^ -~]/g, percentOf)
}
