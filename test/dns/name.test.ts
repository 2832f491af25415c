import { describe, expect, test } from 'vitest'
import { hostName, lowerAscii } from '../../core/bytes/host.ts'
import { encodePunycode } from '../../core/bytes/punycode.ts'
import { isLocalhost, labelsOf, mixCase } from '../../core/dns/name.ts'

// RFC 3492 7.1, the samples (A) to (S), save those with capitals in the encoded part (they mark case, which we do not).
describe('encodePunycode()', () => {
  test.each([
    ['ليهمابتكلموشعربي؟', 'egbpdaj6bu4bxfgehfvwxn'],
    ['他们为什么不说中文', 'ihqwcrb4cv8a8dqg056pqjye'],
    ['他們爲什麽不說中文', 'ihqwctvzc91f659drss3x8bo0yb'],
    ['למההםפשוטלאמדבריםעברית', '4dbcagdahymbxekheh6e0a7fei0b'],
    ['यहलोगहिन्दीक्योंनहींबोलसकतेहैं', 'i1baa7eci9glrd9b2ae1bj0hfcgg6iyaf8o0a1dig0cd'],
    ['なぜみんな日本語を話してくれないのか', 'n8jok5ay5dzabd5bym9f0cm5685rrjetr6pdxa'],
    ['почемужеонинеговорятпорусски', 'b1abfaaepdrnnbgefbadotcwatmq2g4l'],
    ['3年b組金八先生', '3b-ww4c5e180e575a65lsy2b'],
    ['安室奈美恵-with-super-monkeys', '-with-super-monkeys-pc58ag80a8qai00g7n9n'],
    ['hello-another-way-それぞれの場所', 'hello-another-way--fc4qua05auwb3674vfr0b'],
    ['ひとつ屋根の下2', '2-u9tlzr9756bt3uc0v'],
    ['majiでkoiする5秒前', 'majikoi5-783gue6qz075azm5e'],
    ['パフィーdeルンバ', 'de-jg4avhby1noc0d'],
    ['そのスピードで', 'd9juau41awczczp'],
    ['bücher', 'bcher-kva'],
    ['ü', 'tda'],
    ['💩', 'ls8h'],
    ['𐀀', '2n7c'],
    ['abc', 'abc-'],
  ])('%s', (text, expected) => expect(encodePunycode(text)).toBe(expected))
})

