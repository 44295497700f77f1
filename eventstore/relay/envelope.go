package relay

import (
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"passbook/eventstore"
	"passbook/eventstore/relay/cloudevent"
)

// headerMax is more than what the header of a message takes, in bytes.
const headerMax = 512

// envelope is a message with its header in one piece of memory, which can be used for one message after another where the connection
// copies what it is given.
type envelope struct {
	msg    nats.Msg
	values [4]string
}

var contentTypes = []string{cloudevent.ContentType}

func newEnvelope(epochs []string) *envelope {
	v := new(envelope)
	v.msg.Header = nats.Header{
		jetstream.MsgIDHeader:           v.values[0:1:1],
		cloudevent.HeaderPosition:       v.values[1:2:2],
		cloudevent.HeaderEpoch:          epochs,
		cloudevent.HeaderContentType:    contentTypes,
		jetstream.ExpectedLastSeqHeader: v.values[2:3:3],
	}
	return v
}

// fill makes it the message of the event, which expects the sequence and the id of the one before; of "" it expects nothing.
func (v *envelope) fill(e *eventstore.Event, data []byte, expected uint64, previous string) *nats.Msg {
	v.values = [4]string{e.ID.String(), strconv.FormatInt(e.Position, 10), strconv.FormatUint(expected, 10), previous}
	if previous == "" {
		delete(v.msg.Header, jetstream.ExpectedLastMsgIDHeader)
	} else {
		v.msg.Header[jetstream.ExpectedLastMsgIDHeader] = v.values[3:4:4]
	}
	v.msg.Subject, v.msg.Data = cloudevent.Subject(e.Type), data
	return &v.msg
}
