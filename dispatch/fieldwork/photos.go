package fieldwork

import (
	"context"
	"strconv"
	"time"

	"github.com/firstfix/firstfix/dispatch"
)

// Photos is the use cases of what technicians photograph. It keeps nothing between
// calls.
type Photos struct {
	store dispatch.Store
	album dispatch.Album
}

// NewPhotos takes the store and where the bytes lie.
func NewPhotos(store dispatch.Store, album dispatch.Album) *Photos {
	return &Photos{store: store, album: album}
}

// maxPhotosPerDay is how many photos somebody may upload within 24 hours.
const maxPhotosPerDay = 300

// Upload keeps a photo, cleaned of what a camera wrote beside it. The same content
// again is the same photo.
func (p *Photos) Upload(ctx context.Context, call dispatch.Call, content []byte) (dispatch.Photo, error) {
	clean, err := p.album.Clean(content)
	if err != nil {
		return dispatch.Photo{}, err
	}
	who, id := call.Principal, dispatch.PhotoIDOf(content)
	if err := p.checkQuota(ctx, who); err != nil {
		return dispatch.Photo{}, err
	}
	// The bytes before the row: a row says that they are there.
	if err := p.album.Put(ctx, who.Tenant, id, clean.Content); err != nil {
		return dispatch.Photo{}, err
	}
	return dispatch.Once(ctx, p.store, call, func(ctx context.Context, tx dispatch.Tx) (dispatch.Photo, error) {
		now, err := tx.Now(ctx)
		if err != nil {
			return dispatch.Photo{}, err
		}
		err = tx.AddPhoto(ctx, dispatch.Photo{
			ID: id, Width: clean.Width, Height: clean.Height, Bytes: int64(len(clean.Content)), UploadedBy: who.Subject, UploadedAt: now,
		})
		if err != nil {
			return dispatch.Photo{}, err
		}
		return tx.GetPhoto(ctx, id)
	})
}

func (p *Photos) checkQuota(ctx context.Context, who dispatch.Principal) error {
	return p.store.View(ctx, who.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		n, err := tx.CountPhotos(ctx, who.Subject, now.Add(-24*time.Hour))
		if err != nil || n < maxPhotosPerDay {
			return err
		}
		return dispatch.Refuse(dispatch.ReasonRateLimited, "", "%d photos were uploaded within 24 hours, at most %d are taken", n, maxPhotosPerDay).
			With("quota", "photos of a technician within 24 hours").With("max", strconv.Itoa(maxPhotosPerDay))
	})
}

// Get reads what is known of a photo; technicians read their own.
func (p *Photos) Get(ctx context.Context, call dispatch.Call, id dispatch.PhotoID) (out dispatch.Photo, err error) {
	err = p.store.View(ctx, call.Principal.Tenant, func(ctx context.Context, tx dispatch.Tx) error {
		out, err = tx.GetPhoto(ctx, id)
		if err == nil && call.Principal.Role == dispatch.RoleTechnician && out.UploadedBy != call.Principal.Subject {
			return dispatch.NotFound(out.Name())
		}
		return err
	})
	if err != nil {
		return dispatch.Photo{}, err
	}
	return out, nil
}

// Download reads a photo's bytes, of dispatch.PhotoMediaType.
func (p *Photos) Download(ctx context.Context, call dispatch.Call, id dispatch.PhotoID) ([]byte, error) {
	photo, err := p.Get(ctx, call, id)
	if err != nil {
		return nil, err
	}
	return p.album.Get(ctx, call.Principal.Tenant, photo.ID)
}
