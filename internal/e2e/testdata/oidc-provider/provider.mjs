// An OIDC issuer for tests: npm's oidc-provider with clients that get tokens by the client-credentials grant. It says
// {"issuer": ...} when it listens, and takes orders on its standard input, a line each, answered by a line with the ids of the
// published keys:
//
//   rotate    a new key signs from now on, the one before is still published, those before it are withdrawn
//   withdraw  nothing but the newest key is published
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { generateKeyPairSync } from 'node:crypto'
import Provider from 'oidc-provider'

console.info = console.error // the provider's own remarks; standard output is for our lines

const algorithm = process.env.ALGORITHM ?? 'ES256'
const scopes = 'accounts:write accounts:read own audit:read operations'
const resources = { 'https://bank.test/': 600, 'https://bank.test/short': 2 } // life of their tokens, in seconds

let count = 0
const newKey = () => {
  const pair = algorithm === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { ...pair.privateKey.export({ format: 'jwk' }), kid: `key-${++count}`, alg: algorithm, use: 'sig' }
}
const client = (id, scope) => ({
  client_id: id, client_secret: `secret of ${id}`, grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
  id_token_signed_response_alg: algorithm, scope,
})

const server = createServer((req, res) => provider.callback()(req, res))
await new Promise((done) => server.listen(0, '127.0.0.1', done))
const issuer = `http://127.0.0.1:${server.address().port}`

const build = (keys) => new Provider(issuer, {
  clients: [client('till', 'accounts:write accounts:read audit:read'), client('reader', 'accounts:read')],
  jwks: { keys },
  scopes: scopes.split(' '),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_ctx, resource) => ({
        scope: scopes, audience: 'passbook', accessTokenFormat: 'jwt', accessTokenTTL: resources[resource], jwt: { sign: { alg: algorithm } },
      }),
    },
  },
})

let keys = [newKey()]
let provider = build(keys)
console.log(JSON.stringify({ issuer }))

for await (const order of createInterface({ input: process.stdin })) {
  keys = order === 'rotate' ? [newKey(), keys[0]] : [keys[0]]
  provider = build(keys)
  console.log(JSON.stringify(keys.map((key) => key.kid)))
}
process.exit(0) // whoever started it is gone
