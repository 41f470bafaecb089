package grpcapi_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/booking"
	"github.com/firstfix/firstfix/dispatch/fieldwork"
	"github.com/firstfix/firstfix/dispatch/grpcapi"
	"github.com/firstfix/firstfix/dispatch/insight"
	"github.com/firstfix/firstfix/dispatch/outbound/blob"
	"github.com/firstfix/firstfix/dispatch/outbound/travel"
	"github.com/firstfix/firstfix/dispatch/planning"
	"github.com/firstfix/firstfix/dispatch/postgres"
	"github.com/firstfix/firstfix/dispatch/postgres/pgtest"
	"github.com/firstfix/firstfix/dispatch/referral"
	"github.com/firstfix/firstfix/dispatch/workforce"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// provider is a real OIDC provider in this process: discovery, keys, signatures.
type provider struct {
	server  *httptest.Server
	fetches atomic.Int64 // of the keys
	strays  atomic.Int64 // of anything else

	mu   sync.Mutex
	keys []jose.JSONWebKey
	down bool
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.answer(w, map[string]any{"issuer": p.server.URL, "jwks_uri": p.server.URL + "/keys"})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.fetches.Add(1)
		p.mu.Lock()
		defer p.mu.Unlock()
		public := jose.JSONWebKeySet{}
		for _, k := range p.keys {
			public.Keys = append(public.Keys, k.Public())
		}
		p.answerLocked(w, public)
	})
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) { p.strays.Add(1) })
	p.server = httptest.NewServer(mux)
	t.Cleanup(p.server.Close)
	return p
}

func (p *provider) answer(w http.ResponseWriter, v any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answerLocked(w, v)
}

