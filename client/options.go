package client

import (
	"net/http"
	"strconv"
	"time"
)

// Option changes one request, or asks what its answer says beside the body.
type Option func(*call)

// IfVersion demands that the account is at this version; a command at another one is refused with version_mismatch.
func IfVersion(version int64) Option {
	return func(c *call) { c.header.Set("If-Match", strconv.Quote(strconv.FormatInt(version, 10))) }
}

// DryRun has the command decided and not stored. What would follow is written to result, and the method returns a zero value; refusals are as they would
// be. The key counts for nothing and may be empty.
func DryRun(result *DryRunResult) Option { return func(c *call) { c.dryRun = result } }

// MinPosition demands that the read includes a position, in place of the client's own; 0 takes what is there.
func MinPosition(position uint64) Option { return func(c *call) { c.minPosition = &position } }

// RequestID names the request, in the answer, in the logs and in the events that it makes.
func RequestID(id string) Option { return func(c *call) { c.header.Set("X-Request-Id", id) } }

// WithReceipt writes what the answer says beside its body.
func WithReceipt(receipt *Receipt) Option { return func(c *call) { c.receipt = receipt } }

// Receipt is what an answer says beside its body.
type Receipt struct {
	Status    int
	RequestID string
	Tries     int           // how often the request was sent
	Replayed  bool          // the bank had answered this key before
	Version   int64         // of the account, from ETag
	Position  uint64        // of a command: its place in the log; of a read: what it includes
	Lag       time.Duration // of a read: how far the read models were behind
}

func (r *Receipt) read(tries, status int, header http.Header) {
	*r = Receipt{
		Status: status, Tries: tries, RequestID: header.Get("X-Request-Id"),
		Replayed: header.Get("Idempotent-Replayed") == "true", Position: positionOf(header),
	}
	if tag, err := strconv.Unquote(header.Get("ETag")); err == nil {
		r.Version, _ = strconv.ParseInt(tag, 10, 64) // of what has no version the tag says something else
	}
	if lag, err := strconv.ParseInt(header.Get("Passbook-Lag-Ms"), 10, 64); err == nil {
		r.Lag = time.Duration(lag) * time.Millisecond
	}
}

// positionOf is 0 when there is none.
func positionOf(header http.Header) uint64 {
	position, err := strconv.ParseUint(header.Get("Passbook-Position"), 10, 64)
	if err != nil {
		return 0
	}
	return position
}
