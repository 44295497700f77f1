package reversal_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/reversal"
)

// FuzzDecode reads anything as what became of a transaction. What is taken is stored and read again as the same, and never undoes more than
// there was.
func FuzzDecode(f *testing.F) {
	_, _, data := reversal.Encode(reversal.Reversed{ReversalID: undo, Amount: 5, OriginalAmount: 12, Currency: eur, ReversedAfter: 9})
	f.Add(data)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"reversal_id":"0198c0de-cafe-7000-8000-000000000001","amount":5,"original_amount":4,"currency":"EUR","reversed_after":5}`))
	f.Add([]byte(`{"reversal_id":"0198c0de-cafe-7000-8000-000000000001","amount":5,"original_amount":5,"currency":"EUR","reversed_after":5,"amount":9e15}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		known := reversal.Types()[0]
		e, err := reversal.Decode(known.Name, known.Schema, data)
		if err != nil {
			return
		}
		typ, schema, again := reversal.Encode(e)
		if back, err := reversal.Decode(typ, schema, again); err != nil || back != e || !json.Valid(again) {
			t.Fatalf("%s is read as %+v, written as %s, and read as %+v, %v", data, e, again, back, err)
		}
		if e.Amount <= 0 || e.ReversedAfter > e.OriginalAmount || e.ReversedAfter < e.Amount {
			t.Errorf("%s is read as %+v", data, e)
		}
		if after := reversal.Evolve(reversal.State{}, uuid.UUID{1}, e, time.Time{}); after.Version != 1 || after.Reversed != e.ReversedAfter {
			t.Errorf("%+v makes %+v", e, after)
		}
	})
}
