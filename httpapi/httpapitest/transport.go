package httpapitest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"passbook/api"
)

// Transport holds the answers that go through it to the documents of both APIs. What neither document knows, health and metrics
// for instance, is passed on unseen. A body is checked when it has been read to its end, which closing it does; of one that
// never ends, an event stream, what was read is.
type Transport struct {
	base      http.RoundTripper
	contracts []*Contract
	fault     func(req *http.Request, fault string)
	judged    atomic.Int64
}

// NewTransport returns a transport over another one that tells fault of every difference. It panics if a document cannot be read.
func NewTransport(base http.RoundTripper, fault func(req *http.Request, fault string)) *Transport {
	t := &Transport{base: base, fault: fault}
	for _, document := range [][]byte{api.Command, api.Query} {
		c, err := NewContract(document)
		if err != nil {
			panic(err)
		}
		t.contracts = append(t.contracts, c)
	}
	return t
}

// Judged is how many answers were held to the documents.
func (t *Transport) Judged() int64 { return t.judged.Load() }

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	response, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(t.contracts, func(c *Contract) bool { route, _ := c.find(req); return route != nil })
	if i < 0 || response.StatusCode == http.StatusBadGateway { // which no API of ours says, but a proxy in front of one that is away
		return response, nil
	}
	body := &checkedBody{ReadCloser: response.Body, endless: response.Header.Get("Content-Type") == "text/event-stream"}
	response.Body = body
	body.check = sync.OnceFunc(func() {
		t.judged.Add(1)
		for _, fault := range t.contracts[i].Faults(req, response.StatusCode, response.Header, body.read.Bytes()) {
			t.fault(req, fault)
		}
	})
	return response, nil
}

// checkedBody calls check at its end.
type checkedBody struct {
	io.ReadCloser
	endless bool
	read    bytes.Buffer
	check   func()
}

// Read implements io.Reader.
func (b *checkedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read.Write(p[:n])
	if errors.Is(err, io.EOF) {
		b.check()
	}
	return n, err
}

// Close implements io.Closer. Who decodes one JSON value has not always read to the end.
func (b *checkedBody) Close() error {
	if b.endless {
		b.check()
	} else {
		_, _ = io.Copy(io.Discard, b)
	}
	return b.ReadCloser.Close()
}
