package natsclearing_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"passbook/domain/money"
	"passbook/domain/payment"
	"passbook/internal/clearing"
	"passbook/internal/natsclearing"
	"passbook/internal/natstest"
)

const patience = 30 * time.Second

var quiet = slog.New(slog.DiscardHandler)

func instruction() payment.Instruction {
	return payment.Instruction{PaymentID: uuid.UUID{1}, Money: money.Money{Amount: 12_550, Currency: money.MustCurrency("EUR")},
		Creditor:  payment.Creditor{Name: "Grace Hopper", Account: "DE89370400440532013000", Agent: "COBADEFF"},
		Reference: "invoice \"7\"", SettleBefore: time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)}
}

// run starts a part that ends with the test, and without an error.
func run(t *testing.T, part func(ctx context.Context) error) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- part(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// house is one whose answers a test writes.
type house struct {
	submit func(payment.Instruction) (payment.Answer, error)
	status func(uuid.UUID) (payment.Answer, error)
	run    func(ctx context.Context, deliver clearing.Deliver)
}

func (h house) Submit(_ context.Context, in payment.Instruction) (payment.Answer, error) {
	return h.submit(in)
}
func (h house) Status(_ context.Context, id uuid.UUID) (payment.Answer, error) { return h.status(id) }
func (h house) Run(ctx context.Context, deliver clearing.Deliver) error {
	if h.run != nil {
		h.run(ctx, deliver)
	}
	<-ctx.Done()
	return nil
}

// serve returns a client of a house on a server of its own.
func serve(t *testing.T, h natsclearing.House) (*natsclearing.Client, *nats.Conn) {
	t.Helper()
	server := natstest.Start(t)
	conn := server.Connect()
	run(t, func(ctx context.Context) error { return natsclearing.Serve(ctx, conn, "test.clearing", h, quiet) })
	bank := server.Connect()
	client := natsclearing.NewClient(bank, "test.clearing", quiet)
	limit, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for limit.Err() == nil { // until it is open
		if _, err := client.Status(limit, uuid.UUID{99}); !errors.Is(err, nats.ErrNoResponders) {
			return client, bank
		}
	}
	t.Fatal("the house does not open")
	return nil, nil
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestRequestsAndReplies(t *testing.T) {
	t.Parallel()
	in := instruction()
	var reply atomic.Pointer[payment.Answer]
	var fail atomic.Pointer[error]
	say := func(a payment.Answer, err error) { reply.Store(&a); fail.Store(&err) }
	h := house{
		submit: func(got payment.Instruction) (payment.Answer, error) {
			if got != in {
				t.Errorf("submitted %+v, want %+v", got, in)
			}
			return *reply.Load(), *fail.Load()
		},
		status: func(id uuid.UUID) (payment.Answer, error) {
			if id == (uuid.UUID{99}) {
				return payment.Answer{PaymentID: id, Kind: payment.AnswerUnknown}, nil
			}
			return *reply.Load(), *fail.Load()
		},
	}
	client, _ := serve(t, h)
	for _, want := range []payment.Answer{
		{PaymentID: in.PaymentID, Kind: payment.AnswerAccepted, GatewayReference: "G1"},
		{PaymentID: in.PaymentID, Kind: payment.AnswerSettled, GatewayReference: "G1"},
		{PaymentID: in.PaymentID, Kind: payment.AnswerRejected, Code: "AC04", Reason: "closed \"for good\""},
		{PaymentID: in.PaymentID, Kind: payment.AnswerUnknown},
	} {
		say(want, nil)
		if got, err := client.Submit(within(t, patience), in); err != nil || got != want {
			t.Errorf("submitted: %+v, %v, want %+v", got, err, want)
		}
		if got, err := client.Status(within(t, patience), in.PaymentID); err != nil || got != want {
			t.Errorf("asked: %+v, %v, want %+v", got, err, want)
		}
	}
	for name, faulty := range map[string]payment.Answer{
		"about another payment": {PaymentID: uuid.UUID{2}, Kind: payment.AnswerSettled},
		"about none":            {Kind: payment.AnswerSettled},
		"of no known kind":      {PaymentID: in.PaymentID, Kind: "paid"},
		"of none":               {PaymentID: in.PaymentID},
	} {
		say(faulty, nil)
		if got, err := client.Submit(within(t, patience), in); err == nil {
			t.Errorf("an answer %s: %+v", name, got)
		}
	}
	say(payment.Answer{}, clearing.ErrFull)
	if _, err := client.Submit(within(t, patience), in); !errors.Is(err, natsclearing.ErrRefused) || !strings.Contains(err.Error(), "full") {
		t.Errorf("refused with %v", err)
	}
	say(payment.Answer{}, clearing.ErrSilent)
	if _, err := client.Submit(within(t, 50*time.Millisecond), in); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silence is %v", err)
	}
}

func TestNobodyServes(t *testing.T) {
	t.Parallel()
	client := natsclearing.NewClient(natstest.Start(t).Connect(), "nobody", quiet)
	if _, err := client.Submit(within(t, patience), instruction()); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("got %v", err)
	}
}

