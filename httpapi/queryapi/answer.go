package queryapi

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"

	"passbook/readmodel"
)

// answer writes a body and how fresh it is.
type answer struct {
	fresh   readmodel.Freshness
	body    any
	version int64 // of the one account that this is about; 0 for none
}

func (a *answer) write(w http.ResponseWriter) error {
	body, err := json.Marshal(a.body, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Passbook-Position", strconv.FormatInt(a.fresh.Position, 10))
	h.Set("Passbook-Lag-Ms", strconv.FormatInt(max(a.fresh.LagMilliseconds, 0), 10))
	if a.version > 0 {
		h["ETag"] = []string{`"` + strconv.FormatInt(a.version, 10) + `"`} // as the standard writes it; net/http would make it Etag
	}
	w.WriteHeader(http.StatusOK)
	_, err = w.Write(body)
	return err
}

// What follows lets an answer serve every operation.

// VisitListAccountsResponse writes the answer.
func (a *answer) VisitListAccountsResponse(w http.ResponseWriter) error { return a.write(w) }

// VisitGetAccountResponse writes the answer.
func (a *answer) VisitGetAccountResponse(w http.ResponseWriter) error { return a.write(w) }

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
