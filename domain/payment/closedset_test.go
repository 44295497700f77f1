package payment_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/domain/internal/domaintest"
	"passbook/domain/payment"
)

// The compiler does not know that the sets of commands, events and refusals are closed. This reads the package's source and
// fails when one of them is missing where all must be.
func TestEveryCaseIsHandledEverywhere(t *testing.T) {
	t.Parallel()
	source := domaintest.ReadSource(t)
	commands, events, refusals := source.Receivers("isCommand"), source.Receivers("isEvent"), source.Receivers("isRefusal")
	domaintest.Check(t, 5, map[string][]string{"commands": commands, "events": events, "refusals": refusals},
		domaintest.At("Decide", source.SwitchCases(t, "Decide"), commands),
		domaintest.At("Evolve", source.SwitchCases(t, "Evolve"), events),
		domaintest.At("Encode", source.SwitchCases(t, "Encode"), events),
		domaintest.At("name", source.SwitchCases(t, "name"), commands),
		domaintest.At("Decode", source.LiteralArguments(t, "Decode"), events),
		domaintest.At("fault", source.Receivers("fault"), events),
		domaintest.At("fingerprintHistory", source.Literals(t, "fingerprintHistory"), events),
		domaintest.At("Refusals", source.Literals(t, "Refusals"), refusals),
		domaintest.At("Error", source.Receivers("Error"), refusals),
		domaintest.At("the samples of this test", stored.SampleTypes(), events),
	)
}

func TestTypesAreThoseThatAreEncoded(t *testing.T) {
	t.Parallel()
	stored.CheckTypes(t)
}

func TestGoldenBytes(t *testing.T) {
	t.Parallel()
	stored.CheckGolden(t)
}

func TestFoldFingerprintIsTheOneOnRecord(t *testing.T) {
	t.Parallel()
	stored.CheckFingerprint(t)
}

func TestACaseOutsideTheSetPanics(t *testing.T) {
	t.Parallel()
	domaintest.Panics(t, map[string]func(){
		"Decide":                 func() { _, _ = payment.Decide(payment.State{}, nil, time.Time{}) },
		"Evolve":                 func() { payment.Evolve(payment.State{}, nil, time.Time{}) },
		"Encode":                 func() { payment.Encode(nil) },
		"CommandID":              func() { payment.CommandID(uuid.Nil, 0, nil, 0) },
		"a pointer to a command": func() { _, _ = payment.Decide(payment.State{}, &payment.TimeOut{}, time.Time{}) },
	})
}
