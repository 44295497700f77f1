package account

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// readers runs the reader of each money event beside encoding/json.
var readers = map[string]func(t *testing.T, data []byte){
	TypeDeposited:        compare(readDeposited),
	TypeWithdrawn:        compare(readWithdrawn),
	TypeFeeCharged:       compare(readFeeCharged),
	TypeInterestCredited: compare(readInterestCredited),
	TypeInterestDebited:  compare(readInterestDebited),
}

// compare fails when the reader takes data that encoding/json refuses or reads as something else. To give up is always right.
func compare[E Event](read func(*canonical) E) func(*testing.T, []byte) {
	return func(t *testing.T, data []byte) {
		c := canonical{rest: data}
		got := read(&c)
		if !c.end() {
			return
		}
		var want E
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatalf("%s is read as %+v, but is faulty: %v", data, got, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s is read as %+v, want %+v", data, got, want)
		}
	}
}

var readerEvents = []Event{
	Deposited{TransactionID: [16]byte{1}, Amount: 5, Source: "s", Reference: "é", Metadata: map[string]string{"k": "v", "l": ""}, BalanceAfter: -5},
	Withdrawn{TransactionID: [16]byte{1}, Amount: 5, Channel: "c", Reference: "r", Metadata: map[string]string{"k": "v"}, BalanceAfter: 5, HeldAfter: 1},
	FeeCharged{TransactionID: [16]byte{1}, Amount: 5, Reason: "r", BalanceAfter: 0},
	InterestCredited{TransactionID: [16]byte{1}, Amount: 5, Rate: "r", Period: "p", BalanceAfter: 5},
	InterestDebited{TransactionID: [16]byte{1}, Amount: 5, Rate: "r", BalanceAfter: -5},
}

// The layout that Encode writes is the one that is read without encoding/json: otherwise a rebuild would be slow and no test red.
func TestCanonicalReaderTakesWhatEncodeWrites(t *testing.T) {
	t.Parallel()
	for _, e := range readerEvents {
		_, _, data := Encode(e)
		c := canonical{rest: data}
		switch e.(type) {
		case Deposited:
			readDeposited(&c)
		case Withdrawn:
			readWithdrawn(&c)
		case FeeCharged:
			readFeeCharged(&c)
		case InterestCredited:
			readInterestCredited(&c)
		case InterestDebited:
			readInterestDebited(&c)
		}
		if !c.end() {
			t.Errorf("%s is not read: %+v", data, c)
		}
	}
}

// Each byte of good payloads replaced by each of the bytes that mean something in JSON.
func TestCanonicalReaderAgreesWithEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, e := range readerEvents {
		typ, _, data := Encode(e)
		for i := range data {
			for _, b := range []byte("\"\\{}[]:,+-.eE019aA \n\x00\x1f\xff\xc3") {
				mutant := bytes.Clone(data)
				mutant[i] = b
				readers[typ](t, mutant)
			}
			readers[typ](t, data[:i])
			readers[typ](t, append(data[:i:i], data[i+1:]...))
		}
	}
}

func FuzzCanonicalReader(f *testing.F) {
	for _, e := range readerEvents {
		_, _, data := Encode(e)
		f.Add(data)
	}
	f.Add([]byte(`{"transaction_id":"","amount":0,"currency":"","metadata":{"a":"b","a":"c"},"balance_after":0,"held_after":-0}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, read := range readers {
			read(t, data)
		}
	})
}
