package natsclearing

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"passbook/domain/payment"
)

// Client is the bank's end.
type Client struct {
	conn   *nats.Conn
	prefix string
	log    *slog.Logger
}

// NewClient makes a client. The connection stays the caller's to close.
func NewClient(conn *nats.Conn, prefix string, log *slog.Logger) *Client {
	return &Client{conn: conn, prefix: prefix, log: log.With("part", "clearing client")}
}

// Submit gives a payment to the house and returns what it answers. An error says nothing of whether the house took it.
func (c *Client) Submit(ctx context.Context, in payment.Instruction) (payment.Answer, error) {
	return c.ask(ctx, submitSubject, toSubmission(in), in.PaymentID)
}

// Status asks what became of a payment.
func (c *Client) Status(ctx context.Context, id uuid.UUID) (payment.Answer, error) {
	return c.ask(ctx, statusSubject, inquiry{id}, id)
}

func (c *Client) ask(ctx context.Context, subject string, request any, about uuid.UUID) (payment.Answer, error) {
	reply, err := c.conn.RequestWithContext(ctx, c.prefix+subject, write(request))
	if err != nil {
		return payment.Answer{}, fmt.Errorf("ask the clearing house (%s): %w", c.prefix+subject, err)
	}
	a, err := read[answer](reply.Data)
	if err != nil {
		return payment.Answer{}, err
	}
	return a.answer(about)
}

// Limits of answers that come by themselves.
const (
	takersMax = 32 // taken at once
	takeMax   = 10 * time.Second
)

// group is shared by the bank's processes: each answer goes to one of them.
const group = "passbook"

// Listen takes answers that come by themselves until ctx is done. take returns nil when the answer is on record: only then is
// it confirmed.
func (c *Client) Listen(ctx context.Context, take func(ctx context.Context, a payment.Answer) error) error {
	incoming := make(chan *nats.Msg, takersMax)
	sub, err := c.conn.ChanQueueSubscribe(c.prefix+answersSubject, group, incoming)
	if err != nil {
		return fmt.Errorf("listen to the clearing house: %w", err)
	}
	var takers errgroup.Group
	for range takersMax {
		takers.Go(func() error {
			for {
				select {
				case m := <-incoming:
					c.take(ctx, m, take)
				case <-ctx.Done():
					return nil
				}
			}
		})
	}
	_ = takers.Wait() // they return nil
	if err := sub.Unsubscribe(); err != nil {
		c.log.Debug("end the subscription", slog.Any("error", err)) // the connection has ended
	}
	return nil
}

func (c *Client) take(ctx context.Context, m *nats.Msg, take func(context.Context, payment.Answer) error) {
	ctx, cancel := context.WithTimeout(ctx, takeMax)
	defer cancel()
	read, err := read[answer](m.Data)
	var a payment.Answer
	if err == nil {
		a, err = read.answer(uuid.Nil)
	}
	if err != nil {
		c.log.Warn("the clearing house sent something else than an answer", slog.Any("error", err))
		c.reply(m, answer{Error: err.Error()})
		return
	}
	if err := take(ctx, a); err != nil {
		c.log.Info("an answer of the clearing house is not on record yet", "payment_id", a.PaymentID, slog.Any("error", err))
		return // it comes again, or is asked for
	}
	c.reply(m, confirmation{PaymentID: a.PaymentID, Taken: true})
}

func (c *Client) reply(m *nats.Msg, v any) {
	if err := m.Respond(write(v)); err != nil {
		c.log.Debug("reply to the clearing house", slog.Any("error", err)) // then it says it again
	}
}
