// Package crm stands for a company's CRM in the development stack: it takes every
// webhook over TLS, with a certificate that is made anew at each start, and shows what
// came. It keeps the last thousand posts in memory and verifies nothing: who made the
// endpoint has its secret.
package crm

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/firstfix/firstfix/cmd/firstfix-dev/internal/recent"
)

const (
	// longestPost bounds one post.
	longestPost = 1 << 20
	// certificateLife outlives any run of a stack.
	certificateLife = 365 * 24 * time.Hour
)

// Post is one webhook as it came.
type Post struct {
	ID        string          `json:"id"` // webhook-id
	Timestamp string          `json:"timestamp"`
	Signature string          `json:"signature"`
	Body      json.RawMessage `json:"body"`
	// Signed is the text that the signature is of.
	Signed string `json:"signed"`
}

// CRM takes webhooks; make it with New.
type CRM struct {
	certificate tls.Certificate
	posts       recent.List[Post]
}

// New makes a CRM whose authority is written to the file at path, in PEM.
func New(path string) (*CRM, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the CRM's key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "firstfix development CRM"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the CRM's certificate: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return nil, fmt.Errorf("write the CRM's certificate: %w", err)
	}
	return &CRM{certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}, nil
}

// Serve takes posts until ctx is done.
func (c *CRM) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           http.HandlerFunc(c.take),
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{c.certificate}},
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the CRM: %w", err)
	}
	return nil
}

func (c *CRM) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longestPost))
	if err != nil {
		http.Error(w, fmt.Sprintf("read the post: %v", err), http.StatusRequestEntityTooLarge)
		return
	}
	if !json.Valid(body) {
		http.Error(w, "the post is not JSON", http.StatusBadRequest)
		return
	}
	post := Post{
		ID: r.Header.Get("webhook-id"), Timestamp: r.Header.Get("webhook-timestamp"), Signature: r.Header.Get("webhook-signature"), Body: body,
	}
	post.Signed = post.ID + "." + post.Timestamp + "." + string(body)
	c.posts.Add(func(int) Post { return post })
	w.WriteHeader(http.StatusNoContent)
}

// Register adds the list of what came to mux, newest first.
func (c *CRM) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /crm.json", func(w http.ResponseWriter, _ *http.Request) {
		kept, received := c.posts.Newest()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"received": received, "posts": kept}) // the caller has gone
	})
}
