package payment

import (
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// Command is something asked of a payment. The set is closed: the types of this file, as values.
type Command interface{ isCommand() }

// Request asks for a payment out of the bank. Repeated with the very same content it decides nothing.
type Request struct {
	PaymentID uuid.UUID
	AccountID uuid.UUID
	HoldID    uuid.UUID // of the hold that is placed on the account with the request
	Money     money.Money
	Creditor  Creditor
	Reference string
	Metadata  map[string]string
	Deadline  time.Time // when it times out without an outcome; zero: DeadlineDefault from now
}

// Submit says that the gateway took the payment and will answer later.
type Submit struct{ GatewayReference string }

// Settle says that the gateway paid.
type Settle struct{ GatewayReference string }

// Reject says that the gateway will not pay.
type Reject struct{ Code, Reason string }

// TimeOut asks to give the payment up, because its deadline has passed.
type TimeOut struct{}

// Cancel asks to give the payment up for another reason.
type Cancel struct{ By, Reason string }

// Push asks to try a stuck payment again at once. One that is not stuck is under way anyway.
type Push struct{ By, Reason string }

// MarkStuck says that the payment was tried in vain too often.
type MarkStuck struct{ Reason string }

func (Request) isCommand()   {}
func (Submit) isCommand()    {}
func (Settle) isCommand()    {}
func (Reject) isCommand()    {}
func (TimeOut) isCommand()   {}
func (Cancel) isCommand()    {}
func (Push) isCommand()      {}
func (MarkStuck) isCommand() {}
