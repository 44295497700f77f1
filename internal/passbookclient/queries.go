package passbookclient

import (
	"context"
	"net/url"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// AccountView is an account as the read models know it.
type AccountView struct {
	AccountID      uuid.UUID    `json:"account_id"`
	OwnerID        string       `json:"owner_id"`
	OwnerName      string       `json:"owner_name"`
	Currency       string       `json:"currency"`
	Balance        money.Amount `json:"balance"`
	Held           money.Amount `json:"held"`
	Available      money.Amount `json:"available"`
	OverdraftLimit money.Amount `json:"overdraft_limit"`
	Status         string       `json:"status"`
	Version        int64        `json:"version"`
	OpenedAt       time.Time    `json:"opened_at"`
	UpdatedAt      time.Time    `json:"updated_at"`
}

// DailyBalances is a series of day-end balances, one for every day of the interval that was asked for.
type DailyBalances struct {
	AccountID uuid.UUID    `json:"account_id"`
	Currency  string       `json:"currency"`
	Basis     string       `json:"basis"`
	Data      []DayBalance `json:"data"`
}

// DayBalance is the balance at the end of a day (YYYY-MM-DD, UTC).
type DayBalance struct {
	Date    string       `json:"date"`
	Balance money.Amount `json:"balance"`
}

// DaysMax is the longest interval that DailyBalances may ask for.
const DaysMax = 3700

// Account reads one account.
func (c *Client) Account(ctx context.Context, account uuid.UUID) (AccountView, error) {
	var view AccountView
	err := c.read(ctx, accountPath(account, ""), nil, &view)
	return view, err
}

// DailyBalances reads the day-end balances by value date of the days from <= day < to, at most DaysMax.
func (c *Client) DailyBalances(ctx context.Context, account uuid.UUID, from, to time.Time) (DailyBalances, error) {
	query := url.Values{
		"from":     {from.Format(time.DateOnly)},
		"to":       {to.Format(time.DateOnly)},
		"interval": {"day"},
		"basis":    {"effective"},
	}
	var series DailyBalances
	err := c.read(ctx, accountPath(account, "/balances"), query, &series)
	return series, err
}
