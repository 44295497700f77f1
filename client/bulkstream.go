package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
)

const (
	// portionItems and portionBytes are how much of a stream of items goes into one request: less than the bank takes, so that what is sent again after a
	// fault is little.
	portionItems = 1000
	portionBytes = 1 << 20
)

// BulkStream sends any number of commands, each by itself, and yields a result for each as the bank gives it. Items are taken from the sequence as they are needed and decided
// in its order; a result's Index is the item's place in it. An item without a key of its own has key with "/" and its index behind it, so the same sequence may be
// sent again under the same key.
//
// Items that may succeed later, and those that a broken connection left without an answer, are sent again under their keys before the next ones are: their
// results come out of order. An error is the last of what it yields.
func (c *Client) BulkStream(ctx context.Context, key string, items iter.Seq[BulkItem]) iter.Seq2[BulkItemResult, error] {
	return func(yield func(BulkItemResult, error) bool) {
		next, stop := iter.Pull(items)
		defer stop()
		b := &bulkStream{client: c, key: key, next: next}
		for {
			portion, err := b.take()
			if err == nil && len(portion) == 0 {
				return
			}
			if err == nil {
				err = b.sendAll(ctx, portion, yield)
			}
			if err != nil {
				if !errors.Is(err, errLeft) {
					yield(BulkItemResult{}, fmt.Errorf("bulk: %w", err))
				}
				return
			}
		}
	}
}

type bulkStream struct {
	client *Client
	key    string
	next   func() (BulkItem, bool)
	taken  int
}

// line is an item as it is sent.
type line struct {
	index int
	text  []byte
}

// take returns the next items, none at the end.
func (b *bulkStream) take() (portion []line, err error) {
	for size := 0; len(portion) < portionItems && size < portionBytes; {
		item, ok := b.next()
		if !ok {
			break
		}
		if item.IdempotencyKey == "" {
			item.IdempotencyKey = b.key + "/" + strconv.Itoa(b.taken)
		}
		text, err := json.Marshal(item)
		if err != nil {
			return nil, fmt.Errorf("encode item %d: %w", b.taken, err)
		}
		portion = append(portion, line{b.taken, text})
		b.taken++
		size += len(text)
	}
	return portion, nil
}

// sendAll sends a portion until each item has an answer that will not change.
func (b *bulkStream) sendAll(ctx context.Context, portion []line, yield func(BulkItemResult, error) bool) error {
	p := b.client.newPatience()
	for len(portion) > 0 {
		p.tries++
		before := len(portion)
		left, err := b.send(ctx, portion, yield)
		if err != nil && !mayPass(err) {
			return err
		}
		if len(left) > 0 {
			if len(left) < before { // it goes on
				p = b.client.newPatience()
			}
			if err := p.wait(ctx, err); err != nil {
				return err
			}
		}
		portion = left
	}
	return nil
}

// send sends a portion once and returns the items that are to be sent again, with the reason.
func (b *bulkStream) send(ctx context.Context, portion []line, yield func(BulkItemResult, error) bool) (left []line, reason error) {
	call, err := b.call(portion)
	if err != nil {
		return nil, &final{err}
	}
	answer, err := b.client.open(ctx, call, b.client.options.HTTP)
	if err != nil {
		return portion, err
	}
	defer func() { _ = answer.Body.Close() }()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, eventMax)
	answered := 0
	for lines.Scan() {
		result, err := readResult(lines.Bytes(), answered, len(portion))
		if err != nil {
			return nil, err
		}
		item := portion[answered]
		answered++
		if result.mayPass() {
			left, reason = append(left, item), result.refused()
			continue
		}
		result.Index = item.index
		b.saw(&result)
		if !yield(result, nil) {
			return nil, &final{errLeft}
		}
	}
	if answered < len(portion) {
		left, reason = append(left, portion[answered:]...), errors.Join(lines.Err(), io.ErrUnexpectedEOF)
	}
	return left, reason
}

func (b *bulkStream) call(portion []line) (*call, error) {
	r := request{api: commands, method: http.MethodPost, path: "/v1/bulk", key: b.key, keyed: true}
	call, err := b.client.prepare(r, nil)
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	for _, l := range portion {
		body.Write(l.text)
		body.WriteByte('\n')
	}
	call.content = body.Bytes()
	call.header.Set("Content-Type", "application/x-ndjson")
	call.header.Set("Accept", "application/x-ndjson, application/problem+json")
	return call, nil
}

// readResult reads the result of the n-th item.
func readResult(text []byte, n, items int) (result BulkItemResult, err error) {
	err = json.Unmarshal(text, &result)
	if err == nil && (n >= items || result.Index != n) {
		err = fmt.Errorf("it is of item %d of %d", result.Index, items)
	}
	if err != nil {
		return result, &final{fmt.Errorf("unreadable result %d: %w", n, err)}
	}
	return result, nil
}

// saw keeps the position of an accepted item.
func (b *bulkStream) saw(result *BulkItemResult) {
	var done struct{ Position uint64 }
	if result.Status/100 == 2 && json.Unmarshal(result.Body, &done) == nil {
		b.client.Saw(done.Position)
	}
}
