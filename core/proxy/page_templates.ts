/**
 * The built-in pages, in the code so that one executable has them: a template for each language and sort of trouble. They
 * load nothing and run nothing.
 */

import type { Failure } from '../failure.ts'
import { type PageLanguage, type Trouble, troubleOf } from './page_words.ts'
import { type Placeholder, Template } from './template.ts'

/** Of 24 by 24, drawn in lines. They say nothing that the words beside them do not. */
const PICTURES: Readonly<Record<Trouble, string>> = {
  policy: '<path d="M12 3l7 3v5c0 4.5-3 8-7 10-4-2-7-5.5-7-10V6z"/><path d="M9 9.5l6 6m0-6l-6 6"/>',
  site:
    '<rect x="4" y="4" width="16" height="6.5" rx="1.5"/><path d="M7.5 7.25h.01M11 7.25h5M4 17h5m6 0h5m-8-6.5V14m-2 1.5l4 4m0-4l-4 4"/>',
  request:
    '<path d="M14 3H7.5A1.5 1.5 0 0 0 6 4.5v15A1.5 1.5 0 0 0 7.5 21h9a1.5 1.5 0 0 0 1.5-1.5V7zM14 3v4h4M12 10.5v4m0 2.75v.01"/>',
  proxy: '<path d="M12 4l9 16H3zM12 10.5v4m0 2.5v.01"/>',
}

/** Text and lines of a trouble, and what is behind its picture: on light and on dark. */
const COLOURS: Readonly<Record<Trouble, readonly [light: string, lightTint: string, dark: string, darkTint: string]>> =
  {
    policy: ['#a3241b', '#fbeae8', '#ffa59b', '#41211f'],
    site: ['#7a4b00', '#fdf0d9', '#f5c27a', '#3b2d14'],
    request: ['#1c54a8', '#e7effb', '#9cc3ff', '#1c2d47'],
    proxy: ['#6a2f9c', '#f2e9fa', '#d6b1f7', '#33204a'],
  }

function style(trouble: Trouble): string {
  const [light, lightTint, dark, darkTint] = COLOURS[trouble]
  return `:root { color-scheme: light dark; --page: #f1f3f6; --card: #fff; --text: #1a1f26; --soft: #4b5563;
  --line: #d9dee5; --mark: ${light}; --tint: ${lightTint} }
@media (prefers-color-scheme: dark) {
  :root { --page: #0f1216; --card: #1a1f26; --text: #eceff3; --soft: #aab4c0; --line: #36404c;
    --mark: ${dark}; --tint: ${darkTint} }
}
* { box-sizing: border-box }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100% }
body { margin: 0; padding: clamp(.75rem, 4vw, 3.5rem) clamp(.75rem, 4vw, 1rem) 1rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif }
main, footer { max-width: 42rem; margin-inline: auto }
main { background: linear-gradient(var(--mark) 0 .3125rem, transparent 0) var(--card); border: 1px solid var(--line);
  border-radius: .75rem; padding: clamp(1.5rem, 5vw, 2.25rem) clamp(1.25rem, 5vw, 2.25rem) }
.sort { display: flex; align-items: center; gap: .75rem; margin: 0 0 1rem; color: var(--mark); font-weight: 600 }
.sort svg { flex: none; width: 3rem; height: 3rem; padding: .625rem; border-radius: 50%; background: var(--tint);
  fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round }
h1 { margin: 0 0 .5rem; font-size: clamp(1.5rem, 5vw, 2rem); line-height: 1.2; text-wrap: balance }
h2 { margin: 1.5rem 0 .25rem; font-size: 1.0625rem }
p { margin: 0 0 .5rem }
main > p { font-size: 1.0625rem }
.why { margin: .75rem 0 0; padding: .75rem 1rem; border-inline-start: .25rem solid var(--mark); border-radius: .25rem;
  background: var(--tint); overflow-wrap: anywhere }
dl { margin: 1.5rem 0 0 }
dl div { padding: .625rem 0; border-top: 1px solid var(--line) }
dl div:last-child { padding-bottom: 0 }
dt { color: var(--soft); font-size: .875rem }
dd { margin: 0; overflow-wrap: anywhere }
@media (min-width: 36rem) {
  dl div { display: grid; grid-template-columns: 10rem minmax(0, 1fr); gap: 1rem }
  dt { line-height: 1.7143 }
}
code { font: .9375em/1.45 ui-monospace, SFMono-Regular, Consolas, "Liberation Mono", monospace; unicode-bidi: isolate }
a { color: var(--mark); overflow-wrap: anywhere; text-underline-offset: .15em }
a:focus-visible { outline: .1875rem solid var(--mark); outline-offset: .1875rem; border-radius: .125rem }
footer { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; padding: 1rem clamp(1.25rem, 5vw, 2.25rem);
  color: var(--soft); font-size: .875rem }
footer p { margin: 0; overflow-wrap: anywhere }
@media print { body { padding: 0 } main { border: 0 } }`
}

