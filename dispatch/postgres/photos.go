package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/firstfix/firstfix/dispatch"
)

const addPhotoSQL = `
INSERT INTO photos (tenant_id, sha256, width, height, bytes, uploaded_by, uploaded_at)
VALUES (@tenant, @id, @width, @height, @bytes, @by, @at)
ON CONFLICT (tenant_id, sha256) DO NOTHING`

// AddPhoto implements dispatch.PhotoTx.
func (t *tx) AddPhoto(ctx context.Context, p dispatch.Photo) error {
	_, err := t.exec(ctx, addPhotoSQL, pgx.NamedArgs{
		"id": p.ID, "width": p.Width, "height": p.Height, "bytes": p.Bytes, "by": p.UploadedBy, "at": p.UploadedAt,
	})
	return err
}

const getPhotoSQL = `
SELECT sha256, width, height, bytes, uploaded_by, uploaded_at FROM photos WHERE tenant_id = @tenant AND sha256 = @id`

// GetPhoto implements dispatch.PhotoTx.
func (t *tx) GetPhoto(ctx context.Context, id dispatch.PhotoID) (dispatch.Photo, error) {
	return one(ctx, t, dispatch.Photo{ID: id}.Name(), getPhotoSQL, pgx.NamedArgs{"id": id}, func(row pgx.CollectableRow) (dispatch.Photo, error) {
		var p dispatch.Photo
		err := row.Scan(&p.ID, &p.Width, &p.Height, &p.Bytes, &p.UploadedBy, &p.UploadedAt)
		return p, err
	})
}

const countPhotosSQL = `
SELECT count(*) FROM photos WHERE tenant_id = @tenant AND uploaded_by = @by AND uploaded_at >= @since`

// CountPhotos implements dispatch.PhotoTx.
func (t *tx) CountPhotos(ctx context.Context, uploader string, since time.Time) (int, error) {
	return one(ctx, t, uploader, countPhotosSQL, pgx.NamedArgs{"by": uploader, "since": since}, pgx.RowTo[int])
}
