package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// stages are what stands before a command, by the functions that do it. None of them calls another of them.
var stages = []struct {
	name      string
	functions []string
}{
	{"verification: the token", []string{"passbook/httpapi.(*Server).authenticate"}},
	{"authorisation: scopes and whose", []string{"passbook/httpapi.Rule.admit"}},
	{"rates and other limits", []string{"passbook/httpapi.(*Call).countRequest", "passbook/httpapi.(*Call).countAddressed", "passbook/httpapi.(*Call).CountAccount", "passbook/httpapi.(*Call).tellRates",
		"passbook/httpapi.(*Server).limited", "passbook/httpapi.(*patience).stop"}},
	{"validation: headers and address", []string{"passbook/httpapi.checkURL", "passbook/httpapi.requestID", "passbook/httpapi.traceparent", "passbook/httpapi.(*Call).checkQuery", "passbook/httpapi.(*Call).IdempotencyKey",
		"passbook/httpapi.(*Call).IfMatch", "passbook/httpapi.(*Call).Client", "passbook/httpapi.(*Call).UserAgent", "passbook/httpapi.(*Proxies).address", "passbook/httpapi.ParseID"}},
	{"validation: the body, strictly", []string{"passbook/httpapi.(*Call).Bind"}},
	{"the request's fingerprint, for its key", []string{"passbook/httpapi/commandapi.fingerprint"}},
}

// handler is all of HTTP behind net/http: stages, the wait for the decision, and the answer.
const handler = "passbook/httpapi.(*Server).ServeHTTP"

func write(w io.Writer, o options, rounds []round) error {
	var b strings.Builder
	perSecond, cpu := numbers(rounds, func(r round) float64 { return r.perSecond }), numbers(rounds, func(r round) float64 { return r.cpu.Seconds() * 1e6 })
	fmt.Fprintf(&b, "%d connections, %d rounds of %d s; median (least-greatest). Requests a second: %s. Processor time of the whole process a request: %s µs.\n\n",
		o.connections, o.rounds, o.seconds, spread(perSecond, "%.0f"), spread(cpu, "%.1f"))
	b.WriteString("| What | µs a request | share of the process |\n|---|---:|---:|\n")
	line := func(name string, share func(round) float64) {
		micros := numbers(rounds, func(r round) float64 { return share(r) * r.cpu.Seconds() * 1e6 })
		percent := numbers(rounds, func(r round) float64 { return 100 * share(r) })
		fmt.Fprintf(&b, "| %s | %s | %s %% |\n", name, spread(micros, "%.2f"), spread(percent, "%.1f"))
	}
	for _, s := range stages {
		line(s.name, func(r round) float64 { return sum(r, s.functions) })
	}
	line("all of these", func(r round) (all float64) {
		for _, s := range stages {
			all += sum(r, s.functions)
		}
		return all
	})
	line("everything of HTTP that is ours", func(r round) float64 { return r.share[handler] })
	line("net/http, reading and writing to the network included", func(r round) float64 { return r.share["net/http.(*conn).serve"] - r.share[handler] })
	_, err := io.WriteString(w, b.String())
	return err
}

func sum(r round, functions []string) (share float64) {
	for _, f := range functions {
		share += r.share[f]
	}
	return share
}

func numbers(rounds []round, of func(round) float64) []float64 {
	all := make([]float64, len(rounds))
	for i, r := range rounds {
		all[i] = of(r)
	}
	slices.Sort(all)
	return all
}

// spread is the median with the least and the greatest.
func spread(sorted []float64, format string) string {
	return fmt.Sprintf(format+" ("+format+"-"+format+")", sorted[len(sorted)/2], sorted[0], sorted[len(sorted)-1])
}
