package grpcapi_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/firstfix/firstfix/dispatch"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

func somePNG(t *testing.T, width int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, width, 10))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A photo is named by a referral before it is uploaded, kept once, and read by its
// technician and by staff.
func TestPhotos(t *testing.T) {
	t.Parallel()
	v := openVan(t)
	photos := pb.NewPhotoServiceClient(v.conn)
	content := somePNG(t, 30)
	name := "photos/" + string(dispatch.PhotoIDOf(content))
	r, err := v.sales.CreateReferral(v.as(t, "technician"), &pb.CreateReferralRequest{RequestId: uuid.NewString(), Referral: &pb.Referral{
		Visit: v.visit(t), Need: "rust", ConsentChannel: pb.ConsentChannel_CONSENT_CHANNEL_PHONE, Photos: []string{name},
	}})
	if err != nil || len(r.GetPhotos()) != 1 || r.GetPhotos()[0] != name {
		t.Fatalf("logged %v, %v", r.GetPhotos(), err)
	}
	if _, err := photos.DownloadPhoto(v.as(t, "sales"), &pb.DownloadPhotoRequest{Name: name}); status.Code(err) != codes.NotFound {
		t.Errorf("before it is uploaded: %v", err)
	}
	for range 2 {
		made, err := photos.UploadPhoto(v.as(t, "technician"), &pb.UploadPhotoRequest{Content: content, RequestId: uuid.NewString()})
		if err != nil || made.GetName() != name || made.GetWidth() != 30 || made.GetHeight() != 10 {
			t.Fatalf("uploaded %v, %v", made, err)
		}
	}
	for who, code := range map[string]codes.Code{
		"technician": codes.OK, "sales": codes.OK, "dispatcher": codes.OK, "technician-2": codes.PermissionDenied,
	} {
		got, err := photos.DownloadPhoto(v.as(t, who), &pb.DownloadPhotoRequest{Name: name})
		if status.Code(err) != code || code == codes.OK && (got.GetMediaType() != "image/jpeg" || len(got.GetContent()) == 0) {
			t.Errorf("%s: %d bytes of %s, %v; want %s", who, len(got.GetContent()), got.GetMediaType(), err, code)
		}
	}
	if _, err := photos.UploadPhoto(v.as(t, "technician"), &pb.UploadPhotoRequest{Content: []byte("<html>"), RequestId: uuid.NewString()}); reason(err) != dispatch.ReasonPhotoUnreadable {
		t.Errorf("a page: %v", err)
	}
	if _, err := photos.UploadPhoto(v.as(t, "technician"), &pb.UploadPhotoRequest{Content: make([]byte, 4<<20+1), RequestId: uuid.NewString()}); reason(err) != dispatch.ReasonInvalidRequest {
		t.Errorf("more than 4 MiB: %v", err)
	}
	if _, err := photos.UploadPhoto(v.as(t, "sales"), &pb.UploadPhotoRequest{Content: content, RequestId: uuid.NewString()}); reason(err) != dispatch.ReasonAccessDenied {
		t.Errorf("by sales: %v", err)
	}
}

// S11: who uploads photos without end is stopped.
func TestPhotosHaveAQuota(t *testing.T) {
	t.Parallel()
	v := openVan(t)
	photos := pb.NewPhotoServiceClient(v.conn)
	for i := range 301 {
		_, err := photos.UploadPhoto(v.as(t, "technician"), &pb.UploadPhotoRequest{Content: somePNG(t, 1+i), RequestId: uuid.NewString()})
		if want := map[bool]string{true: "RATE_LIMITED"}[i == 300]; fmt.Sprint(reason(err)) != want {
			t.Fatalf("photo %d: %v", i+1, err)
		}
	}
}