describe('hostName()', () => {
  test.each([
    ['www.example.com', 'www.example.com'],
    ['WWW.Example.COM.', 'www.example.com'],
    ['a_b.x-y.test', 'a_b.x-y.test'],
    ['xn--bcher-kva.test', 'xn--bcher-kva.test'],
    ['Bücher.test', 'xn--bcher-kva.test'],
    ['BÜCHER.test', 'xn--bcher-kva.test'],
    ['bu\u0308cher.test', 'xn--bcher-kva.test'], // decomposed
    ['straße.test', 'xn--strae-oqa.test'], // non-transitional: not strasse
    ['ΒΌΛΟΣ.test', 'xn--nxasmq6b.test'], // each letter alone: no final sigma
    ['x.ΒΌΛΟΣ', 'x.xn--nxasmq6b'],
    ['例え。テスト', 'xn--r8jz45g.xn--zckzah'],
    ['例え．テスト｡', 'xn--r8jz45g.xn--zckzah'],
    ['ｅｘａｍｐｌｅ.test', 'example.test'], // full width
    ['☃.test', 'xn--n3h.test'],
    ['1.2.3.com', '1.2.3.com'],
    ['1a', '1a'],
    ['0xg', '0xg'],
  ])('%s is %s', (text, expected) => {
    expect(hostName(text)).toEqual({ name: expected })
    expect(hostName(expected)).toEqual({ name: expected })
  })

  test.each([
    ['', 'is empty'],
    ['.', 'is empty'],
    ['a..b', 'has an empty label'],
    ['.a', 'has an empty label'],
    ['a..', 'has an empty label'],
    ['。a', 'has an empty label'],
    [`${'a'.repeat(64)}.test`, 'has a label longer than 63 characters'],
    [`${'ü'.repeat(64)}.test`, 'has a label longer than 63 characters'],
    [`${'üx'.repeat(31)}ö.test`, 'has a label longer than 63 characters'], // as an A-label
    [`${'a.'.repeat(127)}`, null],
    [`${'a.'.repeat(126)}ab`, 'is longer than 253 characters'],
    [`${'ü'.repeat(300)}`, 'is longer than 255 characters'],
    ['a b.test', 'holds a character that no name has'],
    ['a\0b.test', 'holds a character that no name has'],
    ['a/b.test', 'holds a character that no name has'],
    ['a@b.test', 'holds a character that no name has'],
    ['a:80', 'holds a character that no name has'],
    ['*.test', 'holds a character that no name has'],
    ['a\\.b', 'holds a character that no name has'],
    ['a%2eb.test', 'holds a character that no name has'],
    ['[::1]', 'holds a character that no name has'],
    ['ü\u200b.test', 'holds a character that no name has'], // zero width space
    ['ü\u202e.test', 'holds a character that no name has'], // right-to-left override
    ['ü\u00a0.test', 'holds a character that no name has'],
    ['ü\ud800.test', 'holds a character that no name has'], // half a character
    ['℀.test', 'holds a character that no name has'], // is a/c once mapped
    ['ü℀.test', 'holds a character that no name has'],
    ['127.0.0.1', 'ends in a number, as no name does'],
    ['127.1', 'ends in a number, as no name does'],
    ['2130706433', 'ends in a number, as no name does'],
    ['0x7f.1', 'ends in a number, as no name does'],
    ['a.0x7f', 'ends in a number, as no name does'],
    ['a.0x', 'ends in a number, as no name does'],
    ['１２７.0.0.1', 'ends in a number, as no name does'],
    ['1.2.3.4.', 'ends in a number, as no name does'],
  ])('%j %s', (text, error) => {
    expect(hostName(text)).toEqual(error === null ? { name: text.slice(0, -1) } : { error })
  })

  // The runtime's own URL maps names by UTS 46, as browsers do.
  test.each([
    'Bücher.test',
    'MÜNCHEN.test',
    'İstanbul.test',
    'ΒΌΛΟΣ.test',
    'faß.test',
    'Ǆ.test',
    'ﬁle.test',
    '①②.test',
    'Москва.рф',
    '中国。政府',
    'ａｂｃ．test',
    'été.test',
    'école.qc.test',
    '日本語.jp',
    'Ⅷ.test',
    'Åland.test',
    '𝒳𝓎𝓏.test',
    'ö'.repeat(20) + '.test',
  ])('%s is what a browser makes of it', (text) => {
    expect(hostName(text)).toEqual({ name: new URL(`http://${text}/`).hostname })
  })
})

test('isLocalhost()', () => {
  expect(['localhost', 'a.localhost', 'a.b.localhost'].every(isLocalhost)).toBe(true)
  expect(['localhost.test', 'alocalhost', 'local', ''].some(isLocalhost)).toBe(false)
})

test('lowerAscii() leaves everything else alone', () => {
  expect(lowerAscii('aZ')).toBe('az')
  expect(lowerAscii('aBc.XyZ-09_Ü\\065')).toBe('abc.xyz-09_Ü\\065')
})

test('labelsOf() undoes escapes', () => {
  expect(labelsOf('a\\.b.\\\\c.\\000\\255')).toEqual([
    new Uint8Array([0x61, 0x2e, 0x62]),
    new Uint8Array([0x5c, 0x63]),
    new Uint8Array([0, 255]),
  ])
  expect(labelsOf('')).toEqual([])
})

test('mixCase() changes letters alone, each by a bit of its own', () => {
  const name = 'a1-b_c.xyz.test'
  expect(mixCase(name, new Uint8Array(32))).toBe(name)
  expect(mixCase(name, new Uint8Array(32).fill(0xff))).toBe('A1-B_C.XYZ.TEST')
  expect(mixCase(name, new Uint8Array([0b0000_1001]))).toBe('A1-B_c.xyz.test')
  expect(mixCase('a'.repeat(253), new Uint8Array(32).fill(0xff))).toBe('A'.repeat(253))
})
