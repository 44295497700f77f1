// Package demo fills a bank with a small, lively data set of our own making: a few people with their salaries, rents, cards
// and savings in four currencies, an account that is frozen and one that was closed.
//
// It is the same every time: ids, dates and amounts are fixed, and so are the idempotency keys. Running it again changes
// nothing; one that was cut short is finished by running it again.
package demo

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/google/uuid"

	"passbook/client"
	"passbook/domain/money"
)

// edition stands in every key and id. Whoever changes the data raises it, since a key must not mean two things.
const edition = "demo-1"

// Summary is what a run did.
type Summary struct {
	Accounts int
	Commands int
	Replayed int // commands that had been answered in a run before
}

// Run plays the stories one after another and lists the accounts on out. The first command that the bank refuses ends it.
func Run(ctx context.Context, bank *client.Client, out io.Writer) (Summary, error) {
	var summary Summary
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ACCOUNT\tOWNER\tNAME\tBALANCE\tWHAT")
	for _, s := range stories() {
		balance, err := s.play(ctx, bank, &summary)
		if err != nil {
			return summary, fmt.Errorf("%s: %w", s.title, err)
		}
		shown := balance.Format(s.currency) + " " + s.currency.Code()
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", s.id(), s.ownerID, s.ownerName, shown, s.title)
	}
	if err := table.Flush(); err != nil {
		return summary, fmt.Errorf("list the accounts: %w", err)
	}
	return summary, nil
}

// play opens the account and sends its steps in order. It returns the balance after the last one.
func (s *story) play(ctx context.Context, bank *client.Client, summary *Summary) (money.Amount, error) {
	summary.Accounts++
	var receipt client.Receipt
	result, err := bank.OpenAccount(ctx, s.key(0), client.OpenAccount{
		AccountID:      s.id(),
		OwnerID:        s.ownerID,
		OwnerName:      s.ownerName,
		Currency:       s.currency.Code(),
		OverdraftLimit: int64(s.overdraft),
		Metadata:       client.Metadata{"product": s.title},
	}, client.WithReceipt(&receipt))
	summary.count(receipt, err)
	for i, next := range s.inOrder() {
		if err != nil {
			break
		}
		result, err = next.send(ctx, bank, s.key(i+1), s.id(), client.WithReceipt(&receipt))
		summary.count(receipt, err)
	}
	return money.Amount(result.Balance), err
}

func (s *Summary) count(receipt client.Receipt, err error) {
	if err != nil {
		return
	}
	s.Commands++
	if receipt.Replayed {
		s.Replayed++
	}
}

func (s *story) id() uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("urn:passbook:"+edition+":"+s.name))
}

func (s *story) key(step int) string { return fmt.Sprintf("%s-%s-%d", edition, s.name, step) }
