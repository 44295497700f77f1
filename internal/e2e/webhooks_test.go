package e2e

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"passbook/client"
)

// hooks is a receiver that checks signatures as the specification asks of it, and is not at its best: now and then it fails or hangs up, after
// it has taken the delivery or before.
type hooks struct {
	t      *testing.T
	server *httptest.Server

	mu     sync.Mutex
	secret []byte
	got    map[int64]string // ids, by position of the event
	data   map[int64]string
	count  int
	vain   int
}

func newHooks(t *testing.T) *hooks {
	t.Helper()
	h := &hooks{t: t, got: map[int64]string{}, data: map[int64]string{}}
	h.server = httptest.NewServer(h)
	t.Cleanup(h.server.Close)
	return h
}

func (h *hooks) trust(secret string) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || !strings.HasPrefix(secret, "whsec_") {
		h.t.Fatalf("a secret %q: %v", secret, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.secret = key
}

func (h *hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the bank was killed
	}
	<-time.After(20 * time.Millisecond) // so that kills meet deliveries that are under way
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count++
	if h.count%7 == 0 {
		h.vain++
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	mac := hmac.New(sha256.New, h.secret)
	mac.Write([]byte(r.Header.Get("webhook-id") + "." + r.Header.Get("webhook-timestamp") + "." + string(body)))
	sent, _ := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64)
	if r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) || time.Since(time.Unix(sent, 0)).Abs() > 5*time.Minute {
		h.t.Errorf("a delivery that is not signed as it must be: %v %s", r.Header, body)
	}
	var event struct {
		Type string
		Data json.RawMessage
	}
	var place struct{ Position int64 }
	if json.Unmarshal(body, &event) != nil || json.Unmarshal(event.Data, &place) != nil || place.Position == 0 {
		h.t.Errorf("a delivery of another form: %s", body)
	}
	if id, again := h.got[place.Position]; again && id != r.Header.Get("webhook-id") {
		h.t.Errorf("event %d comes as %s, and came as %s", place.Position, r.Header.Get("webhook-id"), id)
	}
	h.got[place.Position], h.data[place.Position] = r.Header.Get("webhook-id"), string(event.Data)
	if h.count%11 == 0 { // it has taken it, and nobody hears so
		h.vain++
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_ = conn.Close()
		}
	}
}

func (h *hooks) requests() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

func (h *hooks) positions() (all []int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for position := range h.got {
		all = append(all, position)
	}
	slices.Sort(all)
	return all
}

// A whole bank is killed while commands run, again and again. Every event of the account that is subscribed to arrives in the end, under one
// id, as the stream tells it; none of another account does; and the log of deliveries has nothing left to do.
func TestWebhooksOfABankThatIsKilled(t *testing.T) {
	t.Parallel()
	state, receiver := stateDir(t), newHooks(t)
	environ := []string{"WEBHOOKS_ALLOW_PRIVATE=true", "WEBHOOKS_RETRY_FIRST=100ms", "WEBHOOKS_RETRY_MAX=1s"}
	token := output(t, "passbook", "token", "--state", state, "--scope", "accounts:write,accounts:read,operations,webhooks:write")
	subscribed, other := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	var id uuid.UUID
	const kills = 3
	var bank *client.Client
	for round := range kills + 1 {
		b := upIn(t, environ, state)
		bank = clientOf(t, b.commandURL, b.queryURL, token)
		if round == 0 {
			for _, account := range []uuid.UUID{subscribed, other} {
				if _, err := bank.OpenAccount(t.Context(), "open-"+account.String(), client.OpenAccount{AccountID: account, OwnerID: "ada", OwnerName: "Ada", Currency: "EUR"}); err != nil {
					t.Fatal(err)
				}
			}
			made, err := bank.CreateWebhook(t.Context(), "hooks", client.NewWebhook{URL: receiver.server.URL + "/hooks", AccountID: subscribed})
			if err != nil {
				t.Fatal(err)
			}
			receiver.trust(made.Secret)
			id = made.WebhookID
			if _, err := bank.ReplayWebhook(t.Context(), "from-the-beginning", id, client.WebhookReplay{FromPosition: 1}); err != nil {
				t.Fatal(err)
			}
		}
		before := receiver.requests()
		enough := func() bool { return receiver.requests() >= before+40 }
		var kill func()
		if round < kills {
			kill = b.kill
		}
		depositUntil(t, bank, round, []uuid.UUID{subscribed, other}, enough, kill)
	}
	var want []int64
	told := map[int64]string{}
	for row, err := range bank.Timeline(t.Context(), subscribed, client.ListTimelineParams{Limit: 200}) {
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, row.Position)
		told[row.Position] = row.EventID.String()
	}
	slices.Sort(want)
	for late := time.Now().Add(patience); ; {
		hook, err := bank.GetWebhook(t.Context(), id)
		if err != nil || hook.Status != client.WebhookStatusActive {
			t.Fatalf("%+v, %v", hook, err)
		}
		if hook.Position >= want[len(want)-1] && hook.Pending == 0 {
			break
		}
		if time.Now().After(late) {
			t.Fatalf("%d of %d events have arrived; the subscription: %+v", len(receiver.positions()), len(want), hook)
		}
		<-time.After(50 * time.Millisecond)
	}
	if got := receiver.positions(); !slices.Equal(got, want) {
		t.Errorf("%d events have arrived, the account has %d, or they are not the same", len(got), len(want))
	}
	receiver.mu.Lock()
	defer receiver.mu.Unlock()
	deliveries, attempts := 0, 0
	for d, err := range bank.Deliveries(t.Context(), id, client.ListDeliveriesParams{Limit: 200}) {
		if err != nil {
			t.Fatal(err)
		}
		deliveries, attempts = deliveries+1, attempts+d.Attempts
		if d.State != client.DeliveryStateDelivered || receiver.got[d.Position] != d.DeliveryID.String() || !strings.Contains(receiver.data[d.Position], told[d.Position]) {
			t.Errorf("%+v", d)
		}
	}
	t.Logf("%d events, %d deliveries, %d attempts on record, %d requests, %d of them in vain, %d kills", len(want), deliveries, attempts, receiver.count, receiver.vain, kills)
	if deliveries != len(want) || len(want) < 100 || receiver.vain == 0 {
		t.Errorf("%d deliveries of %d events, %d requests in vain", deliveries, len(want), receiver.vain)
	}
}

// depositUntil deposits from several sides until it is enough: deliveries are under way then. The bank is killed under deposits that nobody
// waits for any more. Without a kill every deposit is answered, so that the timeline has them all when it is asked after the last answer.
func depositUntil(t *testing.T, bank *client.Client, round int, accounts []uuid.UUID, enough func() bool, kill func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var load sync.WaitGroup
	var ended atomic.Bool
	end := sync.OnceFunc(func() {
		ended.Store(true)
		if kill != nil {
			cancel()
			kill()
		}
	})
	for i := range 8 {
		load.Go(func() {
			pace := time.NewTicker(50 * time.Millisecond) // the receiver is slower than the bank
			defer pace.Stop()
			for n := 0; !ended.Load(); n++ {
				<-pace.C
				key := fmt.Sprintf("d%d-%d-%d", round, i, n)
				if _, err := bank.Deposit(ctx, key, accounts[n%len(accounts)], client.Deposit{Amount: 1, Currency: "EUR", Reference: key}); err != nil && ctx.Err() == nil {
					t.Errorf("%s: %v", key, err)
					return
				}
				if enough() {
					end()
				}
			}
		})
	}
	load.Wait()
}
