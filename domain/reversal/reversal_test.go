package reversal_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
	"passbook/domain/reversal"
)

var (
	eur  = money.MustCurrency("EUR")
	undo = uuid.UUID{0x01, 0x98, 0xC0, 0xDE, 0xCA, 0xFE, 0x70, 0x00, 0x80, 15: 1}
)

// What a stored payload must hold. Its golden bytes are held by package eventcodec, with those of all other events.
func TestDecodeOfWhatIsFaulty(t *testing.T) {
	t.Parallel()
	typ, schema, data := reversal.Encode(reversal.Reversed{ReversalID: undo, Amount: 5, OriginalAmount: 12, Currency: eur, ReversedAfter: 9})
	if _, err := reversal.Decode(typ, schema, data); err != nil {
		t.Errorf("%s: %v", data, err)
	}
	if _, err := reversal.Decode(typ, schema+1, data); !errors.Is(err, reversal.ErrUnknownEvent) {
		t.Errorf("a later schema: %v", err)
	}
	for _, faulty := range []string{`{}`, `null`, `[]`, `{"reversal_id":"0198c0de-cafe-7000-8000-000000000001","amount":5,"original_amount":4,"currency":"EUR","reversed_after":5}`} {
		if e, err := reversal.Decode(typ, schema, []byte(faulty)); err == nil {
			t.Errorf("%s is read as %+v", faulty, e)
		}
	}
}

// A change of what an event does to a state, or of the state's own form, must come with another FoldVersion.
func TestFold(t *testing.T) {
	t.Parallel()
	got := reversal.Evolve(reversal.State{Version: 1, Reversed: 4}, uuid.UUID{7}, reversal.Reversed{ReversalID: undo, Amount: 5, OriginalAmount: 12, ReversedAfter: 9}, time.Time{})
	if want := (reversal.State{ID: uuid.UUID{7}, Version: 2, Reversed: 9, Last: undo}); got != want || reversal.FoldVersion != "1" {
		t.Errorf("folded to %+v under version %s, want %+v", got, reversal.FoldVersion, want)
	}
}
