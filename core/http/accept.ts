/** Proactive negotiation of the media type of an answer (RFC 9110 12.5.1). */

interface Range {
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
  const ranges = parseAccept(accept)
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

/** Ranges past this many have no say in {@link negotiate}: browsers name eight. */
const RANGES = 64

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

function parseAccept(accept: string): Range[] {
  const ranges: Range[] = []
  for (const element of splitOutsideQuotes(accept, ',')) {
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
