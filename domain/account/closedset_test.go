package account_test

import (
	"testing"

	"passbook/domain/account"
	"passbook/domain/internal/domaintest"
)

// The compiler does not know that the sets of commands, events and refusals are closed. This reads the package's source and
// fails when one of them is missing where all must be.
func TestEveryCaseIsHandledEverywhere(t *testing.T) {
	t.Parallel()
	source := domaintest.ReadSource(t)
	commands, events, refusals := source.Receivers("isCommand"), source.Receivers("isEvent"), source.Receivers("isRefusal")
	var withBalance, movements []string
	for _, e := range events {
		if source.HasField(e, "BalanceAfter") {
			withBalance = append(withBalance, e)
		}
		if source.HasField(e, "TransactionID") {
			movements = append(movements, e)
		}
	}
	domaintest.Check(t, 5, map[string][]string{"commands": commands, "events": events, "refusals": refusals},
		domaintest.At("decide", source.SwitchCases(t, "decide"), commands),
		domaintest.At("Evolve", source.SwitchCases(t, "Evolve"), events),
		domaintest.At("Encode", source.SwitchCases(t, "Encode"), events),
		domaintest.At("MovementOf", source.SwitchCases(t, "MovementOf"), movements),
		domaintest.At("BalancesOf", source.SwitchCases(t, "BalancesOf"), withBalance),
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
		"Decide":                 func() { _, _ = account.Decide(account.State{}, nil, noon) },
		"Evolve":                 func() { account.Evolve(account.State{}, nil, noon) },
		"Encode":                 func() { account.Encode(nil) },
		"a pointer to a command": func() { _, _ = account.Decide(account.State{}, &account.Close{}, noon) },
	})
}
