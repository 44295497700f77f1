package importer

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"passbook/domain/money"
)

// columns is the header of a statement file, exactly.
var columns = []string{
	"account", "booked_on", "reference", "kind", "amount", "counterparty_bank", "counterparty_account", "memo", "balance_after",
}

// textMax bounds each text column: what a command's metadata can hold.
const textMax = 200

// SizeMax bounds a file, unzipped: some ten million rows.
const SizeMax = 1 << 30

// faultsMax is how many malformed rows are listed; the rest are counted.
const faultsMax = 20

// Statement is a file that was read without a fault.
type Statement struct {
	Currency money.Currency
	Accounts []*Account // in the order of their first rows
	Rows     int
	LastDay  time.Time
}

// Account is the rows of one account in the order of the file.
type Account struct {
	Number string
	ID     uuid.UUID
	Rows   []Row
}

// Row is one movement as the file has it.
type Row struct {
	Line                int
	BookedOn            time.Time // midnight UTC
	Reference           string
	Kind                string
	Amount              money.Amount // positive
	CounterpartyBank    string
	CounterpartyAccount string
	Memo                string
	BalanceAfter        money.Amount
}

// AccountID is the id under which an account of this number is opened: the same for every import of it.
func AccountID(number string) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("urn:account:"+number))
}

// FormatError lists what is malformed in a file. Nothing of such a file is sent.
type FormatError struct {
	Faults []string // at most faultsMax, each with its line
	More   int      // faults beyond those
}

func (e *FormatError) Error() string {
	text := "malformed statement file:\n  " + strings.Join(e.Faults, "\n  ")
	if e.More > 0 {
		text += fmt.Sprintf("\n  and %d more", e.More)
	}
	return text
}

func (e *FormatError) add(line int, err error) {
	if len(e.Faults) == faultsMax {
		e.More++
		return
	}
	e.Faults = append(e.Faults, fmt.Sprintf("line %d: %v", line, err))
}

// Read reads a whole statement file, plain or gzipped (told by its first bytes, not its name). Every row is checked
// before anything is returned; the error is a *FormatError when rows are malformed, and ErrTooLarge when there are more than SizeMax
// bytes, unzipped.
func Read(source io.Reader, currency money.Currency) (*Statement, error) {
	return readUpTo(SizeMax, source, currency)
}

func readUpTo(limit int64, source io.Reader, currency money.Currency) (*Statement, error) {
	plain, err := decompress(source)
	if err != nil {
		return nil, err
	}
	limited := &io.LimitedReader{R: plain, N: limit + 1}
	r := csv.NewReader(limited)
	r.FieldsPerRecord = -1 // counted here, so that a short row is one fault among others
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("read the header: %w", err)
	}
	if !slices.Equal(header, columns) {
		return nil, &FormatError{Faults: []string{fmt.Sprintf("line 1: the header is %.200q, not %q", strings.Join(header, ","), strings.Join(columns, ","))}}
	}
	b := newBuilder(currency)
	for {
		record, err := r.Read()
		switch {
		case limited.N == 0:
			return nil, ErrTooLarge
		case errors.Is(err, io.EOF):
			return b.statement()
		}
		if err := b.take(r, record, err); err != nil {
			return nil, err
		}
	}
}

func decompress(source io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(source)
	magic, err := buffered.Peek(2)
	if err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return buffered, nil // too short to be gzipped: the header check will say what is wrong
	}
	unzipped, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, fmt.Errorf("gunzip: %w", err)
	}
	return unzipped, nil
}

// ErrTooLarge means that a file, or what a small file unzips to, is larger than SizeMax.
var ErrTooLarge = fmt.Errorf("larger than %d bytes, unzipped", SizeMax)

// builder collects rows by account and what is wrong with them.
type builder struct {
	result     *Statement
	byNumber   map[string]*Account
	references map[string]int // the line of each
	faults     FormatError
}

func newBuilder(currency money.Currency) *builder {
	return &builder{
		result:     &Statement{Currency: currency},
		byNumber:   map[string]*Account{},
		references: map[string]int{},
	}
}

// take adds one record. A broken quote is a fault of the row; an error of reading ends everything.
func (b *builder) take(r *csv.Reader, record []string, err error) error {
	syntax := &csv.ParseError{}
	switch {
	case errors.As(err, &syntax):
		b.faults.add(syntax.Line, syntax.Err)
		return nil
	case err != nil:
		return fmt.Errorf("read the file: %w", err)
	}
	line, _ := r.FieldPos(0)
	if err := b.add(line, record); err != nil {
		b.faults.add(line, err)
	}
	return nil
}

func (b *builder) add(line int, record []string) error {
	number, row, err := parseRow(record, b.result.Currency)
	if err != nil {
		return err
	}
	if before, twice := b.references[row.Reference]; twice {
		return fmt.Errorf("reference %q stands on line %d already", row.Reference, before)
	}
	account := b.account(number)
	if n := len(account.Rows); n > 0 && row.BookedOn.Before(account.Rows[n-1].BookedOn) {
		return fmt.Errorf("booked_on goes back from %s to %s", account.Rows[n-1].BookedOn.Format(time.DateOnly), row.BookedOn.Format(time.DateOnly))
	}
	row.Line = line
	b.references[row.Reference] = line
	account.Rows = append(account.Rows, row)
	b.result.Rows++
	if row.BookedOn.After(b.result.LastDay) {
		b.result.LastDay = row.BookedOn
	}
	return nil
}

func (b *builder) account(number string) *Account {
	account, ok := b.byNumber[number]
	if !ok {
		account = &Account{Number: number, ID: AccountID(number)}
		b.byNumber[number] = account
		b.result.Accounts = append(b.result.Accounts, account)
	}
	return account
}

func (b *builder) statement() (*Statement, error) {
	if len(b.faults.Faults) > 0 {
		return nil, &b.faults
	}
	return b.result, nil
}
