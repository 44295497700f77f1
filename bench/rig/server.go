package rig

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/internal/embedded"
)

// Server is the one Postgres that everybody is measured on.
type Server struct {
	// Settings that decide whether figures can be compared, as the server itself states them.
	Settings map[string]string
	// Programs is the directory of the server's own programs.
	Programs string

	postgres *embedded.Postgres
	admin    *pgxpool.Pool
	pid      int
}

// durable is what must be on, or nothing measured means anything.
var durable = []string{"fsync", "synchronous_commit", "full_page_writes"}

// reported are further settings that a reader wants to know.
var reported = []string{"server_version", "shared_buffers", "max_wal_size", "wal_compression", "data_checksums"}

// StartServer starts a server whose data is in a directory of its own below dir.
func StartServer(ctx context.Context, dir string, log *slog.Logger) (*Server, error) {
	if err := onDisk(dir); err != nil {
		return nil, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	pg, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{StateDir: filepath.Join(dir, "postgres"), Durable: true, Port: port, Log: log})
	if err != nil {
		return nil, err
	}
	s := &Server{postgres: pg, Settings: map[string]string{}}
	if err := s.inspect(ctx); err != nil {
		return nil, errors.Join(err, s.Stop(ctx))
	}
	return s, nil
}

func (s *Server) inspect(ctx context.Context) (err error) {
	if s.admin, err = pgxpool.New(ctx, s.URL("postgres")); err != nil {
		return fmt.Errorf("reach the server: %w", err)
	}
	for _, name := range append(durable, reported...) {
		var value string
		if err := s.admin.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&value); err != nil {
			return fmt.Errorf("read setting %s: %w", name, err)
		}
		s.Settings[name] = value
	}
	for _, name := range durable {
		if s.Settings[name] != "on" {
			return fmt.Errorf("%s is %s: a commit would not be durable", name, s.Settings[name])
		}
	}
	if err := s.admin.QueryRow(ctx, "SELECT setting FROM pg_config WHERE name = 'BINDIR'").Scan(&s.Programs); err != nil {
		return fmt.Errorf("ask for the server's programs: %w", err)
	}
	return s.findPID(ctx)
}

func (s *Server) findPID(ctx context.Context) error {
	var data string
	if err := s.admin.QueryRow(ctx, "SELECT current_setting('data_directory')").Scan(&data); err != nil {
		return fmt.Errorf("ask for the data directory: %w", err)
	}
	note, err := os.ReadFile(filepath.Join(data, "postmaster.pid")) //nolint:gosec // a file of its own state directory
	if err != nil {
		return fmt.Errorf("find the server's process: %w", err)
	}
	first, _, _ := strings.Cut(string(note), "\n")
	s.pid, err = strconv.Atoi(first)
	return err
}

// freePort finds a port of the loopback interface that nobody listens on.
func freePort(ctx context.Context) (int, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port, nil //nolint:forcetypeassert // a TCP listener's address
}

// URL is the superuser's way to a database, over the Unix socket.
func (s *Server) URL(database string) string { return s.postgres.URL(database) }

// TCPURL is the superuser's way to a database over TCP.
func (s *Server) TCPURL(database string) string { return s.postgres.TCPURL(database) }

// Create makes an empty database.
func (s *Server) Create(ctx context.Context, database string) error {
	_, err := s.admin.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{database}.Sanitize())
	if err != nil {
		return fmt.Errorf("create database %s: %w", database, err)
	}
	return nil
}

// Drop ends who is still connected and removes the database.
func (s *Server) Drop(ctx context.Context, database string) error {
	_, err := s.admin.Exec(ctx, "DROP DATABASE "+pgx.Identifier{database}.Sanitize()+" WITH (FORCE)")
	if err != nil {
		return fmt.Errorf("drop database %s: %w", database, err)
	}
	return nil
}

// Checkpoint writes out what earlier work left dirty, so that nobody pays for his predecessor.
func (s *Server) Checkpoint(ctx context.Context) error {
	if _, err := s.admin.Exec(ctx, "CHECKPOINT"); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// WAL is how many bytes of write-ahead log the server has written since it was made.
func (s *Server) WAL(ctx context.Context) (int64, error) {
	var bytes int64
	if err := s.admin.QueryRow(ctx, "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint").Scan(&bytes); err != nil {
		return 0, fmt.Errorf("read the position of the write-ahead log: %w", err)
	}
	return bytes, nil
}

// Stop ends the server.
func (s *Server) Stop(ctx context.Context) error {
	if s.admin != nil {
		s.admin.Close()
	}
	return s.postgres.Stop(ctx)
}

// Program is the path of one of the server's own programs, such as pgbench; of the same version, that is.
func (s *Server) Program(name string) (string, error) {
	path := filepath.Join(s.Programs, name)
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return "", fmt.Errorf("no %s beside the server's programs in %s", name, s.Programs)
	}
	return path, nil
}
