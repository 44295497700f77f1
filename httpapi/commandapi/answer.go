package commandapi

import (
	"net/http"
	"strconv"

	"passbook/command"
)

// answer writes what the executor answered: bytes that were rendered once and are the same at every replay.
type answer struct {
	command.Answer
	opened bool // whether the command was to open an account
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
	if a.Status < 300 {
		a.setHeaders(h)
	} else {
		h["Content-Type"] = contentProblem
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
	if a.opened {
		text = appendID(append(text, "/v1/accounts/"...), a.SubjectID)
	}
	all := string(text)
	values := []string{all[:etag], all[etag:position], all[position:]}
	h["Content-Type"] = contentJSON
	h["ETag"] = values[0:1:1] // as the standard writes it; net/http would make it Etag
	h["Passbook-Position"] = values[1:2:2]
	if a.opened {
		h["Location"] = values[2:3:3]
	}
}
