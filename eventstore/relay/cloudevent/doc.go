// Package cloudevent is the form in which an event travels: CloudEvents 1.0, structured JSON, on the subjects of one
// JetStream stream. The relay writes it, the feed reads it, and so may anyone else's consumer.
//
// Beside the required attributes (id is the event id, source the log, type the wire name behind "passbook.", subject the
// stream id, time the booking time) an event carries its place and its cause as extension attributes:
//
//	position        place in the log, a decimal string: CloudEvents integers have 32 bits
//	streamtype      kind of stream, such as "account"
//	streamversion   place in the stream, a decimal string
//	schemaversion   version of the payload's shape
//	effectiveat     value date
//	actor, correlationid, causationid, idempotencykey, traceparent, client, useragent, address   when known
//
// The payload is the attribute data, as it is stored.
package cloudevent

// Where events travel.
const (
	// Stream is the JetStream stream that keeps them.
	Stream = "PASSBOOK"
	// Subjects is what the stream listens to: one subject an event type.
	Subjects = subjectPrefix + ">"

	subjectPrefix = "passbook.events."
)

// Headers of a message, beside Nats-Msg-Id, which is the event id.
const (
	// HeaderPosition is the place in the log, so that a reader can place a message without parsing it.
	HeaderPosition = "Passbook-Position"
	// HeaderEpoch is the fencing number of the relay that published it.
	HeaderEpoch = "Passbook-Epoch"
	// HeaderContentType has the value ContentType.
	HeaderContentType = "Content-Type"
	// ContentType names the format.
	ContentType = "application/cloudevents+json"
)

// Source is the attribute of the same name: the log the events come from.
const Source = "/passbook/log"

const (
	specVersion     = "1.0"
	typePrefix      = "passbook."
	dataContentType = "application/json"
)

// Subject is the subject that events of the type are published on.
func Subject(eventType string) string { return subjectPrefix + eventType }
