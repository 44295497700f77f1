package lean

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	headMax   = 64 << 10
	answerMax = 8 << 20
)

// Answer is what is read of an answer.
type Answer struct {
	Status   int
	Position int64  // Passbook-Position, 0 without one
	Body     []byte // good until the connection's next request

	length  int // of the body, lengthUnknown until it is announced
	chunked bool
	closes  bool // no other request may follow on this connection
}

const lengthUnknown = -1

var (
	errMalformed = errors.New("it is malformed")
	endOfHead    = []byte("\r\n\r\n")
	endOfLine    = []byte("\r\n")
)

// readAnswer reads the final answer; interim ones (1xx) are passed over.
func (c *Conn) readAnswer(a *Answer) error {
	for {
		head, err := c.readHead()
		if err != nil {
			return err
		}
		if err := a.parse(head); err != nil {
			return err
		}
		if a.Status >= 200 {
			return c.readBody(a)
		}
	}
}

// readHead returns status line and header lines, each with its line end.
func (c *Conn) readHead() ([]byte, error) {
	seen := 0
	for {
		arrived := c.in[c.read:c.fill]
		if end := bytes.Index(arrived[seen:], endOfHead); end >= 0 {
			length := seen + end + len(endOfHead)
			c.read += length
			return arrived[:length-len(endOfLine)], nil
		}
		if len(arrived) > headMax {
			return nil, fmt.Errorf("its head is longer than %d bytes", headMax)
		}
		seen = max(0, len(arrived)-len(endOfHead)+1) // the end may have come in part
		if err := c.more(); err != nil {
			return nil, unexpected(err, len(arrived) > 0)
		}
	}
}

// unexpected names the end of a connection in the middle of an answer.
func unexpected(err error, begun bool) error {
	if begun && errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (a *Answer) parse(head []byte) error {
	*a = Answer{length: lengthUnknown}
	end := bytes.Index(head, endOfLine)
	line := head[:end]
	// HTTP/1.1 201 Created
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' {
		return fmt.Errorf("%w: status line %.40q", errMalformed, line)
	}
	status, ok := digits(line[9:12])
	if !ok || status < 100 || status > 599 {
		return fmt.Errorf("%w: status line %.40q", errMalformed, line)
	}
	a.Status, a.closes = int(status), line[7] == '0'
	for rest := head[end+2:]; len(rest) > 0; {
		end := bytes.Index(rest, endOfLine)
		if err := a.field(rest[:end]); err != nil {
			return err
		}
		rest = rest[end+2:]
	}
	return nil
}

// field reads one header line; most are passed over by the length of their names alone.
func (a *Answer) field(line []byte) error {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return fmt.Errorf("%w: header line %.40q", errMalformed, line)
	}
	name, value := line[:colon], bytes.TrimSpace(line[colon+1:])
	switch {
	case colon == len("Connection") && named(name, "Connection"):
		a.closes = a.closes || named(value, "close")
	case colon == len("Content-Length") && named(name, "Content-Length"):
		length, ok := digits(value)
		if !ok || length > answerMax {
			return fmt.Errorf("%w: length %.40q", errMalformed, value)
		}
		a.length = int(length)
	case colon == len("Transfer-Encoding") && named(name, "Transfer-Encoding"):
		a.chunked = named(value, "chunked")
		if !a.chunked {
			return fmt.Errorf("%w: encoding %.40q", errMalformed, value)
		}
	case colon == len("Passbook-Position") && named(name, "Passbook-Position"):
		a.Position, _ = digits(value)
	}
	return nil
}

func named(got []byte, name string) bool {
	if string(got) == name { // compares without a copy
		return true
	}
	return len(got) == len(name) && bytes.EqualFold(got, []byte(name))
}

// digits reads a whole number of at most 18 digits.
func digits(text []byte) (int64, bool) {
	if len(text) == 0 || len(text) > 18 {
		return 0, false
	}
	var n int64
	for _, d := range text {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int64(d-'0')
	}
	return n, true
}

func (c *Conn) readBody(a *Answer) error {
	switch {
	case a.Status == 204 || a.Status == 304:
		return nil
	case a.chunked:
		return c.readChunks(a)
	case a.length == lengthUnknown:
		a.closes = true
		return c.readToEnd(a)
	}
	body, err := c.take(a.length)
	a.Body = body
	return err
}

// take returns the next n bytes.
func (c *Conn) take(n int) ([]byte, error) {
	for c.fill-c.read < n {
		if err := c.more(); err != nil {
			return nil, unexpected(err, true)
		}
	}
	c.read += n
	return c.in[c.read-n : c.read], nil
}

func (c *Conn) readToEnd(a *Answer) error {
	for {
		err := c.more()
		if errors.Is(err, io.EOF) {
			a.Body, c.read = c.in[c.read:c.fill], c.fill
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// readChunks puts the chunks together, up to the empty one and the trailer behind it.
func (c *Conn) readChunks(a *Answer) error {
	c.body = c.body[:0]
	for {
		line, err := c.readLine()
		if err != nil {
			return err
		}
		size, ok := chunkSize(line)
		if !ok || len(c.body)+size > answerMax {
			return fmt.Errorf("%w: chunk of size %.40q", errMalformed, line)
		}
		if size == 0 {
			a.Body = c.body
			return c.skipTrailer()
		}
		chunk, err := c.take(size + len(endOfLine))
		if err != nil {
			return err
		}
		if !bytes.HasSuffix(chunk, endOfLine) {
			return fmt.Errorf("%w: chunk without an end", errMalformed)
		}
		c.body = append(c.body, chunk[:size]...)
	}
}

func (c *Conn) skipTrailer() error {
	for {
		line, err := c.readLine()
		if err != nil || len(line) == 0 {
			return err
		}
	}
}

// readLine returns the next line without its end.
func (c *Conn) readLine() ([]byte, error) {
	for {
		arrived := c.in[c.read:c.fill]
		if end := bytes.Index(arrived, endOfLine); end >= 0 {
			c.read += end + len(endOfLine)
			return arrived[:end], nil
		}
		if err := c.more(); err != nil {
			return nil, unexpected(err, true)
		}
	}
}

// chunkSize reads a hexadecimal size; what may follow a semicolon is for others.
func chunkSize(line []byte) (int, bool) {
	line, _, _ = bytes.Cut(line, []byte(";"))
	line = bytes.TrimSpace(line)
	if len(line) == 0 || len(line) > 7 {
		return 0, false
	}
	size := 0
	for _, d := range line {
		switch {
		case d >= '0' && d <= '9':
			size = size<<4 | int(d-'0')
		case d|0x20 >= 'a' && d|0x20 <= 'f':
			size = size<<4 | int(d|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return size, true
}
