package client

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Error implements error.
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", p.Status, cmp.Or(string(p.Code), p.Title))
	if p.Detail != "" {
		b.WriteString(": " + p.Detail)
	}
	for _, e := range p.Errors {
		fmt.Fprintf(&b, "; %s %s", cmp.Or(e.Pointer, e.Parameter), e.Detail)
	}
	if p.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", p.RequestID)
	}
	return b.String()
}

// refusal is a problem with the headers that it came with.
type refusal struct {
	*Problem
	header http.Header
}

func (r *refusal) Unwrap() error { return r.Problem }

// IsCode tells whether an error is a refusal by the bank with one of the codes.
func IsCode(err error, codes ...ErrorCode) bool {
	var problem *Problem
	return errors.As(err, &problem) && slices.Contains(codes, problem.Code)
}

// problemOf reads a refusal. The status line counts, not the copy in the body. What is no problem, as a proxy's page is none, has no code.
func problemOf(status int, body []byte) *Problem {
	p := &Problem{}
	if err := json.Unmarshal(body, p); err != nil || p.Code == "" {
		p = &Problem{Title: http.StatusText(status), Detail: excerpt(body)}
	}
	p.Status = status
	return p
}

// excerptMax is how much is kept of an answer that cannot be read.
const excerptMax = 200

func excerpt(body []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 4*excerptMax)]), "")), " ")
	if runes := []rune(text); len(runes) > excerptMax {
		return string(runes[:excerptMax]) + "…"
	}
	return text
}
