package auditor

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// AcrossSQL is what is asked about what stands in several streams.
var AcrossSQL = acrossSQL

// VerifyIn is Verify within a transaction, which sees what the transaction has changed.
func VerifyIn(ctx context.Context, tx pgx.Tx, decoder Decoder) (Report, error) {
	a := newAudit(decoder, Options{})
	if err := a.run(ctx, tx); err != nil {
		return Report{}, err
	}
	return a.finish(), nil
}
