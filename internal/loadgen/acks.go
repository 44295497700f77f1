package loadgen

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
)

// KeyPrefix begins every idempotency key of the generator's.
const KeyPrefix = "bench-"

// AckLog writes every acknowledged command of the loads, warm-up included, to a file: its idempotency key, a space, its position,
// a line each. The preparation of the accounts is not among them: its keys are the same in every run.
type AckLog struct {
	mu     sync.Mutex
	file   *os.File
	w      *bufio.Writer
	line   []byte
	count  int64
	failed error // the first failure; nothing is written after it
}

// CreateAckLog makes the file, or empties it.
func CreateAckLog(path string) (*AckLog, error) {
	file, err := os.Create(path) //nolint:gosec // where the user wants it
	if err != nil {
		return nil, fmt.Errorf("acknowledgements: %w", err)
	}
	return &AckLog{file: file, w: bufio.NewWriterSize(file, 64<<10)}, nil
}

// add is for any number of connections at once. A nil log takes everything and keeps nothing.
func (l *AckLog) add(key []byte, position int64) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return
	}
	l.line = append(append(l.line[:0], key...), ' ')
	l.line = append(strconv.AppendInt(l.line, position, 10), '\n')
	_, l.failed = l.w.Write(l.line)
	l.count++
}

// Close writes what is left. Its error says that the file is not complete.
func (l *AckLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := errors.Join(l.failed, l.w.Flush(), l.file.Close())
	if err != nil {
		return fmt.Errorf("acknowledgements: %w", err)
	}
	return nil
}
