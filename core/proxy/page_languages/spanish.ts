import { type PageLanguage, row } from '../page_words.ts'

const NOT_UNDERSTOOD = 'No se ha entendido la petición'
const TOO_LONG = 'La petición ha tardado demasiado'
const NOT_HERE = 'Esto no está permitido aquí'
const NO_ACCESS = 'No está permitido el acceso a esta dirección'
const NOT_LOOKED_UP = 'No se ha podido localizar el sitio'
const NOT_REACHED = 'No se puede acceder al sitio'
const SITE_SLOW = 'El sitio tarda demasiado'
const BAD_ANSWER = 'No se ha entendido la respuesta del sitio'

const CLIENT_FAULT =
  'Inténtelo de nuevo. Si el problema continúa, el programa que utiliza, o algo entre él y este proxy, ' +
  'hace peticiones que no es seguro reenviar: avise a quien se encargue de él.'
const SLOW = 'Compruebe su conexión a la red e inténtelo de nuevo.'
const LATER = 'Espere un momento e inténtelo de nuevo. Si el problema continúa, avise al administrador del proxy.'
const RULES =
  'Si cree que debería tener acceso, diríjase al administrador del proxy e indíquele lo que dice esta página.'
const NAME =
  'Compruebe que la dirección está bien escrita. Si lo está, puede que el sitio se haya trasladado o ya no ' +
  'exista.'
const NAMES =
  'Espere un momento e inténtelo de nuevo. Si otros sitios funcionan, el problema está en los servidores de ' +
  'nombres de este sitio.'
const SITE =
  'Espere un momento e inténtelo de nuevo. Si otros sitios funcionan, el problema está en este sitio: solo sus ' +
  'responsables pueden resolverlo.'
const RESPONSE =
  'Inténtelo de nuevo. Si el problema continúa, está en el sitio: solo sus responsables pueden resolverlo.'

