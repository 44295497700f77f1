// Package api holds the OpenAPI documents of the two HTTP APIs. They come first: the servers are generated from them,
// published with them and tested against them.
package api

import _ "embed" // the documents below

// Command is the document of the command API, as YAML.
//
//go:embed command.yaml
var Command []byte

// Query is the document of the query API, as YAML.
//
//go:embed query.yaml
var Query []byte
