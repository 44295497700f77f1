package delivery

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"passbook/readmodel"
	"passbook/webhook"
)

const (
	// lookAgain is how soon a change that callers made to subscriptions is seen when nothing happens in the log.
	lookAgain = time.Second
	// groupsMax is how many groups of subscriptions that are behind are read for between two looks at what is due.
	groupsMax = 16
)

// follower is a subscription that has events put on its list.
type follower struct {
	id        uuid.UUID
	revision  int64
	position  int64
	accountID *uuid.UUID
	ownedBy   string
	types     []string
}

// wants tells whether a subscription is about an event. What the read models withhold may be of any type.
func (f *follower) wants(n *readmodel.News) bool {
	switch {
	case f.ownedBy != "" && n.OwnerID != f.ownedBy, f.accountID != nil && n.AccountID != *f.accountID:
		return false
	}
	return len(f.types) == 0 || n.Withheld || slices.Contains(f.types, n.Type)
}

// group is subscriptions at the same position.
type group []follower

func (g group) position() int64 { return g[0].position }

// filter picks what at least is to be read for the group.
func (g group) filter() (f readmodel.NewsFilter) {
	if len(g) == 1 {
		if f.OwnerID = g[0].ownedBy; g[0].accountID != nil {
			f = readmodel.NewsFilter{AccountID: *g[0].accountID}
		}
	}
	return f
}

// groups are the subscriptions by position, those that are furthest behind first. They come in that order.
func groups(all []follower) (found []group) {
	for i, f := range all {
		if i == 0 || f.position != all[i-1].position {
			found = append(found, nil)
		}
		last := len(found) - 1
		found[last] = append(found[last], f)
	}
	return found
}

// follow reads a page of news for those that are in front, and for some of those that are behind one each, no further than the others then are.
// more tells that there is more to read.
func (w *work) follow(ctx context.Context) (more bool, err error) {
	reached, head, err := w.source.Reached(ctx)
	if err != nil {
		return false, err
	}
	if reached == w.reached && time.Since(w.followed) < lookAgain {
		return false, nil
	}
	all, err := w.list.followers(ctx)
	if err != nil {
		return false, err
	}
	w.reached, w.followed = reached, time.Now()
	behind := groups(all)
	if len(behind) == 0 {
		w.metrics.lag.Set(0)
		return false, nil
	}
	front := behind[len(behind)-1]
	behind = behind[:len(behind)-1]
	through, more, err := w.read(ctx, front, max(reached, front.position()))
	if err != nil {
		return false, err
	}
	w.metrics.lag.Set(float64(max(0, head-min(all[0].position, through))))
	for _, g := range behind[:min(len(behind), groupsMax)] {
		if g, err = w.room(ctx, g); err != nil || len(g) == 0 {
			if err != nil {
				return false, err
			}
			continue
		}
		_, full, err := w.read(ctx, g, through)
		if err != nil {
			return false, err
		}
		more = more || full
	}
	if more || len(behind) > 0 {
		w.reached = -1 // there is something to look at again, whatever happens in the log
	}
	return more, nil
}

// read puts a page of news on the lists of a group, up to a position, and returns how far they are then, and whether the page was full.
func (w *work) read(ctx context.Context, g group, upTo int64) (through int64, full bool, err error) {
	if g.position() >= upTo {
		return g.position(), false, nil
	}
	page, err := w.source.News(ctx, g.filter(), g.position())
	if err != nil {
		return 0, false, err
	}
	through, news := min(page.Through, upTo), page.News
	for len(news) > 0 && news[len(news)-1].Position > through {
		news = news[:len(news)-1]
	}
	if through <= g.position() {
		return g.position(), false, nil
	}
	return through, len(page.News) == readmodel.NewsPageMax, w.enqueue(ctx, g, news, through)
}

// room leaves out those whose list is full.
func (w *work) room(ctx context.Context, g group) (group, error) {
	ids := make([]uuid.UUID, len(g))
	for i := range g {
		ids[i] = g[i].id
	}
	pending, err := w.list.backlogs(ctx, ids, w.config.PendingMax)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(g), func(f follower) bool { return pending[f.id] >= w.config.PendingMax }), nil
}

// enqueue makes the deliveries of a page, and moves those of the group that have room for them behind it.
func (w *work) enqueue(ctx context.Context, g group, news []readmodel.News, through int64) error {
	wanted := map[uuid.UUID][]*readmodel.News{}
	var told, others group
	for i := range g {
		f := &g[i]
		for n := range news {
			if f.wants(&news[n]) {
				wanted[f.id] = append(wanted[f.id], &news[n])
			}
		}
		if wanted[f.id] == nil {
			others = append(others, *f)
		} else {
			told = append(told, *f)
		}
	}
	if len(told) > 0 {
		roomy, err := w.room(ctx, told)
		if err != nil {
			return err
		}
		others = append(others, roomy...)
	}
	if len(others) == 0 {
		return nil
	}
	made, err := w.list.advance(ctx, others, through, w.entries(others, wanted))
	w.metrics.enqueued.Add(float64(made))
	return err
}

// entry is a delivery to be.
type entry struct {
	id, webhookID, accountID uuid.UUID
	position                 int64
	kind, payload            string
}

// entries are in the order of the log, so that the numbers of deliveries are, too. An event's payload is made once, whoever gets it.
func (w *work) entries(g group, wanted map[uuid.UUID][]*readmodel.News) (entries []entry) {
	type rendered struct{ kind, payload string }
	made := map[*readmodel.News]rendered{}
	for _, f := range g {
		for _, n := range wanted[f.id] {
			r, ok := made[n]
			if !ok {
				var data []byte
				r.kind, data = w.render(n)
				r.payload = payload(r.kind, n.RecordedAt, data)
				made[n] = r
			}
			entries = append(entries, entry{
				id: webhook.DeliveryID(f.id, n.EventID), webhookID: f.id, accountID: n.AccountID, position: n.Position, kind: r.kind, payload: r.payload,
			})
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return int(a.position - b.position) })
	return entries
}

// payload has the members that Standard Webhooks recommends. Types are words of ours, in which nothing needs to be escaped.
func payload(kind string, at time.Time, data []byte) string {
	text := append(make([]byte, 0, len(data)+96), `{"type":"`...)
	text = append(append(text, kind...), `","timestamp":"`...)
	text = at.UTC().AppendFormat(text, time.RFC3339Nano)
	text = append(append(text, `","data":`...), data...)
	return string(append(text, '}'))
}
