package webhook_test

import (
	"os"
	"testing"

	"passbook/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }
