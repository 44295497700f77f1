package feed_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"passbook/internal/faultproxy"
	"passbook/readmodel"
)

// What JetStream delivers is lost, doubled and reordered on its way, a tenth of it each, and a tenth of the acknowledgements never
// arrive; for a while none do, so that the server delivers again by itself. All under load, with projectors that come and go. The
// rows are right and nothing is parked.
func TestAnUnreliableBroker(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			p := newPipeline(t, 80+seed)
			p.startRelay("r")
			p.untilStreamExists()
			w := &wire{random: rand.New(rand.NewPCG(seed, 7))}
			url := strings.TrimPrefix(p.nats.URL, "nats://")
			login, address, _ := strings.Cut(url, "@")
			if address == "" {
				login, address = "", url
			}
			proxy := faultproxy.Start(t, "tcp", address, w.toServer, w.toClient)
			through := "nats://" + strings.TrimPrefix(login+"@"+proxy.Addr, "@")
			registry := prometheus.NewRegistry()
			start := func(holder string) (stop func()) {
				conn, err := nats.Connect(through, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.ReconnectJitter(0, 0))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(conn.Close)
				config := engineConfig(holder)
				config.Batch = 50
				return p.start(p.engine(p.feed(conn, feedConfig()), registry, config).Run)
			}
			stop := start("first")
			var head int64
			for range 10 {
				head = p.write(200)
				p.untilApplied(head)
			}
			w.mute.Store(true)
			head = p.write(200)
			p.untilApplied(head)
			p.within(patience, "the server delivers again", func() bool {
				info, err := p.stream().Consumer(t.Context(), "timeline-1")
				return err == nil && info.CachedInfo().NumRedelivered > 0
			})
			w.mute.Store(false)
			stop()
			registry = prometheus.NewRegistry()
			start("second")
			for range 5 {
				head = p.write(200)
				p.untilApplied(head)
			}
			p.verify(head)
			p.nothingParked()
			t.Logf("lost %d, doubled %d, reordered %d, acknowledgements lost %d of %d messages",
				w.lost.Load(), w.doubled.Load(), w.reordered.Load(), w.muted.Load(), w.all.Load())
			if n := w.all.Load() / 20; w.lost.Load() < n || w.doubled.Load() < n || w.reordered.Load() < n || w.muted.Load() == 0 {
				t.Error("the broker was more reliable than it should have been")
			}
		})
	}
}

// patience bounds every wait for something that must happen.
const patience = 90 * time.Second

func (p *pipeline) nothingParked() {
	p.t.Helper()
	for _, name := range []string{readmodel.Balances, readmodel.Timeline} {
		list, err := readmodel.ListParked(p.t.Context(), p.projector, name, [16]byte{})
		if err != nil || len(list) > 0 {
			p.t.Errorf("%s: %+v, %v", name, list, err)
		}
	}
}

// wire carries the protocol of NATS between one client and its server, and loses, doubles and reorders the events among it.
type wire struct {
	mu     sync.Mutex
	random *rand.Rand
	mute   atomic.Bool // no acknowledgement arrives

	all, lost, doubled, reordered, muted atomic.Int64
}

func (w *wire) draw(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.IntN(n)
}

// frame is a line of the protocol with the payload that it announces, if it does.
func frame(in *bufio.Reader) (line string, whole []byte, err error) {
	text, err := in.ReadString('\n')
	if err != nil {
		return "", nil, err
	}
	fields := strings.Fields(text)
	whole = []byte(text)
	if len(fields) > 0 && strings.Contains(" MSG HMSG PUB HPUB ", " "+fields[0]+" ") {
		size, err := strconv.Atoi(fields[len(fields)-1])
		if err != nil {
			return "", nil, err
		}
		payload := make([]byte, size+2)
		if _, err := io.ReadFull(in, payload); err != nil {
			return "", nil, err
		}
		whole = append(whole, payload...)
	}
	return text, whole, nil
}

// toClient passes everything but the events, which come with an acknowledgement to be sent to $JS.ACK.
func (w *wire) toClient(dst io.Writer, src io.Reader) error {
	in := bufio.NewReader(src)
	var late []byte // comes after the next one
	for {
		line, whole, err := frame(in)
		if err != nil {
			return err
		}
		if strings.HasPrefix(line, "HMSG") && strings.Contains(line, "$JS.ACK") && bytes.Contains(whole, []byte("specversion")) {
			whole, late = w.disturb(whole, late)
		}
		if _, err := dst.Write(whole); err != nil {
			return err
		}
	}
}

// disturb returns what is sent instead of a message, and what is held back.
func (w *wire) disturb(message, late []byte) (now, held []byte) {
	w.all.Add(1)
	now = append(bytes.Clone(message), late...)
	switch w.draw(10) {
	case 0:
		w.lost.Add(1)
		return late, nil
	case 1:
		w.doubled.Add(1)
		return append(now, message...), nil
	case 2:
		w.reordered.Add(1)
		return late, message
	default:
		return now, nil
	}
}

// toServer loses acknowledgements.
func (w *wire) toServer(dst io.Writer, src io.Reader) error {
	in := bufio.NewReader(src)
	for {
		line, whole, err := frame(in)
		if err != nil {
			return err
		}
		if strings.Contains(line, "PUB $JS.ACK") && (w.mute.Load() || w.draw(10) == 0) {
			w.muted.Add(1)
			continue
		}
		if _, err := dst.Write(whole); err != nil {
			return err
		}
	}
}
