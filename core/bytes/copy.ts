/** Copying a part of one array into another. */

/** Up to this size copying all of an array and moving the part wanted is cheaper on Bun than making a view of the part. */
const WHOLE = 2048

/**
 * Copy `from[start..end)` to `target` at `at`. What follows it in `target`, up to `from.length` bytes, may be overwritten:
 * for targets that are filled from front to back.
 *
 * `subarray` of an array that has no view yet makes JavaScriptCore move its bytes into a buffer of their own first, which
 * takes a quarter of a microsecond; heads and small bodies arrive in such arrays.
 */
export function copy(target: Uint8Array, at: number, from: Uint8Array, start: number, end: number): void {
  const size = from.length
  if (start === 0 && end === size) {
    target.set(from, at)
  } else if (size <= WHOLE && at + size <= target.length) {
    target.set(from, at)
    if (start > 0) target.copyWithin(at, at + start, at + end)
  } else {
    target.set(from.subarray(start, end), at)
  }
}
