package loadgen

import (
	"encoding/binary"
	"fmt"

	"github.com/google/uuid"
)

// population is the accounts of a seed. They are computed, not kept.
type population struct {
	seed uint64
	size int
}

// firstMillisecond dates the first account's id to 2026-01-01; each next one is a millisecond younger, so that the ids lie in
// the database as those of accounts that were opened one after another.
const firstMillisecond = 1_767_225_600_000

// id is that of the k-th account: a UUIDv7.
func (p population) id(k int) uuid.UUID {
	return madeID(firstMillisecond+uint64(k), scramble(p.seed^scramble(uint64(k)))) //nolint:gosec // an index
}

// marker is an account that is opened when all others are ready. It is another for every size of the population.
func (p population) marker() uuid.UUID {
	return madeID(firstMillisecond-1, scramble(^p.seed^scramble(uint64(p.size)))) //nolint:gosec // a count
}

func madeID(millisecond, random uint64) (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], millisecond<<16|random>>52)
	binary.BigEndian.PutUint64(id[8:], random)
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

func (p population) openKey(k int) []byte { return fmt.Appendf(nil, KeyPrefix+"%d-open-%d", p.seed, k) }
func (p population) fundKey(k int) []byte { return fmt.Appendf(nil, KeyPrefix+"%d-fund-%d", p.seed, k) }
func (p population) markerKey() []byte {
	return fmt.Appendf(nil, KeyPrefix+"%d-ready-%d", p.seed, p.size)
}
