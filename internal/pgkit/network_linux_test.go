package pgkit_test

import (
	"net"
	"syscall"
	"testing"

	"passbook/internal/faultproxy"
	"passbook/internal/pgkit"
	"passbook/internal/pgtest"
)

// A connection over TCP notices at both ends when the other has vanished.
func TestASilentNetworkIsNoticed(t *testing.T) {
	t.Parallel()
	_, url := faultproxy.Postgres(t, pgtest.New(t).URL)
	conn, err := open(t, pgkit.Config{URL: url}).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	raw, err := conn.Conn().PgConn().Conn().(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	const userTimeout = 18
	for option, want := range map[int]int{userTimeout: 20_000, syscall.TCP_KEEPIDLE: 10, syscall.TCP_KEEPINTVL: 5, syscall.TCP_KEEPCNT: 3} {
		got, failed := 0, error(nil)
		err := raw.Control(func(fd uintptr) { got, failed = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, option) })
		if err != nil || failed != nil || got != want {
			t.Errorf("TCP option %d is %d, want %d: %v, %v", option, got, want, err, failed)
		}
	}
}
