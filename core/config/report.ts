/** The configuration told back: as TOML with where each value came from, and as the reference of all options. */

import { fromSettings, type Option, SECTIONS } from './schema.ts'
import type { Origin } from './sources.ts'
import { variableName } from './sources.ts'
import type { Settings } from './settings.ts'
import { tomlKey, tomlValue } from './toml_file.ts'

type Written = Readonly<Record<string, unknown>>

/** Two columns past the longest value of a table, so that the comments line up; longer values push theirs. */
const WIDEST = 44

/** A comment ends with its line, and TOML allows no other control characters in it. */
// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x1f\x7f]/g

interface Line {
  readonly text: string
  readonly comment: string
}

function linesOf(
  at: readonly string[],
  options: readonly Option[],
  written: Written,
  origins: ReadonlyMap<string, Origin>,
  diff: boolean,
): Line[] {
  const lines: Line[] = []
  for (const { path, fallback } of options) {
    const name = path.at(-1)!
    const text = `${tomlKey(name)} = ${tomlValue(written[name])}`
    const origin = origins.get([...at, name].join('.'))
    // What was set to its default is not a difference; a required option always is.
    if (diff && (origin === undefined || tomlValue(fallback) === tomlValue(written[name]))) continue
    lines.push({ text, comment: (origin?.where ?? 'default').replaceAll(CONTROL, '?') })
  }
  return lines
}

function render(lines: readonly Line[]): string[] {
  const width = Math.min(WIDEST, Math.max(0, ...lines.map(({ text }) => text.length)))
  return lines.map(({ text, comment }) => `${text.padEnd(width)}  # ${comment}`)
}

/**
 * The whole configuration, or with `diff` what differs from the defaults, as TOML that reads back to the same settings.
 * A listener or upstream of the configuration is always told of, even where all its values are defaults.
 */
export function report(settings: Settings, origins: ReadonlyMap<string, Origin>, diff = false): string {
  const written = fromSettings(settings) as Readonly<Record<string, Written>>
  const blocks: string[] = []
  for (const section of SECTIONS) {
    const tables = section.named
      ? Object.keys(written[section.name]!).map((name) => [section.name, name])
      : [[section.name]]
    for (const at of tables) {
      const table = (section.named ? written[section.name]![at[1]!] : written[section.name]) as Written
      const lines = linesOf(at, section.options, table, origins, diff)
      if (lines.length === 0 && !(section.named && origins.has(at.join('.')))) continue
      blocks.push([`[${at.map(tomlKey).join('.')}]`, ...render(lines)].join('\n'))
    }
  }
  if (blocks.length === 0) return '# Everything is as by default.\n'
  return `${blocks.join('\n\n')}\n`
}

/** A cell of a Markdown table. */
const cell = (text: string): string => text.replaceAll('|', '\\|')

/** What is between the two marker lines of README.md. */
export function reference(): string {
  const parts = SECTIONS.map(({ name, named, description, options }) => {
    const rows = options.map(({ path, form, fallback, description }) => {
      const by = fallback === undefined ? 'required' : `\`${tomlValue(fallback)}\``
      return `| \`${path.at(-1)}\` | ${cell(by)} | ${cell(form)} | ${cell(description)} |`
    })
    return [
      `### \`[${name}${named ? '.NAME' : ''}]\``,
      '',
      `${description} Environment: \`${variableName([...options[0]!.path.slice(0, -1), 'OPTION'])}\`.`,
      '',
      '| option | default | value | |',
      '| --- | --- | --- | --- |',
      ...rows,
    ].join('\n')
  })
  return `${parts.join('\n\n')}\n`
}
