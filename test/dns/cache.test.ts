import { expect, test } from 'vitest'
import { Cache } from '../../core/dns/cache.ts'

const SETTINGS = { ttl_min: 0, ttl_max: 1_000_000, negative_ttl_max: 1_000_000, stale: 0, cache_size: 4 }

test('the oldest goes first, one that was used gets another chance', () => {
  const cache = new Cache(SETTINGS)
  for (const name of ['a', 'b', 'c', 'd']) cache.found(name, 4, ['192.0.2.1'], 100, 0)
  cache.fresh('a', 4, 1)
  cache.fresh('c', 4, 1)
  cache.found('e', 4, ['192.0.2.1'], 100, 0)
  cache.found('f', 4, ['192.0.2.1'], 100, 0)
  const left = ['a', 'b', 'c', 'd', 'e', 'f'].filter((name) => cache.fresh(name, 4, 1) !== null)
  expect(left).toEqual(['a', 'c', 'e', 'f'])
  expect(cache.size).toBe(4)
})

test('both families share the room', () => {
  const cache = new Cache(SETTINGS)
  for (let i = 0; i < 100; i++) {
    cache.found(`n${i}`, 4, ['192.0.2.1'], 100, 0)
    cache.absent(`n${i}`, 6, null, 100, 0)
    expect(cache.size).toBeLessThanOrEqual(4)
  }
  expect(cache.fresh('n99', 4, 1)).not.toBeNull()
  expect(cache.fresh('n99', 6, 1)).not.toBeNull()
})

test('used by everyone, something goes all the same', () => {
  const cache = new Cache({ ...SETTINGS, cache_size: 100 })
  for (let i = 0; i < 1000; i++) {
    cache.found(`n${i}`, 4, ['192.0.2.1'], 100, 0)
    cache.fresh(`n${i}`, 4, 1)
  }
  expect(cache.size).toBe(100)
})

test('no room at all: answers are given, not kept', () => {
  const cache = new Cache({ ...SETTINGS, cache_size: 0 })
  expect(cache.found('a', 4, ['192.0.2.1'], 100, 0).addresses).toEqual(['192.0.2.1'])
  expect(cache.fresh('a', 4, 1)).toBeNull()
  expect(cache.size).toBe(0)
})

test('asked again, an entry is new', () => {
  const cache = new Cache(SETTINGS)
  cache.found('a', 4, ['192.0.2.1'], 1, 0)
  cache.found('a', 4, ['192.0.2.2'], 1, 900)
  expect(cache.fresh('a', 4, 1500)?.addresses).toEqual(['192.0.2.2'])
  expect(cache.size).toBe(1)
})

test('asked again, it takes no room of others', () => {
  const cache = new Cache(SETTINGS)
  for (const name of ['a', 'b', 'c', 'd', 'b']) cache.found(name, 4, ['192.0.2.1'], 1, 0)
  expect(cache.size).toBe(4)
  cache.found('e', 4, ['192.0.2.1'], 1, 0)
  expect(['a', 'b', 'c', 'd', 'e'].filter((name) => cache.fresh(name, 4, 1) !== null)).toEqual(['b', 'c', 'd', 'e'])
})

test('more than a week is a week', () => {
  const cache = new Cache({ ...SETTINGS, ttl_max: Number.MAX_SAFE_INTEGER })
  cache.found('a', 4, ['192.0.2.1'], 0x7fff_ffff, 0)
  expect(cache.fresh('a', 4, 604_799_000)).not.toBeNull()
  expect(cache.fresh('a', 4, 604_801_000)).toBeNull()
})
