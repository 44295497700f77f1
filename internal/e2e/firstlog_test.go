package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"passbook/internal/firstlog"
	"passbook/internal/pgkit"
	"passbook/internal/schema"
)

// firstBank is the state of a bank whose log is the first code's, with nothing made of it yet.
func firstBank(t *testing.T) (state string) {
	t.Helper()
	state = stateDir(t)
	withPostgres(t, state, func(databaseURL string) {
		if err := pgkit.Migrate(t.Context(), databaseURL, slog.New(slog.DiscardHandler), schema.Sets()...); err != nil {
			t.Fatal(err)
		}
		pool, err := pgkit.Open(t.Context(), pgkit.Config{URL: databaseURL})
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		firstlog.Load(t.Context(), t, pool)
		decodeLog(t, databaseURL, "events 1..377: 377 events, 9 streams folded")
	})
	return state
}

func decodeLog(t *testing.T, databaseURL string, says ...string) {
	t.Helper()
	said := output(t, "passbook", "decode-log", "--database-url", databaseURL)
	for _, line := range append(says, "decoded: every event is read and every stream folds") {
		if !strings.Contains(strings.Join(strings.Fields(said), " "), line) {
			t.Errorf("decode-log does not say %q:\n%s", line, said)
		}
	}
}

// A log written by the first code is read, upcast and served by this one: every answer that was given then is given now, and every
// account goes on.
func TestTheFirstLogIsServed(t *testing.T) {
	t.Parallel()
	b := up(t, firstBank(t))
	caughtUp(t, b.queryURL, b.state)
	auditor := output(t, "passbook", "token", "--state", b.state, "--scope", "accounts:read,audit:read")
	for _, then := range firstlog.Answers(t) {
		now := b.get(t, then.Path, auditor)
		if missing := notSaid(then.Path, parsed(t, then.Body), parsed(t, now)); len(missing) > 0 {
			t.Errorf("%s: %s", then.Path, strings.Join(missing, "; "))
		}
	}
	b.goOn(t)
	caughtUp(t, b.queryURL, b.state)
	var undone struct {
		Type           string
		Amount         int64
		ReversedAmount int64 `json:"reversed_amount"`
		Legs           []struct{ Direction string }
	}
	penalty := "/v1/transactions/" + oldTransaction(t, "interest.posted", -310)
	if err := json.Unmarshal(b.get(t, penalty, auditor), &undone); err != nil || undone.Type != "interest" || undone.Amount != 310 || undone.ReversedAmount != 310 ||
		len(undone.Legs) != 1 || undone.Legs[0].Direction != "out" {
		t.Errorf("%s is %+v, %v", penalty, undone, err)
	}
	state := b.state
	b.stop()
	if report := audit(t, state); report.Events <= 377 {
		t.Errorf("the log has %d events", report.Events)
	}
	withPostgres(t, state, func(databaseURL string) {
		decodeLog(t, databaseURL, "money.deposited/1 money.deposited/2 138 0", "money.deposited/2 as it is 1 0", "transaction.reversed/1 as it is 2 0")
	})
}

