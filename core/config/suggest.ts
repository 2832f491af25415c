/** "Did you mean": the known word nearest to a wrong one. */

/** Changes (a letter more, less, other, or two swapped) that make `b` of `a`. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const other = a[i - 1] === b[j - 1] ? 0 : 1
      row[j] = Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + other)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) row[j] = Math.min(row[j]!, before[j - 2]! + 1)
    }
    before = last
    last = row
  }
  return last[b.length]!
}

/** Words longer than this are not compared: no option is, and the work grows with the square. */
const LONGEST = 100

/** `null` when none of them is near: more than a third of the letters would change. */
export function closest(word: string, known: readonly string[]): string | null {
  if (word.length > LONGEST) return null
  let best: string | null = null
  let least = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    const changes = distance(word.toLowerCase(), candidate.toLowerCase())
    if (changes < least) [best, least] = [candidate, changes]
  }
  return best
}

/** `; did you mean "x"?`, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = closest(word, known)
  return near === null ? '' : `; did you mean ${near}?`
}
