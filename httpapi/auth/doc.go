// Package auth finds out who calls: it verifies bearer tokens of one OIDC issuer.
//
// # Guarantees
//
//   - A token is accepted only with a signature by a key that the issuer publishes, made with one of the algorithms that are
//     configured, never "none" or a symmetric one; with the configured issuer and audience; with a subject; before its expiry,
//     to the second; and not before its nbf and iat, where a clock that is behind the issuer's is forgiven for the configured
//     skew. One that says it is for something else (a logout token, a token bound to a key) is refused.
//   - A verified token is remembered, by its SHA-256, until it expires or its key is withdrawn. Nothing about a refused one is.
//   - A key that the issuer publishes is known when its first token comes. One that it withdraws is refused after
//     Config.KeysRefresh and the time of a request to the issuer, tokens that were verified before included.
//   - Without the issuer, the keys that are known are believed for Config.KeysStaleMax.
//   - Memory is bounded, and so is how often the issuer is asked for keys: tokens that do not verify cannot turn us against it.
//
// # States
//
// A [Verifier] starts without knowing the issuer, so that a service can start before it. The first token, the first question
// whether it is [Verifier.Ready], and [Verifier.Run] make it read the discovery document and the keys; while that fails every
// token is [ErrUnavailable], which says nothing about the token, and it is tried again with the next one, but not at once. Run
// reads both again and again. A token by a key that is not known makes the keys be read at once, when they have been ten times
// in ten seconds, within a second, for which it waits with all others of its kind.
package auth
