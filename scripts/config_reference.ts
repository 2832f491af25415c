/**
 * The reference of all options in README.md is made from the schema: between two marker lines.
 *
 *   node scripts/config_reference.ts --check    whether it is current (exit code 1 when not)
 *   node scripts/config_reference.ts --write    make it current
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { reference } from '../core/config/report.ts'

export const BEGIN = '<!-- config reference: begin -->'
export const END = '<!-- config reference: end -->'

const FILE = join(dirname(dirname(fileURLToPath(import.meta.url))), 'README.md')

/** The text with a current reference; `null` where the markers are missing. */
export function withReference(text: string): string | null {
  const begin = text.indexOf(BEGIN)
  const end = text.indexOf(END, begin)
  if (begin < 0 || end < 0) return null
  return `${text.slice(0, begin + BEGIN.length)}\n\n${reference()}\n${text.slice(end)}`
}

function main(how: string | undefined): number {
  if (how !== '--check' && how !== '--write') {
    console.error('config_reference: say --check or --write')
    return 64
  }
  const text = readFileSync(FILE, 'utf8')
  const made = withReference(text)
  if (made === null) {
    console.error(`config_reference: README.md lacks the lines\n${BEGIN}\n${END}`)
    return 1
  }
  if (made === text) return 0
  if (how === '--write') {
    writeFileSync(FILE, made)
    return 0
  }
  console.error(
    'config_reference: the reference in README.md is not current: run node scripts/config_reference.ts --write',
  )
  return 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(main(process.argv[2]))
