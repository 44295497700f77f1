package forward_test

import (
	"testing"

	"github.com/google/uuid"

	"passbook/command"
	"passbook/domain/approval"
	"passbook/domain/bank"
	"passbook/domain/money"
)

// A command that another instance took waits in the name of whoever gave it there, is found there, and is approved from there: the maker is no
// more the checker than with one instance.
func TestApprovalsBetweenInstances(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	_, follower := f.pair(command.Config{Approvals: command.Approvals{Thresholds: map[money.Currency]money.Amount{euro: 100}}})
	id := uuid.New()
	follower.execute(request(id, "open", open(id, 1_000)))
	waits := follower.execute(request(id, "much", withdraw(101)))
	finder, err := command.NewFinder(f.store)
	if err != nil {
		t.Fatal(err)
	}
	found, err := finder.Approval(t.Context(), waits.SubjectID)
	if err != nil {
		t.Fatal(err)
	}
	decide := func(key, by string) command.Answer {
		t.Helper()
		r := request(id, key, nil)
		on := found.Command
		on.Command = approval.Approve{By: by}
		r.Actor, r.CausationID, r.Command = by, found.Event.String(), on
		return follower.execute(r)
	}
	if answer := decide("own", "actor"); answer.Status != 422 {
		t.Errorf("by its maker: %d %s", answer.Status, answer.Body)
	}
	if answer := decide("other", "checker"); answer.Status != 201 || string(answer.Body) != "balance -101 version 2" {
		t.Errorf("by another: %d %s", answer.Status, answer.Body)
	}
	if again := follower.execute(request(id, "much", found.Command.Original.(bank.OnAccount).Command)); !again.Replayed || again.SubjectID != waits.SubjectID {
		t.Errorf("the same key again: %+v", again)
	}
	events, err := f.store.ReadStream(t.Context(), id, 1, 10)
	if err != nil || len(events) != 1 {
		t.Fatal(err, len(events))
	}
	if m, err := events[0].DecodeMetadata(); err != nil || m.Actor != "checker" || m.CausationID != found.Event.String() {
		t.Errorf("%+v, %v", m, err)
	}
	f.audit(4)
}
