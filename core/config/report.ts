/** The configuration told back: as TOML with where each value came from, and as the reference of all options. */

import type { Option } from './option.ts'
import { fromSettings, type Section, SECTIONS } from './schema.ts'
import type { Origin } from './sources.ts'
import { variableName } from './sources.ts'
import type { Settings } from './settings.ts'
import { tomlKey, tomlValue } from './toml_file.ts'

type Written = Readonly<Record<string, unknown>>

/** What a table without any of its options is called, and where they are told of. */
function headOf(section: Section, at: readonly string[]): string {
  return section.many ? `[[${section.name}]]` : `[${at.map(tomlKey).join('.')}]`
}

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
    if (written[name] === undefined) continue
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

function tablesOf(
  section: Section,
  written: Written,
): Array<{ readonly at: readonly string[]; readonly table: Written }> {
  if (!section.named && !section.many) return [{ at: [section.name], table: written }]
  return Object.entries(written).map(([key, table]) => {
    // Tables that come one after another are numbered from 1.
    return { at: [section.name, section.many ? String(Number(key) + 1) : key], table: table as Written }
  })
}

/**
 * The whole configuration, or with `diff` what differs from the defaults, as TOML that reads back to the same settings.
 * A listener or upstream of the configuration is always told of, even where all its values are defaults.
 */
export function report(settings: Settings, origins: ReadonlyMap<string, Origin>, diff = false): string {
  const written = fromSettings(settings) as Readonly<Record<string, Written>>
  const blocks: string[] = []
  for (const section of SECTIONS) {
    for (const { at, table } of tablesOf(section, written[section.name]!)) {
      // All that a rule leaves out would hide what it says.
      const lines = linesOf(at, section.options, table, origins, diff || section.many)
      if (lines.length === 0 && !(section.named && origins.has(at.join('.')))) continue
      blocks.push([headOf(section, at), ...render(lines)].join('\n'))
    }
  }
  if (blocks.length === 0) return '# Everything is as by default.\n'
  return `${blocks.join('\n\n')}\n`
}

/** A cell of a Markdown table. */
const cell = (text: string): string => text.replaceAll('|', '\\|')

/** What is between the two marker lines of README.md. */
export function reference(): string {
  const parts = SECTIONS.map(({ name, named, many, description, options }) => {
    const rows = options.map(({ path, form, fallback, unset, description }) => {
      const by = unset !== '' ? unset : fallback === undefined ? 'required' : `\`${tomlValue(fallback)}\``
      return `| \`${path.at(-1)}\` | ${cell(by)} | ${cell(form)} | ${cell(description)} |`
    })
    return [
      `### \`${many ? `[[${name}]]` : `[${name}${named ? '.NAME' : ''}]`}\``,
      '',
      many
        ? `${description} Only in a file.`
        : `${description} Environment: \`${variableName([...options[0]!.path.slice(0, -1), 'OPTION'])}\`.`,
      '',
      '| option | default | value | |',
      '| --- | --- | --- | --- |',
      ...rows,
    ].join('\n')
  })
  return `${parts.join('\n\n')}\n`
}
