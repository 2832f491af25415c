/**
 * Templates of error pages: text with placeholders `{{name}}`, sections `{{#name}}...{{/name}}` that are left out when the
 * placeholder is empty, and `{{^name}}...{{/name}}` that are left out when it is not. What is put in is escaped, always:
 * nothing in a template can ask for the contrary.
 */

export const PLACEHOLDERS = [
  'url',
  'host',
  'title',
  'reason',
  'detail',
  'advice',
  'status',
  'code',
  'id',
  'time',
  'proxy',
  'client',
  'category',
  'rule',
  'by',
  'contact',
  'contact_url',
  'language',
  'direction',
] as const

export type Placeholder = (typeof PLACEHOLDERS)[number]
export type PageValues = Readonly<Record<Placeholder, string>>

type Part = string | {
  readonly name: Placeholder
  readonly kind: '' | '#' | '^'
  /** What is inside a section. */
  readonly parts: readonly Part[]
}

interface OpenSection {
  readonly name: Placeholder
  readonly kind: '#' | '^'
  readonly line: number
  readonly parts: Part[]
}

/** Something wrong with a template. `line` counts from 1. */
export interface TemplateProblem {
  readonly line: number
  readonly words: string
}

const MARK = /\{\{([#^/]?) *([^{}\n]*?) *\}\}/g

export class Template {
  /** Empty when it is good. A template with problems shows nothing in their place. */
  readonly problems: readonly TemplateProblem[]
  /** It says in which language it is, as it is put in. */
  readonly tellsLanguage: boolean
  readonly #parts: readonly Part[]
  readonly #html: boolean

  constructor(text: string, html: boolean) {
    const problems: TemplateProblem[] = []
    this.#html = html
    this.#parts = compile(text, html, problems)
    this.problems = problems
    this.tellsLanguage = this.#parts.some((part) => typeof part !== 'string' && part.name === 'language')
  }

  render(values: PageValues): string {
    return render(this.#parts, values, this.#html ? escapeHtml : escapeText)
  }
}

function compile(text: string, html: boolean, problems: TemplateProblem[]): Part[] {
  const parts: Part[] = []
  const open: OpenSection[] = []
  let into = parts
  let done = 0
  for (const match of text.matchAll(MARK)) {
    const [whole, kind, name] = match
    const report = (words: string): void => {
      problems.push({ line: lineOf(text, match.index), words })
    }
    into.push(text.slice(done, match.index))
    done = match.index + whole.length
    if (!isPlaceholder(name)) {
      report(`unknown placeholder ${whole}; there are: ${PLACEHOLDERS.join(', ')}`)
      continue
    }
    if (html && kind === '' && insideCode(text, match.index)) {
      report(`${whole} inside <script> or <style>, where no escape is safe`)
      continue
    }
    if (kind === '#' || kind === '^') {
      const section: OpenSection = { name, kind, line: lineOf(text, match.index), parts: [] }
      into.push(section)
      open.push(section)
      into = section.parts
    } else if (kind === '/') {
      if (open.at(-1)?.name !== name) report(`${whole} ends a section that is not open`)
      else {
        open.pop()
        into = open.at(-1)?.parts ?? parts
      }
    } else {
      into.push({ name, kind: '', parts: [] })
    }
  }
  into.push(text.slice(done))
  for (const { name, kind, line } of open) {
    problems.push({ line, words: `the section {{${kind}${name}}} has no {{/${name}}}` })
  }
  return parts
}

const isPlaceholder = (name: string): name is Placeholder => (PLACEHOLDERS as readonly string[]).includes(name)

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}

function insideCode(text: string, index: number): boolean {
  const before = text.slice(0, index).toLowerCase()
  return ['script', 'style'].some((tag) => before.lastIndexOf(`<${tag}`) > before.lastIndexOf(`</${tag}`))
}

function render(parts: readonly Part[], values: PageValues, escape: (text: string) => string): string {
  let text = ''
  for (const part of parts) {
    if (typeof part === 'string') text += part
    else if (part.kind === '') text += escape(values[part.name])
    else if ((part.kind === '#') === (values[part.name] !== '')) text += render(part.parts, values, escape)
  }
  return text
}

/**
 * Characters that are not seen, or that change how others are seen: controls (a terminal obeys them), marks of direction
 * (they make one name look like another), invisible ones, and halves of surrogate pairs.
 */
const UNSEEN =
  // deno-lint-ignore no-control-regex
  /[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff]|[\ud800-\udfff]/gu

/** Text as one harmless line: what is not seen is shown as `\x1b` or `\u202e`. */
export function escapeText(text: string): string {
  return text.replace(UNSEEN, (letter) => {
    const code = letter.charCodeAt(0)
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
}

/** As {@link escapeText}, and safe in the text of an HTML element and in a quoted attribute. */
export function escapeHtml(text: string): string {
  return escapeText(text).replace(/[&<>"'`]/g, (letter) => ENTITIES[letter])
}
