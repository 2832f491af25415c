import { expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { END_TO_END, FIELD, FIELD_NAMES, fieldId, HOP_BY_HOP, NOT_IN_TRAILERS } from '../../core/http/fields.ts'

const idOf = (name: string): number => fieldId(toBytes(`x${name}y`), 1, 1 + name.length)
const entries = Object.entries(FIELD)

test('ids are the places of the names', () => {
  for (const [name, id] of entries) expect(FIELD_NAMES[id]).toBe(name)
  expect(FIELD_NAMES).toHaveLength(entries.length + 1)
})

test('every name is known in any case', () => {
  for (const [name, id] of entries) {
    const title = name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())
    expect([idOf(name), idOf(name.toUpperCase()), idOf(title)]).toEqual([id, id, id])
  }
})

test('nothing that is nearly a name is one', () => {
  for (const [name] of entries) {
    for (const other of [name.slice(1), name.slice(0, -1), `${name}s`, `x${name}`, `${name.slice(0, -1)}~`]) {
      if (other !== '' && !(other in FIELD)) expect([other, idOf(other)]).toEqual([other, 0])
    }
    if (name.includes('-')) expect(idOf(name.replaceAll('-', '_'))).toBe(0)
  }
})

test('what is hop-by-hop is not for all recipients, nor a trailer', () => {
  for (const [, id] of entries) {
    if (HOP_BY_HOP[id] === 1) expect([END_TO_END[id], NOT_IN_TRAILERS[id]]).toEqual([0, 1])
  }
})
