package denials

import (
	"time"

	"github.com/google/uuid"
)

// Denial is one request, or one item of a bulk, that was not granted.
type Denial struct {
	At        time.Time
	API       string // command or query
	Code      string // of the problem that was the answer
	Status    int
	Method    string
	Route     string    // as the document has it
	About     uuid.UUID // the id in the path, or the account that the command is about; may be zero
	Issuer    string
	Actor     string // subject of the token; "" when there was no good one
	Client    string // the program that the token was issued to
	UserAgent string // what the program calls itself
	Address   string // where it came from
	RequestID string
}

// Row is a denial as it is stored.
type Row struct {
	ID    uuid.UUID
	Times int64 // how many there were: more than one of many that are alike
	Denial
}

// Omitted is the code of a row that counts denials of which nothing else was kept.
const Omitted = "omitted"

// kind is in what denials are alike that share a row.
type kind struct {
	code, method, route, issuer, actor, client, address string
}

func (d *Denial) kind() kind {
	return kind{d.Code, d.Method, d.Route, d.Issuer, d.Actor, d.Client, d.Address}
}

// source is whose share of the rows a denial takes.
type source struct{ issuer, actor, address string }

func (d *Denial) source() source {
	if d.Actor == "" {
		return source{address: d.Address}
	}
	return source{issuer: d.Issuer, actor: d.Actor}
}
