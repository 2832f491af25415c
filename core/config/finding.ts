/** What a check has found. */

/** `grave`: the proxy does not start with it. */
export interface Finding {
  readonly option: string
  readonly words: string
  readonly grave: boolean
}

export const grave = (option: string, words: string): Finding => ({ option, words, grave: true })
export const warning = (option: string, words: string): Finding => ({ option, words, grave: false })
