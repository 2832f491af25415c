/** The languages of the built-in pages. English comes first: it is for those who ask for none of them. */

import { lookUpLanguage } from '../../http/accept.ts'
import type { PageLanguage } from '../page_words.ts'
import { DUTCH } from './dutch.ts'
import { ENGLISH } from './english.ts'
import { FRENCH } from './french.ts'
import { GERMAN } from './german.ts'
import { ITALIAN } from './italian.ts'
import { POLISH } from './polish.ts'
import { PORTUGUESE } from './portuguese.ts'
import { SPANISH } from './spanish.ts'

export const LANGUAGES: readonly PageLanguage[] = [
  ENGLISH,
  FRENCH,
  GERMAN,
  SPANISH,
  ITALIAN,
  PORTUGUESE,
  DUTCH,
  POLISH,
]

const TAGS = LANGUAGES.map(({ tag }) => tag)

/** The best one for this value of Accept-Language; `null`: none of them is asked for. */
export function languageFor(accepted: string): PageLanguage | null {
  return LANGUAGES[lookUpLanguage(accepted, TAGS)] ?? null
}
