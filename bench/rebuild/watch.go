package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// watch is clients of the bank while its read models are rebuilt: readers that poll, and commands at a steady rate.
type watch struct {
	command, query, token string
	accounts              []string

	mu        sync.Mutex
	reads     int
	commands  int
	backwards int
	faults    []string
	latency   map[string][]time.Duration
}

const (
	readers      = 4
	readPause    = 10 * time.Millisecond
	commandPause = 20 * time.Millisecond
)

// run goes on until ctx is done.
func (w *watch) run(ctx context.Context) {
	w.latency = map[string][]time.Duration{}
	var running sync.WaitGroup
	for i := range readers {
		running.Go(func() { w.read(ctx, w.accounts[i%len(w.accounts)]) })
	}
	running.Go(func() { w.deposit(ctx) })
	running.Wait()
}

// read polls an account and its timeline: a version or a position smaller than one seen before is a step back.
func (w *watch) read(ctx context.Context, id string) {
	var position, version int64
	for ctx.Err() == nil {
		at, body := w.call(ctx, "read", http.MethodGet, w.query+"/v1/accounts/"+id, "", nil)
		w.judge(&position, at)
		var account struct{ Version int64 }
		if json.Unmarshal(body, &account) == nil {
			w.judge(&version, account.Version)
		}
		w.call(ctx, "read", http.MethodGet, w.query+"/v1/accounts/"+id+"/timeline?limit=5", "", nil)
		pause(ctx, readPause)
	}
}

func (w *watch) judge(last *int64, now int64) {
	if now == 0 { // no answer, which is a fault of its own
		return
	}
	if now < *last {
		w.mu.Lock()
		w.backwards++
		w.mu.Unlock()
	}
	*last = now
}

// deposit sends commands.
func (w *watch) deposit(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		id := w.accounts[n%len(w.accounts)]
		body := []byte(`{"amount":100,"currency":"EUR","source":"bench"}`)
		w.call(ctx, "command", http.MethodPost, w.command+"/v1/accounts/"+id+"/deposits", fmt.Sprintf("bench-rebuild-%d-%d", time.Now().UnixNano(), n), body)
		pause(ctx, commandPause)
	}
}

// call counts the answer and returns the position in it and its body.
func (w *watch) call(ctx context.Context, kind, method, url, key string, body []byte) (position int64, answer []byte) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		w.fault(err.Error())
		return 0, nil
	}
	request.Header.Set("Authorization", "Bearer "+w.token)
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
		request.Header.Set("Content-Type", "application/json")
	}
	started := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err == nil {
		answer, err = io.ReadAll(response.Body)
		_ = response.Body.Close()
	}
	if ctx.Err() != nil {
		return 0, nil
	}
	if err != nil || response.StatusCode >= 300 {
		w.fault(fmt.Sprintf("%s %s: %v %s", method, url, err, answer))
		return 0, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.latency[kind] = append(w.latency[kind], time.Since(started))
	if kind == "read" {
		w.reads++
	} else {
		w.commands++
	}
	position, _ = strconv.ParseInt(response.Header.Get("Passbook-Position"), 10, 64)
	return position, answer
}

func (w *watch) fault(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, text)
}

// quantile is of the latencies of a kind.
func (w *watch) quantile(kind string, q float64) time.Duration {
	all := slices.Sorted(slices.Values(w.latency[kind]))
	if len(all) == 0 {
		return 0
	}
	return all[min(len(all)-1, int(q*float64(len(all))))]
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
