package webhook

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"passbook/webhook/internal/db"
)

// Status is a subscription's.
type Status string

// The states of a subscription: see the package comment.
const (
	Active   Status = "active"
	Paused   Status = "paused"
	Disabled Status = "disabled"
)

// Reason is why a subscription is disabled.
type Reason string

// The reasons.
const (
	Failing Reason = "failing" // for longer than it may
	Gone    Reason = "gone"    // its receiver has said so, by 410
)

// Subscription is who wants to be told of what, and how that goes.
type Subscription struct {
	ID          uuid.UUID
	CreatedBy   string // issuer and subject
	OwnedBy     string // it is about accounts of this owner alone; "" for every account
	AccountID   *uuid.UUID
	URL         string
	EventTypes  []string // empty for all
	Description string
	CreatedAt   time.Time
	UpdatedAt   time.Time

	Status       Status
	Reason       Reason
	Position     int64 // everything up to here that it is about has its delivery
	Failures     int   // attempts in vain, one after another
	FailingSince *time.Time
	QuietUntil   time.Time // it is left alone until then, when that is to come
	DeliveredAt  *time.Time

	Pending, Failed int // deliveries, CountMax+1 for more than that; known to a Reader
}

// CountMax is how far deliveries are counted.
const CountMax = 10_000

func subscriptionOf(r db.WebhookSubscription) Subscription {
	return Subscription{
		ID: r.WebhookID, CreatedBy: r.CreatedBy, OwnedBy: r.OwnedBy, AccountID: r.AccountID, URL: r.Url, EventTypes: r.EventTypes, Description: r.Description,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(), Status: Status(r.Status), Reason: Reason(r.StatusReason), Position: r.Position,
		Failures: r.Failures, FailingSince: utc(r.FailingSince), QuietUntil: r.QuietUntil.UTC(), DeliveredAt: utc(r.DeliveredAt),
	}
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	moved := t.UTC()
	return &moved
}

// State is a delivery's.
type State string

// The states of a delivery: see the package comment.
const (
	Pending   State = "pending"
	Delivered State = "delivered"
	Failed    State = "failed"
)

// Delivery is an event on its way to a subscription.
type Delivery struct {
	ID        uuid.UUID // the webhook-id
	WebhookID uuid.UUID
	Number    int64 // in the order in which deliveries were made
	Position  int64 // of the event; 0 for a test
	AccountID *uuid.UUID
	Type      string
	Payload   string
	State     State
	Attempts  int
	Last      Attempt   // of them; its number is 0 before the first
	DueAt     time.Time // when it is tried next, while it is pending
	CreatedAt time.Time
	EndedAt   *time.Time
}

// Attempt is one request to a receiver.
type Attempt struct {
	Number int
	At     time.Time
	Took   time.Duration
	Result Result
	Status int    // of the answer; 0 for none
	Answer string // its first bytes
}

// Result is what came of an attempt.
type Result string

// The results.
const (
	Arrived           Result = "delivered"
	Refused           Result = "refused"             // answered with another status than 2xx
	Redirected        Result = "redirected"          // answered with 3xx, which is not followed
	ReceiverGone      Result = "gone"                // answered with 410
	TimedOut          Result = "timed_out"           // not answered in time
	NameUnknown       Result = "name_unknown"        // the host's name has no address
	AddressNotAllowed Result = "address_not_allowed" // it has one that deliveries do not go to
	TLSFailed         Result = "tls_failed"          // the certificate is not good, or TLS is not spoken there
	ConnectionFailed  Result = "connection_failed"   // no connection, or it broke
	NotPermitted      Result = "not_permitted"       // nothing was sent: the account is not the subscriber's
)

// Results lists them all.
func Results() []Result {
	return []Result{Arrived, Refused, Redirected, ReceiverGone, TimedOut, NameUnknown, AddressNotAllowed, TLSFailed, ConnectionFailed, NotPermitted}
}

// TestType is the type of a test's payload.
const TestType = "test"

// The errors of Store and Reader, beside those of the database and *URLError.
var (
	ErrNotFound   = errors.New("no such webhook")
	ErrNoDelivery = errors.New("no such delivery")
	ErrNoAccount  = errors.New("no such account")
	ErrKeyReused  = errors.New("the idempotency key was used for another request")
	ErrAhead      = errors.New("the position is behind the end of the log")
)

// ErrLimit means that a limit is reached.
type ErrLimit struct {
	Limit string // its name
	Max   int
}

func (e *ErrLimit) Error() string { return fmt.Sprintf("%s: more than %d", e.Limit, e.Max) }

// names is the name space of the ids of deliveries. It never changes.
var names = uuid.MustParse("5c3d0a4e-9a53-5a6b-8a55-6a3f0a8f9d11")

// DeliveryID is the id of an event's delivery to a subscription, which is the same whenever it is made.
func DeliveryID(webhookID, eventID uuid.UUID) uuid.UUID {
	return uuid.NewSHA1(names, slices.Concat(webhookID[:], eventID[:]))
}
