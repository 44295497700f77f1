package command

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/eventstore"
)

// NoVersion as Request.IfVersion: the caller does not care.
const NoVersion int64 = -1

// Request is one command with all that is known of who sent it.
type Request struct {
	Caller      string   // scope of the key
	Key         string   // idempotency key
	Fingerprint [32]byte // of method, path and canonical body

	Path        string // for the renderer
	RequestID   string // becomes the correlation id
	CausationID string // the event that it follows from, if it follows from one
	Traceparent string
	Client      string // the program that the caller's token was issued to
	UserAgent   string // what the program calls itself
	Address     string // where the request came from
	Actor       string

	OwnedBy   string // when set, commands about accounts of other owners find none; see bank.Principal
	IfVersion int64  // the version of that account which the caller expects, or NoVersion

	EffectiveAt time.Time // value date; zero: the booking time
	Command     bank.Command
	DryRun      bool // decided as ever, and nothing is stored: neither events nor an answer, and the key counts for nothing
}

func (r *Request) key() eventstore.Key { return eventstore.Key{Caller: r.Caller, Key: r.Key} }

// Outcome is what a command came to, before it is committed.
type Outcome struct {
	State         account.State // of the account that the command is about in the first place, afterwards
	TransactionID uuid.UUID     // zero when no money moved
	Position      int64         // of the log after the command
	RecordedAt    time.Time
	Refusal       error         // nil: accepted
	Changes       []bank.Change // what follows; nil when refused or done before
	After         bank.World    // everything that the command concerns, afterwards
}

// Renderer makes the answer's bytes. It is called by the one goroutine that commits, before the commit: it must be quick,
// pure and never fail. 2xx and 422 answers are stored under the key and replayed as they are.
type Renderer func(Request, Outcome) (status int, body []byte)

// Answer is what the caller is told.
type Answer struct {
	Status    int
	Body      []byte
	SubjectID uuid.UUID // see Subject
	Version   int64     // of the account after the command
	Position  int64     // of the log after the command
	Replayed  bool      // said before, under the same key
}

// Subject is what a command brings about, if that has an id of its own, or the account that it is about.
func Subject(c bank.Command) uuid.UUID {
	switch c := c.(type) {
	case bank.OnAccount:
		if hold, places := c.Command.(account.PlaceHold); places {
			return hold.HoldID
		}
		return c.AccountID
	case bank.Transfer:
		return c.TransactionID
	case bank.Reverse:
		return c.ReversalID
	case bank.OnPayment:
		return c.PaymentID
	case bank.OnApproval:
		return c.ApprovalID
	}
	panic(fmt.Sprintf("command: %T is about nothing", c))
}

func kept(status int) bool { return status >= 200 && status < 300 || status == 422 }

var (
	// ErrOverloaded means that more comes than can be done, that the queue is full, that others wait who have fewer commands in
	// it, or that the command has waited too long. Nothing was done; the same key may be sent again.
	ErrOverloaded = errors.New("the command queue is full")
	// ErrKeyInProgress means that a command under the same key runs right now.
	ErrKeyInProgress = errors.New("a command under this idempotency key is in progress")
	// ErrKeyReused means that the key stands for another request.
	ErrKeyReused = errors.New("the idempotency key was used for another request")
	// ErrUnavailable means that the database did not answer in time. The command may have been committed: the same key tells.
	ErrUnavailable = errors.New("the event store is not available")
	// ErrStopping means that the processor takes no more commands. Nothing was done.
	ErrStopping = errors.New("the command processor is stopping")
)

// VersionMismatch means that the account is not at the version the caller expected. Nothing was done, and nothing is stored.
type VersionMismatch struct {
	Expected, Actual int64
}

func (e *VersionMismatch) Error() string {
	return fmt.Sprintf("the account is at version %d, not %d", e.Actual, e.Expected)
}
