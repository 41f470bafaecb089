package blob_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/outbound/blob"
)

func open(t *testing.T, url string) *blob.Album {
	t.Helper()
	album, err := blob.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := album.Close(); err != nil {
			t.Error(err)
		}
	})
	return album
}

// picture is red on the left and blue on the right.
func picture(width, height int) image.Image {
	p := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			p.Set(x, y, map[bool]color.Color{true: color.RGBA{255, 0, 0, 255}, false: color.RGBA{0, 0, 255, 255}}[x < width/2])
		}
	}
	return p
}

func asJPEG(t *testing.T, p image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, p, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func asPNG(t *testing.T, p image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, p); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// withExif puts a segment behind the start of a JPEG as a camera does: it lies on its
// side (orientation 6), and says where it was taken and who took it.
func withExif(photo []byte) []byte {
	const marker = "GPS 42.3601 N 71.0589 W, taken by Zoe Quux"
	tiff := []byte{'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1}             // big endian, one entry
	tiff = append(tiff, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0) // orientation 6
	tiff = append(append(tiff, 0, 0, 0, 0), marker...)            // no further directory, and words
	segment := append([]byte("Exif\x00\x00"), tiff...)            //
	head := binary.BigEndian.AppendUint16([]byte{0xFF, 0xD8, 0xFF, 0xE1}, uint16(len(segment)+2))
	return append(append(head, segment...), photo[2:]...)
}

// S05: nothing stays but what can be seen, and that upright.
func TestCleanKeepsThePictureOnly(t *testing.T) {
	t.Parallel()
	album := open(t, "mem://")
	taken := withExif(asJPEG(t, picture(40, 20)))
	if !bytes.Contains(taken, []byte("Zoe Quux")) {
		t.Fatal("the photo says nothing that could be taken out")
	}
	got, err := album.Clean(taken)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"Quux", "GPS", "Exif"} {
		if bytes.Contains(got.Content, []byte(word)) {
			t.Errorf("what is kept says %q", word)
		}
	}
	kept, err := jpeg.Decode(bytes.NewReader(got.Content))
	if err != nil || got.Width != 20 || got.Height != 40 || kept.Bounds().Dx() != 20 {
		t.Fatalf("%d × %d, %v; want it upright, 20 × 40", got.Width, got.Height, err)
	}
	if r, _, b, _ := kept.At(10, 4).RGBA(); r < b {
		t.Errorf("what was on the left is not on top: red %d, blue %d", r, b)
	}
}

func TestCleanBringsPhotosToSize(t *testing.T) {
	t.Parallel()
	album := open(t, "mem://")
	got, err := album.Clean(asPNG(t, picture(3000, 1500)))
	if err != nil || got.Width != 2048 || got.Height != 1024 {
		t.Errorf("a large PNG became %d × %d, %v", got.Width, got.Height, err)
	}
}

// S01, S02, S04.
func TestCleanRefuses(t *testing.T) {
	t.Parallel()
	album := open(t, "mem://")
	good := asJPEG(t, picture(40, 20))
	gif, err := base64.StdEncoding.DecodeString("R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"nothing":                 {},
		"a page":                  []byte("<html><script>alert(1)</script></html>"),
		"a drawing":               []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`),
		"a GIF":                   gif,
		"cut off":                 good[:len(good)/2],
		"60,000 × 60,000 claimed": claiming(60_000, 60_000),
		"no pixels":               claiming(0, 10),
	} {
		_, err := album.Clean(content)
		if dispatch.ReasonOf(err) != dispatch.ReasonPhotoUnreadable {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What is claimed is judged before anything is decoded.
	if _, err := album.Clean(claiming(60_000, 60_000)); err == nil || !strings.Contains(err.Error(), "60000 × 60000 pixels") {
		t.Errorf("60,000 × 60,000: %v", err)
	}
	// A page behind a picture is left behind.
	got, err := album.Clean(append(bytes.Clone(good), "<script>alert(1)</script>"...))
	if err != nil || bytes.Contains(got.Content, []byte("script")) {
		t.Errorf("a polyglot: %v", err)
	}
}

// claiming is a PNG whose header claims a size, with nothing behind it.
func claiming(width, height uint32) []byte {
	header := append([]byte("IHDR"), make([]byte, 13)...)
	binary.BigEndian.PutUint32(header[4:], width)
	binary.BigEndian.PutUint32(header[8:], height)
	header[12], header[13] = 8, 2
	out := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), header...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(header))
}

// Tenants share nothing, also where they have the same photo (S07).
func TestAlbumKeepsTenantsApart(t *testing.T) {
	t.Parallel()
	album := open(t, "file://"+t.TempDir()+"?no_tmp_dir=true")
	one, other, id := dispatch.TenantID{}.New(), dispatch.TenantID{}.New(), dispatch.PhotoIDOf([]byte("a"))
	for range 2 {
		if err := album.Put(t.Context(), one, id, []byte("one")); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := album.Get(t.Context(), one, id); err != nil || string(got) != "one" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := album.Get(t.Context(), other, id); dispatch.ReasonOf(err) != dispatch.ReasonResourceNotFound {
		t.Errorf("another tenant: %v", err)
	}
}

func TestWithoutStorageNothingIsKept(t *testing.T) {
	t.Parallel()
	album := open(t, "")
	tenant, id := dispatch.TenantID{}.New(), dispatch.PhotoIDOf(nil)
	if err := album.Put(t.Context(), tenant, id, nil); dispatch.ReasonOf(err) != dispatch.ReasonStorageUnavailable {
		t.Errorf("put: %v", err)
	}
	if _, err := album.Get(t.Context(), tenant, id); dispatch.ReasonOf(err) != dispatch.ReasonStorageUnavailable {
		t.Errorf("get: %v", err)
	}
	if _, err := blob.Open(t.Context(), "ftp://somewhere"); err == nil || !strings.Contains(err.Error(), "object storage") {
		t.Errorf("an address that means nothing: %v", err)
	}
}
