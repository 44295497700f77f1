package account

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
)

var (
	benchState = Replay(benchTime, Opened{AccountID: uuid.UUID{1}, OwnerID: "owner-1", Currency: money.MustCurrency("CZK"), OverdraftLimit: 1_000_000})

	benchDeposit = Deposit{TransactionID: uuid.UUID{2}, Money: money.Money{Amount: 12_345, Currency: money.MustCurrency("CZK")},
		Source: "cash", Reference: "CZ-1993-000123"}

	benchEvent Event = Deposited{TransactionID: uuid.UUID{2}, Amount: 12_345, Currency: money.MustCurrency("CZK"),
		Source: "cash", Reference: "CZ-1993-000123", BalanceAfter: 9_999_999}
)

var benchTime = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func BenchmarkDecide(b *testing.B) {
	b.ReportAllocs()
	var command Command = benchDeposit
	for b.Loop() {
		if _, err := Decide(benchState, command, benchTime); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEvolve(b *testing.B) {
	b.ReportAllocs()
	s := benchState
	for b.Loop() {
		s = Evolve(s, benchEvent, benchTime)
	}
}

func BenchmarkEncode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Encode(benchEvent)
	}
}

func BenchmarkDecode(b *testing.B) {
	_, _, data := Encode(benchEvent)
	b.Run("as encoded", func(b *testing.B) { benchmarkDecode(b, data) })
	b.Run("other layout", func(b *testing.B) { benchmarkDecode(b, append([]byte(" "), data...)) })
}

func benchmarkDecode(b *testing.B, data []byte) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(TypeDeposited, schemaDeposited, data); err != nil {
			b.Fatal(err)
		}
	}
}
