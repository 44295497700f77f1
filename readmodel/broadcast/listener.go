package broadcast

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"passbook/readmodel"
)

// Message is news on the way to those who listen, who share it.
type Message struct {
	News *readmodel.News

	once sync.Once
	text []byte
}

// Text is the message as it is sent: encoded once, however many it is sent to.
func (m *Message) Text(encode func(*readmodel.News) []byte) []byte {
	m.once.Do(func() { m.text = encode(m.News) })
	return m.text
}

// Reason is why a listener hears no more.
type Reason string

// The reasons. The first two are the broadcast's own.
const (
	SlowConsumer Reason = "slow_consumer"
	LogRestored  Reason = "log_restored"
	TokenExpired Reason = "token_expired"
	Stopping     Reason = "server_stopping"
	Unavailable  Reason = "unavailable" // the database is
	Stalled      Reason = "stalled"     // the client took nothing for too long
	Gone         Reason = "client_gone"
)

// Reasons lists them all.
func Reasons() []Reason {
	return []Reason{SlowConsumer, LogRestored, TokenExpired, Stopping, Unavailable, Stalled, Gone}
}

// Dropped is the error of a listener that hears nothing any more. It can go on with another from its position.
type Dropped struct{ Reason Reason }

func (d Dropped) Error() string { return "dropped: " + string(d.Reason) }

// Listener hears what it asked for. It is used by one goroutine.
type Listener struct {
	broadcast *Broadcast
	caller    string
	filter    readmodel.NewsFilter
	roused    chan struct{}

	// Guarded by the broadcast's lock.
	live       bool
	position   int64 // everything up to here was taken
	queue      []*Message
	overflowed bool      // the queue has, since takenAt
	takenAt    time.Time // last
	dropped    Reason
}

// start finds the position to listen from.
func (l *Listener) start(ctx context.Context, known <-chan struct{}, after int64) error {
	select {
	case <-known:
	case <-ctx.Done():
		return ctx.Err()
	}
	b := l.broadcast
	b.mu.Lock()
	told := b.position
	b.mu.Unlock()
	if after == FromNow {
		after = told
	}
	if after > told { // another process may be ahead of this one, but not of the log
		_, head, err := b.source.Reached(ctx)
		if err != nil {
			return err
		}
		if after > head {
			return ErrAhead
		}
	}
	l.position = after
	return nil
}

// Position is how far the listener is: it has taken everything before, and goes on from there.
func (l *Listener) Position() int64 {
	l.broadcast.mu.Lock()
	defer l.broadcast.mu.Unlock()
	return l.position
}

// Roused is ready to receive from when there may be something to take.
func (l *Listener) Roused() <-chan struct{} { return l.roused }

func (l *Listener) rouse() {
	select {
	case l.roused <- struct{}{}:
	default:
	}
}

// Take returns what there is to hear, without waiting for more, and whether to ask again at once. Errors are Dropped, that of ctx and the
// database's; the listener then hears nothing more.
func (l *Listener) Take(ctx context.Context) (heard []*Message, again bool, err error) {
	if l.listens() {
		heard, err = l.taken()
		return heard, false, err
	}
	page, err := l.broadcast.source.News(ctx, l.filter, l.Position())
	if err != nil {
		return nil, false, err
	}
	heard = make([]*Message, len(page.News))
	for i := range page.News {
		heard[i] = &Message{News: &page.News[i]}
	}
	l.broadcast.metrics.told.Add(float64(len(heard)))
	l.broadcast.mu.Lock()
	defer l.broadcast.mu.Unlock()
	if l.dropped != "" {
		return nil, true, nil
	}
	again = page.Through > l.position // else the read models were taken back, and have to come this far again
	l.position = max(l.position, page.Through)
	return heard, again, nil
}

// taken empties the queue.
func (l *Listener) taken() ([]*Message, error) {
	b := l.broadcast
	b.mu.Lock()
	defer b.mu.Unlock()
	if l.dropped != "" {
		return nil, Dropped{l.dropped}
	}
	heard := l.queue
	l.queue = nil
	b.metrics.told.Add(float64(len(heard)))
	if len(heard) > 0 {
		l.position = heard[len(heard)-1].News.Position
	}
	l.position = max(l.position, b.position) // what lies between was not asked for
	return heard, nil
}

// listens makes the listener live when what it lacks is kept, and fits.
func (l *Listener) listens() bool {
	b := l.broadcast
	b.mu.Lock()
	defer b.mu.Unlock()
	if l.overflowed && time.Since(l.takenAt) > b.cfg.SlowAfter {
		l.dropped = SlowConsumer
	}
	l.takenAt, l.overflowed = time.Now(), false
	if l.live || l.dropped != "" {
		return true
	}
	if l.position < b.keptFrom {
		return false
	}
	first, _ := slices.BinarySearchFunc(b.kept, l.position+1, func(m *Message, position int64) int { return cmp.Compare(m.News.Position, position) })
	var lacking []*Message
	for _, m := range b.kept[first:] {
		if l.filter.Picks(m.News) {
			lacking = append(lacking, m)
		}
	}
	if len(lacking) > b.cfg.Queue/2 {
		return false
	}
	l.queue = lacking
	b.join(l)
	return true
}

// join makes a listener live.
func (b *Broadcast) join(l *Listener) {
	l.live = true
	b.metrics.behind.Dec()
	switch f := l.filter; {
	case f.AccountID != uuid.Nil:
		add(b.byAccount, f.AccountID, l)
	case f.OwnerID != "":
		add(b.byOwner, f.OwnerID, l)
	default:
		b.all[l] = struct{}{}
	}
}

// leave ends what join began.
func (b *Broadcast) leave(l *Listener) {
	switch f := l.filter; {
	case f.AccountID != uuid.Nil:
		remove(b.byAccount, f.AccountID, l)
	case f.OwnerID != "":
		remove(b.byOwner, f.OwnerID, l)
	default:
		delete(b.all, l)
	}
}

func add[K comparable](index map[K]map[*Listener]struct{}, key K, l *Listener) {
	if index[key] == nil {
		index[key] = map[*Listener]struct{}{}
	}
	index[key][l] = struct{}{}
}

func remove[K comparable](index map[K]map[*Listener]struct{}, key K, l *Listener) {
	delete(index[key], l)
	if len(index[key]) == 0 {
		delete(index, key)
	}
}

// Close ends the listening.
func (l *Listener) Close(why Reason) {
	l.broadcast.dismiss(l)
	l.broadcast.metrics.ended.WithLabelValues(string(why)).Inc()
}
