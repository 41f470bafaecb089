package grpcapi_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"buf.build/go/protovalidate"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/firstfix/firstfix/dispatch"
)

// missing gives a name of a kind that nobody has.
func missing(kind, like string) string {
	if uuidPattern.MatchString(like) {
		return uuidPattern.ReplaceAllString(like, uuid.Must(uuid.NewV7()).String())
	}
	if hashPattern.MatchString(like) {
		return hashPattern.ReplaceAllString(like, strings.Repeat("0", 64))
	}
	return regexp.MustCompile(`/[^/]+(/|$)`).ReplaceAllString(like, "/nobody$1")
}

var hashPattern = regexp.MustCompile(`[0-9a-f]{64}`)

var uuidPattern = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// send calls any method, unary or stream, and gives the answer as text and the
// error. Of a stream it waits for the first message only.
func send(ctx context.Context, conn *grpc.ClientConn, m protoreflect.MethodDescriptor, req proto.Message) (string, error) {
	full := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
	kind, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	if err != nil {
		return "", err
	}
	answer := kind.New().Interface()
	if !m.IsStreamingServer() {
		err := conn.Invoke(ctx, full, req, answer)
		return protojson.Format(answer), err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, full)
	if err != nil {
		return "", err
	}
	if err := stream.SendMsg(req); err != nil {
		return "", err
	}
	if err := stream.CloseSend(); err != nil {
		return "", err
	}
	err = stream.RecvMsg(answer)
	return protojson.Format(answer), err
}

var (
	timePattern   = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`)
	serialPattern = regexp.MustCompile(`(crawler-|text |somebody-|subject-)\d+`)
	spacePattern  = regexp.MustCompile(`[ \n]+`) // protojson puts spaces at random
	sealedPattern = regexp.MustCompile(`[A-Za-z0-9_-]{60,}`)
)

// masked is what a caller learns from an answer, without what differs between
// any two calls.
func masked(answer string, err error, name string) string {
	if err != nil {
		answer = status.Convert(err).Proto().String()
	}
	id := name[strings.LastIndex(name, "/")+1:]
	answer = strings.ReplaceAll(strings.ReplaceAll(answer, name, "NAME"), id, "ID")
	for _, p := range []*regexp.Regexp{uuidPattern, timePattern, serialPattern, sealedPattern} {
		answer = p.ReplaceAllString(answer, "*")
	}
	return spacePattern.ReplaceAllString(answer, "")
}

// fingerprint hashes every row of a tenant, table by table.
func fingerprint(t *testing.T, d *doors, tenant dispatch.TenantID) map[string]string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.db.SuperuserURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), `SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'tenant_id' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(tables) < 20 {
		t.Fatalf("the tables are %v: %v", tables, err)
	}
	out := map[string]string{}
	for _, table := range tables {
		var count int
		var text string
		err := conn.QueryRow(t.Context(), fmt.Sprintf(`SELECT count(*), coalesce(string_agg(r::text, E'\n' ORDER BY r::text), '') FROM %s r WHERE tenant_id = $1`,
			pgx.Identifier{table}.Sanitize()), tenant.UUID).Scan(&count, &text)
		if err != nil {
			t.Fatalf("%s: %v", table, err)
		}
		sum := sha256.Sum256([]byte(text))
		out[table] = fmt.Sprintf("%d rows %s", count, hex.EncodeToString(sum[:8]))
	}
	return out
}

// contract walks the methods by name.
func contract(visit func(protoreflect.MethodDescriptor)) {
	protoregistry.GlobalFiles.RangeFilesByPackage("firstfix.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				visit(s.Methods().Get(j))
			}
		}
		return true
	})
}

// TestAnotherTenantsIds calls every method as every role of one company with
// every id of the other in every field that names something. The answer must be
// that for an id that nobody has, and nothing of the other may change.
func TestAnotherTenantsIds(t *testing.T) {
	t.Parallel()
	d, first, second := twoCompanies(t)
	before := fingerprint(t, d, first.Tenant.ID)
	b := &filler{side: second}
	var probed, reached int
	unreached := map[string]bool{}
	contract(func(m protoreflect.MethodDescriptor) {
		for _, p := range probes(m) {
			foreign := first.names[p.kind]
			if foreign == "" {
				t.Errorf("%s: the first company has no %s to try in %s", m.FullName(), p.kind, p.path)
				continue
			}
			place := fmt.Sprintf("%s %s", m.Name(), fmt.Sprintf(p.form, p.path))
			unreached[place] = true
			for role, token := range second.tokens {
				probed++
				if d.compare(t, b, m, p, role, token, foreign) {
					delete(unreached, place)
					reached++
				}
			}
		}
	})
	if diff := cmp.Diff(before, fingerprint(t, d, first.Tenant.ID)); diff != "" {
		t.Errorf("rows of the first company changed (-before +after):\n%s", diff)
	}
	t.Logf("%d probes, %d of them past the doors; only refused at the doors: %v", probed, reached, sorted(unreached))
	if probed < 500 || reached < 200 {
		t.Errorf("%d probes, %d past the doors: too few to mean anything", probed, reached)
	}
}

