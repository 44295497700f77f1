package queryapi

import (
	"testing"

	"github.com/google/uuid"
)

// FuzzCursors reads one text as the cursor of every form of list. What is taken is what a list of these filters would have written, to
// the byte, and no list of other filters takes it.
func FuzzCursors(f *testing.F) {
	own, others := filtersOf(cursorTimeline, "a", "b"), filtersOf(cursorTimeline, "ab", "")
	id := uuid.MustParse("0198c0de-cafe-7000-8000-000000000001")
	for _, seed := range []string{
		"", "AXQ", encodeNumber(own, 1), encodeNumber(own, -1), encodeNumber(own, 0), encodeNumber(own, 1<<62), encodeID(own, id), encode(own, []byte("Ada Lovelace")),
		encodeNumber(others, 1), encodeID(others, id), encode(own, nil), encodeNumber(own, 1) + "=", "\x00", encodeID(own, id)[:20],
	} {
		f.Add(seed, "b")
	}
	f.Fuzz(func(t *testing.T, cursor, filter string) {
		for _, kind := range []byte{cursorAccounts, cursorTimeline, cursorEvents, cursorOwners, cursorExplain, cursorHolds, cursorPayments} {
			of := filtersOf(kind, "a", filter)
			if n, err := decodeNumber(cursor, of); err == nil && cursor != "" && (n <= 0 || encodeNumber(of, n) != cursor) {
				t.Errorf("%q is taken as %d, which is written %q", cursor, n, encodeNumber(of, n))
			}
			if id, err := decodeID(cursor, of); err == nil && encodeID(of, id) != cursor {
				t.Errorf("%q is taken as %s, which is written %q", cursor, id, encodeID(of, id))
			}
			text, err := decodeText(cursor, of)
			if err == nil && cursor != "" && (text == "" || encode(of, []byte(text)) != cursor) {
				t.Errorf("%q is taken as %q, which is written %q", cursor, text, encode(of, []byte(text)))
			}
			if err != nil || cursor == "" {
				continue
			}
			for _, elsewhere := range []filters{filtersOf(kind+1, "a", filter), filtersOf(kind, "a", filter, ""), filtersOf(kind, filter, "a", "?")} {
				if _, err := decodeText(cursor, elsewhere); err == nil {
					t.Errorf("%q is taken by lists of two filters", cursor)
				}
			}
		}
		// What a list writes it reads again, whatever the text.
		of := filtersOf(cursorOwners, filter)
		if got, err := decodeText(encode(of, []byte("."+cursor)), of); err != nil || got != "."+cursor {
			t.Errorf("%q came back as %q, %v", cursor, got, err)
		}
	})
}
