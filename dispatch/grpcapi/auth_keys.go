package grpcapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/firstfix/firstfix/dispatch"
)

const (
	// freshKeys is how long a key set is used without asking again, so that a
	// key that its issuer withdrew is not good for ever.
	freshKeys = 10 * time.Minute
	// staleKeys is how long a key set is used while its issuer is down.
	staleKeys = 24 * time.Hour
	// fetchPause is the least time between two fetches, however many tokens with
	// made-up key ids come.
	fetchPause = 30 * time.Second
	// firstPause is the same while we have no keys at all, so that an issuer that
	// starts after us is found soon.
	firstPause = 2 * time.Second
	// fetchTimeout bounds one fetch, largestKeySet its answer.
	fetchTimeout  = 5 * time.Second
	largestKeySet = 1 << 20
)

// keySet is the signing keys of one issuer, found through OIDC discovery at the
// issuer's configured address and nowhere else. go-oidc's own set fetches on
// every bad signature and keeps keys for ever, hence this one.
type keySet struct {
	issuer string
	client *http.Client
	now    func() time.Time
	log    *slog.Logger

	mu        sync.Mutex
	keys      []jose.JSONWebKey
	fetchedAt time.Time // of keys
	triedAt   time.Time
	flight    chan struct{} // closed when the fetch under way is done; nil if none is
}

func newKeySet(issuer string, client *http.Client, now func() time.Time, log *slog.Logger) *keySet {
	return &keySet{issuer: issuer, client: client, now: now, log: log}
}

// find gives the key with an id. An unknown id makes it fetch, but not more
// often than every fetchPause; a known one never waits for the network.
func (k *keySet) find(ctx context.Context, id string) (jose.JSONWebKey, error) {
	key, known, age := k.cached(id)
	if known && age < staleKeys {
		if age > freshKeys {
			k.refresh(ctx)
		}
		return key, nil
	}
	if flight := k.refresh(ctx); flight != nil {
		select {
		case <-flight:
		case <-ctx.Done():
			return jose.JSONWebKey{}, ctx.Err()
		}
		key, known, age = k.cached(id)
	}
	switch {
	case known && age < staleKeys:
		return key, nil
	case age < staleKeys: // we have keys, and this is none of them
		return jose.JSONWebKey{}, invalidToken(errors.New("its key id is unknown"))
	}
	unavailable := dispatch.Refuse(dispatch.ReasonIssuerUnavailable, "", "the keys of the token's issuer cannot be fetched")
	unavailable.RetryAfter = firstPause
	return jose.JSONWebKey{}, unavailable
}

// cached looks up a key and says how old the set is; an empty set is endlessly
// old.
func (k *keySet) cached(id string) (key jose.JSONWebKey, known bool, age time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fetchedAt.IsZero() {
		return key, false, staleKeys
	}
	for _, key := range k.keys {
		if id != "" && key.KeyID == id {
			return key, true, k.now().Sub(k.fetchedAt)
		}
	}
	return key, false, k.now().Sub(k.fetchedAt)
}

// refresh starts a fetch unless one is under way or was tried a moment ago. It
// gives what closes when the fetch is done, nil where there is none.
func (k *keySet) refresh(ctx context.Context) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.flight != nil {
		return k.flight
	}
	pause := fetchPause
	if k.fetchedAt.IsZero() {
		pause = firstPause
	}
	if !k.triedAt.IsZero() && k.now().Sub(k.triedAt) < pause {
		return nil
	}
	k.triedAt = k.now()
	done := make(chan struct{})
	k.flight = done
	// The fetch serves whoever waits, so it does not end with the first caller.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	go func() {
		defer cancel()
		keys, err := k.fetch(ctx)
		if err != nil {
			k.log.WarnContext(ctx, "keys of an issuer cannot be fetched", "issuer", k.issuer, "error", err)
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if err == nil {
			k.keys, k.fetchedAt = keys, k.now()
		}
		k.flight = nil
		close(done)
	}()
	return done
}

// fetch discovers where the keys lie and reads them. Discovery is asked each
// time, since an issuer may move its keys.
func (k *keySet) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, k.client), k.issuer)
	if err != nil {
		return nil, fmt.Errorf("discover: %w", err)
	}
	var where struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&where); err != nil {
		return nil, fmt.Errorf("read the discovery document: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where.Keys, nil)
	if err != nil {
		return nil, fmt.Errorf("ask for the keys: %w", err)
	}
	response, err := k.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask for the keys: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask for the keys: the answer is %s", response.Status)
	}
	return readKeys(io.LimitReader(response.Body, largestKeySet))
}

// readKeys keeps the public keys for signatures and passes over kinds that we
// do not know.
func readKeys(from io.Reader) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(from).Decode(&set); err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	var keys []jose.JSONWebKey
	for _, text := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(text) == nil && key.IsPublic() && key.Use != "enc" {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("read the keys: there is none for signatures")
	}
	return keys, nil
}
