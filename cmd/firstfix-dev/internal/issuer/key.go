package issuer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
)

// readOrMakeKey keeps the key across restarts, so that tokens stay good.
func readOrMakeKey(path string) (jose.JSONWebKey, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(path)
	}
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("read the issuer's key: %w", err)
	}
	var key jose.JSONWebKey
	if err := json.Unmarshal(text, &key); err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("read the issuer's key in %s: %w", path, err)
	}
	if !key.Valid() || key.IsPublic() {
		return jose.JSONWebKey{}, fmt.Errorf("the issuer's key in %s is not a private key: remove the file to have a new one made", path)
	}
	return key, nil
}

func makeKey(path string) (jose.JSONWebKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("make the issuer's key: %w", err)
	}
	key := jose.JSONWebKey{Key: private, KeyID: uuid.NewString(), Algorithm: string(jose.ES256), Use: "sig"}
	text, err := json.Marshal(key)
	if err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("write down the issuer's key: %w", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return jose.JSONWebKey{}, fmt.Errorf("keep the issuer's key: %w", err)
	}
	return key, nil
}
