package contender

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"passbook/bench/rig"
	"passbook/internal/loadgen"
	"passbook/internal/localissuer"
)

// The command API alone: a process of its own, its relay switched off, everything else as it ships.
var commandAPI = Contender{
	Name: "command_api",
	Measures: []Measure{
		{"command-api/spread/64", "command-api alone, 10,000 accounts, 64 connections", YardstickWrite},
		{"command-api/hot/64", "command-api alone, one account, 64 connections", YardstickWrite},
		{"command-api/spread/256", "command-api alone, 10,000 accounts, 256 connections", YardstickWrite},
	},
	turn: func(ctx context.Context, s *Stage) error {
		b, err := s.startCommandAPIs(ctx, 1, loadgen.Spread)
		if err != nil {
			return err
		}
		if err := b.measure(ctx, "command-api/spread/64", loadgen.Spread, 64); err != nil {
			return err
		}
		if err := b.measure(ctx, "command-api/hot/64", loadgen.Hot, 64); err != nil {
			return err
		}
		if err := b.measure(ctx, "command-api/spread/256", loadgen.Spread, 256); err != nil {
			return err
		}
		return b.prove(ctx, withoutReadModels)
	},
}

// Two of them write to one database, with one NATS, over which they agree on one that decides.
var twoWriters = Contender{
	Name:     "two_writers",
	Measures: []Measure{{"two-writers/64", "two command-api on one database, 64 connections over both", YardstickWrite}},
	turn: func(ctx context.Context, s *Stage) error {
		b, err := s.startCommandAPIs(ctx, 2, loadgen.TwoWriters)
		if err != nil {
			return err
		}
		if err := b.measure(ctx, "two-writers/64", loadgen.TwoWriters, 64); err != nil {
			return err
		}
		return b.prove(ctx, withoutReadModels)
	},
}

// The bank as it ships, relay, broker and projections in the same process, on the same machine. While the load runs, clients
// read what they wrote, which is the lag.
var pipeline = Contender{
	Name: "pipeline",
	Measures: []Measure{
		{"pipeline/64", "whole pipeline (passbook up), 64 connections", YardstickWrite},
		{"pipeline/256", "whole pipeline (passbook up), 256 connections", YardstickWrite},
	},
	turn: func(ctx context.Context, s *Stage) error {
		b, _, err := s.startUp(ctx)
		if err != nil {
			return err
		}
		for _, connections := range []int{64, 256} {
			if err := b.measure(ctx, fmt.Sprintf("pipeline/%d", connections), loadgen.Spread, connections); err != nil {
				return err
			}
			if err := b.awaitProjected(ctx); err != nil {
				return err
			}
		}
		return b.prove(ctx, withReadModels)
	},
}

// Reads: a process of its own, once the accounts are there. A command API stands by, because the load generator asks it whether
// they are.
var queryAPI = Contender{
	Name:     "query_api",
	Measures: []Measure{{"query-api/account/64", "query-api, GET account, 10,000 accounts, 64 connections", YardstickRead}},
	turn: func(ctx context.Context, s *Stage) error {
		b, up, err := s.startUp(ctx)
		if err != nil {
			return err
		}
		if err := up.Stop(); err != nil {
			return err
		}
		if err := s.serveApart(ctx, b); err != nil {
			return err
		}
		if err := b.measure(ctx, "query-api/account/64", loadgen.Read, 64); err != nil {
			return err
		}
		return b.prove(ctx, withReadModels)
	},
}

const (
	withReadModels    = true
	withoutReadModels = false
)

// startCommandAPIs starts so many on the contender's database, with the accounts opened.
func (s *Stage) startCommandAPIs(ctx context.Context, n int, scenario loadgen.Scenario) (*bank, error) {
	b := &bank{load: loadgen.Config{Token: s.bench.Issuer.Token, Scenario: scenario}}
	settings := []string{"RELAY=off"}
	if n > 1 {
		nats, url, err := rig.StartNATS(ctx, s.dir)
		if err != nil {
			return nil, err
		}
		s.track(nats)
		settings, b.programs = append(settings, "NATS_URL="+url), append(b.programs, process(nats))
	}
	for range n {
		p, url, err := s.startService(ctx, "command-api", settings...)
		if err != nil {
			return nil, err
		}
		b.load.CommandURLs, b.programs = append(b.load.CommandURLs, url), append(b.programs, process(p))
	}
	return s.newBank(ctx, b)
}

// serveApart puts processes of their own in the place of a bank that was stopped, the query API to be measured.
func (s *Stage) serveApart(ctx context.Context, b *bank) error {
	_, commandURL, err := s.startService(ctx, "command-api", "RELAY=off")
	if err != nil {
		return err
	}
	query, queryURL, err := s.startService(ctx, "query-api")
	if err != nil {
		return err
	}
	b.load.CommandURLs, b.load.QueryURL, b.load.Token, b.load.Lag = []string{commandURL}, queryURL, s.bench.Issuer.Token, false
	b.programs = []program{process(query), self("load generator")}
	return nil
}

// startService starts one of the three services and returns its URL.
func (s *Stage) startService(ctx context.Context, name string, settings ...string) (*rig.Process, string, error) {
	environ := append([]string{
		"DATABASE_URL=" + s.url(), "HTTP_ADDR=127.0.0.1:0", "OPS_ADDR=127.0.0.1:0",
		"AUTH_ISSUER=" + localissuer.ID, "AUTH_DISCOVERY_URL=" + s.bench.Issuer.URL,
	}, settings...)
	p, err := s.bench.Binaries.Start(name, environ)
	if err != nil {
		return nil, "", err
	}
	s.track(p)
	address, err := p.Await(ctx, regexp.MustCompile(`listening.*service=`+name+`.*address=(\S+)`))
	return p, "http://" + address, err
}

// track stops the process when the turn is over.
func (s *Stage) track(p *rig.Process) {
	s.running = append(s.running, p.Usage)
	s.later(func(context.Context) error { return p.Stop() })
}

var (
	upCommand = regexp.MustCompile(`command API\s+(\S+)`)
	upQuery   = regexp.MustCompile(`query API\s+(\S+)`)
	upReady   = regexp.MustCompile(`(In another terminal)`)
)

// startUp starts the whole bank on the contender's database, with the accounts opened and projected.
func (s *Stage) startUp(ctx context.Context) (*bank, *rig.Process, error) {
	up, err := s.bench.Binaries.Start("passbook", []string{"DATABASE_URL=" + s.url()}, "up", "--state", s.dir,
		"--command-addr", "127.0.0.1:0", "--query-addr", "127.0.0.1:0", "--ops-addr", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	s.track(up)
	if _, err := up.Await(ctx, upReady); err != nil {
		return nil, nil, err
	}
	commandURL, err1 := up.Await(ctx, upCommand)
	queryURL, err2 := up.Await(ctx, upQuery)
	token, err3 := operatorToken(s.dir) // its own issuer's, whose key is in its state
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, nil, err
	}
	b, err := s.newBank(ctx, &bank{
		load:     loadgen.Config{CommandURLs: []string{commandURL}, QueryURL: queryURL, Token: token, Lag: true},
		programs: []program{process(up)},
	})
	if err != nil {
		return nil, nil, err
	}
	return b, up, b.awaitProjected(ctx)
}
