import { type PageLanguage, row } from '../page_words.ts'

const NOT_UNDERSTOOD = 'Żądanie nie zostało zrozumiane'
const TOO_LONG = 'Żądanie trwało zbyt długo'
const NOT_HERE = 'To nie jest tutaj dozwolone'
const NO_ACCESS = 'Dostęp do tego adresu jest niedozwolony'
const NOT_LOOKED_UP = 'Nie udało się ustalić adresu strony'
const NOT_REACHED = 'Strona jest nieosiągalna'
const SITE_SLOW = 'Strona odpowiada zbyt długo'
const BAD_ANSWER = 'Odpowiedź strony nie została zrozumiana'

const CLIENT_FAULT =
  'Spróbuj ponownie. Jeśli problem się powtarza, używany program lub coś pomiędzy nim a tym serwerem ' +
  'proxy wysyła żądania, których nie można bezpiecznie przekazać: powiadom osobę, która się nim zajmuje.'
const SLOW = 'Sprawdź połączenie z siecią i spróbuj ponownie.'
const LATER = 'Odczekaj chwilę i spróbuj ponownie. Jeśli problem się powtarza, powiadom administratora serwera proxy.'
const RULES =
  'Jeśli uważasz, że dostęp powinien być możliwy, zwróć się do administratora serwera proxy i podaj mu treść ' +
  'tej strony.'
const NAME = 'Sprawdź pisownię adresu. Jeśli jest poprawna, strona mogła zostać przeniesiona lub już nie istnieje.'
const NAMES =
  'Odczekaj chwilę i spróbuj ponownie. Jeśli inne strony działają, problem leży po stronie serwerów nazw tej ' +
  'strony.'
const SITE =
  'Odczekaj chwilę i spróbuj ponownie. Jeśli inne strony działają, problem leży po stronie tej witryny: usunąć ' +
  'go mogą tylko jej właściciele.'
const RESPONSE = 'Spróbuj ponownie. Jeśli problem się powtarza, leży po stronie witryny: usunąć go mogą tylko jej ' +
  'właściciele.'

export const POLISH: PageLanguage = {
  tag: 'pl',
  direction: 'ltr',
  colon: ': ',
  trouble: {
    policy: 'Zablokowane przez tę sieć',
    site: 'Problem ze stroną',
    request: 'Problem z żądaniem',
    proxy: 'Problem z serwerem proxy',
  },
  labels: {
    url: 'Żądany adres',
    category: 'Kategoria',
    rule: 'Reguła',
    by: 'Decyzja',
    why: 'Powód',
    detail: 'Szczegóły',
    error: 'Błąd',
    advice: 'Co możesz zrobić',
    contact: 'Kontakt',
    time: 'Czas',
    client: 'Twój adres',
    proxy: 'Proxy',
    id: 'Identyfikator',
  },
  failures: {
    'bad-request': row(NOT_UNDERSTOOD, 'Żądanie nie jest poprawnym HTTP/1.1.', CLIENT_FAULT),
    'bad-target': row(
      'Adres jest niepoprawny',
      'Cel żądania jest niepoprawny.',
      'Sprawdź, czy w adresie nie ma znaków, które do niego nie należą.',
    ),
    'bad-host': row(NOT_UNDERSTOOD, 'Brak pola Host albo jest ono powtórzone lub niepoprawne.', CLIENT_FAULT),
    'bad-framing': row(NOT_UNDERSTOOD, 'Nie można z pewnością określić, gdzie kończy się treść żądania.', CLIENT_FAULT),
    'bad-body': row(
      'Żądanie zostało uszkodzone po drodze',
      'Granice treści żądania nie są takie, jak zapowiedziano.',
      CLIENT_FAULT,
    ),
    'not-a-proxy-request': row(
      'To jest serwer proxy, a nie strona internetowa',
      'To jest serwer proxy: celem żądania musi być bezwzględny URI.',
      'Wpisz ten adres jako serwer proxy w ustawieniach przeglądarki lub systemu, a nie jako adres strony.',
    ),
    'wrong-scheme': row(
      'Ten rodzaj adresu nie jest obsługiwany',
      'Ten serwer proxy pobiera adresy http://; pozostałe przechodzą przez CONNECT.',
      'Użyj adresu, który zaczyna się od http:// lub https://.',
    ),
    'head-timeout': row(TOO_LONG, 'Nagłówek żądania nie nadszedł na czas.', SLOW),
    'body-timeout': row(TOO_LONG, 'Treść żądania nie nadeszła na czas.', SLOW),
    'target-too-long': row(
      'Adres jest zbyt długi',
      'Cel żądania jest dłuższy, niż przyjmuje ten serwer proxy.',
      'Użyj krótszego adresu.',
    ),
    'expectation-failed': row(NOT_UNDERSTOOD, 'Pole Expect wymaga czegoś nieznanego.', CLIENT_FAULT),
    'head-too-large': row(
      'Żądanie jest zbyt duże',
      'Nagłówek żądania jest większy, niż przyjmuje ten serwer proxy.',
      'Usuń pliki cookie przechowywane przez przeglądarkę dla tej strony i spróbuj ponownie.',
    ),
    'method-unknown': row(NOT_UNDERSTOOD, 'Ten serwer proxy nie przekazuje tej metody.', CLIENT_FAULT),
    'coding-unknown': row(NOT_UNDERSTOOD, 'Ten serwer proxy nie zna tego kodowania transferu.', CLIENT_FAULT),
    'version-unknown': row(NOT_UNDERSTOOD, 'Ten serwer proxy nie obsługuje tej wersji HTTP.', CLIENT_FAULT),
    'client-left': row('Żądanie zostało porzucone', 'Klient odszedł przed końcem.', 'Spróbuj ponownie.'),
    'too-many-connections': row(
      'Serwer proxy jest przeciążony',
      'Jest zbyt wiele połączeń; spróbuj później.',
      LATER,
    ),
    'method-refused': row(NOT_HERE, 'Ta metoda nie jest tutaj dozwolona.', RULES),
    'port-refused': row('Ten port jest niedozwolony', 'CONNECT do tego portu jest niedozwolony.', RULES),
    'destination-refused': row(NO_ACCESS, 'Ten cel jest niedozwolony.', RULES),
    'local-refused': row(NO_ACCESS, 'Celem jest sam komputer serwera proxy, co jest niedozwolone.', RULES),
    'name-refused': row(
      'Ta nazwa jest niepełna',
      'Nazwy bez kropki są niedozwolone.',
      'Użyj pełnej nazwy strony, na przykład www.example.com.',
    ),
    'login-needed': row(NOT_HERE, 'To proxy obsługuje tylko tych, którzy się zalogują.', RULES),
    'denied': row(NOT_HERE, 'Reguły tej sieci na to nie pozwalają.', RULES),
    'filter-unavailable': row('Filtr jest niedostępny', 'Filtr tej sieci nie może teraz podjąć decyzji.', LATER),
    'no-upstream': row('Nie ma tu takiej strony', 'Nie jest tu udostępniana strona o tej nazwie.', NAME),
    'servers-busy': row('Strona jest przeciążona', 'Serwery tej strony nie przyjmują teraz więcej żądań.', LATER),
    'source-unavailable': row(
      'Serwer proxy nie może nawiązać połączenia',
      'Serwer proxy nie ma wolnego adresu, portu ani gniazda, z którego mógłby się połączyć.',
      LATER,
    ),
    'loop': row(
      'Żądanie krąży w kółko',
      'Żądanie przeszło już przez ten serwer proxy.',
      'Powiadom administratora serwera proxy: jest on ustawiony tak, że pyta sam siebie.',
    ),
    'bug': row(
      'Serwer proxy popełnił błąd',
      'Ten serwer proxy popełnił błąd.',
      'Spróbuj ponownie. Jeśli problem się powtarza, podaj administratorowi serwera proxy treść tej strony.',
    ),
    'name-not-found': row('Nie znaleziono strony', 'Nazwa nie istnieje.', NAME),
    'name-no-address': row('Strona nie ma adresu', 'Nazwa nie ma adresu.', NAME),
    'name-failed': row(NOT_LOOKED_UP, 'Serwery nazw nie mogły odpowiedzieć na pytanie o tę nazwę.', NAMES),
    'name-timeout': row(NOT_LOOKED_UP, 'Serwery nazw nie odpowiedziały na czas.', NAMES),
    'connect-refused': row(NOT_REACHED, 'Serwer odrzuca połączenia.', SITE),
    'connect-unreachable': row(NOT_REACHED, 'Serwer jest nieosiągalny.', SITE),
    'connect-failed': row(NOT_REACHED, 'Nie udało się nawiązać połączenia z serwerem.', SITE),
    'connect-timeout': row('Strona nie odpowiada', 'Serwer nie przyjął połączenia na czas.', SITE),
    'parent-refused': row(NOT_REACHED, 'Nadrzędne proxy nie łączy się z tym serwerem.', SITE),
    'parent-login': row(NOT_REACHED, 'Nadrzędne proxy nie przyjmuje danych logowania tego proxy.', LATER),
    'servers-down': row(NOT_REACHED, 'Żaden z serwerów tej strony nie jest dostępny.', SITE),
    'response-timeout': row(SITE_SLOW, 'Serwer nie odpowiedział na czas.', SITE),
    'bad-response': row(BAD_ANSWER, 'Serwer wysłał odpowiedź, która nie jest poprawnym HTTP/1.1.', RESPONSE),
    'response-head-too-large': row(BAD_ANSWER, 'Nagłówek odpowiedzi serwera jest zbyt duży.', RESPONSE),
    'origin-left': row(
      'Strona przerwała połączenie',
      'Serwer zamknął połączenie przed końcem swojej odpowiedzi.',
      RESPONSE,
    ),
    'origin-idle': row(SITE_SLOW, 'Serwer przestał wysyłać.', SITE),
    'tunnel-idle': row(
      'Połączenie nie było używane',
      'Zbyt długo nic nie przeszło przez tunel.',
      'Spróbuj ponownie.',
    ),
    'stopped': row('Serwer proxy został zatrzymany', 'Serwer proxy zatrzymano przed końcem.', 'Spróbuj ponownie.'),
  },
}
