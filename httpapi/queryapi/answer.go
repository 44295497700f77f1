package queryapi

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json"

	"passbook/readmodel"
)

// answer writes a body and how fresh it is.
type answer struct {
	fresh   readmodel.Freshness
	body    any
	version int64 // of the entity tag; 0 for none
}

// appender is a body that writes itself as JSON. Those that are asked for most do.
type appender interface {
	append(dst []byte) []byte
}

func (a *answer) write(w http.ResponseWriter) error {
	if body, ok := a.body.(appender); ok {
		return appended(w, body, a.send)
	}
	body, err := json.Marshal(a.body, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return a.send(w, body)
}

func (a *answer) send(w http.ResponseWriter, body []byte) error {
	h := w.Header()
	setFreshness(h, a.fresh, a.version)
	h["Content-Type"] = contentJSON
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(body)
	return err
}

// buffers are where bodies are written before they are sent. Large ones are not kept.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

const bufferKeptMax = 64 << 10

// appended sends a body that writes itself.
func appended(w http.ResponseWriter, body appender, send func(http.ResponseWriter, []byte) error) error {
	buffer := buffers.Get().(*[]byte)
	*buffer = body.append((*buffer)[:0])
	err := send(w, *buffer)
	if cap(*buffer) <= bufferKeptMax {
		buffers.Put(buffer)
	}
	return err
}

var contentJSON = []string{"application/json"}

// setFreshness sets what every read answers with and, for a version that is not 0, its entity tag. All the values lie in one
// text and one slice: they would otherwise be a good part of what a read allocates.
func setFreshness(h http.Header, fresh readmodel.Freshness, version int64) {
	var onStack [80]byte
	text := strconv.AppendInt(onStack[:0], fresh.Position, 10)
	position := len(text)
	text = strconv.AppendInt(text, max(fresh.LagMilliseconds, 0), 10)
	lag := len(text)
	text = append(strconv.AppendInt(append(text, '"'), version, 10), '"')
	all := string(text)
	values := []string{all[:position], all[position:lag], all[lag:]}
	h["Passbook-Position"] = values[0:1:1]
	h["Passbook-Lag-Ms"] = values[1:2:2]
	if version > 0 {
		h["ETag"] = values[2:3:3] // as the standard writes it; net/http would make it Etag
	}
}

// accountAnswer writes one account, or that the caller has it already.
type accountAnswer struct {
	fresh     readmodel.Freshness
	account   readmodel.Account
	unchanged bool
}

// VisitGetAccountResponse writes the answer.
func (a *accountAnswer) VisitGetAccountResponse(w http.ResponseWriter) error {
	h := w.Header()
	setFreshness(h, a.fresh, a.account.Version)
	if a.unchanged {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h["Content-Type"] = contentJSON
	return appended(w, a, func(w http.ResponseWriter, body []byte) error {
		_, err := w.Write(body) // so short that net/http finds its length
		return err
	})
}

func (a *accountAnswer) append(dst []byte) []byte { return appendAccount(dst, &a.account) }

// What follows lets an answer serve every operation.

// VisitListAccountsResponse writes the answer.
func (a *answer) VisitListAccountsResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetBalanceResponse writes the answer.
func (a *answer) VisitGetBalanceResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListBalancesResponse writes the answer.
func (a *answer) VisitListBalancesResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListTimelineResponse writes the answer.
func (a *answer) VisitListTimelineResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListEventsResponse writes the answer.
func (a *answer) VisitListEventsResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListProjectionsResponse writes the answer.
func (a *answer) VisitListProjectionsResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitExplainAccountResponse writes the answer.
func (a *answer) VisitExplainAccountResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitListOwnersResponse writes the answer.
func (a *answer) VisitListOwnersResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetOwnerResponse writes the answer.
func (a *answer) VisitGetOwnerResponse(w http.ResponseWriter) error { return a.write(w) }
