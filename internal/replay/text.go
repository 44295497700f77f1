package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/money"
	"passbook/eventstore"
	"passbook/internal/jsonobject"
)

// Document is a step for machines.
type Document struct {
	Position    int64           `json:"position"`
	Version     int64           `json:"version"`
	EventID     uuid.UUID       `json:"event_id"`
	StoredType  string          `json:"stored_type"`
	StoredAs    int             `json:"stored_schema"`
	Type        string          `json:"type"` // as what it was read
	Schema      int             `json:"schema"`
	Data        json.RawMessage `json:"data"` // in that schema
	Metadata    json.RawMessage `json:"metadata"`
	EffectiveAt time.Time       `json:"effective_at"`
	RecordedAt  time.Time       `json:"recorded_at"`
	State       account.State   `json:"state"` // after it
	Available   money.Amount    `json:"available"`
}

// Document returns the step for machines.
func (s *Step) Document() Document {
	_, _, data := account.Encode(s.Event)
	return Document{
		Position: s.Stored.Position, Version: s.Stored.Version, EventID: s.Stored.ID, StoredType: s.Stored.Type, StoredAs: s.Stored.Schema,
		Type: s.Read.Type, Schema: s.Read.Schema, Data: data, Metadata: s.Stored.Metadata,
		EffectiveAt: s.Stored.EffectiveAt, RecordedAt: s.Stored.RecordedAt, State: s.After, Available: s.After.Available(),
	}
}

// WriteText writes the step for people: the event, what it says, and what it changed.
func (s *Step) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "version %d  event %d  %s  %s%s\n", s.Stored.Version, s.Stored.Position, moment(s.Stored.RecordedAt), s.Stored.Type, s.readAs())
	for _, line := range []string{s.said(), s.cause(), s.valueDate()} {
		if line != "" {
			fmt.Fprintf(&b, "  %s\n", printable(line))
		}
	}
	changes := s.changes()
	nameWidth, beforeWidth := 0, 0
	for _, c := range changes {
		nameWidth = max(nameWidth, utf8.RuneCountInString(c.name))
		if width := utf8.RuneCountInString(c.before); width <= columnMax {
			beforeWidth = max(beforeWidth, width)
		}
	}
	for _, c := range changes {
		fmt.Fprintf(&b, "    %s  ", padded(c.name, nameWidth))
		if c.before != "" && c.before != c.after {
			fmt.Fprintf(&b, "%s > ", padded(c.before, beforeWidth))
		}
		fmt.Fprintln(&b, c.after)
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}

// columnMax is how wide a text may be that makes a column of its own wider.
const columnMax = 20

func padded(text string, width int) string {
	return text + strings.Repeat(" ", max(width-utf8.RuneCountInString(text), 0))
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000000") }

func (s *Step) readAs() string {
	stored := eventstore.Shape{Type: s.Stored.Type, Schema: s.Stored.Schema}
	if stored == s.Read {
		return fmt.Sprintf("/%d", stored.Schema)
	}
	return fmt.Sprintf("/%d, read as %s", stored.Schema, s.Read)
}

// said lists the members of the payload, but for those that the state shows.
func (s *Step) said() string {
	_, _, data := account.Encode(s.Event)
	members, err := jsonobject.Parse(data)
	if err != nil {
		return string(data) // which is what there is to see
	}
	var said []string
	for _, m := range members {
		if slices.Contains([]string{"account_id", "currency", "balance_after", "held_after"}, m.Name) {
			continue
		}
		value := string(m.Value)
		if amount := new(money.Amount); slices.Contains([]string{"amount", "remaining", "released", "overdraft_limit"}, m.Name) && json.Unmarshal(m.Value, amount) == nil {
			value = amount.Format(s.After.Currency)
		}
		said = append(said, m.Name+" "+value)
	}
	return strings.Join(said, "  ")
}

// cause says who caused the event, as far as its metadata do.
func (s *Step) cause() string {
	metadata, err := s.Stored.DecodeMetadata()
	if err != nil {
		return err.Error()
	}
	var said []string
	for _, field := range []struct{ name, value string }{
		{"by", metadata.Actor}, {"client", metadata.Client}, {"from", metadata.Address}, {"agent", metadata.UserAgent}, {"key", metadata.IdempotencyKey}, {"correlation", metadata.CorrelationID}, {"cause", metadata.CausationID},
	} {
		if field.value != "" {
			said = append(said, field.name+" "+field.value)
		}
	}
	return strings.Join(said, "  ")
}

func (s *Step) valueDate() string {
	if s.Stored.EffectiveAt.Equal(s.Stored.RecordedAt) {
		return ""
	}
	return "value date " + moment(s.Stored.EffectiveAt)
}

type change struct{ name, before, after string }

// changes lists what the event changed; the balance is always told.
func (s *Step) changes() []change {
	var list []change
	before, after := rows(s.Before, s.After.Currency), rows(s.After, s.After.Currency)
	for i, row := range after {
		c := change{row.name, printable(before[i].value), printable(row.value)}
		if s.Before.Version == 0 {
			c.before = ""
		}
		if row.name == "balance" || c.before != c.after && (c.before != "" || c.after != nothing) {
			list = append(list, c)
		}
	}
	return list
}

// printable keeps what customers wrote from moving the cursor.
func printable(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsGraphic(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRuneToGraphic(r), "'"))
		}
	}
	return b.String()
}

type row struct{ name, value string }

// nothing is what is shown of what is empty.
const nothing = "-"

// rows are the state as it is shown, always the same ones in the same order.
func rows(s account.State, currency money.Currency) []row {
	list := []row{
		{"status", string(s.Status)}, {"freeze_scope", string(s.FreezeScope)}, {"owner_id", s.OwnerID}, {"owner_name", s.OwnerName},
		{"currency", currency.Code()}, {"metadata", written(s.Metadata)},
		{"overdraft_limit", s.OverdraftLimit.Format(currency)}, {"limits", limits(s.Limits, currency)},
		{"spent", spent(s, currency)}, {"holds", held(s, currency)}, {"balance", s.Balance.Format(currency)}, {"held", s.Held.Format(currency)},
		{"available", s.Available().Format(currency)},
	}
	for i := range list {
		if list[i].value == "" {
			list[i].value = nothing
		}
	}
	return list
}

func limits(l account.Limits, currency money.Currency) string {
	var said []string
	for _, limit := range []struct {
		amount money.Amount
		per    string
	}{{l.PerTransaction, "transaction"}, {l.PerDay, "day"}, {l.PerMonth, "month"}} {
		if limit.amount != 0 {
			said = append(said, limit.amount.Format(currency)+" a "+limit.per)
		}
	}
	return strings.Join(said, ", ")
}

// spent is of interest where there is a limit.
func spent(s account.State, currency money.Currency) string {
	if s.Limits == (account.Limits{}) {
		return ""
	}
	return fmt.Sprintf("%s today, %s this month", s.Spent.Today.Format(currency), s.Spent.ThisMonth.Format(currency))
}

func held(s account.State, currency money.Currency) string {
	var holds []string
	for _, h := range s.Holds {
		text := h.ID.String() + " " + h.Amount.Format(currency)
		if !h.ExpiresAt.IsZero() {
			text += " until " + h.ExpiresAt.UTC().Format(time.RFC3339)
		}
		holds = append(holds, text)
	}
	return strings.Join(holds, ", ")
}

// written is a map as JSON, with sorted names.
func written(texts map[string]string) string {
	if len(texts) == 0 {
		return ""
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(texts) // of texts into memory
	return strings.TrimSpace(b.String())
}