export const SPANISH: PageLanguage = {
  tag: 'es',
  direction: 'ltr',
  colon: ': ',
  trouble: {
    policy: 'Bloqueado por esta red',
    site: 'Problema con el sitio',
    request: 'Problema con la petición',
    proxy: 'Problema con el proxy',
  },
  labels: {
    url: 'Ha solicitado',
    category: 'Categoría',
    rule: 'Regla',
    by: 'Decidido por',
    why: 'Motivo',
    detail: 'Detalles',
    error: 'Error',
    advice: 'Qué puede hacer',
    contact: 'Contacto',
    time: 'Hora',
    client: 'Su dirección',
    proxy: 'Proxy',
    id: 'Referencia',
  },
  failures: {
    'bad-request': row(NOT_UNDERSTOOD, 'La petición no es HTTP/1.1 válido.', CLIENT_FAULT),
    'bad-target': row(
      'La dirección no es válida',
      'El destino de la petición no es válido.',
      'Compruebe que la dirección no contiene caracteres que no le corresponden.',
    ),
    'bad-host': row(NOT_UNDERSTOOD, 'El campo Host falta, está repetido o no es válido.', CLIENT_FAULT),
    'bad-framing': row(
      NOT_UNDERSTOOD,
      'No se puede saber con seguridad dónde termina el cuerpo de la petición.',
      CLIENT_FAULT,
    ),
    'bad-body': row(
      'La petición se ha dañado por el camino',
      'El cuerpo de la petición no está delimitado como se anunció.',
      CLIENT_FAULT,
    ),
    'not-a-proxy-request': row(
      'Esto es un proxy, no un sitio web',
      'Esto es un proxy: el destino de la petición debe ser un URI absoluto.',
      'Introduzca esta dirección como proxy en los ajustes de su navegador o sistema, no como dirección de una página.',
    ),
    'wrong-scheme': row(
      'Este tipo de dirección no es compatible',
      'Este proxy obtiene direcciones http://; las demás pasan por CONNECT.',
      'Utilice una dirección que empiece por http:// o https://.',
    ),
    'head-timeout': row(TOO_LONG, 'La cabecera de la petición no ha llegado a tiempo.', SLOW),
    'body-timeout': row(TOO_LONG, 'El cuerpo de la petición no ha llegado a tiempo.', SLOW),
    'target-too-long': row(
      'La dirección es demasiado larga',
      'El destino de la petición es más largo de lo que acepta este proxy.',
      'Utilice una dirección más corta.',
    ),
    'expectation-failed': row(NOT_UNDERSTOOD, 'El campo Expect pide algo desconocido.', CLIENT_FAULT),
    'head-too-large': row(
      'La petición es demasiado grande',
      'La cabecera de la petición es más grande de lo que acepta este proxy.',
      'Borre las cookies que su navegador guarda para este sitio e inténtelo de nuevo.',
    ),
    'method-unknown': row(NOT_UNDERSTOOD, 'Este proxy no reenvía ese método.', CLIENT_FAULT),
    'coding-unknown': row(NOT_UNDERSTOOD, 'Este proxy no conoce esa codificación de transferencia.', CLIENT_FAULT),
    'version-unknown': row(NOT_UNDERSTOOD, 'Este proxy no habla esa versión de HTTP.', CLIENT_FAULT),
    'client-left': row('Se ha abandonado la petición', 'El cliente se fue antes del final.', 'Inténtelo de nuevo.'),
    'too-many-connections': row(
      'El proxy está saturado',
      'Hay demasiadas conexiones; inténtelo más tarde.',
      LATER,
    ),
    'method-refused': row(NOT_HERE, 'Este método no está permitido aquí.', RULES),
    'port-refused': row('Este puerto no está permitido', 'No está permitido CONNECT a este puerto.', RULES),
    'destination-refused': row(NO_ACCESS, 'Este destino no está permitido.', RULES),
    'local-refused': row(NO_ACCESS, 'Este destino es la propia máquina del proxy, lo que no está permitido.', RULES),
    'name-refused': row(
      'Este nombre no está completo',
      'No están permitidos los nombres sin punto.',
      'Utilice el nombre completo del sitio, como www.example.com.',
    ),
    'login-needed': row(NOT_HERE, 'Este proxy solo atiende a quien se identifica.', RULES),
    'denied': row(NOT_HERE, 'Las reglas de esta red no lo permiten.', RULES),
    'filter-unavailable': row(
      'El filtro no está disponible',
      'El filtro de esta red no puede decidir en este momento.',
      LATER,
    ),
    'no-upstream': row('Aquí no existe ese sitio', 'Aquí no se sirve ningún sitio con ese nombre.', NAME),
    'servers-busy': row(
      'El sitio está saturado',
      'Los servidores de este sitio no admiten más peticiones por ahora.',
      LATER,
    ),
    'source-unavailable': row(
      'El proxy no puede conectarse',
      'El proxy no tiene ninguna dirección, puerto o socket libre desde donde conectarse.',
      LATER,
    ),
    'loop': row(
      'La petición da vueltas en círculo',
      'La petición ya ha pasado por este proxy.',
      'Avise al administrador del proxy: está configurado para preguntarse a sí mismo.',
    ),
    'bug': row(
      'El proxy ha cometido un error',
      'Este proxy ha cometido un error.',
      'Inténtelo de nuevo. Si el problema continúa, indique al administrador del proxy lo que dice esta página.',
    ),
    'name-not-found': row('No se ha encontrado el sitio', 'El nombre no existe.', NAME),
    'name-no-address': row('El sitio no tiene dirección', 'El nombre no tiene dirección.', NAME),
    'name-failed': row(NOT_LOOKED_UP, 'Los servidores de nombres no han podido responder por este nombre.', NAMES),
    'name-timeout': row(NOT_LOOKED_UP, 'Los servidores de nombres no han respondido a tiempo.', NAMES),
    'connect-refused': row(NOT_REACHED, 'El servidor rechaza las conexiones.', SITE),
    'connect-unreachable': row(NOT_REACHED, 'No se puede llegar al servidor.', SITE),
    'connect-failed': row(NOT_REACHED, 'No se ha podido establecer la conexión con el servidor.', SITE),
    'connect-timeout': row('El sitio no responde', 'El servidor no ha aceptado la conexión a tiempo.', SITE),
    'parent-refused': row(NOT_REACHED, 'El proxy superior no conecta con este servidor.', SITE),
    'parent-login': row(NOT_REACHED, 'El proxy superior no acepta las credenciales de este proxy.', LATER),
    'servers-down': row(NOT_REACHED, 'Ninguno de los servidores de este sitio está disponible.', SITE),
    'response-timeout': row(SITE_SLOW, 'El servidor no ha respondido a tiempo.', SITE),
    'bad-response': row(BAD_ANSWER, 'El servidor ha enviado una respuesta que no es HTTP/1.1 válido.', RESPONSE),
    'response-head-too-large': row(
      BAD_ANSWER,
      'La cabecera de la respuesta del servidor es demasiado grande.',
      RESPONSE,
    ),
    'origin-left': row(
      'El sitio se ha interrumpido',
      'El servidor ha cerrado la conexión antes del final de su respuesta.',
      RESPONSE,
    ),
    'origin-idle': row(SITE_SLOW, 'El servidor ha dejado de enviar.', SITE),
    'tunnel-idle': row(
      'La conexión no se ha utilizado',
      'No ha pasado nada por el túnel durante demasiado tiempo.',
      'Inténtelo de nuevo.',
    ),
    'stopped': row('El proxy se ha detenido', 'El proxy se detuvo antes del final.', 'Inténtelo de nuevo.'),
  },
}
