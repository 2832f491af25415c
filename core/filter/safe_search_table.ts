/**
 * How each search engine is made to search safely: data, and where it comes from. Exact names, never those below them or
 * above: mail and other services of the same company go where they always did.
 *
 * Sources
 * - Google: support.google.com/websearch/answer/186669; the names of www.google.com/supported_domains, with those that the
 *   list of AdGuard Home (internal/filtering/safesearch/rules/google.txt) has besides.
 * - YouTube: support.google.com/a/answer/6214622 (names, field), 6212415; the cookie: what the page itself sets.
 * - Bing: support.microsoft.com, "Block adult content with SafeSearch" (strict.bing.com, adlt); the cookie: e2guardian.
 * - DuckDuckGo: duckduckgo.com/duckduckgo-help-pages/features/safe-search, .../settings/params (kp).
 * - Brave, Ecosia, Pixabay, Yandex: AdGuard Home, brave.txt, ecosia.txt, pixabay.txt, yandex.txt; Yandex's name: dnscrypt-proxy
 *   and OpenWrt's adblock. Qwant: OpenWrt's adblock, its parameter: SearXNG.
 * - Yahoo has no enforcing name, only the parameter vm.
 */

export interface DialInstead {
  /** Looked up in the place of the name that was asked for. */
  readonly host: string
  /** Its addresses as the engine has published them, for when it cannot be looked up; empty: none that stay. */
  readonly fallback4: string
  readonly fallback6: string
}

/** Where an engine knows one level only, it is in both places. */
interface ByLevel<T> {
  readonly moderate: T
  readonly strict: T
}

export interface Engine {
  /** The category that its decisions carry. */
  readonly name: string
  /** Names that enforce when they are dialled elsewhere. */
  readonly hosts: readonly string[]
  /** Names that do not, but whose requests may be changed where they are seen; a leading dot: all names below. */
  readonly others: readonly string[]
  readonly dial: ByLevel<DialInstead> | null
  /** A parameter of the query, at these paths and below them (`/` is itself alone). */
  readonly parameter: ByLevel<string> & { readonly name: string; readonly paths: readonly string[] } | null
  readonly field: ByLevel<string> & { readonly name: string } | null
  /** One part of a cookie that has several, `name=value` with `&` between. */
  readonly cookie: ByLevel<string> & { readonly name: string; readonly part: string } | null
}

const both = <T>(value: T): ByLevel<T> => ({ moderate: value, strict: value })
const at = (host: string, fallback4 = '', fallback6 = ''): DialInstead => ({ host, fallback4, fallback6 })
const words = (text: string): string[] => text.split(/[ \n]+/).filter((word) => word !== '')

/** What follows `google.` */
const GOOGLE = words(`
ad ae al am as at az ba be bf bg bi bj bs bt by ca cat cd cf cg ch ci cl cm cn co co.ao co.bw co.ck co.cr co.id co.il co.in
co.jp co.ke co.kr co.ls co.ma co.mz co.nz co.th co.tz co.ug co.uk co.uz co.ve co.vi co.za co.zm co.zw com com.af com.ag
com.ai com.ar com.au com.bd com.bh com.bn com.bo com.br com.bz com.co com.cu com.cy com.do com.ec com.eg com.et com.fj
com.gh com.gi com.gt com.hk com.jm com.kh com.kw com.lb com.ly com.mm com.mt com.mx com.my com.na com.nf com.ng com.ni
com.np com.om com.pa com.pe com.pg com.ph com.pk com.pr com.py com.qa com.sa com.sb com.sg com.sl com.sv com.tj com.tr
com.tw com.ua com.uy com.vc com.vn cv cz de dj dk dm dz ee es fi fm fr ga ge gg gl gm gp gr gy hn hr ht hu ie im iq is it
je jo kg ki kz la li lk lt lu lv md me mg mk ml mn ms mu mv mw ne nl no nr nu pl pn ps pt ro rs ru rw sc se sh si sk sm sn
so sr st td tg tk tl tm tn to tt vg vu ws`)

/** What follows `yandex.`; search is at the name itself, too. */
const YANDEX = words(`
az by co.il com com.am com.ge com.ru com.tr de ee eu fi fr kz lt lv md pl ru tj tm ua uz`)