// compare sends one probe twice and reports whether a use case answered.
func (d *doors) compare(t *testing.T, b *filler, m protoreflect.MethodDescriptor, p probe, role dispatch.Role, token, foreign string) bool {
	t.Helper()
	nobody := missing(p.kind, foreign)
	ctx := as(t.Context(), token)
	b.role = role
	send := func(name string) (string, error) {
		req := b.request(t, m, p.path, fmt.Sprintf(p.form, name))
		if err := protovalidate.Validate(req); err != nil {
			t.Errorf("%s: the filled request breaks a rule: %v", m.FullName(), err)
		}
		answer, err := send(ctx, d.conn, m, req)
		return masked(answer, err, name), err
	}
	gotForeign, err := send(foreign)
	gotNobody, _ := send(nobody)
	if gotForeign != gotNobody {
		t.Errorf("%s as %s: %s of another tenant is told from one that nobody has:\n foreign %s\n nobody  %s", m.FullName(), role, p.path, gotForeign, gotNobody)
	}
	if status.Code(err) == codes.Internal || status.Code(err) == codes.Unknown {
		t.Errorf("%s as %s with a foreign %s: %v", m.FullName(), role, p.path, err)
	}
	switch reason(err) {
	case dispatch.ReasonAccessDenied:
		return !strings.Contains(status.Convert(err).Message(), "may not call")
	case dispatch.ReasonInvalidRequest, dispatch.ReasonFieldNotFilterable, dispatch.ReasonMethodNotAvailable, dispatch.ReasonTokenWrongType:
		return false
	}
	return true
}

func sorted(set map[string]bool) []string {
	var out []string
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// TestOwnIds is the counter-proof: with the company's own ids the answers are
// others, so the ids of the crawler are real.
func TestOwnIds(t *testing.T) {
	t.Parallel()
	d, first, _ := twoCompanies(t)
	b := &filler{side: first}
	var told, answered int
	var same []string
	contract(func(m protoreflect.MethodDescriptor) {
		for _, p := range probes(m) {
			for _, role := range []dispatch.Role{dispatch.RoleAdministrator, dispatch.RoleTechnician} {
				ctx := as(t.Context(), first.tokens[role])
				b.role = role
				own := first.names[p.kind]
				nobody := missing(p.kind, own)
				answer, err := send(ctx, d.conn, m, b.request(t, m, p.path, fmt.Sprintf(p.form, own)))
				other, otherErr := send(ctx, d.conn, m, b.request(t, m, p.path, fmt.Sprintf(p.form, nobody)))
				switch reason(err) {
				case dispatch.ReasonMethodNotAvailable, dispatch.ReasonAccessDenied, dispatch.ReasonFieldNotFilterable:
					continue
				}
				answered++
				if masked(answer, err, own) != masked(other, otherErr, nobody) {
					told++
				} else {
					same = append(same, fmt.Sprintf("%s %s: %.160s", m.Name(), p.path, masked(answer, err, own)))
				}
			}
		}
	})
	t.Logf("%d of %d fields tell an own id from one that nobody has; the others:\n%s", told, answered, strings.Join(same, "\n"))
	if answered < 20 || told < answered*3/4 {
		t.Errorf("only %d of %d fields tell an own id from one that nobody has", told, answered)
	}
}

// TestAnotherTenantsPages asks for the next page of a list with the token that
// the other company was given.
func TestAnotherTenantsPages(t *testing.T) {
	t.Parallel()
	d, first, second := twoCompanies(t)
	lists := 0
	contract(func(m protoreflect.MethodDescriptor) {
		size, token := m.Input().Fields().ByName("page_size"), m.Input().Fields().ByName("page_token")
		if size == nil || token == nil {
			return
		}
		ask := func(s *side, pageToken string) (proto.Message, error) {
			b := &filler{side: first, role: dispatch.RoleAdministrator, sparse: true} // the same request from both
			req := b.request(t, m, "", "")
			req.ProtoReflect().Set(size, protoreflect.ValueOfInt32(1))
			req.ProtoReflect().Set(token, protoreflect.ValueOfString(pageToken))
			kind, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
			if err != nil {
				t.Fatal(err)
			}
			answer := kind.New().Interface()
			full := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
			return answer, d.conn.Invoke(as(t.Context(), s.tokens[dispatch.RoleAdministrator]), full, req, answer)
		}
		page, err := ask(first, "")
		if err != nil {
			return
		}
		next := page.ProtoReflect().Get(m.Output().Fields().ByName("next_page_token")).String()
		if next == "" {
			return
		}
		lists++
		if _, err := ask(first, next); err != nil {
			t.Errorf("%s: the second page: %v", m.Name(), err)
		}
		if _, err := ask(second, next); reason(err) != dispatch.ReasonPageTokenInvalid {
			t.Errorf("%s: with the other company's page token: %v", m.Name(), err)
		}
	})
	if lists < 5 {
		t.Errorf("only %d lists have a second page", lists)
	}
}
