package payload_test

import (
	"errors"
	"testing"

	"passbook/domain/internal/payload"
)

type happened struct {
	Text string `json:"text"`
	N    int    `json:"n"`
}

func TestEncodeIsForMachinesAndPeople(t *testing.T) {
	t.Parallel()
	if got, want := string(payload.Encode(happened{"a < b & c", 1})), `{"text":"a < b & c","n":1}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestDecodeOnTopOfBlank(t *testing.T) {
	t.Parallel()
	got, err := payload.Decode([]byte(" \n{\"text\":\"x\",\"later\":true}"), happened{N: -1})
	if want := (happened{"x", -1}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for _, text := range []string{"", "null", "[]", `"{"`} {
		if _, err := payload.Decode([]byte(text), happened{}); !errors.Is(err, payload.ErrNoObject) {
			t.Errorf("%q gives %v", text, err)
		}
	}
	if _, err := payload.Decode([]byte(`{"n":"one"}`), happened{}); err == nil {
		t.Error("a text is taken for a number")
	}
}

func TestNeed(t *testing.T) {
	t.Parallel()
	if err := payload.Need(true, "n"); err != nil {
		t.Errorf("a field that is there: %v", err)
	}
	if err := payload.Need(false, "n"); !errors.Is(err, payload.ErrMissing) || err.Error() != "n: missing or out of range" {
		t.Errorf("a field that is not: %v", err)
	}
}
