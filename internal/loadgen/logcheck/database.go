package logcheck

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/internal/auditor"
	"passbook/internal/eventcodec"
	"passbook/internal/loadgen"
	"passbook/internal/pgkit"
)

// The roles with the least rights that suffice: the log and its keys are one's, the read models the other's.
const (
	roleOfKeys       = "passbook_command"
	roleOfReadModels = "passbook_projector"
)

// Database is a bank's. It implements loadgen.Database.
type Database struct {
	keys, readModels *pgxpool.Pool
}

// Open needs a login that may take both roles.
func Open(ctx context.Context, databaseURL string) (*Database, error) {
	keys, err := pgkit.Open(ctx, pgkit.Config{URL: databaseURL, Role: roleOfKeys, ApplicationName: "passbook bench", MaxConns: 1})
	if err != nil {
		return nil, err
	}
	readModels, err := pgkit.Open(ctx, pgkit.Config{URL: databaseURL, Role: roleOfReadModels, ApplicationName: "passbook bench", MaxConns: 2})
	if err != nil {
		keys.Close()
		return nil, err
	}
	return &Database{keys, readModels}, nil
}

// Close ends its connections.
func (d *Database) Close() {
	d.keys.Close()
	d.readModels.Close()
}

const selectWritten = `SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn, pg_database_size(current_database())`

// Written implements loadgen.Database.
func (d *Database) Written(ctx context.Context) (w loadgen.Written, err error) {
	if err = d.keys.QueryRow(ctx, selectWritten).Scan(&w.WALBytes, &w.DiskBytes); err != nil {
		return w, fmt.Errorf("what the database has written: %w", err)
	}
	return w, nil
}

// Report is what was found.
type Report struct {
	Acknowledgements Acknowledgements `json:"acknowledgements"`
	Audit            auditor.Report   `json:"audit"`
}

// ErrNotProved means that the database is not as it should be. What is wrong is in the report.
var ErrNotProved = errors.New("the log does not hold what it should")

// Check compares the file of acknowledgements with the log and audits the log and the read models.
func (d *Database) Check(ctx context.Context, acksFile string) (Report, error) {
	var r Report
	acks, err := readAcks(acksFile)
	if err != nil {
		return r, err
	}
	if r.Acknowledgements, err = d.compare(ctx, acks); err != nil {
		return r, err
	}
	codec, err := eventcodec.New()
	if err != nil {
		return r, err
	}
	if r.Audit, err = auditor.Verify(ctx, d.readModels, codec, auditor.Options{}); err != nil {
		return r, err
	}
	if !r.Acknowledgements.OK() || !r.Audit.OK() {
		return r, ErrNotProved
	}
	return r, nil
}
