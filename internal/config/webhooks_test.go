package config_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"passbook/internal/config"
)

func TestWebhooks(t *testing.T) {
	t.Parallel()
	w, err := config.LoadWebhooks(enough("WEBHOOKS_ALLOW_PRIVATE=10.1.2.3/16, fd12::/16", "WEBHOOKS_RETRY_MAX=1h"))
	if err != nil {
		t.Fatal(err)
	}
	if w.OpsAddr != ":8093" || w.DatabaseRole != "passbook_webhooks" || w.WebhooksRetryMax != time.Hour || w.WebhooksConcurrency != 64 ||
		!slices.Equal(w.WebhooksAllowPrivate.Prefixes(), []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd12::/16")}) {
		t.Errorf("%s", w)
	}
	for given, want := range map[string]int{"": 0, "false": 0, "true": 2} {
		if w, err := config.LoadWebhooks(enough("WEBHOOKS_ALLOW_PRIVATE=" + given)); err != nil || len(w.WebhooksAllowPrivate.Prefixes()) != want {
			t.Errorf("%q: %v, %v", given, w.WebhooksAllowPrivate, err)
		}
	}
	for set, want := range map[string]string{
		"WEBHOOKS_ALLOW_PRIVATE=yes": `"yes" is neither`, "WEBHOOKS_ALLOW_PRIVATE=10.0.0.0/33": "is neither", "WEBHOOKS_ALLOW_PRIVATE=10.0.0.0/8,": "is neither",
		"WEBHOOKS_CONCURRENCY=0": "not between", "WEBHOOKS_PER_SUBSCRIPTION=0": "not between", "WEBHOOKS_TIMEOUT=1h": "not between", "WEBHOOKS_RETRY_FIRST=7h": "not between",
		"WEBHOOKS_RETRY_MAX=25h": "not between", "WEBHOOKS_ATTEMPTS_MAX=0": "not between", "WEBHOOKS_GIVE_UP_AFTER=0s": "not between", "WEBHOOKS_DISABLE_AFTER=0s": "not between",
		"WEBHOOKS_PENDING_MAX=0": "not between", "WEBHOOKS_RETENTION=0s": "not between",
	} {
		_, err := config.LoadWebhooks(enough(set))
		variable, _, _ := strings.Cut(set, "=")
		if got := faults(t, err); len(got) != 1 || !strings.HasPrefix(got[0], variable+": ") || !strings.Contains(got[0], want) {
			t.Errorf("%s: %q", set, got)
		}
	}
	for _, set := range []string{"WEBHOOKS_MAX=0", "WEBHOOKS_PER_CALLER=0", "WEBHOOKS_REPLAY_MAX=0", "WEBHOOKS_ALLOW_PRIVATE=x"} {
		if _, err := config.LoadCommandAPI(enough(set)); err == nil {
			t.Errorf("%s is taken", set)
		}
	}
}
