package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"strconv"
	"time"
)

// The headers of a delivery.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

const (
	secretPrefix = "whsec_"
	secretBytes  = 32
	masked       = secretPrefix + "xxxxx"
)

// Secret is the key of a subscription. However it is printed, it is masked; Reveal is its text.
type Secret []byte

// NewSecret draws one.
func NewSecret() Secret {
	s := make(Secret, secretBytes)
	_, _ = rand.Read(s) // does not fail
	return s
}

// Reveal is the secret as its subscriber gets it, once.
func (s Secret) Reveal() string { return secretPrefix + base64.StdEncoding.EncodeToString(s) }

func (s Secret) String() string { return masked }

// GoString masks as String does.
func (s Secret) GoString() string { return masked }

// MarshalText masks as String does.
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// LogValue masks as String does.
func (s Secret) LogValue() slog.Value { return slog.StringValue(masked) }

// Sign is one signature of a delivery: HMAC-SHA256 over id, time in seconds and payload, with dots between them.
func (s Secret) Sign(id string, at time.Time, payload []byte) string {
	mac := hmac.New(sha256.New, s)
	mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	mac.Write(payload)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
