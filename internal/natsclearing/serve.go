package natsclearing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"passbook/domain/payment"
	"passbook/internal/clearing"
)

// House is what is served: *clearing.House.
type House interface {
	Submit(ctx context.Context, in payment.Instruction) (payment.Answer, error)
	Status(ctx context.Context, id uuid.UUID) (payment.Answer, error)
	Run(ctx context.Context, deliver clearing.Deliver) error
}

// Serve lets banks reach a house, and runs it, until ctx is done. A house remembers its payments by itself: of several that
// serve one prefix, each would know its own only.
func Serve(ctx context.Context, conn *nats.Conn, prefix string, house House, log *slog.Logger) error {
	s := &server{conn: conn, prefix: prefix, house: house, log: log.With("part", "clearing")}
	for subject, handle := range map[string]func(context.Context, []byte) (payment.Answer, error){
		submitSubject: s.submit, statusSubject: s.status,
	} {
		sub, err := conn.Subscribe(prefix+subject, func(m *nats.Msg) { s.answer(ctx, m, handle) })
		if err != nil {
			return fmt.Errorf("serve the clearing house: %w", err)
		}
		defer func() { _ = sub.Unsubscribe() }() // fails when the connection has ended
	}
	var parts errgroup.Group
	parts.Go(func() error { return house.Run(ctx, s.deliver) })
	s.log.Info("the clearing house is open", "subjects", prefix+".>")
	return parts.Wait()
}

type server struct {
	conn   *nats.Conn
	prefix string
	house  House
	log    *slog.Logger
}

func (s *server) submit(ctx context.Context, data []byte) (payment.Answer, error) {
	in, err := read[submission](data)
	if err == nil {
		err = in.fault()
	}
	if err != nil {
		return payment.Answer{}, err
	}
	return s.house.Submit(ctx, in.instruction())
}

func (s *server) status(ctx context.Context, data []byte) (payment.Answer, error) {
	in, err := read[inquiry](data)
	if err != nil {
		return payment.Answer{}, err
	}
	return s.house.Status(ctx, in.PaymentID)
}

func (s *server) answer(ctx context.Context, m *nats.Msg, handle func(context.Context, []byte) (payment.Answer, error)) {
	a, err := handle(ctx, m.Data)
	reply := toAnswer(a)
	switch {
	case errors.Is(err, clearing.ErrSilent):
		return
	case err != nil:
		s.log.Info("a request was not understood", "subject", m.Subject, slog.Any("error", err))
		reply = answer{Error: err.Error()}
	}
	if err := m.Respond(write(reply)); err != nil {
		s.log.Debug("a reply was not sent", "subject", m.Subject, slog.Any("error", err)) // the bank asks again
	}
}

// deliver is the house's way to say something by itself.
func (s *server) deliver(ctx context.Context, a payment.Answer) error {
	reply, err := s.conn.RequestWithContext(ctx, s.prefix+answersSubject, write(toAnswer(a)))
	if err != nil {
		return fmt.Errorf("tell the bank: %w", err)
	}
	c, err := read[confirmation](reply.Data)
	if err != nil {
		return err
	}
	if !c.Taken || c.PaymentID != a.PaymentID {
		return fmt.Errorf("%w: %.200q", ErrRefused, reply.Data)
	}
	return nil
}
