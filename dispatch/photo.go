package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// PhotoID is the SHA-256 of a photo's bytes as its device took them, in lower case
// hex. A device knows it before it has sent the photo.
type PhotoID string

// PhotoIDOf is the id of a photo with this content.
func PhotoIDOf(content []byte) PhotoID {
	sum := sha256.Sum256(content)
	return PhotoID(hex.EncodeToString(sum[:]))
}

// Photo is what is known of a photo whose bytes lie in object storage.
type Photo struct {
	ID         PhotoID
	Width      int // as it is kept
	Height     int
	Bytes      int64  // as it is kept
	UploadedBy string // subject
	UploadedAt time.Time
}

// Name is the resource name.
func (p Photo) Name() string { return "photos/" + string(p.ID) }

// PhotoMediaType is that of all photos as they are kept.
const PhotoMediaType = "image/jpeg"

// CleanPhoto is a photo as it is kept: a picture and nothing that a camera or a person
// wrote beside it.
type CleanPhoto struct {
	Content       []byte // of PhotoMediaType
	Width, Height int
}

// Album keeps the bytes of photos; dispatch/outbound/blob is behind it.
type Album interface {
	// Clean decodes a photo and makes it one that can be kept: upright, of at most some
	// thousand pixels a side, without the place and the name that a camera wrote. It
	// refuses with PHOTO_UNREADABLE what is no picture, or too large a one.
	Clean(content []byte) (CleanPhoto, error)
	Put(ctx context.Context, tenant TenantID, id PhotoID, content []byte) error
	// Get refuses with RESOURCE_NOT_FOUND.
	Get(ctx context.Context, tenant TenantID, id PhotoID) ([]byte, error)
}

// PhotoTx is what the use cases of photos need of a transaction.
type PhotoTx interface {
	// AddPhoto writes a photo; one that is there stays as it is.
	AddPhoto(ctx context.Context, p Photo) error
	GetPhoto(ctx context.Context, id PhotoID) (Photo, error)
	// CountPhotos says how many somebody has uploaded since t.
	CountPhotos(ctx context.Context, uploader string, since time.Time) (int, error)
}
