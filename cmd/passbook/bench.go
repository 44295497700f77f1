package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"passbook/internal/loadgen"
	"passbook/internal/loadgen/logcheck"
)

type benchCommand struct {
	bankFlags        `embed:""`
	SecondCommandURL string        `help:"The other command API, of the scenario two-writers." placeholder:"URL"`
	OpsURL           []string      `help:"Where the bank's processes have their metrics, for version, processor time and memory." default:"http://localhost:8082" placeholder:"URL"`
	DatabaseURL      string        `help:"The bank's database: then what is written is measured, each acknowledged command is looked up in the log, and the auditor runs ($$DATABASE_URL)." placeholder:"URL"`
	Scenario         string        `help:"${enum}." enum:"spread,hot,zipf,mixed,two-writers,read,transfers,bulk" default:"spread"`
	Rate             float64       `help:"Arrivals a second; 0: each connection sends its next request when it has an answer." default:"5000"`
	FindLimit        bool          `help:"Search the highest rate that is sustained, and hold it for the whole duration."`
	LimitP99         time.Duration `name:"limit-p99" help:"The p99 up to which a rate counts as sustained." default:"100ms"`
	Step             time.Duration `help:"How long each rate of the search is tried." default:"5s"`
	Connections      int           `help:"Connections to the bank. With a rate: at most so many requests are in flight; to overload a bank it takes thousands." default:"64"`
	Accounts         int           `help:"Accounts (hot has one)." default:"10000"`
	Duration         time.Duration `help:"How long it is measured." default:"30s"`
	Warmup           time.Duration `help:"How long the load runs before." default:"5s"`
	Timeout          time.Duration `help:"Of one request." default:"10s"`
	Seed             uint64        `help:"Of accounts and requests; the same again finds its accounts again." default:"1"`
	Lag              bool          `help:"Follow commands into the read models: the time until the query API shows them."`
	Acks             string        `help:"Write each acknowledged idempotency key and its position to this file." placeholder:"FILE"`
	JSON             string        `name:"json" help:"Write the report with its series as JSON; - for standard output." placeholder:"FILE"`
	Goal             string        `help:"Exit 1 when missed, such as rate>=20000,p99<=50ms,errors<=0." placeholder:"GOALS"`
}

// Validate finds what can be seen before the bank is asked anything.
func (c benchCommand) Validate() error {
	goals, err := loadgen.ParseGoals(c.Goal)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(goals, loadgen.Goal.NeedsLag) && !c.Lag {
		return errors.New("a goal for the lag needs --lag")
	}
	config := c.config()
	return config.Validate()
}

func (c benchCommand) config() loadgen.Config {
	config := loadgen.Config{
		CommandURLs: []string{c.CommandURL}, QueryURL: c.QueryURL, OpsURLs: c.OpsURL,
		Scenario: loadgen.Scenario(c.Scenario), Accounts: c.Accounts, Seed: c.Seed, Rate: c.Rate, Connections: c.Connections,
		Warmup: c.Warmup, Duration: c.Duration, Timeout: c.Timeout, Lag: c.Lag,
	}
	if c.SecondCommandURL != "" {
		config.CommandURLs = append(config.CommandURLs, c.SecondCommandURL)
	}
	if c.FindLimit {
		config.FindLimit = &loadgen.LimitConfig{P99: c.LimitP99, Step: c.Step}
	}
	return config
}

// Run puts the load on the bank, checks the log where it can be reached, and reports.
func (c benchCommand) Run(ctx context.Context, t terminal) (err error) {
	config := c.config()
	config.Notes = t.stderr
	if config.Token = c.Token; config.Token == "" {
		if config.Token, err = c.localToken(t); err != nil {
			return err
		}
	}
	if config.TLS, err = c.tls(); err != nil {
		return err
	}
	if c.DatabaseURL == "" {
		c.DatabaseURL = t.environ["DATABASE_URL"]
	}
	check, err := c.openCheck(ctx, &config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, check.close()) }()
	report, err := loadgen.Run(ctx, config)
	if err != nil {
		return err
	}
	goals, err := loadgen.ParseGoals(c.Goal)
	if err != nil {
		return err
	}
	missed := report.Check(goals)
	proof, unproved := check.run(ctx)
	if proof != nil {
		report.Audit = proof
	}
	return errors.Join(c.write(t, report, proof), missed, unproved)
}

// write puts the text where the JSON is not.
func (c benchCommand) write(t terminal, report *loadgen.Report, proof *logcheck.Report) error {
	out := t.stdout
	if c.JSON == "-" {
		out = t.stderr
	}
	err := report.WriteText(out)
	if proof != nil {
		err = errors.Join(err, proof.WriteText(out))
	}
	return errors.Join(err, c.writeJSON(t.stdout, report))
}

func (c benchCommand) writeJSON(stdout io.Writer, report *loadgen.Report) error {
	switch c.JSON {
	case "":
		return nil
	case "-":
		return report.WriteJSON(stdout)
	}
	file, err := os.Create(c.JSON)
	if err != nil {
		return err
	}
	return errors.Join(report.WriteJSON(file), file.Close())
}

// logCheck is the acknowledgements of a run and the database that they are held against. Either may be missing.
type logCheck struct {
	log       *loadgen.AckLog
	path      string
	temporary bool
	database  *logcheck.Database
}

// openCheck makes the file of acknowledgements, a temporary one when nobody asked for it by name but a database is to be checked.
func (c benchCommand) openCheck(ctx context.Context, config *loadgen.Config) (*logCheck, error) {
	check := &logCheck{path: c.Acks}
	var err error
	if c.DatabaseURL != "" {
		if check.database, err = logcheck.Open(ctx, c.DatabaseURL); err != nil {
			return nil, err
		}
		config.Database = check.database
		if check.path == "" {
			if check.path, err = temporaryFile(); err != nil {
				return nil, errors.Join(err, check.close())
			}
			check.temporary = true
		}
	}
	if check.path != "" {
		if check.log, err = loadgen.CreateAckLog(check.path); err != nil {
			return nil, errors.Join(err, check.close())
		}
		config.Acks = check.log
	}
	return check, nil
}

func temporaryFile() (string, error) {
	file, err := os.CreateTemp("", "passbook-bench-*.acks")
	if err != nil {
		return "", fmt.Errorf("acknowledgements: %w", err)
	}
	return file.Name(), file.Close()
}

// run returns nil without a database.
func (k *logCheck) run(ctx context.Context) (*logcheck.Report, error) {
	if err := k.closeLog(); err != nil || k.database == nil {
		return nil, err
	}
	report, err := k.database.Check(ctx, k.path)
	return &report, err
}

func (k *logCheck) closeLog() (err error) {
	if k.log != nil {
		err, k.log = k.log.Close(), nil
	}
	return err
}

func (k *logCheck) close() error {
	err := k.closeLog()
	if k.database != nil {
		k.database.Close()
	}
	if k.temporary {
		err = errors.Join(err, os.Remove(k.path))
	}
	return err
}
