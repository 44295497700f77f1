package delivery

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"passbook/webhook"
)

const (
	answerKept     = 1 << 10  // bytes of an answer that are kept
	answerRead     = 32 << 10 // that are read, so that the connection can be used again
	answerHeadMax  = 16 << 10
	connectMax     = 5 * time.Second
	idleMax        = 30 * time.Second
	idlePerHost    = 4
	idleConns      = 256
	retryAfterLast = 10 * 365 * 24 * time.Hour // beyond it a number is no time
)

const userAgent = "Passbook-Webhooks/1.0"

// Sender makes requests to receivers. No proxy is asked, whatever the environment says: it would connect where the policy does not allow it.
type Sender struct {
	clients map[string]*http.Client // by scheme
	timeout time.Duration
}

// NewSender returns a sender that goes where the policy lets it, and gives each request so much time.
func NewSender(policy webhook.Policy, timeout time.Duration) *Sender {
	return newSender(policy, timeout, nil, nil)
}

func newSender(policy webhook.Policy, timeout time.Duration, resolver *net.Resolver, roots *x509.CertPool) *Sender {
	s := &Sender{clients: map[string]*http.Client{}, timeout: timeout}
	for _, scheme := range []string{"https", "http"} {
		dialer := &net.Dialer{Timeout: connectMax, Resolver: resolver, Control: permit(policy, scheme)}
		s.clients[scheme] = &http.Client{
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				Proxy: nil, DialContext: dialer.DialContext, ForceAttemptHTTP2: true, DisableCompression: true,
				TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, TLSHandshakeTimeout: connectMax,
				MaxIdleConns: idleConns, MaxIdleConnsPerHost: idlePerHost, IdleConnTimeout: idleMax, MaxResponseHeaderBytes: answerHeadMax,
			},
		}
	}
	return s
}

// permit looks at each address a connection is about to be made to, after its name was resolved: a name that changes its mind between
// a check and the connection changes nothing.
func permit(policy webhook.Policy, scheme string) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return webhook.ErrAddress
		}
		return policy.Permit(scheme, at)
	}
}

// Close ends idle connections.
func (s *Sender) Close() {
	for _, c := range s.clients {
		c.CloseIdleConnections()
	}
}

// outcome is what came of a request.
type outcome struct {
	webhook.Attempt
	retryAfter time.Duration // that the receiver asks for
	canceled   bool          // by the caller, before it was known
}

// Send makes one signed request. What it says of a failure is a word: the words of the network tell about ours.
func (s *Sender) Send(ctx context.Context, url, id string, secrets []webhook.Secret, payload []byte) outcome {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	began := time.Now()
	out := outcome{Attempt: webhook.Attempt{At: began}}
	response, err := s.request(limited, url, id, began, secrets, payload) //nolint:bodyclose // by answerOf
	if err == nil {
		out.Status, out.retryAfter = response.StatusCode, retryAfter(response.Header, began)
		out.Result, out.Answer = resultOf(response.StatusCode), answerOf(response.Body)
	} else {
		out.Result, out.canceled = faultOf(err), ctx.Err() != nil
	}
	out.Took = time.Since(began)
	return out
}

func (s *Sender) request(ctx context.Context, url, id string, at time.Time, secrets []webhook.Secret, payload []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	client := s.clients[r.URL.Scheme]
	if client == nil || len(secrets) == 0 {
		return nil, webhook.ErrAddress
	}
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		signatures[i] = secret.Sign(id, at, payload)
	}
	r.Header = http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {userAgent}, "Accept": {"*/*"},
		http.CanonicalHeaderKey(webhook.HeaderID):        {id},
		http.CanonicalHeaderKey(webhook.HeaderTimestamp): {strconv.FormatInt(at.Unix(), 10)},
		http.CanonicalHeaderKey(webhook.HeaderSignature): {strings.Join(signatures, " ")},
	}
	return client.Do(r)
}

func resultOf(status int) webhook.Result {
	switch {
	case status >= 200 && status < 300:
		return webhook.Arrived
	case status >= 300 && status < 400:
		return webhook.Redirected
	case status == http.StatusGone:
		return webhook.ReceiverGone
	}
	return webhook.Refused
}

// answerOf returns the first bytes of an answer as text, and lets go of the rest.
func answerOf(body io.ReadCloser) string {
	defer func() { _ = body.Close() }()
	first, _ := io.ReadAll(io.LimitReader(body, answerKept)) // what broke is not there
	_, _ = io.CopyN(io.Discard, body, answerRead)
	return strings.ReplaceAll(strings.ToValidUTF8(string(first), "�"), "\x00", "�")
}

// retryAfter is how long a receiver wants to be left alone: in seconds, or until a time (RFC 9110, 10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, retryAfterLast)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

func faultOf(err error) webhook.Result {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var netError net.Error
	switch {
	case errors.Is(err, webhook.ErrAddress):
		return webhook.AddressNotAllowed
	case errors.As(err, &name) && !name.IsTimeout:
		return webhook.NameUnknown
	case errors.As(err, &certificate), errors.As(err, &record), errors.As(err, &alert), errors.Is(err, http.ErrSchemeMismatch):
		return webhook.TLSFailed
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netError) && netError.Timeout():
		return webhook.TimedOut
	}
	return webhook.ConnectionFailed
}
