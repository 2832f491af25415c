/**
 * Pages that helpers of the original name with `file://NAME`: files of one folder, with `%(host)s`, `%(url)s`,
 * `%(protocol)s`, `%(client_ip)s` and `%(comment)s` filled in.
 */

import { latin1, toBytes } from '../bytes/ascii.ts'
import { answerWords } from '../filter/answer_lines.ts'
import type { Cause, Decision } from '../filter/decision.ts'
import type { Asked } from './asked.ts'

export interface Pages {
  /** Where they are; empty: nowhere. */
  readonly folder: string
  /** The content of each, by its path below the folder, with "/" between folders. */
  readonly files: ReadonlyMap<string, Uint8Array>
}

export const NO_PAGES: Pages = { folder: '', files: new Map() }

/** Content-Type by the end of the name: nothing tells in which character set a page is written but the page itself. */
const TYPES: Readonly<Record<string, string>> = {
  txt: 'text/plain',
  json: 'application/json',
  png: 'image/png',
  gif: 'image/gif',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  svg: 'image/svg+xml',
  css: 'text/css',
  js: 'text/javascript',
}
const HTML = 'text/html'
/** What is not text has nothing filled in. */
const FILLED = /^(?:text|application)\//

const PLACE = /%\((host|url|protocol|client_ip|comment)\)s|%%/g

/**
 * Answer with the page: 200, as the original did; but 403 to CONNECT, where 200 would be a tunnel. What cannot be sent is a
 * refusal all the same: the helper did not want the request to go on.
 */
export function respondWith(pages: Pages, name: string, comment: string, asked: Asked, cause: Cause): Decision {
  const deny = (words: string): Decision => ({
    ...cause,
    kind: 'deny',
    status: 403,
    broken: false,
    reason: cause.reason === '' ? words : `${cause.reason} (${words})`,
  })
  const called = answerWords(name)
  if (pages.folder === '') return deny(`the page ${called} is not sent: no folder of pages is configured`)
  const path = below(pages.folder, name)
  const file = path === null ? undefined : pages.files.get(path)
  if (path === null || file === undefined) return deny(`there is no page ${called} in ${pages.folder}`)
  const type = TYPES[path.slice(path.lastIndexOf('.') + 1).toLowerCase()] ?? HTML
  const status = asked.method === 'CONNECT' ? 403 : 200
  const body = FILLED.test(type) ? fill(file, comment, asked, type === HTML) : file
  return { ...cause, kind: 'respond', status, type, body }
}

/** The path below the folder; `null` when it is not below it. */
function below(folder: string, name: string): string | null {
  let path = name
  if (name.startsWith('/')) {
    const top = `/${partsOf(folder)?.join('/') ?? ''}/`
    const whole = `/${partsOf(name)?.join('/') ?? ''}`
    if (!folder.startsWith('/') || !whole.startsWith(top)) return null
    path = whole.slice(top.length)
  }
  const parts = partsOf(path)
  return parts === null || parts.length === 0 ? null : parts.join('/')
}

/** Without "." and ".."; `null` when it leads above its beginning. */
function partsOf(path: string): string[] | null {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return null
  }
  return parts
}

function fill(file: Uint8Array, comment: string, { host, url, client }: Asked, html: boolean): Uint8Array {
  const values: Readonly<Record<string, string>> = { host, url, protocol: 'http', client_ip: client, comment }
  return toBytes(
    latin1(file).replace(PLACE, (place, name?: string) => {
      if (name === undefined) return place === '%%' ? '%' : place
      return html ? escapeHtml(values[name]) : latin1(encoder.encode(values[name]))
    }),
  )
}

const encoder = new TextEncoder()

/** Characters as references, so that they are right in any character set. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']|[^ -~]/gu, (character) => `&#${character.codePointAt(0)};`)
}
