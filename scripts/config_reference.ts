/**
 * The tables of README.md that are made from code, each between two marker lines: all options, from the schema, and all
 * metrics, from the list that /metrics is written from.
 *
 *   node scripts/config_reference.ts --check    whether they are current (exit code 1 when not)
 *   node scripts/config_reference.ts --write    make them current
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { reference } from '../core/config/report.ts'
import { metricsReference } from '../core/control/families.ts'

export interface Reference {
  readonly begin: string
  readonly end: string
  readonly make: () => string
}

const between = (name: string, make: () => string): Reference => {
  return { begin: `<!-- ${name} reference: begin -->`, end: `<!-- ${name} reference: end -->`, make }
}

export const REFERENCES: readonly Reference[] = [between('config', reference), between('metrics', metricsReference)]

const FILE = join(dirname(dirname(fileURLToPath(import.meta.url))), 'README.md')

/** The text with a current reference; `null` where its markers are missing. */
export function withReference(text: string, { begin, end, make }: Reference): string | null {
  const from = text.indexOf(begin)
  const to = text.indexOf(end, from)
  if (from < 0 || to < 0) return null
  return `${text.slice(0, from + begin.length)}\n\n${make()}\n${text.slice(to)}`
}

function main(how: string | undefined): number {
  if (how !== '--check' && how !== '--write') {
    console.error('config_reference: say --check or --write')
    return 64
  }
  const text = readFileSync(FILE, 'utf8')
  let made = text
  for (const one of REFERENCES) {
    const next = withReference(made, one)
    if (next === null) {
      console.error(`config_reference: README.md lacks the lines\n${one.begin}\n${one.end}`)
      return 1
    }
    made = next
  }
  if (made === text) return 0
  if (how === '--write') {
    writeFileSync(FILE, made)
    return 0
  }
  console.error(
    'config_reference: a reference in README.md is not current: run node scripts/config_reference.ts --write',
  )
  return 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(main(process.argv[2]))
