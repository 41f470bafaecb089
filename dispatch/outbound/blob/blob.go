// Package blob keeps the bytes of photos in object storage: a folder, or a bucket of
// S3 and what speaks like it. It is behind dispatch.Album.
package blob

import (
	"context"
	"errors"
	"fmt"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file:///path
	_ "gocloud.dev/blob/memblob"  // mem://, for tests
	_ "gocloud.dev/blob/s3blob"   // s3://bucket?region=…
	"gocloud.dev/gcerrors"

	"github.com/firstfix/firstfix/dispatch"
)

// Album implements dispatch.Album over a bucket.
type Album struct {
	bucket *blob.Bucket
}

// Open reaches the bucket at url: file:///path?create_dir=true, s3://bucket?region=…,
// as gocloud.dev/blob reads them. Without one, photos can be cleaned and not kept.
func Open(ctx context.Context, url string) (*Album, error) {
	if url == "" {
		return &Album{}, nil
	}
	bucket, err := blob.OpenBucket(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("open the object storage: %w", err)
	}
	return &Album{bucket: bucket}, nil
}

// Close lets go of the bucket.
func (a *Album) Close() error {
	if a.bucket == nil {
		return nil
	}
	return a.bucket.Close()
}

// key is where a photo lies. Tenants do not share bytes: that something is there
// already would tell one of them what another has.
func key(tenant dispatch.TenantID, id dispatch.PhotoID) string {
	return fmt.Sprintf("%s/photos/%.2s/%s.jpg", tenant, id, id)
}

// Put implements dispatch.Album. Writing is atomic: what is cut off leaves nothing.
func (a *Album) Put(ctx context.Context, tenant dispatch.TenantID, id dispatch.PhotoID, content []byte) error {
	if a.bucket == nil {
		return unavailable(errNone)
	}
	err := a.bucket.WriteAll(ctx, key(tenant, id), content, &blob.WriterOptions{ContentType: dispatch.PhotoMediaType})
	if err != nil {
		return unavailable(fmt.Errorf("write a photo: %w", err))
	}
	return nil
}

// Get implements dispatch.Album.
func (a *Album) Get(ctx context.Context, tenant dispatch.TenantID, id dispatch.PhotoID) ([]byte, error) {
	if a.bucket == nil {
		return nil, unavailable(errNone)
	}
	content, err := a.bucket.ReadAll(ctx, key(tenant, id))
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, dispatch.NotFound(dispatch.Photo{ID: id}.Name()).Because(err)
	}
	if err != nil {
		return nil, unavailable(fmt.Errorf("read a photo: %w", err))
	}
	return content, nil
}

var errNone = errors.New("no object storage is configured")

func unavailable(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	refused := dispatch.Refuse(dispatch.ReasonStorageUnavailable, "", "the object storage cannot be reached; try again").Because(err)
	refused.RetryAfter = retryAfter
	return refused
}
