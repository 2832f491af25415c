import { type PageLanguage, row } from '../page_words.ts'

const NOT_UNDERSTOOD = 'O pedido não foi compreendido'
const TOO_LONG = 'O pedido demorou demasiado'
const NOT_HERE = 'Isto não é permitido aqui'
const NO_ACCESS = 'O acesso a este endereço não é permitido'
const NOT_LOOKED_UP = 'Não foi possível localizar o site'
const NOT_REACHED = 'Não é possível chegar ao site'
const SITE_SLOW = 'O site demora demasiado'
const BAD_ANSWER = 'A resposta do site não foi compreendida'

const CLIENT_FAULT =
  'Tente novamente. Se o problema continuar, o programa que utiliza, ou algo entre ele e este proxy, ' +
  'faz pedidos que não é seguro reencaminhar: avise quem cuida dele.'
const SLOW = 'Verifique a sua ligação à rede e tente novamente.'
const LATER = 'Aguarde um momento e tente novamente. Se o problema continuar, avise o administrador do proxy.'
const RULES =
  'Se considera que deveria ter acesso, contacte o administrador do proxy e indique-lhe o que diz esta página.'
const NAME = 'Verifique se o endereço está bem escrito. Se estiver, o site pode ter mudado de lugar ou já não existir.'
const NAMES =
  'Aguarde um momento e tente novamente. Se outros sites funcionarem, o problema está nos servidores de nomes ' +
  'deste site.'
const SITE =
  'Aguarde um momento e tente novamente. Se outros sites funcionarem, o problema está neste site: só os seus ' +
  'responsáveis o podem resolver.'
const RESPONSE = 'Tente novamente. Se o problema continuar, está no site: só os seus responsáveis o podem resolver.'