// What a house cannot take is answered, not passed over.
func TestSubmissionsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	h := house{
		submit: func(in payment.Instruction) (payment.Answer, error) {
			t.Errorf("took %+v", in)
			return payment.Answer{}, nil
		},
		status: func(id uuid.UUID) (payment.Answer, error) {
			return payment.Answer{PaymentID: id, Kind: payment.AnswerUnknown}, nil
		},
	}
	_, bank := serve(t, h)
	const id = `"payment_id":"0198c0de-cafe-7000-8000-000000000002"`
	for _, data := range []string{
		``, `{`, `[]`, `{}`, `{` + id + `}`, `{` + id + `,"amount":0,"currency":"EUR","creditor":{"name":"x","account":"y"},"settle_before":"2026-11-21T00:00:00Z"}`,
		`{` + id + `,"amount":5,"currency":"XXQ","creditor":{"name":"x","account":"y"},"settle_before":"2026-11-21T00:00:00Z"}`,
		`{` + id + `,"amount":5,"creditor":{"name":"x","account":"y"},"settle_before":"2026-11-21T00:00:00Z"}`,
		`{` + id + `,"amount":5,"currency":"EUR","settle_before":"2026-11-21T00:00:00Z"}`,
		`{` + id + `,"amount":5,"currency":"EUR","creditor":{"name":"x","account":"y"}}`,
		`{"amount":5,"currency":"EUR","creditor":{"name":"x","account":"y"},"settle_before":"2026-11-21T00:00:00Z"}`,
		`"` + strings.Repeat("x", 70_000) + `"`,
	} {
		reply, err := bank.RequestWithContext(within(t, patience), "test.clearing.submit", []byte(data))
		if err != nil || !strings.Contains(string(reply.Data), `"error":"`) {
			t.Errorf("%.100s: %s, %v", data, reply.Data, err)
		}
	}
}

// An answer is confirmed when it is on record, and not before; what is no answer is refused.
func TestAnswersThatComeByThemselves(t *testing.T) {
	t.Parallel()
	want := payment.Answer{PaymentID: uuid.UUID{1}, Kind: payment.AnswerSettled, GatewayReference: "G1"}
	results := make(chan error, 3)
	again := make(chan struct{})
	h := house{
		status: func(id uuid.UUID) (payment.Answer, error) {
			return payment.Answer{PaymentID: id, Kind: payment.AnswerUnknown}, nil
		},
		run: func(ctx context.Context, deliver clearing.Deliver) {
			for range 3 {
				short, cancel := context.WithTimeout(ctx, time.Second)
				results <- deliver(short, want)
				cancel()
				select {
				case <-again:
				case <-ctx.Done():
				}
			}
		},
	}
	client, bank := serve(t, h)
	if err := <-results; !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("told to nobody: %v", err)
	}
	var taken atomic.Bool
	run(t, func(ctx context.Context) error {
		return client.Listen(ctx, func(_ context.Context, a payment.Answer) error {
			if a != want {
				t.Errorf("heard %+v, want %+v", a, want)
			}
			if taken.Load() {
				return nil
			}
			return errors.New("the database is away")
		})
	})
	awaitListener(t, bank)
	again <- struct{}{}
	if err := <-results; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("told, but not on record: %v", err)
	}
	taken.Store(true)
	again <- struct{}{}
	if err := <-results; err != nil {
		t.Errorf("told: %v", err)
	}
	for _, data := range []string{``, `{}`, `{"payment_id":"0198c0de-cafe-7000-8000-000000000002","status":"paid"}`} {
		reply, err := bank.RequestWithContext(within(t, patience), "test.clearing.answers", []byte(data))
		if err != nil || !strings.Contains(string(reply.Data), `"error":"`) {
			t.Errorf("%s: %s, %v", data, reply.Data, err)
		}
	}
}

// awaitListener returns when somebody answers on the subject of answers.
func awaitListener(t *testing.T, conn *nats.Conn) {
	t.Helper()
	ctx := within(t, patience)
	for ctx.Err() == nil {
		if _, err := conn.RequestWithContext(ctx, "test.clearing.answers", nil); err == nil {
			return
		}
	}
	t.Fatal("nobody listens")
}

// The real house behind the protocol: taken, settled a moment later, told, and told again when asked.
func TestTheHouseOverNATS(t *testing.T) {
	t.Parallel()
	client, _ := serve(t, clearing.New(clearing.Rates{Delay: 20 * time.Millisecond}.Plan(), quiet))
	told := make(chan payment.Answer, 10)
	run(t, func(ctx context.Context) error {
		return client.Listen(ctx, func(_ context.Context, a payment.Answer) error { told <- a; return nil })
	})
	in := instruction()
	first, err := client.Submit(within(t, patience), in)
	if err != nil || first.Kind != payment.AnswerAccepted || first.GatewayReference == "" {
		t.Fatalf("submitted: %+v, %v", first, err)
	}
	select {
	case a := <-told:
		if a.Kind != payment.AnswerSettled || a.GatewayReference != first.GatewayReference || a.PaymentID != in.PaymentID {
			t.Errorf("told %+v", a)
		}
	case <-time.After(patience):
		t.Fatal("not told")
	}
	if a, err := client.Status(within(t, patience), in.PaymentID); err != nil || a.Kind != payment.AnswerSettled {
		t.Errorf("asked: %+v, %v", a, err)
	}
}
