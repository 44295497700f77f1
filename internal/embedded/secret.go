package embedded

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

const secretBytes = 24

// keptSecret returns the secret in a file that only we can read, making one the first time.
func keptSecret(path string) (string, error) {
	text, err := os.ReadFile(path) //nolint:gosec // a file of the state directory
	if errors.Is(err, os.ErrNotExist) {
		text = newSecret()
		err = os.WriteFile(path, append(text, '\n'), 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("keep a secret: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

func newSecret() []byte {
	random := make([]byte, secretBytes)
	_, _ = rand.Read(random) // never fails
	return []byte(hex.EncodeToString(random))
}
