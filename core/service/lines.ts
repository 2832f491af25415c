/** Text that comes in pieces, as lines. */

import { BUFFER_SIZE } from '../limits.ts'
import type { Child } from '../runtime.ts'

/** Lines without their line feed, empty ones left out; one that does not end is cut at BUFFER_SIZE. Ends when it breaks. */
export async function* linesOf(output: Pick<Child['output'], 'next'>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (let pulled = await output.next(); pulled.done !== true; pulled = await output.next()) {
      const lines = (rest + decoder.decode(pulled.value, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line !== '') yield line
      if (rest.length >= BUFFER_SIZE) {
        yield rest
        rest = ''
      }
    }
  } catch {
    // It broke: what there was is all there is.
  }
  if (rest !== '') yield rest
}
