// Package auth finds out who calls: it verifies bearer tokens of one OIDC issuer.
//
// # Guarantees
//
//   - A token is accepted only with a signature by a key that the issuer publishes, made with RS256, ES256 or EdDSA; with
//     the configured issuer and audience; with a subject; before its expiry, to the second; and not before its nbf and iat,
//     where a clock up to [Skew] behind the issuer's is forgiven.
//   - A verified token is remembered, by its SHA-256, until it expires. Nothing about a refused one is remembered.
//   - Memory is bounded, and so is how often the issuer is asked for keys: tokens that do not verify cannot turn us against it.
//
// # States
//
// A [Verifier] starts without knowing the issuer, so that a service can start before it. The first token, or the first
// question whether it is [Verifier.Ready], makes it read the discovery document; while that fails every token is
// [ErrUnavailable], which says nothing about the token, and it is tried again with the next one, but not at once. Keys are
// read when a token names one that is not known, so a rotation needs no restart.
package auth
