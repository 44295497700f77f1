//go:build !linux

package pgkit

import (
	"syscall"
	"time"
)

// setUserTimeout has no counterpart here: keep-alives alone must do.
func setUserTimeout(syscall.RawConn, time.Duration) error { return nil }
