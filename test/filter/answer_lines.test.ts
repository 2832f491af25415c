import { describe, expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { AnswerLines, answerWords } from '../../core/filter/answer_lines.ts'
import { HELPER_ANSWER_SIZE } from '../../core/limits.ts'

/** All answers of the pieces, as `channel text`. */
function read(channels: boolean, ...pieces: readonly string[]): string[] {
  const lines = new AnswerLines(channels)
  const answers: string[] = []
  for (const piece of pieces) {
    const bytes = toBytes(piece)
    lines.feed(bytes)
    for (let answer = lines.next(); answer !== null; answer = lines.next()) {
      answers.push(`${answer.channel} ${answer.text}`)
    }
    // It was lent.
    bytes.fill(0x58)
  }
  return answers
}

describe('lines', () => {
  const script = '1 OK\r\n\n22  a b \n333\n0 x\nOK\n-1 y\n12x z\n99999999999999999999 q\n7 \r\r\n8 last'
  const expected = [
    '1 OK',
    '0 ',
    '22 a b ',
    '333 ',
    '0 x',
    '0 OK',
    '0 -1 y',
    '0 12x z',
    '0 99999999999999999999 q',
    '7 \r',
  ]

  test('with channels, cut anywhere', () => {
    expect(read(true, script)).toEqual(expected)
    for (let cut = 0; cut <= script.length; cut++) {
      expect(read(true, script.slice(0, cut), script.slice(cut)), `cut at ${cut}`).toEqual(expected)
    }
    expect(read(true, ...script)).toEqual(expected)
  })

  test('without', () => {
    const plain = '1 OK\r\n\n\xff\n'
    for (let cut = 0; cut <= plain.length; cut++) {
      expect(read(false, plain.slice(0, cut), plain.slice(cut))).toEqual(['0 1 OK', '0 ', '0 \xff'])
    }
  })

  test('a line may be long, and not too long', () => {
    const piece = 'x'.repeat(HELPER_ANSWER_SIZE / 16)
    expect(read(false, ...Array<string>(16).fill(piece), '\n')[0].length).toBe(HELPER_ANSWER_SIZE + 2)
    const lines = new AnswerLines(false)
    lines.feed(toBytes('OK\n'))
    expect(lines.next()?.text).toBe('OK')
    lines.feed(toBytes('x'.repeat(HELPER_ANSWER_SIZE + 1)))
    expect(() => lines.next()).toThrow('1048576')
    lines.feed(toBytes('OK\n'))
    expect(() => lines.next()).toThrow('1048576')
  })
})

test.each([
  ['plain', 'plain'],
  ['', ''],
  ['\xc3\xa9t\xc3\xa9', 'été'],
  ['\xe9t\xe9', 'été'],
  ['a\r\nb\x1b[31m\x7f', 'a  b [31m '],
  ['\xc2\x9b31m', ' 31m'],
])('words of %j: %j', (text, words) => {
  expect(answerWords(text)).toBe(words)
})