func (p *provider) answerLocked(w http.ResponseWriter, v any) {
	if p.down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (p *provider) setDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// rotate adds a key and gives it.
func (p *provider) rotate(t *testing.T, id string, private any) jose.JSONWebKey {
	t.Helper()
	key := jose.JSONWebKey{Key: private, KeyID: id, Use: "sig"}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, key)
	return key
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes a token with any header and any claims.
func sign(t *testing.T, algorithm jose.SignatureAlgorithm, key any, header, claims map[string]any) string {
	t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{}}
	for k, v := range header {
		options.ExtraHeaders[jose.HeaderKey(k)] = v
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// clock is a real clock that a test may move.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// doors is a whole server over the real store with two tenants, "first" and
// "second", each with its provider.
type doors struct {
	db      *pgtest.DB
	store   *postgres.Store
	seal    *dispatch.Seal
	clock   *clock
	tenants []*tenant
	conn    *grpc.ClientConn
	web     string // base address of HTTP/JSON
	log     *lockedBuffer
}

type tenant struct {
	id       dispatch.TenantID
	provider *provider
	key      jose.JSONWebKey
}

// lockedBuffer is the server's log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const admin = "the-administrator"

// open starts a server. change may alter its configuration.
func open(t *testing.T, change func(*grpcapi.Config)) *doors {
	t.Helper()
	db := pgtest.New(t)
	store, err := postgres.Open(t.Context(), db.URL, 8)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	seal, err := dispatch.NewSeal(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	d := &doors{db: db, store: store, seal: seal, clock: &clock{}, log: &lockedBuffer{}}
	var issuers []grpcapi.Issuer
	for _, slug := range []string{"first", "second"} {
		p := newProvider(t)
		id := dispatch.TenantID{}.New()
		err := store.InTx(t.Context(), id, func(ctx context.Context, tx dispatch.Tx) error {
			err := tx.CreateTenant(ctx, dispatch.Tenant{
				ID: id, Slug: slug, DisplayName: slug, Currency: "EUR", TimeZone: "Europe/Berlin", Language: "de",
			})
			if err != nil {
				return err
			}
			_, err = tx.PutMember(ctx, dispatch.Member{Issuer: p.server.URL, Subject: admin, Role: dispatch.RoleAdministrator, DisplayName: "Ada"})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		d.tenants = append(d.tenants, &tenant{id: id, provider: p, key: p.rotate(t, "k1", ecKey(t))})
		issuers = append(issuers, grpcapi.Issuer{Issuer: p.server.URL, Audience: "firstfix", Tenant: id})
	}
	config := grpcapi.Config{
		Store: store, Ping: store.Ping, Seal: seal, Issuers: issuers, OpenAPI: pb.OpenAPI,
		Log: d.logger(), Now: d.clock.now,
		Services: services(store, seal, newAlbum(t)),
	}
	if change != nil {
		change(&config)
	}
	d.serve(t, config)
	return d
}

func (d *doors) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(d.log, nil)) }

// newAlbum is object storage of the test's own.
func newAlbum(t *testing.T) dispatch.Album {
	t.Helper()
	album, err := blob.Open(t.Context(), "file://"+t.TempDir()+"?no_tmp_dir=true")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = album.Close() }) // nothing is under way any more
	return album
}

// services are the use cases as the server of cmd/firstfix has them.
func services(store *postgres.Store, seal *dispatch.Seal, album dispatch.Album) grpcapi.Services {
	return grpcapi.Services{
		Imports:   workforce.NewImporter(store, store, slog.New(slog.DiscardHandler)),
		Booking:   booking.New(store, travel.Estimator{}, seal),
		Planning:  planning.New(store, travel.Estimator{}),
		Fieldwork: fieldwork.New(store, seal, slog.New(slog.DiscardHandler)),
		Photos:    fieldwork.NewPhotos(store, album),
		Stock:     fieldwork.NewStock(store),
		Referral:  referral.New(store, seal, dispatch.Egress{}),
		Insight:   insight.New(store),
		Workforce: workforce.New(store),
	}
}

func (d *doors) serve(t *testing.T, config grpcapi.Config) {
	t.Helper()
	server, err := grpcapi.New(config)
	if err != nil {
		t.Fatal(err)
	}
	var listen net.ListenConfig
	grpcListener, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	httpListener, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, grpcListener, httpListener) }()
	d.web = "http://" + httpListener.Addr().String()
	conn, err := grpc.NewClient(grpcListener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	d.conn = conn
	t.Cleanup(func() {
		conn.Close()
		stop()
		if err := <-done; err != nil {
			t.Errorf("stop the server: %v", err)
		}
	})
}

// claims are those of a good token of a tenant's provider.
func (d *doors) claims(of *tenant, subject string) map[string]any {
	now := d.clock.now()
	return map[string]any{
		"iss": of.provider.server.URL, "aud": "firstfix", "sub": subject,
		"exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "jti": uuid.NewString(),
	}
}

// token is a good token of a member of a tenant.
func (d *doors) token(t *testing.T, of *tenant, subject string) string {
	t.Helper()
	return sign(t, jose.ES256, of.key, map[string]any{"typ": "at+jwt"}, d.claims(of, subject))
}

// as is a context whose calls carry a token.
func as(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// reason gives the reason of a refused call, "" for an answered one.
func reason(err error) dispatch.Reason {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return dispatch.Reason(info.GetReason())
		}
	}
	return ""
}

// knock calls a method that every member may not but an administrator may, and
// says why it was refused; "" if the doors let it through.
func (d *doors) knock(ctx context.Context, token string) dispatch.Reason {
	_, err := pb.NewWorkforceServiceClient(d.conn).ListMembers(as(ctx, token), &pb.ListMembersRequest{})
	return passed(err)
}

// passed says why the doors refused; "" where the call reached a handler, or the
// place where one shall be.
func passed(err error) dispatch.Reason {
	switch r := reason(err); {
	case err == nil, r == dispatch.ReasonMethodNotAvailable:
		return ""
	case r == "":
		return dispatch.Reason("no reason: " + err.Error())
	default:
		return r
	}
}
