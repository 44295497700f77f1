package passbookclient

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Problem is what the bank says when it refuses (RFC 9457). Program against Code; it is empty when something between here
// and the bank answered.
type Problem struct {
	Type      string          `json:"type"`
	Title     string          `json:"title"`
	Status    int             `json:"status"`
	Code      string          `json:"code"`
	Detail    string          `json:"detail"`
	Instance  string          `json:"instance"`
	RequestID string          `json:"request_id"`
	Retryable bool            `json:"retryable"`
	Errors    []FieldError    `json:"errors"`
	Context   json.RawMessage `json:"context"`
}

// FieldError is one fault in a request, at a JSON pointer or in a named parameter.
type FieldError struct {
	Pointer   string `json:"pointer"`
	Parameter string `json:"parameter"`
	Code      string `json:"code"`
	Detail    string `json:"detail"`
}

func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", p.Status, firstOf(p.Code, p.Title))
	if p.Detail != "" {
		b.WriteString(": " + p.Detail)
	}
	for _, e := range p.Errors {
		fmt.Fprintf(&b, "; %s %s", firstOf(e.Pointer, e.Parameter), e.Detail)
	}
	if p.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", p.RequestID)
	}
	return b.String()
}

func firstOf(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

// excerptMax is how much is kept of an answer that is no problem document.
const excerptMax = 200

// problemOf reads a refusal. The status line counts, not the copy in the body.
func problemOf(status int, body []byte) *Problem {
	p := &Problem{}
	if err := json.Unmarshal(body, p); err != nil || p.Code == "" {
		p = &Problem{Title: http.StatusText(status), Detail: excerpt(body)}
	}
	p.Status = status
	return p
}

func excerpt(body []byte) string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 4*excerptMax)]), "")), " ")
	if runes := []rune(text); len(runes) > excerptMax {
		return string(runes[:excerptMax]) + "…"
	}
	return text
}
