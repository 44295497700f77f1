package config

import (
	"fmt"
	"net/netip"
	"time"
)

// Webhooks configures projector webhooks.
type Webhooks struct {
	Process
	Database
	WebhookAddresses
	WebhookDelivery
}

// WebhookAddresses is where webhooks may be delivered to. It must be the same for those who take subscriptions and those who deliver.
type WebhookAddresses struct {
	WebhooksAllowPrivate Allowance `env:"WEBHOOKS_ALLOW_PRIVATE" help:"networks that are not public and that webhooks may be delivered to all the same, separated by commas (10.1.0.0/16); there also by plain HTTP and on any port. true: anywhere, for trying out; false: public addresses by HTTPS alone"`
}

// WebhookSubscriptions bounds what subscribers may have.
type WebhookSubscriptions struct {
	WebhooksMax       int `env:"WEBHOOKS_MAX" help:"subscriptions to webhooks, at most"`
	WebhooksPerCaller int `env:"WEBHOOKS_PER_CALLER" help:"of them those of one caller, at most"`
	WebhooksReplayMax int `env:"WEBHOOKS_REPLAY_MAX" help:"events of the log that a subscription may be taken back, at most; a hundredth of it: failed deliveries that are replayed at a time"`
}

// WebhookDelivery is how webhooks are delivered.
type WebhookDelivery struct {
	WebhooksConcurrency     int           `env:"WEBHOOKS_CONCURRENCY" help:"deliveries under way at once"`
	WebhooksPerSubscription int           `env:"WEBHOOKS_PER_SUBSCRIPTION" help:"of them those of one subscription; of one that fails it is one"`
	WebhooksTimeout         time.Duration `env:"WEBHOOKS_TIMEOUT" help:"for a receiver to answer"`
	WebhooksRetryFirst      time.Duration `env:"WEBHOOKS_RETRY_FIRST" help:"the break behind the first attempt in vain; each is three times the one before, with a random part"`
	WebhooksRetryMax        time.Duration `env:"WEBHOOKS_RETRY_MAX" help:"the longest break"`
	WebhooksAttemptsMax     int           `env:"WEBHOOKS_ATTEMPTS_MAX" help:"attempts of a delivery before it is given up"`
	WebhooksGiveUpAfter     time.Duration `env:"WEBHOOKS_GIVE_UP_AFTER" help:"how long a delivery is tried before it is given up"`
	WebhooksDisableAfter    time.Duration `env:"WEBHOOKS_DISABLE_AFTER" help:"how long all deliveries of a subscription may fail before it is disabled"`
	WebhooksPendingMax      int           `env:"WEBHOOKS_PENDING_MAX" help:"deliveries of a subscription on its list; what is beyond them waits in the log"`
	WebhooksRetention       time.Duration `env:"WEBHOOKS_RETENTION" help:"how long the log of deliveries is kept"`
}

func defaultWebhookSubscriptions() WebhookSubscriptions {
	return WebhookSubscriptions{WebhooksMax: 1_000, WebhooksPerCaller: 20, WebhooksReplayMax: 1_000_000}
}

func defaultWebhooks() Webhooks {
	return Webhooks{
		Process:          defaultProcess(":8093"),
		Database:         defaultDatabase("passbook_webhooks", 4),
		WebhookAddresses: WebhookAddresses{allowNone},
		WebhookDelivery: WebhookDelivery{
			WebhooksConcurrency: 64, WebhooksPerSubscription: 4, WebhooksTimeout: 15 * time.Second, WebhooksRetryFirst: 5 * time.Second, WebhooksRetryMax: 6 * time.Hour,
			WebhooksAttemptsMax: 20, WebhooksGiveUpAfter: 72 * time.Hour, WebhooksDisableAfter: 72 * time.Hour, WebhooksPendingMax: 1_000, WebhooksRetention: 14 * 24 * time.Hour,
		},
	}
}

// LoadWebhooks reads the configuration of projector webhooks. The error is a *Faults with everything that is wrong.
func LoadWebhooks(environ map[string]string) (Webhooks, error) {
	cfg := defaultWebhooks()
	err := load("webhooks", &cfg, environ)
	return cfg, err
}

// String lists the configuration as NAME=value lines with secrets masked.
func (c Webhooks) String() string { return describe(&c) }

const (
	webhooksMost         = 100_000
	replayMost           = 1_000_000_000
	webhookTimeoutMost   = 2 * time.Minute
	webhookRetentionMost = 400 * 24 * time.Hour
	webhookPendingMost   = 100_000
)

func (c *Webhooks) check(f *Faults) {
	c.Process.check(f)
	c.Database.check(f)
	c.WebhookDelivery.check(f)
}

func (w WebhookSubscriptions) check(f *Faults) {
	checkRange(f, "WEBHOOKS_MAX", int64(w.WebhooksMax), 1, webhooksMost)
	checkRange(f, "WEBHOOKS_PER_CALLER", int64(w.WebhooksPerCaller), 1, webhooksMost)
	checkRange(f, "WEBHOOKS_REPLAY_MAX", int64(w.WebhooksReplayMax), 1, replayMost)
}

func (w WebhookDelivery) check(f *Faults) {
	checkRange(f, "WEBHOOKS_CONCURRENCY", int64(w.WebhooksConcurrency), 1, concurrencyMost)
	checkRange(f, "WEBHOOKS_PER_SUBSCRIPTION", int64(w.WebhooksPerSubscription), 1, concurrencyMost)
	checkRange(f, "WEBHOOKS_ATTEMPTS_MAX", int64(w.WebhooksAttemptsMax), 1, attemptsMost)
	checkRange(f, "WEBHOOKS_PENDING_MAX", int64(w.WebhooksPendingMax), 1, webhookPendingMost)
	for _, d := range []struct {
		name  string
		value time.Duration
		most  time.Duration
	}{
		{"WEBHOOKS_TIMEOUT", w.WebhooksTimeout, webhookTimeoutMost}, {"WEBHOOKS_RETRY_FIRST", w.WebhooksRetryFirst, w.WebhooksRetryMax}, {"WEBHOOKS_RETRY_MAX", w.WebhooksRetryMax, patienceMost},
		{"WEBHOOKS_GIVE_UP_AFTER", w.WebhooksGiveUpAfter, webhookRetentionMost}, {"WEBHOOKS_DISABLE_AFTER", w.WebhooksDisableAfter, webhookRetentionMost},
		{"WEBHOOKS_RETENTION", w.WebhooksRetention, webhookRetentionMost},
	} {
		if d.value < patienceLeast || d.value > d.most {
			f.add(d.name, "%v is not between %v and %v", d.value, patienceLeast, d.most)
		}
	}
}

// Allowance reads false, true (all of them), or networks separated by commas.
type Allowance string

const (
	allowNone Allowance = "false"
	allowAll  Allowance = "true"
)

// UnmarshalText reads what the variable holds.
func (n *Allowance) UnmarshalText(text []byte) error {
	*n = Allowance(text)
	_, err := n.parse()
	return err
}

// Prefixes are the networks.
func (n Allowance) Prefixes() []netip.Prefix {
	all, _ := n.parse() // it was read
	return all
}

func (n Allowance) parse() ([]netip.Prefix, error) {
	switch n {
	case "", allowNone:
		return nil, nil
	case allowAll:
		return []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}, nil
	}
	var all Networks
	if err := all.UnmarshalText([]byte(n)); err != nil {
		return nil, fmt.Errorf("%q is neither true nor false, nor networks such as 10.1.0.0/16 separated by commas", string(n))
	}
	return all, nil
}
