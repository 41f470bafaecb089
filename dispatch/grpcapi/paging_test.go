package grpcapi

import (
	"bytes"
	"context"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

func TestPages(t *testing.T) {
	seal, err := dispatch.NewSeal(bytes.Repeat([]byte{3}, 32))
	if err != nil {
		t.Fatal(err)
	}
	p := pages{seal: seal}
	caller := func(tenant dispatch.TenantID, subject, method string) context.Context {
		return withCall(t.Context(), dispatch.Call{Principal: dispatch.Principal{Tenant: tenant, Subject: subject}, Method: method})
	}
	tenant := dispatch.TenantID{}.New()
	mine := caller(tenant, "member:ada", pb.DispatchService_ListVisits_FullMethodName)
	request := func(size int32, filter, token string) *pb.ListVisitsRequest {
		return &pb.ListVisitsRequest{PageSize: size, Filter: filter, PageToken: token}
	}
	for _, c := range []struct {
		asked int32
		want  int
	}{{0, 50}, {1, 1}, {1000, 1000}, {1_000_000_000, 1000}} {
		if page, err := p.open(mine, request(c.asked, "", "")); err != nil || page.Size != c.want || page.After != "" {
			t.Errorf("page_size %d: %+v, %v, expected %d", c.asked, page, err, c.want)
		}
	}
	if _, err := p.open(mine, request(-1, "", "")); dispatch.ReasonOf(err) != dispatch.ReasonInvalidRequest {
		t.Errorf("page_size -1: %v", err)
	}
	if token, err := p.next(mine, request(10, "", ""), ""); token != "" || err != nil {
		t.Errorf("after the last page: %q, %v", token, err)
	}
	token, err := p.next(mine, request(10, `state = "PLANNED"`, ""), "2024-06-03|7")
	if err != nil {
		t.Fatal(err)
	}
	// Another page size is no other request (AIP-158), nor is what we do not know.
	again := request(20, `state = "PLANNED"`, token)
	again.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 999, protowire.VarintType), 1))
	if page, err := p.open(mine, again); err != nil || page.After != "2024-06-03|7" || page.Size != 20 {
		t.Errorf("the next page: %+v, %v", page, err)
	}
	good := request(10, `state = "PLANNED"`, token)
	for what, c := range map[string]struct {
		ctx  context.Context
		req  *pb.ListVisitsRequest
		want dispatch.Reason
	}{
		"another tenant": {caller(dispatch.TenantID{}.New(), "member:ada", pb.DispatchService_ListVisits_FullMethodName), good, dispatch.ReasonPageTokenInvalid},
		"another member": {caller(tenant, "member:eve", pb.DispatchService_ListVisits_FullMethodName), good, dispatch.ReasonPageTokenInvalid},
		"another method": {caller(tenant, "member:ada", pb.DispatchService_ListPlans_FullMethodName), good, dispatch.ReasonPageTokenInvalid},
		"altered":        {mine, request(10, `state = "PLANNED"`, token[:len(token)-3]+"zzz"), dispatch.ReasonPageTokenInvalid},
		"made up":        {mine, request(10, `state = "PLANNED"`, "MTIz"), dispatch.ReasonPageTokenInvalid},
		"another filter": {mine, request(10, "", token), dispatch.ReasonPageTokenMismatch},
	} {
		if _, err := p.open(c.ctx, c.req); dispatch.ReasonOf(err) != c.want {
			t.Errorf("%s: %v, expected %s", what, err, c.want)
		}
	}
}