/** What a page shows beside its words, in this order: the label, and what comes after it. */
function rows({ labels }: PageLanguage, denied: boolean): readonly (readonly [Placeholder, string])[] {
  return [
    ['url', labels.url],
    ['detail', denied ? labels.why : labels.detail],
    ['category', labels.category],
    ['rule', labels.rule],
    ['by', labels.by],
    ['code', labels.error],
  ]
}

/** A URL and a code are written from left to right wherever they are; what people wrote, as it is written. */
function htmlValue(name: Placeholder): string {
  if (name === 'url') return '<code dir="ltr">{{url}}</code>'
  if (name === 'code') return '{{status}} (<code dir="ltr">{{code}}</code>)'
  return `<span dir="auto" lang="">{{${name}}}</span>`
}

const CONTACT = '{{#contact_url}}<a href="{{contact_url}}">{{contact}}</a>{{/contact_url}}' +
  '{{^contact_url}}{{contact}}{{/contact_url}}'

function htmlPage(language: PageLanguage, trouble: Trouble, denied: boolean): string {
  const { labels, colon } = language
  const entries = rows(language, denied).filter(([name]) => !denied || name !== 'detail').map(([name, label]) =>
    `{{#${name}}}<div><dt>${label}</dt><dd>${htmlValue(name)}</dd></div>\n{{/${name}}}`
  )
  // A reason is for the person who reads, and stands out; what else there is to know is for looking up.
  const why = denied ? `{{#detail}}<p class="why">${labels.why}${colon}${htmlValue('detail')}</p>\n{{/detail}}` : ''
  return `<!DOCTYPE html>
<html lang="${language.tag}" dir="${language.direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{{title}}</title>
<style>
${style(trouble)}
</style>
</head>
<body>
<main>
<p class="sort"><svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">${PICTURES[trouble]}</svg>${
    language.trouble[trouble]
  }</p>
<h1>{{title}}</h1>
<p>{{reason}}</p>
${why}<h2>${labels.advice}</h2>
<p>{{advice}}</p>
{{#contact}}<p>${labels.contact}${colon}<bdi>${CONTACT}</bdi></p>
{{/contact}}<dl>
${entries.join('')}</dl>
</main>
<footer>
<p>${labels.time}${colon}<bdi>{{time}}</bdi></p>
{{#client}}<p>${labels.client}${colon}<bdi>{{client}}</bdi></p>
{{/client}}{{#proxy}}<p>${labels.proxy}${colon}<bdi>{{proxy}}</bdi></p>
{{/proxy}}{{#id}}<p>${labels.id}${colon}<bdi>{{id}}</bdi></p>
{{/id}}</footer>
</body>
</html>
`
}

function textPage(language: PageLanguage, denied: boolean): string {
  const { labels } = language
  const entries: readonly (readonly [Placeholder, string])[] = [
    ...rows(language, denied),
    ['time', labels.time],
    ['proxy', labels.proxy],
    ['id', labels.id],
    ['contact', labels.contact],
  ]
  const width = Math.max(...entries.map(([, label]) => label.length)) + 2
  const lines = entries.map(([name, label]) => {
    const value = name === 'code' ? '{{status}} ({{code}})' : `{{${name}}}`
    return `{{#${name}}}\n  ${label.padEnd(width)}${value}{{/${name}}}`
  })
  return `{{title}}\n\n{{reason}}\n{{advice}}\n${lines.join('')}\n`
}

const made = new Map<string, Template>()

/** Compiled when it is first asked for: most are never. */
export function ownTemplate(language: PageLanguage, failure: Failure, html: boolean): Template {
  const trouble = troubleOf(failure)
  const denied = failure.code === 'denied'
  const key = `${language.tag} ${trouble} ${denied} ${html}`
  let template = made.get(key)
  if (template === undefined) {
    template = html
      ? new Template(htmlPage(language, trouble, denied), true)
      : new Template(textPage(language, denied), false)
    made.set(key, template)
  }
  return template
}
