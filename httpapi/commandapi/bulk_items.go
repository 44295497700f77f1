package commandapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"passbook/command"
	"passbook/httpapi"
)

// splitArray takes a JSON array apart. Faults of its syntax are found here; what is wrong inside an item is the item's own fault,
// and found when it is read.
func splitArray(body []byte) ([][]byte, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if d.PeekKind() != '[' && len(bytes.TrimSpace(body)) > 0 && jsontext.Value(body).IsValid() {
		return nil, malformed(httpapi.FieldError{Code: httpapi.FieldWrongType, Detail: "must be an array of items"})
	}
	var items [][]byte
	_, err := d.ReadToken()
	for err == nil && d.PeekKind() != ']' {
		var value jsontext.Value
		if value, err = d.ReadValue(); err == nil {
			end := int(d.InputOffset())
			items = append(items, body[end-len(value):end:end])
		}
	}
	if err == nil {
		_, err = d.ReadToken()
	}
	if err == nil {
		if _, end := d.ReadToken(); !errors.Is(end, io.EOF) {
			err = errors.Join(end, errors.New("more than one value"))
		}
	}
	if err != nil {
		fault := httpapi.FieldError{Code: httpapi.FieldInvalidSyntax, Detail: fmt.Sprintf("not valid JSON at byte %d", d.InputOffset())}
		return nil, malformed(fault)
	}
	return items, nil
}

// splitLines takes the lines that are not empty.
func splitLines(body []byte) (items [][]byte) {
	for line := range bytes.SplitSeq(body, []byte{'\n'}) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			items = append(items, line[:len(line):len(line)])
		}
	}
	return items
}

func checkCount(items int) error {
	switch {
	case items == 0:
		return malformed(httpapi.FieldError{Code: httpapi.FieldInvalidLength, Detail: "there must be at least one item"})
	case items > bulkItemsMax:
		return &httpapi.Error{
			Code: httpapi.PayloadTooLarge, Detail: fmt.Sprintf("The bulk has more than %d items.", bulkItemsMax),
			Context: []httpapi.Member{httpapi.Text("limit", "bulk_items"), httpapi.Number("limit_items", bulkItemsMax), httpapi.Number("items", items)},
		}
	}
	return nil
}

// bulkKeyMax leaves room for what is put behind the key of the request to make the keys of its items.
const bulkKeyMax = 250

func checkBulkKey(key string) error {
	if len(key) <= bulkKeyMax {
		return nil
	}
	return &httpapi.Error{
		Code: httpapi.IdempotencyKeyRequired, Detail: fmt.Sprintf("The Idempotency-Key of a bulk has at most %d characters.", bulkKeyMax),
		Fields: []httpapi.FieldError{{Parameter: "Idempotency-Key", Code: httpapi.FieldInvalidLength, Detail: fmt.Sprintf("must have 1 to %d characters", bulkKeyMax)}},
	}
}

// Suspect implements httpapi.Suspect.
func (b *BulkItem) Suspect() bool { return b.Path == "" || b.Method != "" && !b.Method.Valid() }

// part is an item as the request that it stands for. Its call is the bulk's own as long as it is not known what it stands for.
type part struct {
	call    *httpapi.Call
	request command.Request
}

// part reads an item. The error is what the request that it stands for would be answered.
func (b *bulk) part(ctx context.Context, index int) (p part, err error) {
	p.call = b.call
	var item BulkItem
	if err := b.call.DecodeEntry(b.items[index], &item); err != nil {
		return p, below("/"+strconv.Itoa(index), err)
	}
	method := "POST"
	if item.Method != "" {
		method = string(item.Method)
	}
	op, id, err := find(method, item.Path)
	if err != nil {
		return p, below("/"+strconv.Itoa(index), err)
	}
	if p.call, err = b.call.Carry(op.route, item.Path, b.headers(index, item)); err != nil {
		return p, err
	}
	if len(item.Body) > httpapi.BodyMax {
		return p, httpapi.TooLarge(httpapi.BodyMax)
	}
	o, err := op.order(p.call, id, func(target any) error { return p.call.Decode(item.Body, target) })
	if err != nil {
		return p, err
	}
	p.request, err = b.handlers.request(ctx, p.call, o)
	return p, err
}

// headers are those that the item would have had by itself.
func (b *bulk) headers(index int, item BulkItem) http.Header {
	h := http.Header{"User-Agent": b.call.Header["User-Agent"]}
	switch {
	case item.IdempotencyKey != nil:
		h["Idempotency-Key"] = []string{*item.IdempotencyKey}
	case b.key != "":
		h["Idempotency-Key"] = []string{b.key + "/" + strconv.Itoa(index)}
	}
	if item.IfMatch != nil {
		h["If-Match"] = []string{*item.IfMatch}
	}
	return h
}

// find returns the operation that a path belongs to, and the id in the path.
func find(method, path string) (op operation, id string, err error) {
	var allowed []string
	for _, op := range operations {
		id, matches := match(op.route.Path, path)
		switch {
		case matches && op.route.Method == method:
			return op, id, nil
		case matches:
			allowed = append(allowed, op.route.Method)
		}
	}
	switch {
	case path == bulkRoute.Path:
		err = invalid(httpapi.FieldError{Pointer: "/path", Code: httpapi.FieldInvalidValue, Detail: "must be another operation: a bulk carries no bulk"})
	case len(allowed) > 0:
		err = &httpapi.Error{Code: httpapi.MethodNotAllowed, Detail: "The methods of this path: " + strings.Join(allowed, ", ") + "."}
	default:
		err = &httpapi.Error{Code: httpapi.NotFound, Detail: "There is nothing at this path."}
	}
	return operation{}, "", err
}

// match holds a path to a template that has one variable part at most.
func match(template, path string) (id string, matches bool) {
	before, rest, variable := strings.Cut(template, "{")
	if !variable {
		return "", template == path
	}
	_, after, _ := strings.Cut(rest, "}")
	id, matches = strings.CutPrefix(path, before)
	if !matches {
		return "", false
	}
	id, matches = strings.CutSuffix(id, after)
	return id, matches && id != "" && !strings.Contains(id, "/")
}

// below puts the places that an error is about under the place of the item.
func below(pointer string, err error) error {
	var e *httpapi.Error
	if !errors.As(err, &e) {
		return err
	}
	moved := *e
	moved.Fields = nil
	for _, field := range e.Fields {
		if field.Parameter == "" {
			field.Pointer = pointer + field.Pointer
		}
		moved.Fields = append(moved.Fields, field)
	}
	return &moved
}

func malformed(fault httpapi.FieldError) error {
	return &httpapi.Error{
		Code: httpapi.MalformedRequest, Detail: "The request cannot be read: " + fault.Detail + ".", Fields: []httpapi.FieldError{fault},
	}
}
