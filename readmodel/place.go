package readmodel

import "github.com/jackc/pgx/v5"

// Place is what a generation of a projection is for. Each has a schema, in which the generation's tables stand.
type Place string

// The places. A projection has at most one generation at each.
const (
	PlaceLive     Place = "live"     // serves readers
	PlaceNext     Place = "next"     // being built
	PlacePrevious Place = "previous" // served before; kept up to date until it is dropped
)

// swap is not a place of a generation: it holds the tables that change places with others.
const swap Place = "swap"

// Schema is where the tables of a generation at the place stand.
func (p Place) Schema() string {
	if p == PlaceLive {
		return "readmodel"
	}
	return "readmodel_" + string(p)
}

// Table names a table at the place. It is the one place where a statement gets the name of something: tables that change
// places have no fixed one.
func (p Place) Table(name string) string { return pgx.Identifier{p.Schema(), name}.Sanitize() }

// A projection need not wait for the disk, since what a crash takes from it is applied again. A session that hangs in the
// transaction holds the checkpoint's row and must not hold up its successor for longer than the lease; and the successor does
// not stand behind it, but looks again what hangs there: see evict. The tables are found by the schema of the place. Plans are kept a schema: Postgres makes a kept plan anew when the search path is another.
const (
	beginLive = `begin; set local synchronous_commit = off; set local idle_in_transaction_session_timeout = '5s';
set local lock_timeout = '1s'; set local search_path = readmodel, public`
	beginNext = `begin; set local synchronous_commit = off; set local idle_in_transaction_session_timeout = '5s';
set local lock_timeout = '1s'; set local search_path = readmodel_next, public`
	beginPrevious = `begin; set local synchronous_commit = off; set local idle_in_transaction_session_timeout = '5s';
set local lock_timeout = '1s'; set local search_path = readmodel_previous, public`
)

// Begin is how a transaction begins that writes the tables of a generation at the place.
func (p Place) Begin() pgx.TxOptions {
	switch p {
	case PlaceLive:
		return pgx.TxOptions{BeginQuery: beginLive}
	case PlaceNext:
		return pgx.TxOptions{BeginQuery: beginNext}
	case PlacePrevious:
		return pgx.TxOptions{BeginQuery: beginPrevious}
	default:
		panic("readmodel: no generation is at place " + string(p))
	}
}
