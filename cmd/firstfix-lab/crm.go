package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	randv2 "math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// moods is how often a CRM does what it should not, as shares of one.
type moods struct {
	fails, hangs, cuts float64
}

// hangsFor is how long a CRM that hangs says nothing before it cuts.
const hangsFor = time.Second

// crm is a receiver of webhooks on a bad day. It verifies each post by the standard's
// own library and keeps what came.
type crm struct {
	moods moods

	address string
	server  *http.Server

	mu       sync.Mutex
	random   *randv2.Rand
	verifier *webhooks.Webhook
	seen     map[string][sha256.Size]byte   // body by webhook-id
	got      map[string]map[int64]time.Time // when a version of a referral first came
	leads    map[string]lead                // by referral and version
	posts    int
	altered  int
	forged   int
	odd      map[string]int // what it did, by kind
}

// lead is what of a post is compared with what was logged.
type lead struct {
	Need       string `json:"need"`
	Technician string `json:"technician"`
	Customer   string `json:"customer_name"`
}

// newCRM listens on the loopback with a certificate of its own, which it writes to
// path.
func newCRM(m moods, seed uint64, path string) (*crm, error) {
	certificate, err := selfSigned(path)
	if err != nil {
		return nil, err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return nil, err
	}
	c := &crm{
		moods: m, address: "https://" + listener.Addr().String() + "/", random: randv2.New(randv2.NewPCG(seed, 1)), //nolint:gosec // a day that can be repeated
		seen: map[string][sha256.Size]byte{}, got: map[string]map[int64]time.Time{}, leads: map[string]lead{}, odd: map[string]int{},
	}
	c.server = &http.Server{Handler: c, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = c.server.Serve(listener) }() // ends with Close
	return c, nil
}

func (c *crm) close() error { return c.server.Close() }

// trust says with which key posts are signed.
func (c *crm) trust(secret string) error {
	verifier, err := webhooks.NewWebhook(secret)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.verifier = verifier
	return err
}

// ServeHTTP implements http.Handler. What it has taken, it keeps, also where it then
// cuts or answers badly: the sender cannot know.
func (c *crm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	switch c.note(r.Header, body) {
	case "failed":
		w.WriteHeader(http.StatusInternalServerError)
	case "hung":
		select {
		case <-time.After(hangsFor):
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler) //nolint:forbidigo // how net/http is told to cut
	case "cut":
		c.take(body)
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusOK)
		panic(http.ErrAbortHandler) //nolint:forbidigo // how net/http is told to cut
	default:
		c.take(body)
		w.WriteHeader(http.StatusAccepted)
	}
}

// note judges a post and draws what is done with it.
func (c *crm) note(header http.Header, body []byte) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.posts++
	if c.verifier == nil || c.verifier.Verify(body, header) != nil {
		c.forged++
	}
	id, sum := header.Get("webhook-id"), sha256.Sum256(body)
	if before, ok := c.seen[id]; ok && before != sum {
		c.altered++
	}
	c.seen[id] = sum
	did := ""
	switch mood := c.random.Float64(); {
	case mood < c.moods.fails:
		did = "failed"
	case mood < c.moods.fails+c.moods.hangs:
		did = "hung"
	case mood < c.moods.fails+c.moods.hangs+c.moods.cuts:
		did = "cut"
	}
	if did != "" {
		c.odd["crm_"+did]++
	}
	return did
}

func (c *crm) take(body []byte) {
	var event struct {
		Data struct {
			Referral string `json:"referral"`
			Version  int64  `json:"version"`
			lead
		} `json:"data"`
	}
	now := time.Now()
	err := json.Unmarshal(body, &event)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.altered++
		return
	}
	d := event.Data
	if c.got[d.Referral] == nil {
		c.got[d.Referral] = map[int64]time.Time{}
	}
	if _, again := c.got[d.Referral][d.Version]; !again {
		c.got[d.Referral][d.Version] = now
	}
	c.leads[fmt.Sprint(d.Referral, " ", d.Version)] = d.lead
}

// selfSigned makes a certificate for the loopback and writes it as an authority.
func selfSigned(path string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, os.WriteFile(path, text, 0o600)
}
