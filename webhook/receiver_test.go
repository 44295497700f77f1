package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"passbook/webhook"
)

// What follows, up to the end mark, is the example of docs/webhooks.md.

// verify tells whether a delivery is the bank's: whether one of its signatures was made with the secret, a moment ago, over this very body.
func verify(secret string, h http.Header, body []byte, now time.Time) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return err
	}
	sent, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || now.Sub(time.Unix(sent, 0)).Abs() > 5*time.Minute {
		return errors.New("too old, or not from this time")
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(h.Get("webhook-id") + "." + h.Get("webhook-timestamp") + "."))
	mac.Write(body)
	for _, signature := range strings.Fields(h.Get("webhook-signature")) {
		given, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signature, "v1,"))
		if err == nil && hmac.Equal(given, mac.Sum(nil)) {
			return nil
		}
	}
	return errors.New("not signed with this secret")
}

// End of the example.

func TestTheExampleVerifies(t *testing.T) {
	t.Parallel()
	secret, other, now, body := webhook.NewSecret(), webhook.NewSecret(), time.Now(), []byte(`{"type":"deposit"}`)
	headers := func(id string, at time.Time, signatures ...string) http.Header {
		h := http.Header{}
		h.Set("webhook-id", id)
		h.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
		h.Set("webhook-signature", strings.Join(signatures, " "))
		return h
	}
	good := secret.Sign("msg", now, body)
	for name, tt := range map[string]struct {
		header http.Header
		body   string
		good   bool
	}{
		"as it was sent":        {headers("msg", now, good), string(body), true},
		"while secrets change":  {headers("msg", now, other.Sign("msg", now, body), good), string(body), true},
		"of another secret":     {headers("msg", now, other.Sign("msg", now, body)), string(body), false},
		"another id":            {headers("msg2", now, good), string(body), false},
		"another time":          {headers("msg", now.Add(2*time.Second), good), string(body), false},
		"another body":          {headers("msg", now, good), `{"type":"withdrawal"}`, false},
		"recorded and replayed": {headers("msg", now.Add(-time.Hour), secret.Sign("msg", now.Add(-time.Hour), body)), string(body), false},
		"from the future":       {headers("msg", now.Add(time.Hour), secret.Sign("msg", now.Add(time.Hour), body)), string(body), false},
		"without a signature":   {headers("msg", now), string(body), false},
		"without a time":        {http.Header{"Webhook-Id": {"msg"}, "Webhook-Signature": {good}}, string(body), false},
		"another version":       {headers("msg", now, strings.Replace(good, "v1,", "v2,", 1)), string(body), false},
	} {
		if err := verify(secret.Reveal(), tt.header, []byte(tt.body), now); (err == nil) != tt.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The page has the function that was just tried.
func TestTheExampleIsThatOfThePage(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("receiver_test.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(source), "is the example of docs/webhooks.md.\n\n")
	function, _, _ := strings.Cut(rest, "\n// End of the example.")
	if len(function) < 500 || !strings.Contains(string(page), "```go\n"+function+"```\n") {
		t.Errorf("docs/webhooks.md has another example than\n%s", function)
	}
}
