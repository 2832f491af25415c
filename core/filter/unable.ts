/** What is decided when a classifier cannot say: it is too slow, too busy or broken. */

import type { OnError } from '../config/settings.ts'
import type { Decision } from './decision.ts'

/** `by`: the classifier. `reason`: in words for a person. */
export function unable(by: string, onError: OnError, reason: string): Decision {
  const cause = { by, rule: '', reason, category: '' }
  if (onError === 'permit') return { kind: 'permit', final: false, ...cause }
  return { kind: 'deny', status: onError === 'deny' ? 403 : 503, broken: true, ...cause }
}
