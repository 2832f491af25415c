/**
 * `node scripts/check_layers.ts`: who may use whom, and what, as tables and a loop over the syntax of every source file.
 *
 * Arrows point down: cli -> service -> control -> proxy -> flow -> the protocols and filter -> bytes. The core uses nothing
 * of the runtime it happens to be on but what core/runtime.ts hands it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseAst } from 'rolldown/parseAst'

/** Protocols and filter: handed bytes and the time, they never wait, and but for what ARROWS says do not know each other. */
const PROTOCOLS = ['http', 'dns', 'icap', 'tls', 'haproxy', 'socks', 'squid', 'exaproxy', 'filter'].map((name) =>
  `core/${name}`
)
const PURE = ['core/bytes', ...PROTOCOLS]
const FLOW = ['core/flow', ...PURE]
const PROXY = ['core/proxy', ...FLOW]
const ABOVE = ['core/config', ...PROXY]

/** Folder -> the folders it may import from, beside its own. What is not here may import nothing of the project. */
const ARROWS: Record<string, readonly string[]> = {
  'core/bytes': [],
  ...Object.fromEntries(PROTOCOLS.map((name) => [name, ['core/bytes']])),
  // RFC 3507 encapsulates messages of HTTP.
  'core/icap': ['core/http', 'core/bytes'],
  // The languages of helper programs: what they ask about, and what they answer.
  'core/squid': ['core/bytes', 'core/filter'],
  'core/exaproxy': ['core/bytes', 'core/filter', 'core/http'],
  'core/flow': PURE,
  'core/proxy': FLOW,
  'core/config': PURE,
  'core/service': ['core/control', ...ABOVE],
  'core/control': ABOVE,
  'core/cli': ['core/service', 'core/control', ...ABOVE],
  'adapters/shared': ['core/bytes'],
  'adapters/node': ['adapters/linux', 'adapters/shared', 'core/bytes'],
  // Deno and Bun have Node's modules, for what their own cannot do.
  'adapters/deno': ['adapters/node', 'adapters/linux', 'adapters/shared', 'core/bytes'],
  'adapters/bun': ['adapters/node', 'adapters/linux', 'adapters/shared', 'core/bytes'],
  'adapters/linux': ['adapters/shared', 'core/bytes'],
  'adapters': ['#runtime', 'core/cli', 'core/service'],
  'scripts': ['core', 'adapters', 'scripts', 'test'],
  'test': ['core', 'adapters', 'scripts', 'test'],
}

/** What everyone in core may import, and what every adapter may. */
const FOR_ALL = [
  'core/runtime.ts',
  'core/limits.ts',
  'core/failure.ts',
  'core/exit_codes.ts',
  'core/config/settings.ts',
]
const FOR_ADAPTERS = ['core/runtime.ts', 'core/limits.ts']
/** What adapters/main.ts may import. */
const ENTRANCES = ['core/cli/main.ts', 'core/service/worker.ts', 'core/config/settings.ts']

/** Package -> the folders that may import it. */
const PACKAGES: Record<string, readonly string[]> = {
  '@logtape/logtape': ['core/flow', 'core/proxy', 'core/service', 'core/control', 'core/cli'],
  '@std/cli': ['core/cli'],
  'bun': ['adapters/bun'],
  'dns-packet': ['scripts', 'test'],
  'esbuild': ['scripts'],
  'fast-check': ['scripts', 'test'],
  'hono': ['core/control'],
  'rolldown': ['scripts'],
  'toml-eslint-parser': ['core/config'],
  'undici': ['scripts', 'test'],
  'vitest': ['test'],
  'zod': ['core/config', 'core/control'],
}

/** The one file of core that may import a runtime's module, until the package it stands in for can be had. */
const EXCEPTIONS: Record<string, readonly string[]> = { 'core/cli/parse_args.ts': ['node:util'] }

/** Names of a runtime's globals. The core does not even use them for things of its own: a reader would wonder. */
const GLOBALS = new Set(
  (
    'Deno Bun process Buffer global globalThis window self navigator require module __dirname __filename console ' +
    'setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate queueMicrotask ' +
    'Date performance crypto fetch WebSocket Worker BroadcastChannel AbortController AbortSignal ' +
    'ReadableStream WritableStream TransformStream EventTarget Intl eval'
  ).split(' '),
)

/** Those of them that every runtime has and hono speaks in. */
const CONTROL_GLOBALS = new Set('Request Response Headers'.split(' '))

/** Of core/runtime.ts: what only those who wait can use. */
const WAITERS = new Set('Runtime Clock Socket Listener Datagram Child Connecting Appender Files'.split(' '))

interface SyntaxNode {
  readonly type: string
  readonly start: number
  readonly [key: string]: unknown
}

const isNode = (value: unknown): value is SyntaxNode =>
  typeof value === 'object' && value !== null && typeof (value as SyntaxNode).type === 'string'

const within = (path: string, folders: readonly string[]): boolean =>
  folders.some((folder) => path === folder || path.startsWith(`${folder}/`))

/** The row of ARROWS a file belongs to: the longest folder that fits. */
function folderOf(path: string): string {
  let folder = posix.dirname(path)
  while (folder !== '.' && !(folder in ARROWS)) folder = posix.dirname(folder)
  return folder
}

