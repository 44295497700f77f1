package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"passbook/internal/pgkit"
)

// clone makes a database with the sets applied.
func (s *server) clone(ctx context.Context, name string, sets []pgkit.MigrationSet) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.admin(ctx, func(conn *pgx.Conn) error {
		template, err := s.template(ctx, conn, sets)
		if err != nil {
			return fmt.Errorf("prepare a template: %w", err)
		}
		return createDatabase(ctx, conn, name, template)
	})
}

func createDatabase(ctx context.Context, conn *pgx.Conn, name, template string) error {
	_, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+" TEMPLATE "+pgx.Identifier{template}.Sanitize())
	return err
}

// template names a database that has the sets applied, making it when this server does not have it yet. Being marked as a
// template is what says that it is complete; an outside server keeps it for the next run.
func (s *server) template(ctx context.Context, conn *pgx.Conn, sets []pgkit.MigrationSet) (string, error) {
	if len(sets) == 0 {
		return "template1", nil
	}
	name, err := templateName(sets)
	if err != nil || s.templates[name] {
		return name, err
	}
	// Another process may be at it on the same outside server.
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtext($1))", name); err != nil {
		return "", err
	}
	defer func() { _, _ = conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(hashtext($1))", name) }()
	var complete bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)", name).Scan(&complete)
	if err != nil {
		return "", err
	}
	if !complete {
		if err := s.makeTemplate(ctx, conn, name, sets); err != nil {
			return "", err
		}
	}
	s.templates[name] = true
	return name, nil
}

func (s *server) makeTemplate(ctx context.Context, conn *pgx.Conn, name string, sets []pgkit.MigrationSet) error {
	quoted := pgx.Identifier{name}.Sanitize()
	if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+quoted+" WITH (FORCE)"); err != nil {
		return err
	}
	if err := createDatabase(ctx, conn, name, "template1"); err != nil {
		return err
	}
	if err := pgkit.Migrate(ctx, s.databaseURL(name), slog.New(slog.DiscardHandler), sets...); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, "ALTER DATABASE "+quoted+" IS_TEMPLATE true ALLOW_CONNECTIONS false")
	return err
}

// templateName is a digest of everything the sets say, so that a changed migration is another template.
func templateName(sets []pgkit.MigrationSet) (string, error) {
	sum := sha256.New()
	for _, set := range sets {
		fmt.Fprintf(sum, "%q %q\n", set.Name, set.Table)
		if err := addFiles(sum, set.FS); err != nil {
			return "", fmt.Errorf("read migrations of %s: %w", set.Name, err)
		}
	}
	return "template_" + hex.EncodeToString(sum.Sum(nil)[:12]), nil
}

func addFiles(sum hash.Hash, files fs.FS) error {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%q %d\n%s", name, len(text), text)
	}
	return nil
}
