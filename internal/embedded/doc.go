// Package embedded runs the servers the bank stands on inside or beneath this process, so that one command is a whole
// bank and the tests need nothing installed but Postgres binaries.
//
// # Postgres
//
// StartPostgres runs a private server as a direct child. Its life is tied to ours in both directions:
//
//	start      lock the state directory, find binaries, end what a crash left behind, initdb if needed, start, wait
//	running    Done stays open; the server is reached over a Unix socket in a directory nobody else may enter
//	stop       SIGINT (clients are cut off, a checkpoint is written), after StopGrace SIGQUIT (recovery at the next start)
//	we die     on Linux the kernel sends the server SIGINT; elsewhere the next start ends it
//	it dies    Done closes, Err says why; the caller decides, nothing is restarted behind its back
//
// Guarantees: two processes never serve one state directory; data is never deleted or written to by another major
// version; an interrupted initdb never passes for a cluster; with Durable an acknowledged commit survives any kill.
// Postgres refuses to run as root, so under root it runs as the user postgres, else nobody, and the state directory
// must be one they can enter.
//
// # NATS
//
// StartNATS runs a nats-server with JetStream in this process, reached over loopback or without any socket.
package embedded
