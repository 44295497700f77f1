package cloudevent

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"passbook/eventstore"
)

// ErrInvalid means that a message is no event of this log: not CloudEvents 1.0, from another source, or incomplete.
var ErrInvalid = errors.New("not an event of the log")

// message is the JSON form of an event. Attributes it does not name are ignored, as CloudEvents demands of a reader.
type message struct {
	SpecVersion     string         `json:"specversion"`
	ID              uuid.UUID      `json:"id"`
	Source          string         `json:"source"`
	Type            string         `json:"type"`
	Subject         uuid.UUID      `json:"subject"`
	Time            time.Time      `json:"time"`
	DataContentType string         `json:"datacontenttype"`
	Position        string         `json:"position"`
	StreamType      string         `json:"streamtype"`
	StreamVersion   string         `json:"streamversion"`
	SchemaVersion   int            `json:"schemaversion"`
	EffectiveAt     time.Time      `json:"effectiveat"`
	Actor           string         `json:"actor"`
	CorrelationID   string         `json:"correlationid"`
	CausationID     string         `json:"causationid"`
	IdempotencyKey  string         `json:"idempotencykey"`
	Traceparent     string         `json:"traceparent"`
	Client          string         `json:"client"`
	UserAgent       string         `json:"useragent"`
	Address         string         `json:"address"`
	Data            jsontext.Value `json:"data"`
}

// Decode reads what Append wrote. Every fault is ErrInvalid: the message can be left out, for the log has the event.
func Decode(data []byte) (eventstore.Event, error) {
	var m message
	if err := jsonv2.Unmarshal(data, &m); err != nil {
		return eventstore.Event{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if fault := m.fault(); fault != "" {
		return eventstore.Event{}, fmt.Errorf("%w: %s", ErrInvalid, fault)
	}
	return m.event()
}

func (m *message) fault() string {
	switch {
	case m.SpecVersion != specVersion:
		return "specversion is not " + specVersion
	case m.Source != Source:
		return "source is not " + Source
	case len(m.Type) <= len(typePrefix) || !strings.HasPrefix(m.Type, typePrefix):
		return "type does not begin with " + typePrefix
	case m.DataContentType != dataContentType:
		return "datacontenttype is not " + dataContentType
	case m.ID == uuid.Nil || m.Subject == uuid.Nil:
		return "no id or no subject"
	case m.Time.IsZero() || m.EffectiveAt.IsZero():
		return "no time or no effectiveat"
	case m.StreamType == "" || m.SchemaVersion <= 0:
		return "no streamtype or no schemaversion"
	case len(m.Data) == 0:
		return "no data"
	}
	return ""
}

func (m *message) event() (eventstore.Event, error) {
	position, err := numeral("position", m.Position)
	if err != nil {
		return eventstore.Event{}, err
	}
	version, err := numeral("streamversion", m.StreamVersion)
	if err != nil {
		return eventstore.Event{}, err
	}
	return eventstore.Event{
		Position: position, ID: m.ID, StreamType: m.StreamType, StreamID: m.Subject, Version: version,
		Type: m.Type[len(typePrefix):], Schema: m.SchemaVersion, Data: []byte(m.Data), Metadata: m.metadata(),
		EffectiveAt: m.EffectiveAt.UTC(), RecordedAt: m.Time.UTC(),
	}, nil
}

func (m *message) metadata() []byte {
	metadata := eventstore.Metadata{
		Actor: m.Actor, CorrelationID: m.CorrelationID, CausationID: m.CausationID,
		IdempotencyKey: m.IdempotencyKey, Traceparent: m.Traceparent, Client: m.Client,
		UserAgent: m.UserAgent, Address: m.Address,
	}
	return metadata.AppendJSON(make([]byte, 0, 256))
}

func numeral(name, text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%w: %s is %.32q", ErrInvalid, name, text)
	}
	return n, nil
}
