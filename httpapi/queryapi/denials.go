package queryapi

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"passbook/httpapi"
	"passbook/internal/denials"
)

// denialsAnswer is a page of the audit trail, which is no read model: it has no position and no lag.
type denialsAnswer struct{ page DenialPage }

// VisitListDenialsResponse writes the answer.
func (a *denialsAnswer) VisitListDenialsResponse(w http.ResponseWriter) error {
	body, err := json.Marshal(a.page, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header()["Content-Type"] = contentJSON
	w.WriteHeader(http.StatusOK)
	_, err = w.Write(body)
	return err
}

// ListDenials answers with a page of what was asked and not granted.
func (h *handlers) ListDenials(ctx context.Context, r ListDenialsRequestObject) (ListDenialsResponseObject, error) {
	p := r.Params
	if unstorable(p.Actor) {
		return nil, invalid("actor", httpapi.FieldInvalidEncoding, "must be valid UTF-8 without NUL")
	}
	f := denials.Filter{Actor: p.Actor, Code: p.Code, Limit: limitOf(p.Limit)}
	var err error
	if f.From, err = optionalTime("from", p.From); err != nil {
		return nil, err
	}
	if f.To, err = optionalTime("to", p.To); err != nil {
		return nil, err
	}
	if f.From != nil && f.To != nil && !f.From.Before(*f.To) {
		return nil, invalid("to", httpapi.FieldInvalidValue, "must lie behind from")
	}
	scope := filtersOf(cursorDenials, p.Actor, p.Code, p.From, p.To)
	if f.Before, err = decodePlace(p.Cursor, scope); err != nil {
		return nil, err
	}
	rows, more, err := h.reads.Denials(ctx, f)
	if err != nil {
		return nil, translate(err)
	}
	page := DenialPage{Data: make([]Denial, len(rows)), HasMore: more}
	for i := range rows {
		page.Data[i] = denialOf(&rows[i])
	}
	if more {
		page.NextCursor = encodePlace(scope, &rows[len(rows)-1])
	}
	return &denialsAnswer{page}, nil
}

func denialOf(r *denials.Row) Denial {
	d := Denial{
		DenialID: r.ID, At: r.At.UTC(), Times: r.Times, API: DenialAPI(r.API), Code: r.Code, Status: r.Status, Method: r.Method, Route: r.Route,
		Issuer: r.Issuer, Actor: r.Actor, Client: r.Client, UserAgent: r.UserAgent, Address: r.Address, RequestID: r.RequestID,
	}
	if r.About != uuid.Nil {
		d.About = &r.About
	}
	return d
}

// The end of a page of denials is a time, in microseconds, and an id.
const placeLength = 8 + len(uuid.UUID{})

func encodePlace(f filters, last *denials.Row) string {
	end := binary.BigEndian.AppendUint64(nil, uint64(last.At.UnixMicro()))
	return encode(f, append(end, last.ID[:]...))
}

// decodePlace returns nil for no cursor.
func decodePlace(cursor string, f filters) (*denials.Place, error) {
	if cursor == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	end, err := decode(cursor, f, placeLength)
	if err != nil {
		return nil, err
	}
	micros := int64(binary.BigEndian.Uint64(end)) //nolint:gosec // judged below
	at := time.UnixMicro(micros).UTC()
	if micros < 0 || at.Year() > 9998 {
		return nil, &httpapi.Error{Code: httpapi.InvalidCursor, Detail: "The cursor is not the next_cursor of a page."}
	}
	return &denials.Place{At: at, ID: uuid.UUID(end[8:])}, nil
}
