package blob

import (
	"bytes"
	"image"
	_ "image/jpeg" // the formats that are read
	_ "image/png"
	"time"

	"github.com/disintegration/imaging"

	"github.com/firstfix/firstfix/dispatch"
)

const (
	retryAfter = 2 * time.Second
	// mostPixels bounds what decoding may cost: a header claims it before a byte of the
	// picture is decoded.
	mostPixels = 50_000_000
	// longestSide is that of a photo as it is kept.
	longestSide = 2048
	quality     = 85
)

// Clean implements dispatch.Album. The picture is drawn anew, so that nothing stays but
// what can be seen.
func (a *Album) Clean(content []byte) (dispatch.CleanPhoto, error) {
	refuse := func(format string, args ...any) (dispatch.CleanPhoto, error) {
		return dispatch.CleanPhoto{}, dispatch.InvalidField(dispatch.ReasonPhotoUnreadable, "content", format, args...)
	}
	header, format, err := image.DecodeConfig(bytes.NewReader(content))
	switch {
	case err != nil || format != "jpeg" && format != "png":
		return refuse("it is no JPEG or PNG picture, whatever its name says")
	case header.Width <= 0 || header.Height <= 0:
		return refuse("it has no pixels")
	case header.Width > mostPixels/header.Height:
		return refuse("it claims %d × %d pixels, at most %d million are read", header.Width, header.Height, mostPixels/1_000_000)
	}
	picture, err := imaging.Decode(bytes.NewReader(content), imaging.AutoOrientation(true))
	if err != nil {
		return refuse("it cannot be decoded: %v", err)
	}
	if size := picture.Bounds(); max(size.Dx(), size.Dy()) > longestSide {
		picture = imaging.Fit(picture, longestSide, longestSide, imaging.Box)
	}
	var out bytes.Buffer
	if err := imaging.Encode(&out, picture, imaging.JPEG, imaging.JPEGQuality(quality)); err != nil {
		return dispatch.CleanPhoto{}, err
	}
	return dispatch.CleanPhoto{Content: out.Bytes(), Width: picture.Bounds().Dx(), Height: picture.Bounds().Dy()}, nil
}
