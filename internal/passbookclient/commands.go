package passbookclient

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// Result is the account after a command.
type Result struct {
	AccountID     uuid.UUID    `json:"account_id"`
	TransactionID uuid.UUID    `json:"transaction_id"` // zero when no money moved
	Version       int64        `json:"version"`
	Position      int64        `json:"position"`
	Balance       money.Amount `json:"balance"`
	Available     money.Amount `json:"available"`
	Held          money.Amount `json:"held"`
	Status        string       `json:"status"`
	Currency      string       `json:"currency"`
	RecordedAt    time.Time    `json:"recorded_at"`

	Replayed bool `json:"-"` // the bank had answered this key before
}

// Account is what an account is opened with. A zero AccountID lets the bank choose.
type Account struct {
	AccountID      uuid.UUID         `json:"account_id,omitzero"`
	OwnerID        string            `json:"owner_id"`
	OwnerName      string            `json:"owner_name"`
	Currency       string            `json:"currency"`
	OverdraftLimit money.Amount      `json:"overdraft_limit,omitempty"`
	Metadata       map[string]string `json:"metadata,omitempty"`
}

// Movement is common to the commands that move money. A zero EffectiveAt means the booking time.
type Movement struct {
	Amount      money.Amount      `json:"amount"`
	Currency    string            `json:"currency"`
	Reference   string            `json:"reference,omitempty"`
	EffectiveAt time.Time         `json:"effective_at,omitzero"`
	Metadata    map[string]string `json:"metadata,omitempty"`
}

// Deposit is money in.
type Deposit struct {
	Movement
	Source string `json:"source,omitempty"`
}

// Withdrawal is money out; it cannot pass the overdraft limit.
type Withdrawal struct {
	Movement
	Channel string `json:"channel,omitempty"`
}

// Fee is money out for a reason; it can pass the overdraft limit.
type Fee struct {
	Movement
	Reason string `json:"reason"`
}

// Interest is money in, or out when its amount is negative.
type Interest struct {
	Movement
	Rate   string `json:"rate,omitempty"`
	Period string `json:"period,omitempty"`
}

// Settings changes what is not nil.
type Settings struct {
	OverdraftLimit *money.Amount      `json:"overdraft_limit,omitempty"`
	OwnerName      *string            `json:"owner_name,omitempty"`
	Metadata       *map[string]string `json:"metadata,omitempty"`
	Limits         *Limits            `json:"limits,omitempty"`
}

// Limits bound what the owner spends; all of them are replaced, and 0 is none.
type Limits struct {
	PerTransaction money.Amount `json:"per_transaction,omitempty"`
	PerDay         money.Amount `json:"per_day,omitempty"`
	PerMonth       money.Amount `json:"per_month,omitempty"`
}

// Open opens an account. Opening it again with the same id and content changes nothing.
func (c *Client) Open(ctx context.Context, key string, account Account) (Result, error) {
	return c.command(ctx, http.MethodPost, "/v1/accounts", key, account)
}

// Deposit pays money in.
func (c *Client) Deposit(ctx context.Context, key string, account uuid.UUID, d Deposit) (Result, error) {
	return c.command(ctx, http.MethodPost, accountPath(account, "/deposits"), key, d)
}

// Withdraw pays money out.
func (c *Client) Withdraw(ctx context.Context, key string, account uuid.UUID, w Withdrawal) (Result, error) {
	return c.command(ctx, http.MethodPost, accountPath(account, "/withdrawals"), key, w)
}

// ChargeFee takes a fee.
func (c *Client) ChargeFee(ctx context.Context, key string, account uuid.UUID, f Fee) (Result, error) {
	return c.command(ctx, http.MethodPost, accountPath(account, "/fees"), key, f)
}

// PostInterest books interest, or penalty interest.
func (c *Client) PostInterest(ctx context.Context, key string, account uuid.UUID, i Interest) (Result, error) {
	return c.command(ctx, http.MethodPost, accountPath(account, "/interest"), key, i)
}

// Freeze stops money movements: all of them, or with scope "debit" withdrawals only.
func (c *Client) Freeze(ctx context.Context, key string, account uuid.UUID, reason, scope string) (Result, error) {
	return c.command(ctx, http.MethodPost, accountPath(account, "/freeze"), key, lifecycle{reason, scope})
}

// Unfreeze ends a freeze.
func (c *Client) Unfreeze(ctx context.Context, key string, account uuid.UUID, reason string) (Result, error) {
	return c.command(ctx, http.MethodPost, accountPath(account, "/unfreeze"), key, lifecycle{Reason: reason})
}

// Close closes an empty account.
func (c *Client) Close(ctx context.Context, key string, account uuid.UUID, reason string) (Result, error) {
	return c.command(ctx, http.MethodPost, accountPath(account, "/close"), key, lifecycle{Reason: reason})
}

// Reopen opens a closed account again.
func (c *Client) Reopen(ctx context.Context, key string, account uuid.UUID, reason string) (Result, error) {
	return c.command(ctx, http.MethodPost, accountPath(account, "/reopen"), key, lifecycle{Reason: reason})
}

// ChangeSettings changes an account's settings.
func (c *Client) ChangeSettings(ctx context.Context, key string, account uuid.UUID, s Settings) (Result, error) {
	return c.command(ctx, http.MethodPatch, accountPath(account, ""), key, s)
}

type lifecycle struct {
	Reason string `json:"reason"`
	Scope  string `json:"scope,omitempty"`
}

func accountPath(account uuid.UUID, rest string) string {
	return "/v1/accounts/" + account.String() + rest
}

func (c *Client) command(ctx context.Context, method, path, key string, in any) (Result, error) {
	var result Result
	replayed, err := c.write(ctx, method, path, key, in, &result)
	result.Replayed = replayed
	return result, err
}
