package queryapi

import (
	"fmt"
	"slices"
	"time"

	"passbook/httpapi"
	"passbook/readmodel"
)

// Parameters have been held to the document before they come here; what it cannot say is checked here.

const (
	limitDefault = 25
	daysDefault  = 30
	day          = 24 * time.Hour
)

func limitOf(given int) int {
	if given == 0 {
		return limitDefault
	}
	return given
}

func basisOf(given Basis) Basis {
	if given == "" {
		return Recorded
	}
	return given
}

// parseTime reads a moment to the microsecond, which is what the log keeps.
func parseTime(name, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, invalid(name, httpapi.FieldInvalidFormat, "must be a time as in RFC 3339")
	}
	return t.UTC().Truncate(time.Microsecond), within(name, t)
}

// within refuses times that JSON, or the answer's other end, could not write any more. Nothing was ever booked there.
func within(name string, t time.Time) error {
	if year := t.UTC().Year(); year < 1 || year > 9998 {
		return invalid(name, httpapi.FieldOutOfRange, "must lie between the years 1 and 9998")
	}
	return nil
}

// optionalTime is parseTime for a parameter that may be missing.
func optionalTime(name, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	t, err := parseTime(name, text)
	return &t, err
}

// days reads an interval of days: from the first to the one behind the last. A day that has begun belongs to it.
func (h *handlers) days(from, to string) (first, behind time.Time, err error) {
	behind = h.now().UTC().Truncate(day).Add(day)
	if to != "" {
		t, err := parseDay("to", to)
		if err != nil {
			return first, behind, err
		}
		if behind = t.Truncate(day); behind.Before(t) {
			behind = behind.Add(day)
		}
	}
	first = behind.Add(-daysDefault * day)
	if from != "" {
		t, err := parseDay("from", from)
		if err != nil {
			return first, behind, err
		}
		first = t.Truncate(day)
	}
	switch length := behind.Sub(first); {
	case length <= 0:
		return first, behind, invalid("to", httpapi.FieldInvalidValue, "must lie behind from")
	case length > readmodel.DaysMax*day:
		return first, behind, invalid("from", httpapi.FieldOutOfRange, fmt.Sprintf("must lie at most %d days before to", readmodel.DaysMax))
	}
	return first, behind, nil
}

func parseDay(name, text string) (time.Time, error) {
	t, err := httpapi.ParseDay(text)
	if err != nil {
		return time.Time{}, invalid(name, httpapi.FieldInvalidFormat, "must be a date or a time")
	}
	return t, within(name, t)
}

// timelineFilter reads the filters of a timeline, and the cursor that must belong to them.
func timelineFilter(r ListTimelineRequestObject) (readmodel.TimelineFilter, filters, error) {
	p := r.Params
	f := readmodel.TimelineFilter{Direction: p.Direction, Limit: limitOf(p.Limit)}
	for _, t := range p.Type {
		f.Types = append(f.Types, string(t))
	}
	slices.Sort(f.Types)
	f.Types = slices.Compact(f.Types)
	var err error
	if f.From, err = optionalTime("from", p.From); err != nil {
		return f, filters{}, err
	}
	if f.To, err = optionalTime("to", p.To); err != nil {
		return f, filters{}, err
	}
	if f.From != nil && f.To != nil && !f.From.Before(*f.To) {
		return f, filters{}, invalid("to", httpapi.FieldInvalidValue, "must lie behind from")
	}
	parts := append([]string{r.AccountID, p.Direction, p.From, p.To}, f.Types...)
	scope := filtersOf(cursorTimeline, parts...)
	f.Before, err = decodeNumber(p.Cursor, scope)
	return f, scope, err
}

func invalid(name, code, detail string) error {
	return &httpapi.Error{
		Code: httpapi.InvalidParameter, Detail: name + " " + detail + ".",
		Fields: []httpapi.FieldError{{Parameter: name, Code: code, Detail: detail}},
	}
}
