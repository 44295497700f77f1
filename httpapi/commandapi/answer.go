package commandapi

import (
	"net/http"
	"strconv"

	"passbook/command"
	"passbook/domain/account"
	"passbook/domain/bank"
	"passbook/domain/payment"
	"passbook/httpapi"
)

// answer writes what the executor answered: bytes that were rendered once and are the same at every replay.
type answer struct {
	command.Answer
	location string // of what the command brings into being, without its id; "" when it brings nothing, or only tries
	dryRun   bool
}

// Values of headers, shared by all answers.
var (
	contentJSON    = []string{mediaJSON}
	contentLines   = []string{mediaLines}
	contentProblem = []string{"application/problem+json"}
	replayed       = []string{"true"}
)

func (a *answer) write(w http.ResponseWriter) error {
	h := w.Header()
	if a.Replayed {
		h["Idempotent-Replayed"] = replayed
	}
	switch {
	case a.Status >= 300:
		h["Content-Type"] = contentProblem
	case a.dryRun:
		h["Content-Type"] = contentJSON
	default:
		a.setHeaders(h)
	}
	w.WriteHeader(a.Status)
	_, err := w.Write(a.Body)
	return err
}

// setHeaders sets those of an accepted command. All their values lie in one text and one slice: this is done for every
// command, and would otherwise be most of what an answer allocates.
func (a *answer) setHeaders(h http.Header) {
	var onStack [128]byte
	text := strconv.AppendInt(append(onStack[:0], '"'), a.Version, 10)
	text = append(text, '"')
	etag := len(text)
	text = strconv.AppendInt(text, a.Position, 10)
	position := len(text)
	location := a.location
	if isPending(a.Status, a.Body) {
		location = approvalsPath
	}
	if location != "" {
		text = httpapi.AppendID(append(text, location...), a.SubjectID)
	}
	all := string(text)
	values := []string{all[:etag], all[etag:position], all[position:]}
	h["Content-Type"] = contentJSON
	h["ETag"] = values[0:1:1] // as the standard writes it; net/http would make it Etag
	h["Passbook-Position"] = values[1:2:2]
	if location != "" {
		h["Location"] = values[2:3:3]
	}
}

// location is where that is found which a command brings into being, less its id.
func location(c bank.Command) string {
	switch c := c.(type) {
	case bank.OnAccount:
		switch c.Command.(type) {
		case account.Open:
			return "/v1/accounts/"
		case account.PlaceHold:
			return "/v1/holds/"
		}
	case bank.Transfer:
		return "/v1/transfers/"
	case bank.Reverse:
		return "/v1/transactions/"
	case bank.OnPayment:
		if _, requests := c.Command.(payment.Request); requests {
			return "/v1/payments/"
		}
	}
	return ""
}
