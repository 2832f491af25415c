/** The command line: what was asked for, and the exit code that answers it. */

import { type ConfigurationFile, FileFailure, findFile, readFile } from '../config/find_file.ts'
import { configure } from '../config/include.ts'
import type { Configuration } from '../config/load.ts'
import { reference, report } from '../config/report.ts'
import { jsonSchema } from '../config/schema.ts'
import type { Settings } from '../config/settings.ts'
import { formatProblem } from '../config/sources.ts'
import { didYouMean } from '../config/suggest.ts'
import { EXIT } from '../exit_codes.ts'
import { type Appender, type Runtime, SystemFailure } from '../runtime.ts'
import { serve } from '../service/supervisor.ts'
import { HELP } from './help.ts'
import { NftFailure, printNft } from './nft.ts'
import { parseArgs } from './parse_args.ts'
import { listRules, type Question, RulesFailure, RulesUsage, testRules } from './rules.ts'
import { VERSION } from './version.ts'

const COMMANDS: readonly string[] = ['config', 'rules', 'nft', 'version', 'help']
const CONFIG_COMMANDS: readonly string[] = ['check', 'schema', 'reference']
const RULES_COMMANDS: readonly string[] = ['test', 'list']
/** Of `exaproxy rules test`, with a value. */
const QUESTIONS = ['client', 'user', 'method', 'listener', 'time', 'sni'] as const
const RULES_OPTIONS: readonly string[] = [...QUESTIONS, 'header', 'address', 'ech'].map((name) => `--${name}`)
const OPTIONS: readonly string[] = ['--config', '--set', '--diff', '--ip', '--help', '--version', ...RULES_OPTIONS]

/** One clear line, and the exit code. */
class Refusal extends Error {
  readonly exit: number

  constructor(exit: number, words: string) {
    super(words)
    this.exit = exit
  }
}

const usage = (words: string) => new Refusal(EXIT.usage, `${words} (see exaproxy help)`)

interface Asked {
  readonly command: string
  /** What follows the command. */
  readonly words: readonly string[]
  readonly config: string | undefined
  readonly sets: readonly string[]
  readonly diff: boolean
  readonly ip: boolean
  /** What `exaproxy rules test` asks about, but for its URL. */
  readonly question: Omit<Question, 'url'>
}

function readArguments(args: readonly string[]): Asked {
  const strangers: string[] = []
  const found = parseArgs(args, {
    string: ['config', 'set', 'header', 'address', ...QUESTIONS, '_'],
    collect: ['set', 'header', 'address'],
    boolean: ['help', 'version', 'diff', 'ip', 'ech'],
    alias: { config: 'c', set: 's', help: 'h', version: 'V' },
    unknown: (arg, key) => {
      if (key === undefined) return true
      strangers.push(arg)
      return false
    },
  })
  const [command = '', ...words] = found._.map(String)
  const config = found.config
  const { header: headers, address: addresses, ech } = found
  const { client = '', user = '', method = '', listener = '', time = '', sni = '' } = found
  const question = { client, user, method, listener, time, sni, ech, headers, addresses }
  const asked = { words, config, sets: found.set, diff: found.diff, ip: found.ip, question }
  if (found.help) return { ...asked, command: 'help' }
  if (found.version) return { ...asked, command: 'version' }
  const [stranger] = strangers
  if (stranger !== undefined) {
    const [name = ''] = stranger.split('=')
    throw usage(`there is no option ${name}${didYouMean(name, OPTIONS)}`)
  }
  if (config === '') throw usage('--config needs the name of a file')
  if (found.set.includes('')) throw usage('--set needs an option and its value, as --set http.via=false')
  if (command !== '' && !COMMANDS.includes(command)) {
    throw usage(`there is no command ${JSON.stringify(command)}${didYouMean(command, COMMANDS)}`)
  }
  if (found.diff && command !== 'config') throw usage('--diff belongs to exaproxy config')
  if (found.ip && command !== 'nft') throw usage('--ip belongs to exaproxy nft')
  const given = [client, user, method, listener, time, sni, ...headers, ...addresses].some((value) => value !== '')
  if ((given || ech) && !(command === 'rules' && words[0] === 'test')) {
    throw usage(`${RULES_OPTIONS.join(', ')} belong to exaproxy rules test`)
  }
  return { ...asked, command }
}

class Program {
  readonly #runtime: Runtime
  readonly #serve: typeof serve

  constructor(runtime: Runtime, run: typeof serve) {
    this.#runtime = runtime
    this.#serve = run
  }

  async run(): Promise<number> {
    const asked = readArguments(this.#runtime.arguments)
    switch (asked.command) {
      case 'help':
        return await this.#print(HELP)
      case 'version':
        return await this.#print(`exaproxy ${VERSION} (${this.#runtime.name} ${this.#runtime.version})\n`)
      case 'config':
        return await this.#config(asked)
      case 'rules':
        return await this.#rules(asked)
      case 'nft':
        return await this.#nft(asked)
      default:
        return await this.#run(asked)
    }
  }

  async #run(asked: Asked): Promise<number> {
    const { settings, origins } = await this.#load(asked)
    return await this.#serve(this.#runtime, settings, VERSION, origins)
  }

