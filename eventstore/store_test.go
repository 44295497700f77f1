package eventstore_test

import (
	"os"
	"testing"

	"passbook/eventstore"
	"passbook/eventstore/storetest"
	"passbook/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Database {
		t.Helper()
		return pgtest.New(t, eventstore.Migrations)
	})
}