/** Everything that is wrong with one file, each as `path:line: words`. `path` is relative to the top, with slashes. */
export function violations(path: string, source: string): string[] {
  const found: string[] = []
  const inCore = path.startsWith('core/')
  const inAdapters = path.startsWith('adapters/')
  const pure = within(path, PURE)
  const say = (at: number, words: string) => found.push(`${path}:${source.slice(0, at).split('\n').length}: ${words}`)

  function checkImport(node: SyntaxNode, specifier: unknown): void {
    if (typeof specifier !== 'string') {
      if (inCore) say(node.start, 'an import of a computed name cannot be bundled')
      return
    }
    const wrong = judgeImport(path, specifier)
    if (wrong !== '') say(node.start, `imports ${specifier}: ${wrong}`)
    if (!pure || !specifier.endsWith('/runtime.ts') || !Array.isArray(node.specifiers)) return
    for (const one of node.specifiers as { imported?: { name: string } }[]) {
      const name = one.imported?.name ?? '*'
      if (name === '*' || WAITERS.has(name)) say(node.start, `takes ${name} of core/runtime.ts: it must not wait`)
    }
  }

  function visit(node: SyntaxNode): void {
    switch (node.type) {
      case 'ImportDeclaration':
      case 'ExportNamedDeclaration':
      case 'ExportAllDeclaration':
      case 'ImportExpression':
      case 'TSImportType':
        if (isNode(node.source)) checkImport(node, node.source.value)
        break
      case 'Identifier':
        if (inCore && GLOBALS.has(node.name as string)) say(node.start, `${node.name} is a runtime's: ask runtime.ts`)
        if (inCore && !path.startsWith('core/control/') && CONTROL_GLOBALS.has(node.name as string)) {
          say(node.start, `${node.name} belongs to core/control`)
        }
        if (pure && node.name === 'Promise') say(node.start, 'Promise: the protocols and filter do not wait')
        break
      case 'MetaProperty':
        if (inCore && source.startsWith('import', node.start)) say(node.start, 'import.meta differs between runtimes')
        return
      case 'TSAnyKeyword':
        if (!inAdapters) say(node.start, 'any: say what it is, or unknown')
        break
      case 'AwaitExpression':
        if (pure) say(node.start, 'await: the protocols and filter do not wait')
        break
    }
    if (pure && node.async === true) say(node.start, 'async: the protocols and filter do not wait')
    if (pure && node.type === 'ForOfStatement' && node.await) say(node.start, 'for await: the protocols do not wait')
    for (const key in node) {
      // A name behind a dot, or before a colon, is not a reference.
      if ((key === 'property' || key === 'key') && node.computed !== true && named(node[key])) continue
      if (key === 'imported' || key === 'exported') continue
      if (key === 'right' && node.type === 'TSQualifiedName') continue
      const value = node[key]
      if (isNode(value)) visit(value)
      else if (Array.isArray(value)) { for (const item of value) if (isNode(item)) visit(item) }
    }
  }

  if (!/^[a-z0-9_]+(\.(test|d|config))?\.ts$/.test(posix.basename(path))) {
    say(0, 'a file name is lower case with underscores')
  }
  if (folderOf(path) === '.' && inCore && !FOR_ALL.includes(path)) say(0, 'a folder that is not in the table of layers')
  visit(parseAst(source, { lang: 'ts' }, path) as unknown as SyntaxNode)
  return found
}

const named = (value: unknown): boolean => isNode(value) && value.type === 'Identifier'

/** Why `path` may not import `specifier`; empty when it may. */
function judgeImport(path: string, specifier: string): string {
  const folder = folderOf(path)
  if (EXCEPTIONS[path]?.includes(specifier)) return ''

  if (specifier.startsWith('node:') || specifier.startsWith('bun:')) {
    return path.startsWith('core/') ? 'the core uses no runtime' : ''
  }
  if (specifier === '#runtime') {
    return within(specifier, ARROWS[folder] ?? []) ? '' : 'only adapters/main.ts picks the runtime'
  }
  if (specifier.startsWith('.')) return judgeArrow(path, folder, posix.join(posix.dirname(path), specifier))

  const name = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
  const homes = PACKAGES[name]
  if (homes === undefined) return 'a package that is not in the table of packages'
  return within(path, homes) ? '' : `${name} belongs to ${homes.join(', ')}`
}

function judgeArrow(path: string, folder: string, to: string): string {
  if (FOR_ALL.includes(path)) return 'everyone uses this file, so it uses no other'
  if (path.startsWith('core/') && FOR_ALL.includes(to)) return ''
  if (path.startsWith('adapters/') && FOR_ADAPTERS.includes(to)) return ''
  if (folder === 'adapters') {
    return ENTRANCES.includes(to) ? '' : `the entry point imports ${ENTRANCES.join(', ')} alone`
  }
  if (within(to, [folder, ...(ARROWS[folder] ?? [])])) return ''
  return `${folder} may import from ${ARROWS[folder]?.join(', ') || 'nothing'}`
}

/** Every source file below the folders of the project, paths relative to `root`. */
function* sources(root: string): Generator<string> {
  for (const folder of ['core', 'adapters', 'scripts', 'test']) {
    for (const path of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (path.endsWith('.ts') && !path.endsWith('.d.ts')) yield `${folder}/${path}`
    }
  }
}

if (import.meta.main) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  let files = 0
  let wrong = 0
  for (const path of sources(root)) {
    files++
    for (const line of violations(path, readFileSync(join(root, path), 'utf8'))) {
      wrong++
      console.error(line)
    }
  }
  if (wrong === 0) console.log(`layers: ${files} files`)
  process.exitCode = wrong === 0 ? 0 : 1
}
