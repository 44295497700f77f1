package webhook_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"passbook/webhook"
)

// The vector is the one that the libraries of the specification's authors are tested with.
func TestSignatureIsThatOfTheSpecification(t *testing.T) {
	t.Parallel()
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := webhook.Secret(key).Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if text := webhook.Secret(key).Reveal(); text != "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" {
		t.Error(text)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	s := webhook.NewSecret()
	if len(s) != 32 || s.Reveal() == webhook.NewSecret().Reveal() {
		t.Fatalf("%d bytes, or the same twice", len(s))
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("made", "secret", s, "in", struct{ S webhook.Secret }{s})
	text, err := json.Marshal(struct{ S webhook.Secret }{s})
	if err != nil {
		t.Fatal(err)
	}
	for _, said := range []string{log.String(), string(text), fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s", s, s, s, s), fmt.Sprintf("%v", struct{ S webhook.Secret }{s})} {
		if strings.Contains(said, strings.TrimPrefix(s.Reveal(), "whsec_")) {
			t.Errorf("it says %s", said)
		}
	}
}
