package console

import (
	"encoding/json"
	"io"
	"os"

	"golang.org/x/term"
)

// Console is the terminal, or the lack of one, that a command was started at.
type Console struct {
	In         io.Reader
	Out, Notes io.Writer // standard output and standard error

	JSON     bool // results and progress are for machines
	Asks     bool // a person can be asked: In is a terminal
	Terminal bool // Notes is a terminal: it can hold a bar
}

// New finds out what the streams of the process are.
func New(stdin io.Reader, stdout, stderr io.Writer) *Console {
	return &Console{In: stdin, Out: stdout, Notes: stderr, Asks: isTerminal(stdin), Terminal: isTerminal(stderr)}
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Result writes what the command found or did: the document as JSON, or the text.
func (c *Console) Result(document any, text func(w io.Writer) error) error {
	if !c.JSON {
		return text(c.Out)
	}
	encoder := json.NewEncoder(c.Out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}

// Line writes one of many results: the document as one line of JSON, or the text.
func (c *Console) Line(document any, text func(w io.Writer) error) error {
	if !c.JSON {
		return text(c.Out)
	}
	return json.NewEncoder(c.Out).Encode(document)
}
