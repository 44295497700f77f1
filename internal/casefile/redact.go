package casefile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"passbook/domain/account"
	"passbook/internal/jsonobject"
)

// harmless are the members of payloads whose texts say nothing of anybody: ids made by the bank, and words that the domain gives
// a meaning. Every other text is a customer's or a clerk's, also that of a member that this code does not know.
var harmless = []string{
	"account_id", "transaction_id", "counterparty_id", "hold_id", "payment_id", "reverses", "currency", "scope", "direction", "expires_at",
}

// Redact replaces the names, references, reasons and metadata in the case. The same text is replaced by the same word wherever it
// stands, and an empty one stays empty, so that the history folds as it did.
func (c *Case) Redact() error {
	r := redaction{words: map[string]string{account.SourceUnspecified: account.SourceUnspecified}}
	for i := range c.Events {
		e := &c.Events[i]
		data, err := r.object(e.Data)
		if err != nil {
			return fmt.Errorf("redact event %d: %w", e.Position, err)
		}
		e.Data = data
	}
	c.Redacted = true
	return nil
}

// redaction remembers what it has replaced.
type redaction struct{ words map[string]string }

func (r redaction) word(text string) string {
	if text == "" {
		return ""
	}
	if _, known := r.words[text]; !known {
		r.words[text] = fmt.Sprintf("redacted-%d", len(r.words))
	}
	return r.words[text]
}

// object redacts the members of a payload.
func (r redaction) object(data []byte) ([]byte, error) {
	members, err := jsonobject.Parse(data)
	if err != nil {
		return nil, err
	}
	for i := range members {
		m := &members[i]
		if slices.Contains(harmless, m.Name) {
			continue
		}
		if m.Name == "metadata" {
			m.Value, err = r.metadata(m.Value)
		} else {
			m.Value, err = r.value(m.Value)
		}
		if err != nil {
			return nil, err
		}
	}
	return members.Bytes(), nil
}

// metadata are a client's own: names as well as values.
func (r redaction) metadata(data []byte) ([]byte, error) {
	var values map[string]string
	if err := json.Unmarshal(data, &values); err != nil {
		return nil, err
	}
	redacted := map[string]string{}
	for name, value := range values {
		redacted[r.word(name)] = r.word(value)
	}
	return json.Marshal(redacted)
}

// value redacts every text in a value. Numbers stay: amounts are what a case is about.
func (r redaction) value(data []byte) ([]byte, error) {
	switch first := strings.TrimLeft(string(data), " \t\r\n"); {
	case strings.HasPrefix(first, `"`):
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return nil, err
		}
		return json.Marshal(r.word(text))
	case strings.HasPrefix(first, "{"):
		return r.object(data)
	case strings.HasPrefix(first, "["):
		return r.list(data)
	}
	return data, nil
}

func (r redaction) list(data []byte) ([]byte, error) {
	var values []json.RawMessage
	if err := json.Unmarshal(data, &values); err != nil {
		return nil, err
	}
	for i := range values {
		var err error
		if values[i], err = r.value(values[i]); err != nil {
			return nil, err
		}
	}
	return json.Marshal(values)
}
