/** Regular expressions and wildcards of rules, compiled once: a text in, yes or no out. */

/** Whether a text matches. */
export type Expression = (text: string) => boolean

export type ParsedExpression = { readonly expression: Expression } | { readonly error: string }

/**
 * `~regex`, or `~*regex` without regard to case, as JavaScript has them, anywhere in the text. `anyCase`: never with regard
 * to it.
 */
export function parseRegex(text: string, anyCase: boolean): ParsedExpression {
  const starred = text.charCodeAt(1) === 0x2a
  const source = text.slice(starred ? 2 : 1)
  if (source === '') return { error: 'is an empty regular expression' }
  try {
    const regex = new RegExp(source, anyCase || starred ? 'i' : '')
    return { expression: (value) => regex.test(value) }
  } catch (error) {
    return { error: `is no regular expression: ${(error as Error).message}` }
  }
}

/**
 * A text in which "*" is any characters, none too; all else is itself. The whole has to fit, or where `anywhere` a part.
 * Takes no longer than text times pattern, whatever they are.
 */
export function parseGlob(glob: string, anywhere = false): Expression {
  const pieces = glob.split('*')
  if (pieces.length === 1) return anywhere ? (text) => text.includes(glob) : (text) => text === glob
  const first = anywhere ? '' : pieces[0]
  const last = anywhere ? '' : pieces[pieces.length - 1]
  const middle = (anywhere ? pieces : pieces.slice(1, -1)).filter((piece) => piece !== '')
  if (first === '' && last === '' && middle.length === 1) return (text) => text.includes(middle[0])
  const least = first.length + last.length
  return (text) => {
    if (text.length < least || !text.startsWith(first) || !text.endsWith(last)) return false
    let at = first.length
    const end = text.length - last.length
    for (let i = 0; i < middle.length; i++) {
      const found = text.indexOf(middle[i], at)
      if (found < 0 || found + middle[i].length > end) return false
      at = found + middle[i].length
    }
    return true
  }
}
