package readmodeltest

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"passbook/domain/account"
	"passbook/eventstore"
)

// Poison is the payload of an event that no code can read, or that code must not be able to apply.
const Poison = `{"amount":"lots"}`

// Poison appends a deposit with the payload Poison to an account, and returns its position. The account's state stays what it was,
// as if the event had only counted up its version.
func (g *Generator) Poison(ctx context.Context, id uuid.UUID) (int64, error) {
	s, ok := g.world[id].(account.State)
	if !ok {
		return 0, fmt.Errorf("there is no account %s", id)
	}
	entry := eventstore.Entry{Appends: []eventstore.Append{{
		StreamType: account.StreamType, StreamID: id, Expected: s.Version,
		Events: []eventstore.NewEvent{{ID: g.id(), Type: "money.deposited", Schema: 1, Data: []byte(Poison), Metadata: []byte(`{"actor":"generator"}`)}},
	}}}
	g.tick()
	if err := g.commit(ctx, []eventstore.Entry{entry}, 1); err != nil {
		return 0, err
	}
	s.Version++
	g.world[id] = s
	return g.head.Position, nil
}
