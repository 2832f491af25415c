/**
 * Patterns of paths, queries, values of fields and names of users, as a person writes them.
 *
 *   path     /a (it and all below, at a "/"), =/a (it alone), /a/*.gif (the whole), ~regex
 *   query    text anywhere, =text (the whole), a*b (the whole), ~regex
 *   value    text anywhere, =text, a*b, without regard to case; ~regex with it; empty: the field is there
 *   user     the name, a*b, ~regex
 *
 * "~*" in the place of "~" is a regex without regard to case. Paths and queries are matched in normal form: what is written
 * in a pattern as a character or percent-encoded is the same.
 */

import { type Expression, type ParsedExpression, parseGlob, parseRegex } from './expression.ts'
import { normalPath, normalText } from './normal.ts'

/** Characters past ASCII as the percent-encoded bytes of their UTF-8, which is how they come (RFC 3987 3.1). */
function toUri(text: string): string {
  return text.replace(/[^\x21-\x7e]+/g, (run) => encodeURIComponent(run.toWellFormed()))
}

/** Text as it comes in a field: a character for each byte of its UTF-8. */
function toValue(text: string): string {
  let out = ''
  for (const byte of new TextEncoder().encode(text)) out += String.fromCharCode(byte)
  return out
}

const fine = (expression: Expression): ParsedExpression => ({ expression })

export function parsePath(text: string): ParsedExpression {
  if (text.startsWith('~')) return parseRegex(text, false)
  const exact = text.startsWith('=')
  const bare = exact ? text.slice(1) : text
  if (!bare.startsWith('/') && !bare.startsWith('*')) return { error: 'does not begin with "/"' }
  if (bare.includes('?')) return { error: 'has a "?": what follows it is for query' }
  if (!exact && bare.includes('*')) {
    const stars = toUri(bare)
    return fine(parseGlob(stars.startsWith('/') ? normalPath(stars) : normalText(stars)))
  }
  const path = normalPath(toUri(bare))
  if (exact) return fine((value) => value === path)
  if (path.endsWith('/')) return fine((value) => value.startsWith(path))
  const { length } = path
  return fine((value) => value.startsWith(path) && (value.length === length || value.charCodeAt(length) === SLASH))
}

const SLASH = 0x2f

/** The folder that all paths which match are in, or are; empty where the pattern does not say: `/a` of `/a/*.gif`. */
export function folderOf(text: string): string {
  if (text.startsWith('~')) return ''
  const exact = text.startsWith('=')
  const bare = exact ? text.slice(1) : text
  if (!bare.startsWith('/')) return ''
  const whole = normalPath(toUri(bare))
  const star = exact ? -1 : whole.indexOf('*')
  return trimmed(star < 0 ? whole : whole.slice(0, whole.lastIndexOf('/', star) + 1))
}

function trimmed(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}

export function parseQuery(text: string): ParsedExpression {
  if (text.startsWith('~')) return asNormal(parseRegex(text, false))
  if (text.startsWith('=')) {
    const whole = normalText(toUri(text.slice(1)))
    return asNormal(fine((value) => value === whole))
  }
  if (text === '') return { error: 'is empty' }
  return asNormal(fine(parseGlob(normalText(toUri(text)), !text.includes('*'))))
}

/** A query is judged in normal form, which is made here: few rules ask for it. */
function asNormal(parsed: ParsedExpression): ParsedExpression {
  if ('error' in parsed) return parsed
  const { expression } = parsed
  return fine((query) => expression(normalText(query)))
}

export function parseValue(text: string): ParsedExpression {
  if (text === '') return fine(() => true)
  if (text.startsWith('~')) return parseRegex(text, false)
  const wanted = toValue(text).toLowerCase()
  if (text.startsWith('=')) {
    const whole = wanted.slice(1)
    return fine((value) => value.toLowerCase() === whole)
  }
  const matches = parseGlob(wanted, !text.includes('*'))
  return fine((value) => matches(value.toLowerCase()))
}

export function parseUser(text: string): ParsedExpression {
  if (text === '') return { error: 'is empty: a request without a user is matched by not = { user = "*" }' }
  if (text.startsWith('~')) return parseRegex(text, false)
  const matches = parseGlob(text)
  return fine((user) => user !== '' && matches(user))
}
