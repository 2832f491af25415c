import { describe, expect, test } from 'vitest'
import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import type { LogFileOptions } from '../../core/flow/log_file.ts'
import { LogFile } from '../../core/flow/log_file.ts'
import { LOG_BACKLOG, LOG_CLOSE_WAIT, LOG_PIECE } from '../../core/limits.ts'
import { LogMachine } from './log_machine.ts'

/** Lines of 100 bytes, numbered, so that a missing or a torn one is seen. */
const line = (n: number): string => `${n}`.padStart(8, '0') + ' '.padEnd(91, 'x') + '\n'
const PER_PIECE = Math.floor(LOG_PIECE / 100)

async function open(machine: LogMachine, options: LogFileOptions = {}): Promise<LogFile> {
  return await LogFile.open(machine.runtime, '/log', options)
}

/** Put numbered lines from..to. */
function put(file: LogFile, from: number, to: number): void {
  for (let n = from; n < to; n++) file.put(toBytes(line(n)))
}

/** The numbers of the lines in a file, all of which must be whole. Empty lines are where a torn one was ended. */
function numbers(text: string): number[] {
  const found: number[] = []
  for (const row of text.split('\n')) {
    if (row === '') continue
    if (`${row}\n` !== line(+row.slice(0, 8))) throw new Error(`a torn line: ${JSON.stringify(row)}`)
    found.push(+row.slice(0, 8))
  }
  return found
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

describe('when lines are written', () => {
  test('at the flush', async () => {
    const machine = new LogMachine()
    const file = await open(machine)
    put(file, 0, 3)
    expect(machine.writes).toEqual([])
    await file.flush()
    expect(machine.text('/log')).toBe(line(0) + line(1) + line(2))
    await file.flush()
    expect(machine.writes).toHaveLength(1)
  })

  test('as soon as there is a piece', async () => {
    const machine = new LogMachine()
    const file = await open(machine)
    put(file, 0, PER_PIECE)
    expect(machine.writes).toHaveLength(0)
    put(file, PER_PIECE, PER_PIECE + 1)
    expect(machine.writes).toHaveLength(1)
    await machine.idle()
    expect(numbers(machine.text('/log'))).toEqual(range(0, PER_PIECE))
    await file.flush()
    expect(numbers(machine.text('/log'))).toEqual(range(0, PER_PIECE + 1))
  })

  test('at once when eager, and what came meanwhile together', async () => {
    const machine = new LogMachine()
    const file = await open(machine, { eager: true })
    machine.hold()
    put(file, 0, 1)
    expect(machine.writes).toHaveLength(1)
    put(file, 1, 4)
    expect(machine.writes).toHaveLength(1)
    machine.release()
    await machine.idle()
    expect(machine.writes.map((bytes) => bytes.length)).toEqual([100, 300])
    expect(numbers(machine.text('/log'))).toEqual(range(0, 4))
  })

  test('a flush while a write is under way settles when all is written', async () => {
    const machine = new LogMachine()
    const file = await open(machine)
    put(file, 0, 1)
    machine.hold()
    const first = file.flush()
    put(file, 1, 2)
    const second = file.flush()
    machine.release()
    await Promise.all([first, second])
    expect(numbers(machine.text('/log'))).toEqual([0, 1])
  })

  test('a line that is not committed is forgotten', async () => {
    const machine = new LogMachine()
    const file = await open(machine)
    file.line().text('half of')
    put(file, 0, 1)
    file.line().text('and half again')
    await file.flush()
    put(file, 1, 2)
    await file.flush()
    expect(machine.text('/log')).toBe(line(0) + line(1))
  })

  test('standard output and standard error', async () => {
    const machine = new LogMachine()
    for (const destination of ['stdout', 'stderr']) {
      const file = await LogFile.open(machine.runtime, destination)
      file.put(toBytes(`to ${destination}\n`))
      await file.reopen()
      await file.close()
      expect(machine.text(destination)).toBe(`to ${destination}\n`)
    }
    expect(machine.closed).toEqual([])
  })

  test('two logs on standard output take turns', async () => {
    const machine = new LogMachine()
    const options = { eager: true }
    const [first, second] = [
      await LogFile.open(machine.runtime, 'stdout', options),
      await LogFile.open(machine.runtime, 'stdout', options),
    ]
    machine.hold()
    put(first, 0, 1)
    put(second, 1, 2)
    await machine.turns()
    expect(machine.writes).toHaveLength(1)
    machine.release()
    await machine.idle()
    machine.fail = { code: 'closed', taken: 0 }
    put(first, 2, 3)
    put(second, 3, 4)
    await machine.idle()
    machine.fail = null
    put(first, 4, 5)
    put(second, 5, 6)
    await Promise.all([first.flush(), second.flush()])
    expect(machine.most).toBe(1)
    expect(numbers(machine.text('stdout'))).toEqual([0, 1, 4, 5])
  })

  test('a file that cannot be opened is told to whoever opens it', async () => {
    const machine = new LogMachine()
    machine.refuse = 'denied'
    await expect(open(machine)).rejects.toMatchObject({ code: 'denied' })
  })

  test('what the machine was handed is not touched before it has it', async () => {
    const machine = new LogMachine()
    const file = await open(machine, { eager: true })
    machine.hold()
    put(file, 0, 1)
    const borrowed = machine.writes[0]
    const before = latin1(borrowed)
    put(file, 1, 3 * PER_PIECE) // it grows meanwhile
    await machine.turns()
    expect(latin1(borrowed)).toBe(before)
    machine.release()
    await file.flush()
    expect(numbers(machine.text('/log'))).toEqual(range(0, 3 * PER_PIECE))
  })
})

describe('a machine that is slow', () => {
  test('one write at a time, of whole lines, a piece at most', async () => {
    const machine = new LogMachine()
    const file = await open(machine)
    machine.hold()
    put(file, 0, 10 * PER_PIECE)
    expect(machine.writes).toHaveLength(1)
    machine.release()
    await file.flush()
    expect(machine.most).toBe(1)
    for (const bytes of machine.writes) {
      expect(bytes.length).toBeLessThanOrEqual(LOG_PIECE)
      expect(bytes.at(-1)).toBe(10)
    }
    expect(numbers(machine.text('/log'))).toEqual(range(0, 10 * PER_PIECE))
  })

  test('a line longer than a piece goes whole', async () => {
    const machine = new LogMachine()
    const file = await open(machine)
    const long = 'x'.repeat(3 * LOG_PIECE) + '\n'
    machine.hold()
    put(file, 0, 1)
    file.put(toBytes(long))
    put(file, 1, 2)
    machine.release()
    await file.flush()
    expect(machine.text('/log')).toBe(line(0) + long + line(1))
    expect(machine.writes.some((bytes) => latin1(bytes) === long)).toBe(true)
  })

  test('one that hangs costs the lines past the backlog, which are counted and told, and memory has an end', async () => {
    const machine = new LogMachine()
    const recovered: number[] = []
    const file = await open(machine, { recovered: (lost) => recovered.push(lost) })
    machine.hold()
    const all = 130_000
    put(file, 0, all)
    expect(file.line().bytes.length).toBeLessThanOrEqual(2 * LOG_BACKLOG)
    const kept = Math.floor(LOG_BACKLOG / 100)
    expect(file.lost).toBe(all - kept)
    expect(recovered).toEqual([])
    machine.release()
    await file.flush()
    expect(numbers(machine.text('/log'))).toEqual(range(0, kept))
    expect(recovered).toEqual([all - kept])
    expect(file.line().bytes.length).toBeLessThan(LOG_BACKLOG / 4)
    put(file, 0, 1)
    await file.flush()
    expect(file.lost).toBe(all - kept)
    expect(recovered).toHaveLength(1)
  })

  test('one that is always a little behind needs no more and no more memory', async () => {
    const machine = new LogMachine()
    const file = await open(machine, { eager: true })
    let put = 0
    for (let turn = 0; turn < 3000; turn++) {
      machine.hold()
      for (let i = 0; i < 20; i++) file.put(toBytes(line(put++)))
      machine.release()
      await null
    }
    expect(file.line().bytes.length).toBeLessThanOrEqual(4 * LOG_PIECE)
    await file.flush()
    expect(file.lost).toBe(0)
    expect(numbers(machine.text('/log'))).toEqual(range(0, put))
  })
})

describe('a machine that fails', () => {
  test('a full disk costs what was being written; the rest waits, is tried at each flush, and no line is torn', async () => {
    const machine = new LogMachine()
    const told: (string | number)[] = []
    const file = await open(machine, {
      failed: (failure) => told.push(failure.code),
      recovered: (lost) => told.push(lost),
    })
    put(file, 0, 2)
    machine.fail = { code: 'full', taken: 150 } // one line and a half, as a disk does that has this much left
    await file.flush()
    expect(file.lost).toBe(2)
    expect(told).toEqual(['full'])
    put(file, 2, 2 + 3 * PER_PIECE) // not tried at each piece: that would be a system call each and no more
    expect(machine.writes).toHaveLength(1)
    machine.fail = { code: 'full', taken: 0 }
    await file.flush()
    expect(told).toEqual(['full'])
    expect(file.lost).toBe(2) // only the end of the torn line was tried
    machine.fail = null
    await file.flush()
    expect(told).toEqual(['full', 2])
    const rows = machine.text('/log').split('\n')
    expect(rows.slice(0, 3)).toEqual([line(0).trimEnd(), line(1).slice(0, 50), line(2).trimEnd()])
    expect(numbers(rows.slice(2).join('\n'))).toEqual(range(2, 2 + 3 * PER_PIECE))
    put(file, 0, 1)
    await file.flush()
    expect(machine.text('/log').endsWith(`x\n${line(0)}`)).toBe(true) // no more line feeds than were needed
  })

  test('while the disk is full memory has an end too', async () => {
    const machine = new LogMachine()
    let told = 0
    const file = await open(machine, { recovered: (lost) => told += lost })
    machine.fail = { code: 'full', taken: 0 }
    let all = 0
    for (let second = 0; second < 50; second++) {
      for (let i = 0; i < 2000; i++) file.put(toBytes(line(all++)))
      await file.flush()
    }
    expect(file.line().bytes.length).toBeLessThanOrEqual(2 * LOG_BACKLOG)
    machine.fail = null
    await file.flush()
    const written = numbers(machine.text('/log'))
    expect(written.length + file.lost).toBe(all)
    expect(written.length).toBeGreaterThan(LOG_BACKLOG / 100 - PER_PIECE - 2)
    expect(told).toBe(file.lost)
  })

  test('a closed pipe (EPIPE) is survived, thrown or rejected', async () => {
    for (const how of ['rejects', 'throws'] as const) {
      const machine = new LogMachine()
      const failures: string[] = []
      const file = await LogFile.open(machine.runtime, 'stdout', {
        eager: true,
        failed: ({ code }) => failures.push(code),
      })
      machine.fail = { code: 'closed', taken: 0, how }
      put(file, 0, 1)
      await machine.idle()
      put(file, 1, 3)
      await file.flush()
      await file.flush()
      expect(failures).toEqual(['closed'])
      await file.close()
      expect(file.lost).toBe(3)
    }
  })

  test('what is no SystemFailure is one all the same', async () => {
    const machine = new LogMachine()
    const failures: string[] = []
    const file = await open(machine, { failed: ({ message }) => failures.push(message) })
    machine.fail = { code: 'bug', taken: 0 }
    put(file, 0, 1)
    await file.flush()
    expect(failures).toEqual(['other (Error: bug)'])
  })

  test('who is told may log to the same file', async () => {
    const machine = new LogMachine()
    const file: LogFile = await open(machine, {
      eager: true,
      failed: () => file.put(toBytes('it failed\n')),
      recovered: (lost) => file.put(toBytes(`${lost} lost\n`)),
    })
    machine.fail = { code: 'full', taken: 0 }
    put(file, 0, 1)
    await machine.idle()
    machine.fail = null
    await file.flush()
    expect(machine.text('/log')).toBe('\nit failed\n1 lost\n')
  })
})

describe('rotation', () => {
  test('nothing is lost or torn, and no line is in both', async () => {
    const machine = new LogMachine()
    const file = await open(machine)
    machine.hold()
    put(file, 0, 2 * PER_PIECE) // under way
    machine.rename('/log', '/log.1')
    const reopened = file.reopen()
    await machine.turns()
    put(file, 2 * PER_PIECE, 3 * PER_PIECE)
    expect(machine.closed).toEqual([])
    machine.release()
    await reopened
    expect(machine.closed).toEqual(['/log.1'])
    await file.flush()
    const old = numbers(machine.text('/log.1'))
    const young = numbers(machine.text('/log'))
    expect(old.length).toBeGreaterThan(0)
    expect(young.length).toBeGreaterThan(0)
    expect([...old, ...young]).toEqual(range(0, 3 * PER_PIECE))
  })

  test('twice at once', async () => {
    const machine = new LogMachine()
    const file = await open(machine)
    put(file, 0, 1)
    machine.rename('/log', '/log.1')
    await Promise.all([file.reopen(), file.reopen()])
    await file.flush()
    expect(machine.text('/log')).toBe(line(0))
    expect(machine.closed).toEqual(['/log.1', '/log'])
    await file.close()
    expect(machine.closed).toHaveLength(3)
    expect(machine.opened).toBe(3)
  })

  test('when it cannot be opened the old one stays', async () => {
    const machine = new LogMachine()
    const failures: string[] = []
    const file = await open(machine, { failed: ({ code }, what) => failures.push(`${what} ${code}`) })
    machine.refuse = 'denied'
    await expect(file.reopen()).rejects.toMatchObject({ code: 'denied' })
    expect(failures).toEqual(['reopen denied'])
    put(file, 0, 1)
    await file.flush()
    expect(machine.text('/log')).toBe(line(0))
  })

  test('a full disk ends with a new file on another: what waited goes there, with no empty line', async () => {
    const machine = new LogMachine()
    const file = await open(machine)
    machine.fail = { code: 'full', taken: 0 }
    put(file, 0, 1)
    await file.flush()
    put(file, 1, 3)
    machine.fail = null
    machine.rename('/log', '/log.1')
    await file.reopen()
    expect(machine.text('/log')).toBe(line(1) + line(2))
    expect(file.lost).toBe(1)
  })
})

describe('close()', () => {
  test('writes what waits, then closes; twice is once; later lines are lost', async () => {
    const machine = new LogMachine()
    const file = await open(machine)
    put(file, 0, 3 * PER_PIECE)
    await Promise.all([file.close(), file.close()])
    expect(numbers(machine.text('/log'))).toEqual(range(0, 3 * PER_PIECE))
    expect(machine.closed).toEqual(['/log'])
    put(file, 0, 1)
    await file.flush()
    await file.reopen()
    expect(file.lost).toBe(1)
    expect(machine.opened).toBe(1)
  })

  test('a destination that hangs does not keep us', async () => {
    const machine = new LogMachine()
    const file = await open(machine)
    put(file, 0, 2)
    machine.hold()
    const closed = file.close()
    await machine.turns()
    machine.pass(LOG_CLOSE_WAIT)
    await closed
    expect(file.lost).toBe(2)
    expect(machine.closed).toEqual([])
  })

  test('a full disk does not keep us either', async () => {
    const machine = new LogMachine()
    const file = await open(machine)
    put(file, 0, 2 * PER_PIECE)
    machine.fail = { code: 'full', taken: 0 }
    await file.close()
    expect(file.lost).toBe(2 * PER_PIECE)
    expect(machine.closed).toEqual(['/log'])
  })
})
