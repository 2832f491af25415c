/** Regular expressions of squidGuard's `expressions` files (POSIX 1003.1 9.4, extended) as JavaScript has them. */

const CLASSES: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  blank: ' \\t',
  digit: '0-9',
  lower: 'a-z',
  punct: '!-\\/:-@\\[-`{-~',
  space: ' \\t\\n\\r\\f\\v',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
}

type Translated = { readonly source: string; readonly next: number } | { readonly error: string }

/** A bracket expression from its `[` on. A backslash escapes, as authors mean it (POSIX has it for itself). */
function bracket(text: string, start: number): Translated {
  let at = start + 1
  let source = '['
  if (text[at] === '^') {
    source += '^'
    at++
  }
  for (let first = true; at < text.length; first = false) {
    const character = text[at]
    if (character === ']' && !first) return { source: `${source}]`, next: at + 1 }
    if (character === '[' && text[at + 1] === ':') {
      const end = text.indexOf(':]', at)
      const members = end < 0 ? undefined : CLASSES[text.slice(at + 2, end)]
      if (members === undefined) return { error: 'holds a class of characters that is not known' }
      source += members
      at = end + 2
    } else if (character === '\\' && at + 1 < text.length) {
      source += text.slice(at, at + 2)
      at += 2
    } else {
      source += character === '[' || character === ']' ? `\\${character}` : character
      at++
    }
  }
  return { error: 'holds a "[" without its "]"' }
}

/** Whether something that repeats without end is itself repeated without end: it may take forever, as `(a+)+` does. */
export function repeatsItself(source: string): boolean {
  /** For each open group, whether something inside it repeats. */
  const open: boolean[] = [false]
  let closed = false
  for (let i = 0; i < source.length; i++) {
    const character = source[i]
    if (character === '\\') {
      i++
      closed = false
      continue
    }
    if (character === '[') {
      for (i++; i < source.length && source[i] !== ']'; i++) if (source[i] === '\\') i++
      closed = false
      continue
    }
    if (character === '(') open.push(false)
    else if (character === ')' && open.length > 1) {
      closed = open.pop()!
      if (closed) open[open.length - 1] = true
      continue
    } else if (character === '*' || character === '+' || /^\{[0-9]*,[0-9]*\}/.test(source.slice(i))) {
      if (closed) return true
      open[open.length - 1] = true
    }
    closed = false
  }
  return false
}

/** An expression without regard to case, or what is wrong with it, for a person. */
export function parsePosixRegex(text: string): RegExp | string {
  let source = ''
  for (let at = 0; at < text.length;) {
    const character = text[at]
    if (character === '[') {
      const translated = bracket(text, at)
      if ('error' in translated) return translated.error
      source += translated.source
      at = translated.next
    } else if (character === '\\' && at + 1 < text.length) {
      const next = text[at + 1]
      // GNU's edges of words; JavaScript's own escapes of letters would mean something else.
      source += next === '<' || next === '>' ? '\\b' : text.slice(at, at + 2)
      at += 2
    } else {
      source += character
      at++
    }
  }
  if (repeatsItself(source)) return 'repeats something that repeats: it may take forever'
  try {
    return new RegExp(source, 'i')
  } catch {
    return 'is no regular expression'
  }
}
