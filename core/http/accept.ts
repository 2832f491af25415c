/** Proactive negotiation of an answer: its media type (RFC 9110 12.5.1) and its language (12.5.4). */

interface Range {
  /** Lower case: a media range without its parameters, or a language range. */
  readonly type: string
  /** 0 to 1000. */
  readonly q: number
}

/**
 * The offer the client likes best, given its Accept field (empty: it has none). `offers` are lower-case media types
 * without parameters, the one we like best first.
 *
 * The weight of an offer is that of the most specific range it matches. Between equal weights the more specific match wins,
 * then the one named first, then the order of the offers. Parameters of a range other than q are not looked at. A client
 * that accepts none of the offers gets the first one: an answer it did not ask for tells more than none (12.5.1 allows it).
 */
export function negotiate(accept: string, offers: readonly string[]): string {
  const ranges = parseRanges(accept)
  if (ranges.length === 0) return offers[0]
  let best = offers[0]
  let bestScore = 0
  for (let i = 0; i < offers.length; i++) {
    const score = scoreOf(offers[i], ranges)
    if (score > bestScore) {
      bestScore = score
      best = offers[i]
    }
  }
  return best
}

/**
 * Which offer suits the client best, given its Accept-Language field; -1: none, and the default is for it. `offers` are
 * language tags, without two that differ only in case; an empty one is never chosen.
 *
 * The lookup of RFC 4647 3.4: ranges from the heaviest to the lightest, the one named first before its equals, and each cut
 * at its end until it is an offer: "de-CH-1996" takes "de-CH" or "de". "*" asks for nothing in particular. An offer under a
 * range of weight 0 is not chosen, unless a longer range asks for it.
 */
export function lookUpLanguage(accept: string, offers: readonly string[]): number {
  if (accept === '') return -1
  const ranges = parseRanges(accept)
  const tags = offers.map((offer) => offer.toLowerCase())
  for (const { type, q } of ranges.toSorted((a, b) => b.q - a.q)) {
    if (q === 0) break
    for (let range = type; range !== ''; range = shorter(range)) {
      const found = range === '*' ? -1 : tags.indexOf(range)
      if (found >= 0 && !isRefused(tags[found], ranges)) return found
    }
  }
  return -1
}

/** Without the last subtag, and without a single letter before it, which means nothing alone. Empty: nothing is left. */
function shorter(range: string): string {
  const end = range.lastIndexOf('-')
  if (end < 0) return ''
  return range.slice(0, range[end - 2] === '-' ? end - 2 : end)
}

/** The longest range it is under has weight 0. */
function isRefused(tag: string, ranges: readonly Range[]): boolean {
  let length = 0
  let refused = false
  for (const { type, q } of ranges) {
    if (type.length <= length || (tag !== type && !tag.startsWith(`${type}-`))) continue
    length = type.length
    refused = q === 0
  }
  return refused
}

/** Ranges past this many have no say: browsers name eight types, and languages in the tens at most. */
const RANGES = 64
/** Nor has what stands past this many characters: browsers send hundreds, and a head may be filled to make work. */
const LENGTH = 4096

function scoreOf(offer: string, ranges: readonly Range[]): number {
  const wide = `${offer.slice(0, offer.indexOf('/'))}/*`
  let specificity = 0
  let q = 0
  let place = 0
  for (let i = 0; i < ranges.length; i++) {
    const { type } = ranges[i]
    const found = type === offer ? 3 : type === wide ? 2 : type === '*/*' ? 1 : 0
    if (found <= specificity) continue
    specificity = found
    q = ranges[i].q
    place = i
  }
  return q === 0 ? 0 : (q * 4 + specificity) * RANGES + RANGES - 1 - place
}

function parseRanges(accept: string): Range[] {
  const ranges: Range[] = []
  for (const element of splitOutsideQuotes(accept.slice(0, LENGTH), ',')) {
    const [type, ...parameters] = splitOutsideQuotes(element, ';').map(withoutSpace)
    if (type === '') continue
    let q = 1000
    for (const parameter of parameters) {
      if (/^q=/i.test(parameter)) q = parseWeight(parameter.slice(2))
    }
    // A range with a weight that is none says nothing.
    if (q >= 0) ranges.push({ type: type.toLowerCase(), q })
    if (ranges.length === RANGES) break
  }
  return ranges
}

/** Thousandths; -1 when it is no qvalue (RFC 9110 12.4.2). */
function parseWeight(text: string): number {
  const match = /^(?:0(?:\.([0-9]{0,3}))?|1(?:\.0{0,3})?)$/.exec(text)
  if (match === null) return -1
  if (text.startsWith('1')) return 1000
  let thousandths = 0
  for (const digit of (match[1] ?? '').padEnd(3, '0')) thousandths = thousandths * 10 + digit.charCodeAt(0) - 48
  return thousandths
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = []
  let start = 0
  let inQuotes = false
  for (let i = 0; i < text.length; i++) {
    const letter = text[i]
    if (inQuotes && letter === '\\') i += 1
    else if (letter === '"') inQuotes = !inQuotes
    else if (letter === separator && !inQuotes) {
      parts.push(text.slice(start, i))
      start = i + 1
    }
  }
  parts.push(text.slice(start))
  return parts
}

/** Without the optional white space of RFC 9110 5.6.3 at both ends. */
function withoutSpace(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && (text[start] === ' ' || text[start] === '\t')) start++
  while (end > start && (text[end - 1] === ' ' || text[end - 1] === '\t')) end--
  return text.slice(start, end)
}
