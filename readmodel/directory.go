package readmodel

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/google/uuid"

	"passbook/readmodel/internal/db"
)

// Owner is an owner of accounts. Name is what the latest of the accounts calls the owner.
type Owner struct {
	ID, Name string
	Accounts []uuid.UUID // only of one owner asked for by id: at most OwnerAccountsMax, in the order of their ids
	More     bool        // there are more accounts
}

// OwnerAccountsMax bounds what is listed with an owner. The list of accounts has them all, in pages.
const OwnerAccountsMax = 200

// OwnerFilter picks owners; empty fields pick all.
type OwnerFilter struct {
	Words string // of the name: each word, or its beginning, must be there
	Only  string // this owner, or none
	Limit int    // at most 1,000
	After string // the owner behind which the page begins
}

// ErrNoWords means that a search text has no word in it.
var ErrNoWords = errors.New("no word to search for")

// Owner returns one owner, or ErrNotFound.
func (q *Queries) Owner(ctx context.Context, id string) (Owner, Freshness, error) {
	statements, stamp := q.stamp(Owners)
	rows, err := statements.AccountsOf(ctx, db.AccountsOfParams{OwnerID: id, RowLimit: OwnerAccountsMax + 1})
	fresh := stamp.freshness
	switch {
	case err != nil:
		return Owner{}, fresh, fmt.Errorf("read owner: %w", err)
	case len(rows) == 0:
		return Owner{}, fresh, fmt.Errorf("owner: %w", ErrNotFound)
	}
	o := Owner{ID: id}
	rows, o.More = page(rows, OwnerAccountsMax+1)
	var latest int64
	for _, row := range rows {
		o.Accounts = append(o.Accounts, row.AccountID)
		if fresh = fresh.of(stamp.parked[row.AccountID]); row.Position > latest {
			latest, o.Name = row.Position, row.OwnerName
		}
	}
	return o, fresh, nil
}

// Owners returns a page of owners in the order of their ids, and whether there is more behind it.
func (q *Queries) Owners(ctx context.Context, f OwnerFilter) ([]Owner, bool, Freshness, error) {
	statements, stamp := q.stamp(Owners)
	limit := pageLimit(f.Limit)
	var rows []db.OwnersPageRow
	var err error
	if f.Words == "" {
		rows, err = statements.OwnersPage(ctx, db.OwnersPageParams{After: f.After, OneOwner: f.Only, RowLimit: limit})
	} else {
		rows, err = ownersByWords(ctx, statements, f, limit)
	}
	if err != nil {
		return nil, false, stamp.freshness, fmt.Errorf("list owners: %w", err)
	}
	rows, more := page(rows, limit)
	owners := make([]Owner, len(rows))
	for i, row := range rows {
		owners[i] = Owner{ID: row.OwnerID, Name: row.OwnerName}
	}
	return owners, more, stamp.freshness, nil
}

func ownersByWords(ctx context.Context, statements *db.Queries, f OwnerFilter, limit int) ([]db.OwnersPageRow, error) {
	words := wordsOf(f.Words)
	if words == "" {
		return nil, ErrNoWords
	}
	found, err := statements.OwnersByWords(ctx, db.OwnersByWordsParams{Words: words, After: f.After, OneOwner: f.Only, RowLimit: limit})
	rows := make([]db.OwnersPageRow, len(found))
	for i, row := range found {
		rows[i] = db.OwnersPageRow(row)
	}
	return rows, err
}

// wordsOf is the search for all words of a text, each as the beginning of one, in Postgres' language. It has letters and digits
// only, so that nothing in it means anything there.
func wordsOf(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })
	for i := range words {
		words[i] += ":*"
	}
	return strings.Join(words, " & ")
}
