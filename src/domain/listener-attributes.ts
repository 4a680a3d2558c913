import { type Allowed, type Attribute, trueOrFalse } from './attribute-table.ts'
import { type Listener, speaksHttp } from './load-balancer.ts'

const https = (listener: Listener) => listener.protocol === 'HTTPS'

/** AWS: HTTP header modification for your Application Load Balancer. An empty value sets nothing. */
const fieldName: Allowed = {
  length: 40,
  form: { pattern: /^[A-Za-z0-9_-]+$/, words: 'letters, digits, hyphens and underscores' },
}
const fieldValue: Allowed = {
  length: 1024,
  form: { pattern: /^([\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?)?$/, words: 'printable ASCII characters' },
}

/** Fields of requests to targets, HTTPS only, by the key's part that names them; their names may be changed. */
const requestFields = {
  x_amzn_mtls_clientcert: 'X-Amzn-Mtls-Clientcert',
  x_amzn_mtls_clientcert_serial_number: 'X-Amzn-Mtls-Clientcert-Serial-Number',
  x_amzn_mtls_clientcert_issuer: 'X-Amzn-Mtls-Clientcert-Issuer',
  x_amzn_mtls_clientcert_subject: 'X-Amzn-Mtls-Clientcert-Subject',
  x_amzn_mtls_clientcert_validity: 'X-Amzn-Mtls-Clientcert-Validity',
  x_amzn_mtls_clientcert_leaf: 'X-Amzn-Mtls-Clientcert-Leaf',
  x_amzn_tls_version: 'X-Amzn-Tls-Version',
  x_amzn_tls_cipher_suite: 'X-Amzn-Tls-Cipher-Suite',
} as const

/** Fields that answers get where the attribute `routing.http.response.KEY.header_value` has a value, by that key. */
const responseFields: Readonly<Record<string, { readonly name: string; readonly allowed?: Allowed }>> = {
  strict_transport_security: { name: 'Strict-Transport-Security' },
  access_control_allow_origin: { name: 'Access-Control-Allow-Origin' },
  access_control_allow_methods: { name: 'Access-Control-Allow-Methods' },
  access_control_allow_headers: { name: 'Access-Control-Allow-Headers' },
  access_control_allow_credentials: { name: 'Access-Control-Allow-Credentials', allowed: { words: ['true', ''] } },
  access_control_expose_headers: { name: 'Access-Control-Expose-Headers' },
  access_control_max_age: { name: 'Access-Control-Max-Age', allowed: { min: 0, max: 86_400, or: '' } },
  content_security_policy: { name: 'Content-Security-Policy' },
  x_content_type_options: { name: 'X-Content-Type-Options', allowed: { words: ['nosniff', ''] } },
  x_frame_options: { name: 'X-Frame-Options' },
}

const addedBy = (key: string) => (key === 'strict_transport_security' ? https : speaksHttp)

const responseKey = (key: string) => `routing.http.response.${key}.header_value`

/** AWS: ListenerAttribute. */
export const listenerTable: readonly Attribute<Listener>[] = [
  {
    key: 'tcp.idle_timeout.seconds',
    default: '350',
    allowed: { min: 60, max: 6000 },
    // TLS listeners stay at the default (AWS: Update the TCP idle timeout for your Network Load Balancer listener).
    appliesTo: listener => listener.protocol === 'TCP',
  },
  { key: 'routing.http.response.server.enabled', default: 'true', allowed: trueOrFalse, appliesTo: speaksHttp },
  ...Object.entries(responseFields).map(([key, { allowed = fieldValue }]) => ({
    key: responseKey(key),
    default: '',
    allowed,
    appliesTo: addedBy(key),
  })),
  ...Object.entries(requestFields).map(([key, name]) => ({
    key: `routing.http.request.${key}.header_name`,
    default: name,
    allowed: fieldName,
    appliesTo: https,
  })),
]

/** Name and value of the fields that an HTTP or HTTPS listener adds to every answer. */
export function addedResponseFields(listener: Listener): readonly (readonly [string, string])[] {
  return Object.entries(responseFields).flatMap(([key, { name }]) => {
    const value = listener.attributes[responseKey(key)] ?? ''
    return value === '' || !addedBy(key)(listener) ? [] : [[name, value] as const]
  })
}
