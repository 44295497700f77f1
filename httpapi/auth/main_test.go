package auth_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain sees to it that a verifier leaves nothing running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