export const PORTUGUESE: PageLanguage = {
  tag: 'pt',
  direction: 'ltr',
  colon: ': ',
  trouble: {
    policy: 'Bloqueado por esta rede',
    site: 'Problema com o site',
    request: 'Problema com o pedido',
    proxy: 'Problema com o proxy',
  },
  labels: {
    url: 'Pediu',
    category: 'Categoria',
    rule: 'Regra',
    by: 'Decidido por',
    why: 'Motivo',
    detail: 'Detalhes',
    error: 'Erro',
    advice: 'O que pode fazer',
    contact: 'Contacto',
    time: 'Hora',
    client: 'O seu endereço',
    proxy: 'Proxy',
    id: 'Referência',
  },
  failures: {
    'bad-request': row(NOT_UNDERSTOOD, 'O pedido não é HTTP/1.1 válido.', CLIENT_FAULT),
    'bad-target': row(
      'O endereço não é válido',
      'O destino do pedido não é válido.',
      'Verifique se o endereço contém caracteres que não lhe pertencem.',
    ),
    'bad-host': row(NOT_UNDERSTOOD, 'O campo Host está em falta, repetido ou não é válido.', CLIENT_FAULT),
    'bad-framing': row(NOT_UNDERSTOOD, 'Não se pode saber ao certo onde termina o corpo do pedido.', CLIENT_FAULT),
    'bad-body': row(
      'O pedido danificou-se pelo caminho',
      'O corpo do pedido não está delimitado como foi anunciado.',
      CLIENT_FAULT,
    ),
    'not-a-proxy-request': row(
      'Isto é um proxy, não um site',
      'Isto é um proxy: o destino do pedido tem de ser um URI absoluto.',
      'Introduza este endereço como proxy nas definições do seu navegador ou sistema, não como endereço de uma página.',
    ),
    'wrong-scheme': row(
      'Este tipo de endereço não é suportado',
      'Este proxy obtém endereços http://; os outros passam por CONNECT.',
      'Utilize um endereço que comece por http:// ou https://.',
    ),
    'head-timeout': row(TOO_LONG, 'O cabeçalho do pedido não chegou a tempo.', SLOW),
    'body-timeout': row(TOO_LONG, 'O corpo do pedido não chegou a tempo.', SLOW),
    'target-too-long': row(
      'O endereço é demasiado longo',
      'O destino do pedido é mais longo do que este proxy aceita.',
      'Utilize um endereço mais curto.',
    ),
    'expectation-failed': row(NOT_UNDERSTOOD, 'O campo Expect pede algo desconhecido.', CLIENT_FAULT),
    'head-too-large': row(
      'O pedido é demasiado grande',
      'O cabeçalho do pedido é maior do que este proxy aceita.',
      'Apague os cookies que o seu navegador guarda para este site e tente novamente.',
    ),
    'method-unknown': row(NOT_UNDERSTOOD, 'Este proxy não reencaminha este método.', CLIENT_FAULT),
    'coding-unknown': row(NOT_UNDERSTOOD, 'Este proxy não conhece esta codificação de transferência.', CLIENT_FAULT),
    'version-unknown': row(NOT_UNDERSTOOD, 'Este proxy não fala esta versão de HTTP.', CLIENT_FAULT),
    'client-left': row('O pedido foi abandonado', 'O cliente saiu antes do fim.', 'Tente novamente.'),
    'too-many-connections': row(
      'O proxy está sobrecarregado',
      'Há demasiadas ligações; tente novamente mais tarde.',
      LATER,
    ),
    'method-refused': row(NOT_HERE, 'Este método não é permitido aqui.', RULES),
    'port-refused': row('Esta porta não é permitida', 'CONNECT para esta porta não é permitido.', RULES),
    'destination-refused': row(NO_ACCESS, 'Este destino não é permitido.', RULES),
    'local-refused': row(NO_ACCESS, 'Este destino é a própria máquina do proxy, o que não é permitido.', RULES),
    'name-refused': row(
      'Este nome não está completo',
      'Os nomes sem ponto não são permitidos.',
      'Utilize o nome completo do site, como www.example.com.',
    ),
    'login-needed': row(NOT_HERE, 'Este proxy só atende quem se identifica.', RULES),
    'denied': row(NOT_HERE, 'As regras desta rede não o permitem.', RULES),
    'filter-unavailable': row(
      'O filtro não está disponível',
      'O filtro desta rede não pode decidir neste momento.',
      LATER,
    ),
    'no-upstream': row('Não existe esse site aqui', 'Nenhum site com esse nome é servido aqui.', NAME),
    'servers-busy': row(
      'O site está sobrecarregado',
      'Os servidores deste site não aceitam mais pedidos por agora.',
      LATER,
    ),
    'source-unavailable': row(
      'O proxy não pode ligar-se',
      'O proxy não tem nenhum endereço, porta ou socket livre de onde se ligar.',
      LATER,
    ),
    'loop': row(
      'O pedido anda às voltas',
      'O pedido já passou por este proxy.',
      'Avise o administrador do proxy: está configurado para perguntar a si próprio.',
    ),
    'bug': row(
      'O proxy cometeu um erro',
      'Este proxy cometeu um erro.',
      'Tente novamente. Se o problema continuar, indique ao administrador do proxy o que diz esta página.',
    ),
    'name-not-found': row('O site não foi encontrado', 'O nome não existe.', NAME),
    'name-no-address': row('O site não tem endereço', 'O nome não tem endereço.', NAME),
    'name-failed': row(NOT_LOOKED_UP, 'Os servidores de nomes não puderam responder por este nome.', NAMES),
    'name-timeout': row(NOT_LOOKED_UP, 'Os servidores de nomes não responderam a tempo.', NAMES),
    'connect-refused': row(NOT_REACHED, 'O servidor recusa ligações.', SITE),
    'connect-unreachable': row(NOT_REACHED, 'Não é possível chegar ao servidor.', SITE),
    'connect-failed': row(NOT_REACHED, 'Não foi possível estabelecer a ligação ao servidor.', SITE),
    'connect-timeout': row('O site não responde', 'O servidor não aceitou a ligação a tempo.', SITE),
    'parent-refused': row(NOT_REACHED, 'O proxy superior não se liga a este servidor.', SITE),
    'parent-login': row(NOT_REACHED, 'O proxy superior não aceita as credenciais deste proxy.', LATER),
    'servers-down': row(NOT_REACHED, 'Nenhum dos servidores deste site está disponível.', SITE),
    'response-timeout': row(SITE_SLOW, 'O servidor não respondeu a tempo.', SITE),
    'bad-response': row(BAD_ANSWER, 'O servidor enviou uma resposta que não é HTTP/1.1 válido.', RESPONSE),
    'response-head-too-large': row(BAD_ANSWER, 'O cabeçalho da resposta do servidor é demasiado grande.', RESPONSE),
    'origin-left': row(
      'O site interrompeu-se',
      'O servidor fechou a ligação antes do fim da sua resposta.',
      RESPONSE,
    ),
    'origin-idle': row(SITE_SLOW, 'O servidor deixou de enviar.', SITE),
    'tunnel-idle': row(
      'A ligação não foi utilizada',
      'Nada passou pelo túnel durante demasiado tempo.',
      'Tente novamente.',
    ),
    'stopped': row('O proxy foi parado', 'O proxy foi parado antes do fim.', 'Tente novamente.'),
  },
}
