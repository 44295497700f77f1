package pgkit

import (
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// A connection whose other end has vanished without a word (a cable, a firewall that forgot it, a frozen machine) looks like
// one that is silent. Both ends ask after a while: the client, so that a read does not wait for ever, and the server, so that
// the session and its locks go. Over a Unix socket neither is needed, and neither is done.
const (
	keepAliveIdle     = 10 * time.Second
	keepAliveInterval = 5 * time.Second
	keepAliveCount    = 3
	// userTimeout is how long sent data may stay unacknowledged.
	userTimeout = 20 * time.Second
)

// watchNetwork sets both ends.
func watchNetwork(cc *pgx.ConnConfig) {
	dialer := &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount},
		Control: func(network, _ string, conn syscall.RawConn) error {
			if network == "unix" {
				return nil
			}
			return setUserTimeout(conn, userTimeout)
		},
	}
	cc.DialFunc = dialer.DialContext
	cc.RuntimeParams["tcp_keepalives_idle"] = seconds(keepAliveIdle)
	cc.RuntimeParams["tcp_keepalives_interval"] = seconds(keepAliveInterval)
	cc.RuntimeParams["tcp_keepalives_count"] = strconv.Itoa(keepAliveCount)
	cc.RuntimeParams["tcp_user_timeout"] = milliseconds(userTimeout)
}
