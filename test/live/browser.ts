/** Chromium without a window, driven over its debugging pipe: pages as people get them. */

import { Buffer } from 'node:buffer'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { Readable, Writable } from 'node:stream'
import { installed } from './peers.ts'
import { within } from './waiting.ts'

export interface Screen {
  readonly width: number
  readonly height: number
  /** A phone: the page's viewport is obeyed. */
  readonly mobile: boolean
  readonly dark: boolean
}

/** How long the browser may take to start, or a page to be shown, on a busy machine. */
const PATIENCE = 40_000

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: { readonly message: string }
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export class Browser {
  readonly #child: ChildProcess
  readonly #folder: string
  readonly #requests: Writable
  readonly #waiting = new Map<number, (message: Message) => void>()
  readonly #events = new Map<string, () => void>()
  #errors = ''
  #partial = ''
  #count = 0
  #session = ''

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child
    this.#folder = folder
    running.add(child)
    child.once('exit', () => running.delete(child))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#errors += text)
    this.#requests = child.stdio[3] as Writable
    const answers = child.stdio[4] as Readable
    answers.setEncoding('utf8').on('data', (text: string) => this.#heard(text))
  }

  /** `proxy`: `http://host:port`, for everything, this machine's own addresses too. */
  static async start(proxy: string): Promise<Browser> {
    const folder = mkdtempSync(join(tmpdir(), 'exaproxy-chromium-'))
    const child = spawn(installed('chromium'), [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-extensions',
      '--disable-background-networking',
      '--disable-component-update',
      '--no-first-run',
      '--hide-scrollbars',
      `--user-data-dir=${folder}`,
      `--proxy-server=${proxy}`,
      '--proxy-bypass-list=<-loopback>',
      '--remote-debugging-pipe',
      'about:blank',
    ], { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'], env: { PATH: process.env.PATH, HOME: folder } })
    const browser = new Browser(child, folder)
    try {
      const { targetId } = await browser.#send('Target.createTarget', { url: 'about:blank' }, '')
      const { sessionId } = await browser.#send('Target.attachToTarget', { targetId, flatten: true }, '')
      browser.#session = sessionId as string
      await browser.#send('Page.enable')
      await browser.#send('Network.enable')
    } catch (problem) {
      browser[Symbol.dispose]()
      throw problem
    }
    return browser
  }

  /** Show a page, and wait until all of it is there. */
  async open(url: string, screen: Screen, language = 'en'): Promise<void> {
    const { width, height, mobile, dark } = screen
    await this.#send('Emulation.setDeviceMetricsOverride', { width, height, mobile, deviceScaleFactor: 1 })
    await this.#send('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }],
    })
    await this.#send('Network.setExtraHTTPHeaders', { headers: { 'Accept-Language': language } })
    const shown = new Promise<void>((resolve) => this.#events.set('Page.loadEventFired', resolve))
    await this.#send('Page.navigate', { url })
    await within(shown, `the page of ${url}`, () => this.#errors, PATIENCE)
  }

  /** What an expression of the page's is worth: JSON values only. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#send('Runtime.evaluate', { expression, returnByValue: true })
    if (exceptionDetails !== undefined) throw new Error(`in the page: ${JSON.stringify(exceptionDetails)}`)
    return (result as { readonly value: T }).value
  }

  /** Presses a key, as Tab. */
  async press(key: string): Promise<void> {
    for (const type of ['keyDown', 'keyUp']) {
      await this.#send('Input.dispatchKeyEvent', {
        type,
        key,
        code: key,
        windowsVirtualKeyCode: key === 'Tab' ? 9 : 13,
      })
    }
  }

  /** What is seen, a PNG. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.#send('Page.captureScreenshot', { format: 'png' })
    return Buffer.from(data as string, 'base64')
  }

  async #send(
    method: string,
    params: Readonly<Record<string, unknown>> = {},
    session = this.#session,
  ): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#count
    const answer = new Promise<Message>((resolve) => this.#waiting.set(id, resolve))
    const about = session === '' ? { id, method, params } : { id, method, params, sessionId: session }
    this.#requests.write(`${JSON.stringify(about)}\0`)
    const { error, result } = await within(answer, `the answer to ${method}`, () => this.#errors, PATIENCE)
    if (error !== undefined) throw new Error(`${method}: ${error.message}`)
    return result ?? {}
  }

  #heard(text: string): void {
    const pieces = (this.#partial + text).split('\0')
    this.#partial = pieces.pop() ?? ''
    for (const piece of pieces) {
      const message = JSON.parse(piece) as Message
      if (message.id === undefined) {
        this.#events.get(message.method ?? '')?.()
        continue
      }
      this.#waiting.get(message.id)?.(message)
      this.#waiting.delete(message.id)
    }
  }

  [Symbol.dispose](): void {
    this.#child.once('exit', () => rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 }))
    this.#child.kill('SIGKILL')
  }
}
