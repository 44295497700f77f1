package loadgen

import (
	"bytes"
	"strconv"
	"sync"
	"time"
)

// outcome is one request and what became of it. Times are since the start of the load.
type outcome struct {
	kind   kind
	status int    // 0: no answer
	body   []byte // of an answer
	reason string // without an answer
	due    time.Duration
	sent   time.Duration
	done   time.Duration
}

// class is how an outcome counts.
type class int

const (
	accepted class = iota
	refused
	failed // declined by rule, or broken
)

func (o *outcome) class() class {
	switch {
	case o.status/100 == 2:
		return accepted
	case o.status == 503 || o.status == 429:
		return refused
	}
	return failed
}

// recorder counts what all connections see. It is one for all, behind a lock: that costs some 0.1 us a request, and memory that
// does not grow with the number of connections.
type recorder struct {
	from, until time.Duration // what is measured
	waiting     func() int    // arrivals that were due and are not sent yet

	mu       sync.Mutex
	statuses [600]int64
	codes    map[string]int64 // of refusals and errors: status and problem code, or what broke
	accepted [kinds]histogram
	refused  histogram
	errored  histogram
	late     histogram    // unsent arrivals
	delay    histogram    // from due to sent
	service  [2]histogram // from sent to done, of accepted and refused ones
	inTime   int64        // accepted answers that came while it was measured
	answered int64        // all that came while it was measured
	series   series
}

func newRecorder(from, until time.Duration, waiting func() int) *recorder {
	r := &recorder{from: from, until: until, waiting: waiting, codes: map[string]int64{}}
	r.refused, r.errored, r.late, r.delay = newHistogram(), newHistogram(), newHistogram(), newHistogram()
	r.service = [2]histogram{accepted: newHistogram(), refused: newHistogram()}
	for k := range r.accepted {
		r.accepted[k] = newHistogram()
	}
	r.series.current = newHistogram()
	return r
}

func (r *recorder) add(o *outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kind := o.class()
	if o.done >= r.from && o.done < r.until {
		r.answered++
		if kind == accepted {
			r.inTime++
		}
		r.series.add(o.done-r.from, kind, o.done-o.due, r.waiting)
	}
	if o.due < r.from || o.due >= r.until {
		return
	}
	r.statuses[o.status]++
	r.delay.record(o.sent - o.due)
	switch took := o.done - o.due; kind {
	case accepted:
		r.accepted[o.kind].record(took)
		r.service[accepted].record(o.done - o.sent)
	case refused:
		r.refused.record(took)
		r.service[refused].record(o.done - o.sent)
		r.codes[o.cause()]++
	case failed:
		r.errored.record(took)
		r.codes[o.cause()]++
	}
}

// unsent counts an arrival for which there was no connection until the end.
func (r *recorder) unsent(due time.Duration) {
	if due < r.from {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late.record(r.until - due)
}

// cause names a refusal or an error: "503 overloaded".
func (o *outcome) cause() string {
	if o.status == 0 {
		return o.reason
	}
	return strconv.Itoa(o.status) + problemCode(o.body)
}

// problemCode finds the code of a problem document, with a space before it; nothing for any other body.
func problemCode(body []byte) string {
	_, rest, found := bytes.Cut(body, []byte(`"code":`))
	if !found {
		return ""
	}
	code, quoted := bytes.CutPrefix(bytes.TrimLeft(rest, " "), []byte(`"`))
	code, _, closed := bytes.Cut(code, []byte(`"`))
	if !quoted || !closed || len(code) > 64 {
		return ""
	}
	return " " + string(code)
}

// finish ends the series. Nothing may be added afterwards.
func (r *recorder) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.series.finish(r.until-r.from, r.waiting)
}

// counts fills in all that was counted.
func (r *recorder) counts(m *Measurement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seconds := (r.until - r.from).Seconds()
	m.Rate = float64(r.inTime) / seconds
	m.Unsent = r.late.TotalCount()
	m.Statuses, m.Causes = map[string]int64{}, r.codes
	for status, count := range r.statuses {
		if count > 0 {
			m.Statuses[statusName(status)] = count
		}
	}
	all := newHistogram()
	m.ByKind = map[string]Latency{}
	for k := range r.accepted {
		if h := r.accepted[k]; h.TotalCount() > 0 {
			m.ByKind[kind(k).String()] = h.summary()
			all.Merge(h.Histogram)
		}
	}
	m.Accepted = all.TotalCount()
	all.Merge(r.late.Histogram)
	m.Latency, m.RefusedLatency, m.ErrorLatency = all.summary(), r.refused.summary(), r.errored.summary()
	m.Service, m.RefusedService = r.service[accepted].summary(), r.service[refused].summary()
	m.Refused, m.Errors = r.refused.TotalCount(), r.errored.TotalCount()
	m.SendDelay = r.delay.summary()
	m.Series = r.series.seconds
}

// noAnswer stands among the statuses for requests without one.
const noAnswer = "none"

func statusName(status int) string {
	if status == 0 {
		return noAnswer
	}
	return strconv.Itoa(status)
}