// goOn gives commands to accounts of the first log.
func (b *bank) goOn(t *testing.T) {
	t.Helper()
	token := output(t, "passbook", "token", "--state", b.state)
	const transfer = `{"source_account_id":"01977a70-5eed-7000-8000-000000000000","target_account_id":"01977a70-5eed-7000-8000-000000000007","amount":250,"currency":"EUR"}`
	penalty, deposit := oldTransaction(t, "interest.posted", -310), oldTransaction(t, "money.deposited", 250_000)
	const ada, frozen, gone = "/v1/accounts/01977a70-5eed-7000-8000-000000000000", "/v1/accounts/01977a70-5eed-7000-8000-000000000007", "/v1/accounts/01977a70-5eed-7000-8000-000000000008"
	for i, c := range []struct {
		path, body string
		status     int
		code       string
	}{
		{ada + "/deposits", `{"amount":100,"currency":"EUR"}`, http.StatusCreated, ""},
		{ada + "/withdrawals", `{"amount":100,"currency":"EUR","channel":"atm"}`, http.StatusCreated, ""},
		{ada + "/withdrawals", `{"amount":9007199254740991,"currency":"EUR"}`, http.StatusUnprocessableEntity, "insufficient_funds"},
		{ada + "/interest", `{"amount":-5,"currency":"EUR"}`, http.StatusCreated, ""},
		{frozen + "/withdrawals", `{"amount":1,"currency":"EUR"}`, http.StatusUnprocessableEntity, "account_frozen"},
		{frozen + "/unfreeze", `{"reason":"over"}`, http.StatusOK, ""},
		{frozen + "/withdrawals", `{"amount":1,"currency":"EUR"}`, http.StatusCreated, ""},
		{gone + "/deposits", `{"amount":1,"currency":"EUR"}`, http.StatusUnprocessableEntity, "account_closed"},
		{gone + "/reopen", `{"reason":"back again"}`, http.StatusOK, ""},
		{"/v1/transfers", transfer, http.StatusCreated, ""},
		{ada + "/holds", `{"amount":75,"currency":"EUR"}`, http.StatusCreated, ""},
		{"/v1/transactions/" + penalty + "/reversals", `{"reason":"goodwill"}`, http.StatusCreated, ""},
		{"/v1/transactions/" + penalty + "/reversals", `{"reason":"goodwill"}`, http.StatusUnprocessableEntity, "already_reversed"},
		{"/v1/transactions/" + deposit + "/reversals", `{"amount":1000,"reason":"in part"}`, http.StatusCreated, ""},
		{"/v1/transactions/" + deposit + "/reversals", `{"amount":249001,"reason":"too much"}`, http.StatusUnprocessableEntity, "reversal_exceeds_original"},
	} {
		a := b.post(t, c.path, call{key: fmt.Sprintf("today-%d", i), token: token, body: c.body})
		if code, _ := a.body["code"].(string); a.status != c.status || code != c.code {
			t.Errorf("%s %s is answered %d %v", c.path, c.body, a.status, a.body)
		}
	}
}

// oldTransaction is the id of the first transaction of the first log that has this type and amount.
func oldTransaction(t *testing.T, kind string, amount int64) string {
	t.Helper()
	for _, e := range firstlog.Events(t) {
		var said struct {
			ID     string `json:"transaction_id"`
			Amount int64  `json:"amount"`
		}
		if err := json.Unmarshal(e.Data, &said); err != nil {
			t.Fatal(err)
		}
		if e.Type == kind && said.Amount == amount {
			return said.ID
		}
	}
	t.Fatalf("there is no %s of %d", kind, amount)
	return ""
}

func (b *bank) get(t *testing.T, path, token string) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.queryURL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%s is answered %d %s, %v", path, response.StatusCode, body, err)
	}
	return body
}

func parsed(t *testing.T, body []byte) (value any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return value
}

// notSaid lists what was said then and is not said now, by place. What is said besides is new.
func notSaid(at string, then, now any) (missing []string) {
	switch then := then.(type) {
	case map[string]any:
		members, _ := now.(map[string]any)
		for name, value := range then {
			if said, _ := value.(string); then["detail"] == "unspecified" && strings.HasSuffix(said, "unspecified") {
				continue // a client wrote it once, and it now stands for that nobody said
			}
			missing = append(missing, notSaid(at+"."+name, value, members[name])...)
		}
		return missing
	case []any:
		list, _ := now.([]any)
		if len(list) != len(then) {
			return []string{fmt.Sprintf("%s has %d, had %d", at, len(list), len(then))}
		}
		for i := range then {
			missing = append(missing, notSaid(fmt.Sprintf("%s[%d]", at, i), then[i], list[i])...)
		}
		return missing
	}
	if !reflect.DeepEqual(then, now) {
		return []string{fmt.Sprintf("%s is %v, was %v", at, now, then)}
	}
	return nil
}
