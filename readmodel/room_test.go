package readmodel_test

import (
	"strings"
	"testing"

	"passbook/readmodel"
)

// However few connections there are, no projection waits for one that the others of its process have.
func TestFewConnections(t *testing.T) {
	t.Parallel()
	b := newBank(t, 71)
	b.projector = openSmallProjector(t, b.db, readmodel.PoolLeast)
	for range 5 {
		stop := b.run(b.engine(b.parts(nil), testConfig()).Run) // each begins with records of what it is about to fold
		b.untilApplied(b.write(200))
		stop()
	}
	b.verify(b.customers.Head().Position)
}

func TestTooFewConnections(t *testing.T) {
	t.Parallel()
	b := newBank(t, 72)
	b.projector = openSmallProjector(t, b.db, readmodel.PoolLeast-1)
	if _, err := readmodel.NewEngine(b.parts(nil), testConfig()); err == nil || !strings.Contains(err.Error(), "a pool of 1 connections is too small") {
		t.Errorf("an engine over one connection: %v", err)
	}
}
