package command_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"passbook/command"
	"passbook/domain/account"
)

// TestBegunCommandsAreDecidedInTheirOrder begins many that are possible in one order only, before any of them is answered.
func TestBegunCommandsAreDecidedInTheirOrder(t *testing.T) {
	t.Parallel()
	store := newDatabase(t)
	b, id := start(t, store, command.Config{}), uuid.New()
	commands := []account.Command{open(id, 0)}
	for range 300 {
		commands = append(commands, deposit(7), withdraw(7))
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var begun []command.Pending
	for i, c := range commands {
		pending, err := b.Begin(ctx, request(id, fmt.Sprint(i), c))
		if err != nil {
			t.Fatal(err)
		}
		begun = append(begun, pending)
	}
	for i, pending := range begun {
		<-pending.Done()
		answer, err := pending.Wait(ctx)
		if err != nil || answer.Version != int64(i+1) || answer.Status != 201 {
			t.Fatalf("command %d: %+v, %v", i, answer, err)
		}
	}
	if got := fold(t, store, id); got.Balance != 0 || got.Version != int64(len(commands)) {
		t.Errorf("balance %d at version %d", got.Balance, got.Version)
	}
}

func TestACommandThatCannotBeBegunLeavesItsKeyFree(t *testing.T) {
	t.Parallel()
	p, id := command.Pending{}, uuid.New()
	b := start(t, newDatabase(t), command.Config{})
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := b.Begin(t.Context(), request(id, "k", open(id, 0)))
		if !errors.Is(err, command.ErrStopping) || got != p {
			t.Errorf("begin: %v, %v", got, err)
		}
	}
}

func TestAnAnswerThatIsKnownOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	pending, tell := command.Promised()
	if _, err := pending.Wait(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that has left is told %v", err)
	}
	tell(command.Answer{Status: 201}, nil)
	for range 20 {
		if answer, err := pending.Wait(ended); answer.Status != 201 || err != nil {
			t.Fatalf("%+v, %v", answer, err)
		}
	}
}