const YOUTUBE = words(`
www.youtube.com m.youtube.com youtubei.googleapis.com youtube.googleapis.com www.youtube-nocookie.com`)

export const ENGINES: readonly Engine[] = [
  {
    name: 'google',
    hosts: GOOGLE.map((end) => `www.google.${end}`),
    others: GOOGLE.flatMap((end) => [`google.${end}`, `images.google.${end}`]),
    dial: both(at('forcesafesearch.google.com', '216.239.38.120', '2001:4860:4802:32::78')),
    parameter: { name: 'safe', ...both('active'), paths: ['/', '/search', '/images', '/imghp', '/webhp'] },
    field: null,
    cookie: null,
  },
  {
    name: 'youtube',
    hosts: YOUTUBE,
    others: [],
    dial: {
      moderate: at('restrictmoderate.youtube.com', '216.239.38.119', '2001:4860:4802:32::77'),
      strict: at('restrict.youtube.com', '216.239.38.120', '2001:4860:4802:32::78'),
    },
    parameter: null,
    field: { name: 'YouTube-Restrict', moderate: 'Moderate', strict: 'Strict' },
    cookie: { name: 'PREF', part: 'f2', ...both('8000000') },
  },
  {
    name: 'bing',
    hosts: ['www.bing.com', 'edgeservices.bing.com'],
    others: ['bing.com', 'cn.bing.com'],
    dial: both(at('strict.bing.com')),
    parameter: {
      name: 'adlt',
      moderate: 'moderate',
      strict: 'strict',
      paths: ['/', '/search', '/images', '/videos', '/news', '/shop'],
    },
    field: null,
    cookie: { name: 'SRCHHPGUSR', part: 'ADLT', moderate: 'DEMOTE', strict: 'STRICT' },
  },
  {
    name: 'duckduckgo',
    hosts: ['duckduckgo.com', 'www.duckduckgo.com', 'start.duckduckgo.com'],
    others: ['html.duckduckgo.com', 'lite.duckduckgo.com'],
    dial: both(at('safe.duckduckgo.com')),
    parameter: { name: 'kp', moderate: '-1', strict: '1', paths: ['/', '/html', '/lite'] },
    field: null,
    cookie: null,
  },
  {
    name: 'brave',
    hosts: ['search.brave.com'],
    others: [],
    dial: both(at('forcesafe.search.brave.com')),
    parameter: {
      name: 'safesearch',
      moderate: 'moderate',
      strict: 'strict',
      paths: ['/search', '/images', '/videos', '/news'],
    },
    field: null,
    cookie: null,
  },
  {
    name: 'ecosia',
    hosts: ['www.ecosia.org'],
    others: [],
    dial: both(at('strict-safe-search.ecosia.org')),
    parameter: { name: 'safesearch', moderate: '1', strict: '2', paths: ['/search', '/images', '/videos', '/news'] },
    field: null,
    cookie: null,
  },
  {
    name: 'pixabay',
    hosts: ['pixabay.com'],
    others: [],
    dial: both(at('safesearch.pixabay.com')),
    parameter: null,
    field: null,
    cookie: null,
  },
  {
    name: 'yandex',
    hosts: [
      ...YANDEX.flatMap((end) => [`yandex.${end}`, `www.yandex.${end}`]),
      ...words('ya.ru www.ya.ru xn--d1acpjx3f.xn--p1ai www.xn--d1acpjx3f.xn--p1ai'),
    ],
    others: [],
    dial: both(at('familysearch.yandex.ru', '213.180.193.56')),
    parameter: { name: 'family', ...both('yes'), paths: ['/search', '/yandsearch', '/images', '/video'] },
    field: null,
    cookie: null,
  },
  {
    name: 'qwant',
    hosts: ['api.qwant.com'],
    others: ['www.qwant.com', 'lite.qwant.com'],
    dial: both(at('safeapi.qwant.com')),
    parameter: { name: 's', moderate: '1', strict: '2', paths: ['/'] },
    field: null,
    cookie: null,
  },
  {
    name: 'yahoo',
    hosts: [],
    others: ['search.yahoo.com', '.search.yahoo.com'],
    dial: null,
    parameter: { name: 'vm', ...both('r'), paths: ['/search'] },
    field: null,
    cookie: null,
  },
]
