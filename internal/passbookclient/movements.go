package passbookclient

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// Side is one of the accounts of a command after it. Of an account that the caller may not see there is the id alone.
type Side struct {
	AccountID uuid.UUID    `json:"account_id"`
	Version   int64        `json:"version"`
	Balance   money.Amount `json:"balance"`
	Held      money.Amount `json:"held"`
	Available money.Amount `json:"available"`
	Status    string       `json:"status"`
}

// Transfer moves money between two accounts.
type Transfer struct {
	SourceAccountID uuid.UUID         `json:"source_account_id"`
	TargetAccountID uuid.UUID         `json:"target_account_id"`
	Amount          money.Amount      `json:"amount"`
	Currency        string            `json:"currency"`
	Reference       string            `json:"reference,omitempty"`
	Metadata        map[string]string `json:"metadata,omitempty"`
}

// TransferResult is both accounts after a transfer, whose id is that of its transaction.
type TransferResult struct {
	TransferID uuid.UUID    `json:"transfer_id"`
	Amount     money.Amount `json:"amount"`
	Currency   string       `json:"currency"`
	Source     Side         `json:"source"`
	Target     Side         `json:"target"`
	Position   int64        `json:"position"`
	RecordedAt time.Time    `json:"recorded_at"`

	Replayed bool `json:"-"`
}

// Transfer moves money between two accounts, or on neither.
func (c *Client) Transfer(ctx context.Context, key string, t Transfer) (TransferResult, error) {
	var result TransferResult
	replayed, err := c.write(ctx, http.MethodPost, "/v1/transfers", key, t, &result)
	result.Replayed = replayed
	return result, err
}

// Hold sets money aside. A zero ExpiresAt lets the bank choose.
type Hold struct {
	Amount    money.Amount      `json:"amount"`
	Currency  string            `json:"currency"`
	ExpiresAt time.Time         `json:"expires_at,omitzero"`
	Reference string            `json:"reference,omitempty"`
	Metadata  map[string]string `json:"metadata,omitempty"`
}

// Capture pays out what is held: all of it for a nil Amount. Final gives back what is left then.
type Capture struct {
	Amount    *money.Amount     `json:"amount,omitempty"`
	Final     bool              `json:"final,omitempty"`
	Reference string            `json:"reference,omitempty"`
	Metadata  map[string]string `json:"metadata,omitempty"`
}

// HoldResult is a hold and its account after a command.
type HoldResult struct {
	Result
	HoldID    uuid.UUID    `json:"hold_id"`
	Remaining money.Amount `json:"remaining"` // 0: it has ended
	ExpiresAt time.Time    `json:"expires_at"`
}

// PlaceHold sets money aside.
func (c *Client) PlaceHold(ctx context.Context, key string, account uuid.UUID, h Hold) (HoldResult, error) {
	return c.onHold(ctx, accountPath(account, "/holds"), key, h)
}

// CaptureHold pays out what is held, or a part of it.
func (c *Client) CaptureHold(ctx context.Context, key string, hold uuid.UUID, capture Capture) (HoldResult, error) {
	return c.onHold(ctx, "/v1/holds/"+hold.String()+"/capture", key, capture)
}

// ReleaseHold gives back what is held.
func (c *Client) ReleaseHold(ctx context.Context, key string, hold uuid.UUID, reason string) (HoldResult, error) {
	return c.onHold(ctx, "/v1/holds/"+hold.String()+"/release", key, word{reason})
}

// ExtendHold lets a hold last longer.
func (c *Client) ExtendHold(ctx context.Context, key string, hold uuid.UUID, expiresAt time.Time) (HoldResult, error) {
	return c.onHold(ctx, "/v1/holds/"+hold.String()+"/extend", key, map[string]time.Time{"expires_at": expiresAt})
}

func (c *Client) onHold(ctx context.Context, path, key string, in any) (HoldResult, error) {
	var result HoldResult
	replayed, err := c.write(ctx, http.MethodPost, path, key, in, &result)
	result.Replayed = replayed
	return result, err
}

// word is a reason that need not be given.
type word struct {
	Reason string `json:"reason,omitempty"`
}

// Reversal undoes a transaction: all that is not undone yet for a nil Amount.
type Reversal struct {
	Amount   *money.Amount     `json:"amount,omitempty"`
	Reason   string            `json:"reason"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

// ReversalResult is the account after a reversal; of a transfer it is the source, and Counterparty the target.
type ReversalResult struct {
	Result
	Reverses       uuid.UUID    `json:"reverses"`
	Amount         money.Amount `json:"amount"`
	OriginalAmount money.Amount `json:"original_amount"`
	Reversed       money.Amount `json:"reversed"` // by all reversals together
	Counterparty   *Side        `json:"counterparty"`
}

// Reverse undoes a transaction.
func (c *Client) Reverse(ctx context.Context, key string, transaction uuid.UUID, r Reversal) (ReversalResult, error) {
	var result ReversalResult
	replayed, err := c.write(ctx, http.MethodPost, "/v1/transactions/"+transaction.String()+"/reversals", key, r, &result)
	result.Replayed = replayed
	return result, err
}

// Creditor is who is paid, at another bank.
type Creditor struct {
	Name    string `json:"name"`
	Account string `json:"account"`
	Agent   string `json:"agent,omitempty"`
}

// Payment pays out of the bank. A zero Deadline lets the bank choose.
type Payment struct {
	AccountID uuid.UUID         `json:"account_id"`
	Amount    money.Amount      `json:"amount"`
	Currency  string            `json:"currency"`
	Creditor  Creditor          `json:"creditor"`
	Reference string            `json:"reference,omitempty"`
	Deadline  time.Time         `json:"deadline,omitzero"`
	Metadata  map[string]string `json:"metadata,omitempty"`
}

// PaymentResult is a payment after a command, and, of a request, its account.
type PaymentResult struct {
	PaymentID  uuid.UUID    `json:"payment_id"`
	Status     string       `json:"status"`
	Stuck      bool         `json:"stuck"`
	AccountID  uuid.UUID    `json:"account_id"`
	HoldID     uuid.UUID    `json:"hold_id"`
	Amount     money.Amount `json:"amount"`
	Currency   string       `json:"currency"`
	Deadline   time.Time    `json:"deadline"`
	Account    *Side        `json:"account"`
	Position   int64        `json:"position"`
	RecordedAt time.Time    `json:"recorded_at"`

	Replayed bool `json:"-"`
}

// RequestPayment asks for a payment. That it was accepted says that its money is held, not that it is paid.
func (c *Client) RequestPayment(ctx context.Context, key string, p Payment) (PaymentResult, error) {
	return c.onPayment(ctx, "/v1/payments", key, p)
}

// CancelPayment gives a payment up.
func (c *Client) CancelPayment(ctx context.Context, key string, payment uuid.UUID, reason string) (PaymentResult, error) {
	return c.onPayment(ctx, "/v1/payments/"+payment.String()+"/cancel", key, word{reason})
}

// PushPayment has a stuck payment tried again at once.
func (c *Client) PushPayment(ctx context.Context, key string, payment uuid.UUID, reason string) (PaymentResult, error) {
	return c.onPayment(ctx, "/v1/payments/"+payment.String()+"/push", key, word{reason})
}

func (c *Client) onPayment(ctx context.Context, path, key string, in any) (PaymentResult, error) {
	var result PaymentResult
	replayed, err := c.write(ctx, http.MethodPost, path, key, in, &result)
	result.Replayed = replayed
	return result, err
}
