package queryapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"github.com/google/uuid"

	"passbook/httpapi"
)

// A cursor is the version of its form, the filters it was made under, and where the page ended: an id or a number. It grants
// nothing: whoever makes one up reads what the same filters give anyway.
const (
	cursorForm    = 1
	filtersLength = 9
)

// Kinds of lists.
const (
	cursorAccounts   byte = 'a'
	cursorTimeline   byte = 't'
	cursorEvents     byte = 'e'
	cursorOwners     byte = 'o'
	cursorExplain    byte = 'x'
	cursorHolds      byte = 'h'
	cursorPayments   byte = 'p'
	cursorWebhooks   byte = 'w'
	cursorDeliveries byte = 'v'
	cursorDenials    byte = 'd'
	cursorApprovals  byte = 'A'
)

// filters is the kind of a list and a hash of its filters.
type filters [filtersLength]byte

func filtersOf(kind byte, parts ...string) filters {
	hash := sha256.New()
	for _, part := range parts {
		length := binary.BigEndian.AppendUint64(nil, uint64(len(part)))
		hash.Write(length)
		hash.Write([]byte(part))
	}
	var f filters
	f[0] = kind
	copy(f[1:], hash.Sum(nil))
	return f
}

func encode(f filters, end []byte) string {
	text := append([]byte{cursorForm}, f[:]...)
	return base64.RawURLEncoding.EncodeToString(append(text, end...))
}

// decode returns where the page ended, of the length that the list needs.
func decode(cursor string, f filters, length int) ([]byte, error) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(text) != 1+filtersLength+length || text[0] != cursorForm {
		return nil, &httpapi.Error{Code: httpapi.InvalidCursor, Detail: "The cursor is not the next_cursor of a page."}
	}
	if filters(text[1:1+filtersLength]) != f {
		return nil, &httpapi.Error{Code: httpapi.InvalidCursor, Detail: "The cursor belongs to a list with other filters."}
	}
	return text[1+filtersLength:], nil
}

// decodeText returns "" for no cursor.
func decodeText(cursor string, f filters) (string, error) {
	if cursor == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(text) <= 1+filtersLength {
		return "", &httpapi.Error{Code: httpapi.InvalidCursor, Detail: "The cursor is not the next_cursor of a page."}
	}
	end, err := decode(cursor, f, len(text)-1-filtersLength)
	return string(end), err
}

func encodeID(f filters, id uuid.UUID) string { return encode(f, id[:]) }

func decodeID(cursor string, f filters) (uuid.UUID, error) {
	end, err := decode(cursor, f, len(uuid.UUID{}))
	if err != nil {
		return uuid.Nil, err
	}
	return uuid.UUID(end), nil
}

// decodeOptionalID returns Nil for no cursor.
func decodeOptionalID(cursor string, f filters) (uuid.UUID, error) {
	if cursor == "" {
		return uuid.Nil, nil
	}
	return decodeID(cursor, f)
}

func encodeNumber(f filters, n int64) string {
	return encode(f, binary.BigEndian.AppendUint64(nil, uint64(n))) //nolint:gosec // the bits of it, as decodeNumber reads them
}

// decodeNumber returns 0 for no cursor.
func decodeNumber(cursor string, f filters) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	end, err := decode(cursor, f, 8)
	if err != nil {
		return 0, err
	}
	n := int64(binary.BigEndian.Uint64(end)) //nolint:gosec // one below zero is refused
	if n <= 0 {
		return 0, &httpapi.Error{Code: httpapi.InvalidCursor, Detail: "The cursor is not the next_cursor of a page."}
	}
	return n, nil
}
