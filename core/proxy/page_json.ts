/** Pages for programs. */

import type { PageValues } from './template.ts'
import { escapeText } from './template.ts'

/** Problem details (RFC 9457), in ASCII. */
export function problemBody(values: PageValues, status: number): string {
  return inAscii({
    title: values.title,
    status,
    detail: sentences(values.reason, values.detail),
    code: values.code,
    url: some(values.url),
    category: some(values.category),
    rule: some(values.rule),
    by: some(values.by),
    advice: values.advice,
    contact: some(values.contact),
    id: some(values.id),
    time: values.time,
    proxy: some(values.proxy),
  })
}

/**
 * application/proxy-explanation+json (draft-nottingham-proxy-explanation), in ASCII: what a browser may show without it
 * being taken for the origin's. `name` and `title` have to be there. The draft warns of URLs in what is shown, as somebody
 * on the way could send people where he likes: there are none but in `moreinfo`, which is for one.
 */
export function explanationBody(values: PageValues, status: number): string {
  const hasPage = values.contact_url !== '' && !values.contact_url.startsWith('mailto:')
  const said = (text: string): string | undefined => some(withoutUrls(text))
  return inAscii({
    name: values.proxy === '' ? 'proxy' : values.proxy,
    title: values.title,
    description: said(sentences(values.reason, values.detail)),
    moreinfo: hasPage ? values.contact_url : undefined,
    contact: said(hasPage ? '' : values.contact),
    status,
    code: values.code,
    category: said(values.category),
    rule: said(values.rule),
    by: said(values.by),
    id: some(values.id),
    time: values.time,
  })
}

function sentences(reason: string, detail: string): string {
  return detail === '' ? reason : `${reason} ${detail}`
}

const some = (text: string): string | undefined => text === '' ? undefined : text

/** A scheme alone, as in "addresses that begin with http://", leads nowhere. */
const URL = /:\/\/[^ .,;:!?)"']/

function withoutUrls(text: string): string {
  if (!URL.test(text)) return text
  return text.split(' ').map((word) => URL.test(word) ? '…' : word).join(' ')
}

function inAscii(body: Readonly<Record<string, string | number | undefined>>): string {
  const text = JSON.stringify(body, (_, value) => typeof value === 'string' ? escapeText(value) : value, 2)
  return `${text.replace(/[^\n -~]|[<>&]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`
}
