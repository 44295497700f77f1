package delivery

import (
	"context"
	"crypto/x509"
	"net"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"passbook/webhook"
)

// Intercept has every use of the list go through a function of the test.
func (e *Engine) Intercept(through func(what string, do func() error) error) {
	e.list = intercepted{e.list, through}
}

// Reach has the engine find names and trust certificates as a test wants it to.
func (e *Engine) Reach(policy webhook.Policy, resolver *net.Resolver, roots *x509.CertPool) {
	e.sender = newSender(policy, e.config.Timeout, resolver, roots)
}

// Advance puts one event on the list of a subscription that is at a position.
func Advance(ctx context.Context, pool *pgxpool.Pool, id uuid.UUID, from, through int64, event uuid.UUID) (made int64, err error) {
	g := group{{id: id, revision: 1, position: from}}
	return newTable(pool).advance(ctx, g, through, []entry{{id: webhook.DeliveryID(id, event), webhookID: id, position: through, kind: "deposit", payload: "{}"}})
}

// Phases are the uses of the list that a process can be killed in.
var Phases = []string{"followers", "backlogs", "advance", "due", "note", "clean", "tally"}

type intercepted struct {
	list
	through func(what string, do func() error) error
}

func (i intercepted) followers(ctx context.Context) (found []follower, err error) {
	err = i.through("followers", func() (err error) { found, err = i.list.followers(ctx); return err })
	return found, err
}

func (i intercepted) backlogs(ctx context.Context, ids []uuid.UUID, most int) (found map[uuid.UUID]int, err error) {
	err = i.through("backlogs", func() (err error) { found, err = i.list.backlogs(ctx, ids, most); return err })
	return found, err
}

func (i intercepted) advance(ctx context.Context, g group, through int64, entries []entry) (made int64, err error) {
	err = i.through("advance", func() (err error) { made, err = i.list.advance(ctx, g, through, entries); return err })
	return made, err
}

func (i intercepted) due(ctx context.Context, d dueness) (found []order, err error) {
	err = i.through("due", func() (err error) { found, err = i.list.due(ctx, d); return err })
	return found, err
}

func (i intercepted) note(ctx context.Context, done []noted) error {
	return i.through("note", func() error { return i.list.note(ctx, done) })
}

func (i intercepted) clean(ctx context.Context, now time.Time, retention time.Duration) (dropped int64, err error) {
	err = i.through("clean", func() (err error) { dropped, err = i.list.clean(ctx, now, retention); return err })
	return dropped, err
}

func (i intercepted) tally(ctx context.Context) (n tally, err error) {
	err = i.through("tally", func() (err error) { n, err = i.list.tally(ctx); return err })
	return n, err
}
