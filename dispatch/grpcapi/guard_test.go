package grpcapi_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/grpcapi"
)

// Every method over the wire, unary and stream: without a token, and as each
// role, the answer is that of the table.
func TestEveryMethodIsGuarded(t *testing.T) {
	t.Parallel()
	d, first, _ := twoCompanies(t)
	public := map[string]bool{"CreateVisitorToken": true, "OpenAppointmentLink": true, "OpenFollowUpLink": true, "AnswerFollowUpLink": true, "OpenWaitlistLink": true, "AnswerWaitlistLink": true}
	calls := 0
	contract(func(m protoreflect.MethodDescriptor) {
		kind, err := protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName())
		if err != nil {
			t.Fatal(err)
		}
		empty := kind.New().Interface()
		_, err = send(t.Context(), d.conn, m, empty)
		if got := reason(err); (got == dispatch.ReasonTokenMissing) == public[string(m.Name())] {
			t.Errorf("%s without a token: %v", m.Name(), err)
		}
		for role, token := range first.tokens {
			calls++
			_, err := send(as(t.Context(), token), d.conn, m, empty)
			full := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
			refused := reason(err) == dispatch.ReasonAccessDenied && strings.Contains(err.Error(), "may not call")
			if may := grpcapi.MayCall(role, full); refused == may {
				t.Errorf("%s as %s: %v, the table says %t", m.Name(), role, err, may)
			}
		}
	})
	if calls < 400 {
		t.Errorf("only %d calls", calls)
	}
}
