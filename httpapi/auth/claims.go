package auth

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

const subjectMax = 255 // OpenID Connect Core, section 2

// claims are those parts of a token that issuer, audience and signature do not cover.
type claims struct {
	Subject   string       `json:"sub"`
	Expiry    *numericDate `json:"exp"`
	NotBefore *numericDate `json:"nbf"`
	IssuedAt  *numericDate `json:"iat"`
	Scope     stringOrList `json:"scope"`
	Scp       stringOrList `json:"scp"`
	Party     string       `json:"azp"`
	ClientID  string       `json:"client_id"`
	CID       string       `json:"cid"`
	Proof     *struct{}    `json:"cnf"`
}

var errExpired = errors.New("the token has expired")

// check says what is wrong with the claims at the moment now, in words for the client.
func (c *claims) check(now time.Time, skew time.Duration) error {
	switch {
	case c.Subject == "" || len(c.Subject) > subjectMax || !utf8.ValidString(c.Subject) || strings.ContainsRune(c.Subject, 0):
		return errors.New("the token has no usable subject")
	case c.Expiry == nil:
		return errors.New("the token has no expiry")
	case !now.Before(c.Expiry.Time):
		return errExpired
	case c.NotBefore != nil && now.Add(skew).Before(c.NotBefore.Time):
		return errors.New("the token is not valid yet")
	case c.IssuedAt != nil && now.Add(skew).Before(c.IssuedAt.Time):
		return errors.New("the token was issued in the future")
	case c.Proof != nil: // RFC 7800: whoever sends it must prove to have a key, and we cannot tell
		return errors.New("the token is bound to a key, so that it is no bearer token")
	}
	return nil
}

func (c *claims) client() string {
	return cmp.Or(c.Party, c.ClientID, c.CID)
}

// numericDate is a moment in seconds since 1970, which JWT allows to have a fraction.
type numericDate struct{ time.Time }

// latest keeps dates within what time.Time and every JSON reader can hold; nothing real expires after it.
const latest = 253402300799 // 9999-12-31T23:59:59Z

func (d *numericDate) UnmarshalJSON(text []byte) error {
	var seconds float64
	if err := json.Unmarshal(text, &seconds); err != nil {
		return fmt.Errorf("not a numeric date: %w", err)
	}
	if math.Abs(seconds) > latest {
		return errors.New("numeric date out of range")
	}
	d.Time = time.UnixMilli(int64(seconds * 1000))
	return nil
}

// stringOrList reads a text separated by spaces, or a list of texts.
type stringOrList []string

func (l *stringOrList) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*l = strings.Fields(one)
		return nil
	}
	var many []string
	if err := json.Unmarshal(text, &many); err != nil {
		return fmt.Errorf("neither a text nor a list of texts: %w", err)
	}
	*l = many
	return nil
}
