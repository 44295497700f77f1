package httpapi

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/httpapi/ratelimit"
)

// Rates limit how much is asked of this process. A policy without a rate is no limit.
type Rates struct {
	Subject ratelimit.Policy // by one caller: issuer and subject of the token, whichever client it comes from
	Account ratelimit.Policy // about one account
	Address ratelimit.Policy // by whoever comes from one address without a token, or with one that has not been verified before
}

// rateKeysMax is how many callers, and how many accounts, are remembered. Callers have tokens of the issuer; accounts are whatever
// is asked about.
const rateKeysMax = 65_536

// accountKey is whom requests about an account are counted for. Callers that are bound to their own accounts are counted apart from
// all others: nobody uses up an account's rate by asking about it in vain.
type accountKey struct {
	account uuid.UUID
	bound   string
}

// rates are the limits of one server.
type rates struct {
	Rates
	subjects  *ratelimit.Limiter[string]     // nil: no limit
	accounts  *ratelimit.Limiter[accountKey] // nil: no limit
	strangers *ratelimit.Limiter[netip.Addr] // nil: no limit
	policy    []string                       // RateLimit-Policy, the same for all answers
	refused   *prometheus.CounterVec
}

// counted is how the call stands with the limits it was counted for.
type counted struct {
	subject, account     ratelimit.State
	ofSubject, ofAccount bool
}

func newRates(api string, cfg Rates, registry prometheus.Registerer) (*rates, error) {
	r := &rates{Rates: cfg, refused: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "passbook_http_rate_limited_total", ConstLabels: prometheus.Labels{"api": api},
		Help: "Requests, and items of bulks, refused because their caller or account has asked too much, by limit.",
	}, []string{"limit"})}
	if err := registry.Register(r.refused); err != nil {
		return nil, fmt.Errorf("register metrics of the %s API: %w", api, err)
	}
	var policy string
	if cfg.Subject.Limited() {
		r.subjects = ratelimit.New[string](cfg.Subject, rateKeysMax)
		policy = policyText(limitSubject, cfg.Subject)
	}
	if cfg.Account.Limited() {
		r.accounts = ratelimit.New[accountKey](cfg.Account, rateKeysMax)
		if policy != "" {
			policy += ", "
		}
		policy += policyText(limitAccount, cfg.Account)
	}
	if cfg.Address.Limited() {
		r.strangers = ratelimit.New[netip.Addr](cfg.Address, rateKeysMax)
	}
	if policy == "" && r.strangers == nil {
		return nil, nil //nolint:nilnil // there are none
	}
	r.policy = []string{policy}
	for _, limit := range []string{limitSubject, limitAccount, limitAddress} {
		r.refused.WithLabelValues(limit)
	}
	return r, nil
}

// policyText is an item of RateLimit-Policy as the IETF's draft has it: the quota, and the window that it is for, in seconds.
func policyText(name string, p ratelimit.Policy) string {
	return fmt.Sprintf("%q;q=%d;w=%d", name, p.Burst, seconds(p.Window()))
}

// seconds is rounded up: who waits that long does not come too early.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// countRequest counts the call for its caller, and refuses it when that is one too many.
func (c *Call) countRequest() error {
	r := c.route.server.rates
	if r == nil || r.subjects == nil {
		return nil
	}
	c.counted.subject, c.counted.ofSubject = r.subjects.Take(c.Identity.Caller), true
	if c.counted.subject.Allowed {
		return nil
	}
	return r.refuse(limitSubject, r.Subject, c.counted.subject)
}

// stranger is a call of which it is not known who makes it.
type stranger Call

// Pass implements auth.Gate: a token that has not been verified before is about to be.
func (s *stranger) Pass() error { return (*Call)(s).countStranger() }

// countStranger counts the call for the address that it comes from, and refuses it when that is one too many. Of an address of IPv6 the
// network counts, since whoever has one has all of it.
func (c *Call) countStranger() error {
	r := c.route.server.rates
	if r == nil || r.strangers == nil {
		return nil
	}
	at, _ := netip.ParseAddr(c.Address) // those that cannot be read are counted as one
	if at.Is6() {
		at = netip.PrefixFrom(at, 64).Masked().Addr()
	}
	state := r.strangers.Take(at)
	if state.Allowed {
		return nil
	}
	return r.refuse(limitAddress, r.Address, state)
}

// countAddressed counts the call for the account that its path names, if it names one.
func (c *Call) countAddressed(e echo.Context) error {
	if r := c.route.server.rates; r == nil || r.accounts == nil || !c.route.ofAccount {
		return nil
	}
	id, err := ParseID(e.Param("account_id"))
	if err != nil {
		return nil // no account's id, which is for the operation to say
	}
	return c.countAccount(id)
}

// CountItems counts a bulk of n items as n requests. It was let in as one: the caller pays for the others by waiting before the
// next request.
func (c *Call) CountItems(n int) {
	r := c.route.server.rates
	if r == nil || r.subjects == nil || n < 2 {
		return
	}
	c.counted.subject = r.subjects.Charge(c.Identity.Caller, n-1)
	c.tellRates()
}

// CountAccount counts the call for an account, once: a call whose path names the account has been counted. It is refused when
// that is one too many.
func (c *Call) CountAccount(id uuid.UUID) error {
	if r := c.route.server.rates; r == nil || r.accounts == nil || c.counted.ofAccount {
		return nil
	}
	defer c.tellRates()
	return c.countAccount(id)
}

func (c *Call) countAccount(id uuid.UUID) error {
	r := c.route.server.rates
	c.counted.account, c.counted.ofAccount = r.accounts.Take(accountKey{id, c.OwnedBy}), true
	if c.counted.account.Allowed {
		return nil
	}
	return r.refuse(limitAccount, r.Account, c.counted.account)
}

func (r *rates) refuse(limit string, p ratelimit.Policy, s ratelimit.State) error {
	r.refused.WithLabelValues(limit).Inc()
	wait := max(seconds(s.Retry), 1)
	return &Error{
		Code: RateLimited, RetryAfterSeconds: wait,
		Detail:  fmt.Sprintf("There is a limit of %d requests a second, %d at once. Nothing was done.", p.PerSecond, p.Burst),
		Context: []Member{Text("limit", limit), Number("per_second", p.PerSecond), Number("burst", p.Burst), Number("retry_after_seconds", wait)},
	}
}

// tellRates sets the headers that tell how the caller stands (draft-ietf-httpapi-ratelimit-headers): of each limit what remains,
// and in how many seconds all of it may be used again.
func (c *Call) tellRates() {
	if c.answer == nil || !c.counted.ofSubject && !c.counted.ofAccount {
		return
	}
	var onStack [96]byte
	text := onStack[:0]
	if c.counted.ofSubject {
		text = appendState(text, limitSubject, c.counted.subject)
	}
	if c.counted.ofAccount {
		text = appendState(text, limitAccount, c.counted.account)
	}
	c.answer["RateLimit-Policy"] = c.route.server.rates.policy // as the draft writes it; net/http would make it Ratelimit-Policy
	c.answer["RateLimit"] = []string{string(text)}
}

func appendState(dst []byte, name string, s ratelimit.State) []byte {
	if len(dst) > 0 {
		dst = append(dst, ", "...)
	}
	dst = append(append(append(dst, '"'), name...), `";r=`...)
	dst = strconv.AppendInt(dst, int64(s.Remaining), 10)
	dst = append(dst, ";t="...)
	return strconv.AppendInt(dst, int64(seconds(s.Full)), 10)
}
