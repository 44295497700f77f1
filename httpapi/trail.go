package httpapi

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"passbook/internal/denials"
)

// Trail takes note of denials: see denials.Trail. It must not block.
type Trail interface{ Note(denials.Denial) }

// denied tells whether an answer of this status is a denial: nobody known, not allowed, nothing there (or nothing that the caller may
// see), or refused by the bank's rules. What was asked in the wrong form, at the wrong moment or too often is none.
func denied(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity:
		return true
	}
	return false
}

// NoteRefusal takes note of a command that was answered with a problem without passing [Call.Problem]. A dry run is a question: no
// command was refused.
func (c *Call) NoteRefusal(problem []byte, status int, account uuid.UUID) {
	if !c.DryRun && denied(status) {
		c.note(codeOf(problem), status, account)
	}
}

// codeOf reads the code off a problem that AppendProblem made.
func codeOf(problem []byte) string {
	rest, ok := bytes.CutPrefix(problem, []byte(`{"type":"`+typeBase))
	code, _, closed := bytes.Cut(rest, []byte{'"'})
	if !ok || !closed {
		return InternalError
	}
	return KindOf(string(code)).Code
}

// note takes note of the call, if its answer is a denial. Paths that no route has are not noted: whoever asks for them is looking for
// something else than a bank.
func (c *Call) note(code string, status int, account uuid.UUID) {
	trail := c.route.server.cfg.Trail
	if trail == nil || !denied(status) || c.route.Path == "" {
		return
	}
	d := denials.Denial{
		At: time.Now().UTC().Truncate(time.Microsecond), Code: code, Status: status, Method: c.route.Method, Route: c.route.Path,
		About: c.addressed(account), UserAgent: c.UserAgent(), Address: c.Address, RequestID: c.RequestID,
	}
	if id := c.Identity; id != nil {
		d.Issuer, d.Actor, d.Client = id.Issuer, id.Subject, c.Client()
	}
	trail.Note(d)
}

// addressed is the id in the path, and otherwise the account.
func (c *Call) addressed(account uuid.UUID) uuid.UUID {
	before, _, variable := strings.Cut(c.route.Path, "{")
	rest, fits := strings.CutPrefix(c.Path, before)
	if !variable || !fits {
		return account
	}
	text, _, _ := strings.Cut(rest, "/")
	if id, err := ParseID(text); err == nil {
		return id
	}
	return account
}
