/** How the live tests wait: for events, never for a time; a time only says when to give up. */

import { Buffer } from 'node:buffer'
import process from 'node:process'
import { setTimeout as after } from 'node:timers/promises'

/** How long a test waits for something that must happen, in milliseconds, before it fails. */
export const PATIENCE = Number(process.env.EXAPROXY_TEST_PATIENCE ?? 8000)

/** `work`, or a failure that says what did not come. `seen` adds what was there at that moment. */
export async function within<T>(
  work: Promise<T>,
  what: string,
  seen: () => string = () => '',
  ms = PATIENCE,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come within ${ms} ms${prefixed(seen())}`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function prefixed(seen: string): string {
  return seen === '' ? '' : `; seen so far: ${seen}`
}

/** For what tells nobody when it changes (the files of /proc): looks again and again until `condition` holds. */
export async function until(condition: () => boolean | Promise<boolean>, what: string, ms = PATIENCE): Promise<void> {
  const end = performance.now() + ms
  while (!await condition()) {
    if (performance.now() > end) throw new Error(`${what} did not come true within ${ms} ms`)
    await after(10)
  }
}

/** Bytes (or text of one byte a character) as one readable line; long ones are cut in the middle. */
export function shown(bytes: Uint8Array | string, limit = 600): string {
  const text = typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('latin1')
  const cut = text.length <= limit
    ? text
    : `${text.slice(0, limit / 2)}...(${text.length - limit} more)...${text.slice(-limit / 2)}`
  return cut.replace(/[^\x20-\x7e]|\\/g, (c) => {
    if (c === '\r') return '\\r'
    if (c === '\n') return '\\n'
    if (c === '\\') return '\\\\'
    return `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
}