  async complain(text: string): Promise<void> {
    // When nobody can be told, the exit code is all there is.
    await write(this.#runtime.errors, text).catch(() => {})
  }

  async #config(asked: Asked): Promise<number> {
    const [command, file, ...more] = asked.words
    if (command !== undefined && !CONFIG_COMMANDS.includes(command)) {
      throw usage(`there is no command config ${JSON.stringify(command)}${didYouMean(command, CONFIG_COMMANDS)}`)
    }
    if (more.length > 0 || (file !== undefined && command !== 'check')) throw usage('there are too many arguments')
    if (asked.diff && command !== undefined) throw usage('--diff belongs to exaproxy config alone')
    switch (command) {
      case 'check':
        return await this.#check(file ?? asked.config, asked.sets)
      case 'schema':
        return await this.#print(`${JSON.stringify(jsonSchema(), null, 2)}\n`)
      case 'reference':
        return await this.#print(reference())
      default: {
        const { settings, origins } = await this.#load(asked)
        return await this.#print(report(settings, origins, asked.diff))
      }
    }
  }

  async #rules(asked: Asked): Promise<number> {
    const [command, url, ...more] = asked.words
    if (command === undefined) throw usage(`say what: exaproxy rules ${RULES_COMMANDS.join(' or exaproxy rules ')}`)
    if (!RULES_COMMANDS.includes(command)) {
      throw usage(`there is no command rules ${JSON.stringify(command)}${didYouMean(command, RULES_COMMANDS)}`)
    }
    if (more.length > 0 || (command === 'list' && url !== undefined)) throw usage('there are too many arguments')
    if (command === 'test' && (url === undefined || url === '')) throw usage('exaproxy rules test needs a URL')
    const configuration = await this.#load(asked)
    if (command === 'list') return await this.#print(listRules(configuration))
    try {
      const warn = (words: string) => this.complain(`exaproxy: warning: ${words}\n`)
      return await this.#print(await testRules(this.#runtime, configuration, { url: url!, ...asked.question }, warn))
    } catch (error) {
      if (error instanceof RulesUsage) throw usage(error.message)
      if (!(error instanceof RulesFailure)) throw error
      throw new Refusal(error.denied ? EXIT.no_permission : EXIT.no_input, error.message)
    }
  }

  async #nft(asked: Asked): Promise<number> {
    if (asked.words.length > 0) throw usage('there are too many arguments')
    const { settings } = await this.#load(asked)
    try {
      return await this.#print(printNft(settings, asked.ip))
    } catch (error) {
      if (!(error instanceof NftFailure)) throw error
      throw new Refusal(EXIT.configuration, error.message)
    }
  }

  /** The file is judged by itself: the environment of the one who checks is seldom that of the service. */
  async #check(named: string | undefined, sets: readonly string[]): Promise<number> {
    const file = named === undefined ? await findFile(this.#runtime, undefined) : await readFile(this.#runtime, named)
    if (file === null) throw new Refusal(EXIT.no_input, 'there is no configuration file here; name one')
    const { problems, warnings } = await configure(this.#runtime, { file, environment: {}, sets })
    for (const problem of warnings) await this.#print(`warning: ${formatProblem(problem)}\n`)
    for (const problem of problems) await this.#print(`${formatProblem(problem)}\n`)
    if (problems.length > 0) return EXIT.configuration
    return await this.#print(`${file.name}: fine\n`)
  }

  async #load({ config, sets }: Asked): Promise<Configuration & { readonly settings: Settings }> {
    const file: ConfigurationFile | null = await findFile(this.#runtime, config)
    const configuration = await configure(this.#runtime, { file, environment: this.#runtime.environment, sets })
    const { settings, problems, warnings } = configuration
    for (const problem of warnings) await this.complain(`exaproxy: warning: ${formatProblem(problem)}\n`)
    if (settings !== null) return { ...configuration, settings }
    for (const problem of problems) await this.complain(`${formatProblem(problem)}\n`)
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
    throw new Refusal(EXIT.configuration, `${count} in the configuration`)
  }

  async #print(text: string): Promise<number> {
    await write(this.#runtime.output, text)
    return EXIT.ok
  }
}

async function write(to: Appender, text: string): Promise<void> {
  await to.write(new TextEncoder().encode(text))
}

/**
 * Do what the command line says.
 * @returns the exit code (see exit_codes.ts); never rejects.
 */
export async function main(runtime: Runtime, run: typeof serve = serve): Promise<number> {
  const program = new Program(runtime, run)
  try {
    return await program.run()
  } catch (error) {
    if (error instanceof Refusal) {
      await program.complain(`exaproxy: ${error.message}\n`)
      return error.exit
    }
    if (error instanceof FileFailure) {
      await program.complain(`exaproxy: ${error.message}\n`)
      return error.denied ? EXIT.no_permission : EXIT.no_input
    }
    if (error instanceof SystemFailure) {
      // Whoever read our output has seen enough (exaproxy config | head): nothing to say.
      if (error.code !== 'reset' && error.code !== 'closed') {
        await program.complain(`exaproxy: standard output cannot be written: ${error.message}\n`)
      }
      return EXIT.output
    }
    const stack = error instanceof Error ? error.stack ?? error.message : String(error)
    await program.complain(`exaproxy: a bug, please report it:\n${stack}\n`)
    return EXIT.bug
  }
}
