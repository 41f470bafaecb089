package grpcapi

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// The limits of HTTP. A body is larger as JSON than as a message.
const (
	httpBodyLimit   = 2 << 20
	httpImportLimit = 6 << 20
	importPath      = "/v1/workOrders:import"
	photoPath       = "/v1/photos:upload"
	watchSuffix     = ":watch"
)

// dialPipe connects our gateway to the server in this process. It goes through
// a connection and not to the handlers directly, so that its calls pass the
// same chain and streams work.
func dialPipe(pipe *bufconn.Listener) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient("passthrough:///gateway",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return pipe.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()), // it never leaves the process
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)),
	)
	if err != nil {
		return nil, fmt.Errorf("connect the gateway: %w", err)
	}
	return conn, nil
}

// httpServer is HTTP/JSON with what belongs to it: health, the document of the
// interface, headers.
func (s *Server) httpServer(c Config) (*http.Server, error) {
	gateway, err := newGateway(s.conn)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/", limitBody(gateway))
	mux.Handle("POST "+inboxPath+"{token}", limitBody(inbox{desk: c.Services.Referral, limits: s.chain.limits, log: c.Log}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if s.ready(r.Context()) != nil {
			http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	// The document is JSON, and so YAML too.
	document := func(contentType string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write(c.OpenAPI) // the caller has gone
		}
	}
	mux.HandleFunc("GET /openapi.yaml", document("application/yaml"))
	mux.HandleFunc("GET /openapi.json", document("application/json"))
	return &http.Server{
		Handler:           safeHeaders(cors(c.Origins, mux)),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    headerLimit,
		ErrorLog:          slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}, nil
}

// newGateway translates HTTP/JSON by the annotations of the contract.
func newGateway(conn *grpc.ClientConn) (http.Handler, error) {
	json := &runtime.JSONPb{
		MarshalOptions:   protojson.MarshalOptions{EmitUnpopulated: false},
		UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: false}, // a misspelt field is not silently lost
	}
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, json),
		// The gateway passes Authorization and X-Forwarded-For on by itself. Of the
		// other headers only these reach the chain, so that none can pass for
		// metadata of the gateway's own.
		runtime.WithIncomingHeaderMatcher(func(key string) (string, bool) {
			switch key = strings.ToLower(key); key {
			case "traceparent", "tracestate":
				return key, true
			}
			return "", false
		}),
		runtime.WithOutgoingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithMetadata(func(_ context.Context, r *http.Request) metadata.MD {
			return metadata.Pairs(gatewayPeer, r.RemoteAddr)
		}),
		runtime.WithErrorHandler(writeError),
		runtime.WithRoutingErrorHandler(writeRoutingError),
		runtime.WithDisableHTTPMethodOverride(),
	)
	ctx := context.Background() // ends nothing: the connection is closed by its owner
	for _, register := range []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error{
		pb.RegisterBookingServiceHandler, pb.RegisterCustomerServiceHandler, pb.RegisterDispatchServiceHandler,
		pb.RegisterFollowUpServiceHandler, pb.RegisterInsightServiceHandler, pb.RegisterPayServiceHandler, pb.RegisterPhotoServiceHandler, pb.RegisterReferralServiceHandler,
		pb.RegisterSalesDeskServiceHandler, pb.RegisterStockServiceHandler, pb.RegisterTechnicianServiceHandler, pb.RegisterWaitlistServiceHandler, pb.RegisterWebhookServiceHandler,
		pb.RegisterWorkforceServiceHandler,
	} {
		if err := register(ctx, mux, conn); err != nil {
			return nil, fmt.Errorf("register the gateway: %w", err)
		}
	}
	return mux, nil
}

// writeError writes a google.rpc.Status with its details. What the gateway
// itself refuses has none yet.
func writeError(ctx context.Context, mux *runtime.ServeMux, m runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
	s := status.Convert(err)
	if s.Code() == codes.InvalidArgument && reasonOf(s) == "" {
		s = refusalStatus(dispatch.Refuse(dispatch.ReasonInvalidRequest, "", "%s", s.Message()))
	}
	sayRetry(w, s)
	runtime.DefaultHTTPErrorHandler(ctx, mux, m, w, r, s.Err())
}

// writeStatus is writeError for what no method of the contract answers.
func writeStatus(w http.ResponseWriter, code int, s *status.Status) {
	sayRetry(w, s)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	text, _ := protojson.Marshal(s.Proto()) // details of ours
	_, _ = w.Write(text)                    //nolint:gosec // JSON, and said to be
}

// sayRetry says when to come back, where that is known.
func sayRetry(w http.ResponseWriter, s *status.Status) {
	if wait := retryDelay(s); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	}
}

// writeRoutingError answers paths and verbs that no method has.
func writeRoutingError(ctx context.Context, mux *runtime.ServeMux, m runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int) {
	refused := dispatch.Refuse(dispatch.ReasonMethodNotAvailable, "", "%s has no such method; /openapi.yaml lists them", r.Method)
	err := &runtime.HTTPStatusError{HTTPStatus: code, Err: refusalStatus(refused).Err()}
	runtime.DefaultHTTPErrorHandler(ctx, mux, m, w, r, err)
}

func retryDelay(s *status.Status) time.Duration {
	for _, detail := range s.Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			return retry.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// limitBody bounds what is read of a request and how long its answer may take
// to be written.
func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := int64(httpBodyLimit)
		if r.URL.Path == importPath || r.URL.Path == photoPath {
			limit = httpImportLimit
		}
		if r.ContentLength > limit {
			refused := dispatch.Refuse(dispatch.ReasonRequestTooLarge, "", "the body has %d bytes, at most %d are taken", r.ContentLength, limit).
				With("maxBytes", strconv.FormatInt(limit, 10))
			writeStatus(w, http.StatusRequestEntityTooLarge, refusalStatus(refused))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		patience := longCap
		if strings.HasSuffix(r.URL.Path, watchSuffix) {
			patience = streamCap
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience + 10*time.Second))
		next.ServeHTTP(w, r)
	})
}

// safeHeaders keeps answers out of caches and addresses out of referrers: they
// hold tokens and personal data.
func safeHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Robots-Tag", "noindex")
		next.ServeHTTP(w, r)
	})
}

// cors lets pages of the configured origins call. Nothing here rests on
// cookies, so credentials are never allowed.
func cors(origins []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		w.Header().Add("Vary", "Origin")
		allowed := origin != "" && (slices.Contains(origins, origin) || slices.Contains(origins, "*"))
		if allowed {
			w.Header().Set("Access-Control-Allow-Origin", origin)
			w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
		}
		if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
			next.ServeHTTP(w, r)
			return
		}
		if allowed {
			w.Header().Set("Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE")
			w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Traceparent")
			w.Header().Set("Access-Control-Max-Age", "600")
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
