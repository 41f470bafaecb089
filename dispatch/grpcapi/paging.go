package grpcapi

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/firstfix/firstfix/dispatch"
)

// The sizes of a page (AIP-158).
const (
	defaultPageSize = 50
	largestPageSize = 1000
)

// pages seals and opens page tokens for the list methods. A token holds the key
// after which the next page starts and is good for nothing but going on with the
// same request by the same caller.
type pages struct{ seal *dispatch.Seal }

// pagedRequest is what every list request is.
type pagedRequest interface {
	proto.Message
	GetPageSize() int32
	GetPageToken() string
}

// pageToken is the content of a token. Version lets a later release read the
// tokens of this one during a deployment.
type pageToken struct {
	Version   int               `json:"v"`
	Tenant    dispatch.TenantID `json:"t"`
	Principal string            `json:"p"`
	Method    string            `json:"m"`
	Request   []byte            `json:"r"`
	After     string            `json:"a"`
}

// open reads which page a request asks for.
func (p pages) open(ctx context.Context, req pagedRequest) (dispatch.Page, error) {
	size, err := pageSize(req.GetPageSize())
	if err != nil || req.GetPageToken() == "" {
		return dispatch.Page{Size: size}, err
	}
	var token pageToken
	if err := p.seal.Open(dispatch.PurposePage, req.GetPageToken(), &token); err != nil {
		return dispatch.Page{}, invalidPageToken().Because(err)
	}
	want := bound(callOf(ctx), req)
	if token.Version != want.Version || token.Tenant != want.Tenant || token.Principal != want.Principal || token.Method != want.Method {
		return dispatch.Page{}, invalidPageToken()
	}
	if string(token.Request) != string(want.Request) {
		return dispatch.Page{}, dispatch.InvalidField(dispatch.ReasonPageTokenMismatch, "page_token",
			"the other fields have changed since the page before; keep them, or start without a token")
	}
	return dispatch.Page{Size: size, After: token.After}, nil
}

// next seals the token of the page after the key after; "" where there is none.
func (p pages) next(ctx context.Context, req pagedRequest, after string) (string, error) {
	if after == "" {
		return "", nil
	}
	token := bound(callOf(ctx), req)
	token.After = after
	sealed, err := p.seal.Token(dispatch.PurposePage, token)
	if err != nil {
		return "", fmt.Errorf("make the next page token: %w", err)
	}
	return sealed, nil
}

// bound is what a token of this caller and request is bound to.
func bound(call dispatch.Call, req pagedRequest) pageToken {
	hash := canonicalHash(req, "page_size", "page_token")
	return pageToken{
		Version: 1, Tenant: call.Principal.Tenant, Principal: call.Principal.Subject,
		Method: call.Method, Request: hash[:16],
	}
}

func pageSize(asked int32) (int, error) {
	switch {
	case asked < 0:
		return 0, dispatch.InvalidField(dispatch.ReasonInvalidRequest, "page_size", "%d is negative, expected 0 to %d", asked, largestPageSize)
	case asked == 0:
		return defaultPageSize, nil
	}
	return int(min(asked, largestPageSize)), nil
}

func invalidPageToken() *dispatch.Error {
	return dispatch.InvalidField(dispatch.ReasonPageTokenInvalid, "page_token",
		"it was not given to this caller for this method; start without a token")
}
