// Package secret keeps the random secrets of a development stack in its
// directory, so that what they protect is still good after a restart.
package secret

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// size is the number of random bytes, enough for a key of AES-256.
const size = 32

// ReadOrMake returns the secret in the file at path, or makes one and keeps it
// there, readable by its owner only. It is 64 hexadecimal digits.
func ReadOrMake(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		kept := strings.TrimSpace(string(text))
		if len(kept) != hex.EncodedLen(size) {
			return "", fmt.Errorf("the secret in %s has %d digits, expected %d: start with --fresh, or remove the file and what it protects", path, len(kept), hex.EncodedLen(size))
		}
		return kept, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read a kept secret: %w", err)
	}
	random := make([]byte, size)
	if _, err := rand.Read(random); err != nil {
		return "", fmt.Errorf("make a secret: %w", err)
	}
	made := hex.EncodeToString(random)
	if err := os.WriteFile(path, []byte(made+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep a secret: %w", err)
	}
	return made, nil
}
