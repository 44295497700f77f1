package bank_test

import (
	"reflect"
	"slices"
	"testing"

	"passbook/domain/bank"
)

// FuzzDecodeCommand reads anything as a command that waits in the log. What is taken is written and read again as the same command, of the
// same kind.
func FuzzDecodeCommand(f *testing.F) {
	kinds := []string{bank.KindDeposit, bank.KindWithdrawal, bank.KindFee, bank.KindInterest, bank.KindTransfer, bank.KindReversal, bank.KindPayment, bank.KindCapture, "tomorrow"}
	for _, seed := range []string{
		`{}`, `null`, `[]`, `{"amount":5,"currency":"EUR"}`, `{"amount":9223372036854775807,"currency":"EUR","metadata":{"a":"b"}}`, `{"original":{"amount":5,"currency":"EUR","direction":"in"}}`,
		`{"amount":5,"currency":"EUR","creditor":{"name":"n","account":"a"},"deadline":"0000-01-01T00:00:00+23:59"}`, `{"amount":null,"currency":""}`, `{"amount":5,"metadata":{}}`, "{\"reference\":\"\xff\",\"amount\":1}",
	} {
		for i := range kinds {
			f.Add(uint(i), []byte(seed))
		}
	}
	for _, c := range waiting {
		kind, data := bank.EncodeCommand(c)
		f.Add(uint(slices.Index(kinds, kind)), data)
	}
	f.Fuzz(func(t *testing.T, i uint, data []byte) {
		kind := kinds[i%uint(len(kinds))]
		c, err := bank.DecodeCommand(kind, data)
		if err != nil {
			return
		}
		same, written := bank.EncodeCommand(c)
		if same != kind {
			t.Fatalf("%s %s is read as a %s", kind, data, same)
		}
		again, err := bank.DecodeCommand(kind, written)
		if err != nil {
			t.Fatalf("%s %s is written as %s: %v", kind, data, written, err)
		}
		if _, twice := bank.EncodeCommand(again); string(twice) != string(written) || reflect.TypeOf(again) != reflect.TypeOf(c) {
			t.Errorf("%s %s is written as %s and then as %s", kind, data, written, twice)
		}
	})
}
