/** Enough TOML to write the configuration of a test. */

export type Value = string | number | boolean | readonly Value[] | Table
export interface Table {
  [key: string]: Value
}

export function toToml(table: Table, path: readonly string[] = []): string {
  const plain: string[] = []
  const below: string[] = []
  for (const [key, value] of Object.entries(table)) {
    if (typeof value === 'object' && !Array.isArray(value)) below.push(toToml(value as Table, [...path, key]))
    else plain.push(`${key} = ${written(value)}\n`)
  }
  const title = path.length === 0 || plain.length === 0
    ? ''
    : `\n[${path.map((key) => JSON.stringify(key)).join('.')}]\n`
  return title + plain.join('') + below.join('')
}

function written(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`
  // A table in a list: inline, which means what [[name]] means.
  if (typeof value === 'object') {
    return `{ ${Object.entries(value).map(([key, one]) => `${JSON.stringify(key)} = ${written(one)}`).join(', ')} }`
  }
  return JSON.stringify(value)
}
