package importer

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"passbook/client"
)

// send sends every row. Accounts stand in a queue: a worker takes the first, sends its next row and puts it back at the
// end, so that all accounts advance together and no account is ever worked on twice at a time.
func send(ctx context.Context, bank *client.Client, statement *Statement, o Options, report *Report) error {
	began := time.Now()
	defer func() { report.Took = time.Since(began) }()
	s := &sending{
		bank:     bank,
		options:  o,
		queue:    make(chan *turn, len(statement.Accounts)), // room for all: putting back never waits
		left:     len(statement.Accounts),
		report:   report,
		progress: newProgress(o.Notes, o.Terminal, "rows", statement.Rows),
	}
	for _, a := range statement.Accounts {
		s.queue <- &turn{account: a}
	}
	if s.left == 0 {
		close(s.queue)
	}
	workers, ctx := errgroup.WithContext(ctx)
	for range o.Concurrency {
		workers.Go(func() error { return s.work(ctx) })
	}
	err := workers.Wait()
	s.progress.end()
	slices.SortFunc(report.Refusals, func(a, b Refusal) int { return a.Line - b.Line })
	return err
}

// turn is an account and how far it is. Whoever took it from the queue owns it.
type turn struct {
	account *Account
	opened  bool
	next    int
}

func (t *turn) done() bool { return t.next == len(t.account.Rows) }

type sending struct {
	bank    *client.Client
	options Options
	queue   chan *turn

	mu       sync.Mutex
	left     int // accounts with rows to send
	report   *Report
	progress *progress
}

func (s *sending) work(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case t, more := <-s.queue:
			if !more {
				return nil
			}
			if err := s.step(ctx, t); err != nil {
				return err
			}
			s.putBack(t)
		}
	}
}

// step opens the account or sends its next row. An account that cannot be opened ends there, with one refusal.
func (s *sending) step(ctx context.Context, t *turn) error {
	first := t.account.Rows[t.next]
	if !t.opened {
		err := openAccount(ctx, s.bank, t.account, s.options.Currency, s.options.Overdraft)
		if refusal := refusalOf(err); refusal != nil {
			s.refuse(Refusal{t.account.Number, first.Line, "open the account: " + refusal.Error()}, len(t.account.Rows))
			t.next = len(t.account.Rows)
			return nil
		}
		t.opened = err == nil
		return err
	}
	replayed, err := sendRow(ctx, s.bank, t.account, first, s.options.Currency)
	if refusal := refusalOf(err); refusal != nil {
		s.refuse(Refusal{t.account.Number, first.Line, refusal.Error()}, 1)
		err = nil
	} else if err == nil {
		s.sent(replayed)
	}
	t.next++
	return err
}

// refusalOf tells what the bank's rules keep from being done, or done now, from failures that would hit every row.
func refusalOf(err error) error {
	var pending *client.PendingApproval
	if errors.As(err, &pending) {
		return pending
	}
	var problem *client.Problem
	if errors.As(err, &problem) && (problem.Status == http.StatusUnprocessableEntity || problem.Code == client.ErrorCodeAccountExists) {
		return problem
	}
	return nil
}

func (s *sending) putBack(t *turn) {
	if !t.done() {
		s.queue <- t
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left--
	if s.left == 0 {
		close(s.queue)
	}
}

func (s *sending) sent(replayed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Sent++
	if replayed {
		s.report.Replayed++
	}
	s.progress.add(1)
}

// refuse notes one refusal that ends this many rows.
func (s *sending) refuse(r Refusal, rows int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Sent += rows
	s.report.refusedRows += rows
	s.report.Refusals = append(s.report.Refusals, r)
	s.progress.add(rows)
}
