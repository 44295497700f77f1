// Package archtest keeps the shape of the code: which package may import which, and a handful of habits that a compiler
// does not check.
//
// It parses the sources of the whole module, hand-written and generated, with go/parser. It does not ask `go list`: a
// test that shells out depends on files the test cache does not see, and would keep a stale ok. The rules are data, in
// rules.go, each with the reason that is printed beside a violation; the checks that read them are in check.go.
//
// Other modules inside the tree (a directory with its own go.mod), testdata and directories that start with a dot are
// not looked at.
package archtest
