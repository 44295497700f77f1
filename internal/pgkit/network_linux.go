package pgkit

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT of linux/tcp.h, which package syscall does not name on every architecture.
const tcpUserTimeout = 18

func setUserTimeout(conn syscall.RawConn, d time.Duration) error {
	var failed error
	err := conn.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(d.Milliseconds()))
	})
	if err := errors.Join(err, failed); err != nil {
		return fmt.Errorf("set the TCP user timeout: %w", err)
	}
	return nil
}
