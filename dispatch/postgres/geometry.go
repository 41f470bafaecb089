package postgres

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/twpayne/go-geom"
	"github.com/twpayne/go-geom/encoding/ewkb"

	"github.com/firstfix/firstfix/dispatch"
)

// srid is WGS 84, longitude first.
const srid = 4326

const postgisTypesSQL = `
SELECT t.typname, t.oid, t.typarray
FROM pg_type t
WHERE t.typname IN ('geometry', 'geography')`

// registerTypes teaches a new connection the PostGIS types. Their oids differ
// from database to database, so they are looked up once per connection.
func registerTypes(ctx context.Context, conn *pgx.Conn) error {
	rows, err := conn.Query(ctx, postgisTypesSQL)
	if err != nil {
		return fmt.Errorf("look up the PostGIS types: %w", err)
	}
	var name string
	var oid, arrayOID uint32
	_, err = pgx.ForEachRow(rows, []any{&name, &oid, &arrayOID}, func() error {
		element := &pgtype.Type{Name: name, OID: oid, Codec: geometryCodec{}}
		conn.TypeMap().RegisterType(element)
		conn.TypeMap().RegisterType(&pgtype.Type{
			Name: "_" + name, OID: arrayOID, Codec: &pgtype.ArrayCodec{ElementType: element},
		})
		return nil
	})
	if err != nil {
		return fmt.Errorf("look up the PostGIS types: %w", err)
	}
	return nil
}

// geometryCodec moves go-geom's values as EWKB, the binary form of geometry and
// geography.
type geometryCodec struct{}

func (geometryCodec) FormatSupported(format int16) bool {
	return format == pgtype.BinaryFormatCode || format == pgtype.TextFormatCode
}

func (geometryCodec) PreferredFormat() int16 { return pgtype.BinaryFormatCode }

func (geometryCodec) PlanEncode(_ *pgtype.Map, _ uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.(geom.T); !ok {
		return nil
	}
	return encodeGeometry{text: format == pgtype.TextFormatCode}
}

func (geometryCodec) PlanScan(_ *pgtype.Map, _ uint32, format int16, target any) pgtype.ScanPlan {
	switch target.(type) {
	case *geom.T, **geom.Point, **geom.Polygon, **geom.MultiPolygon, **geom.LineString:
		return scanGeometry{text: format == pgtype.TextFormatCode}
	}
	return nil
}

func (c geometryCodec) DecodeDatabaseSQLValue(_ *pgtype.Map, _ uint32, _ int16, src []byte) (driver.Value, error) {
	return src, nil
}

func (c geometryCodec) DecodeValue(_ *pgtype.Map, _ uint32, format int16, src []byte) (any, error) {
	if src == nil {
		return nil, nil
	}
	return decodeGeometry(src, format == pgtype.TextFormatCode)
}

type encodeGeometry struct{ text bool }

func (p encodeGeometry) Encode(value any, buf []byte) ([]byte, error) {
	shape, ok := value.(geom.T)
	if !ok {
		return nil, fmt.Errorf("encode a geometry: %T is none", value)
	}
	encoded, err := ewkb.Marshal(shape, ewkb.NDR)
	if err != nil {
		return nil, fmt.Errorf("encode a geometry: %w", err)
	}
	if p.text {
		return hex.AppendEncode(buf, encoded), nil
	}
	return append(buf, encoded...), nil
}

type scanGeometry struct{ text bool }

func (p scanGeometry) Scan(src []byte, target any) error {
	var shape geom.T
	if src != nil {
		var err error
		if shape, err = decodeGeometry(src, p.text); err != nil {
			return err
		}
	}
	if whole, ok := target.(*geom.T); ok {
		*whole = shape
		return nil
	}
	switch target := target.(type) {
	case **geom.Point:
		return assign(target, shape)
	case **geom.Polygon:
		return assign(target, shape)
	case **geom.MultiPolygon:
		return assign(target, shape)
	case **geom.LineString:
		return assign(target, shape)
	}
	return fmt.Errorf("scan a geometry: %T cannot hold one", target)
}

// assign sets the target if the shape has its type; NULL sets nil.
func assign[T any](target **T, shape geom.T) error {
	if shape == nil {
		*target = nil
		return nil
	}
	value, ok := any(shape).(*T)
	if !ok {
		return fmt.Errorf("scan a geometry: got %T, expected %T", shape, *target)
	}
	*target = value
	return nil
}

func decodeGeometry(src []byte, text bool) (geom.T, error) {
	if text {
		raw := make([]byte, hex.DecodedLen(len(src)))
		if _, err := hex.Decode(raw, src); err != nil {
			return nil, fmt.Errorf("decode a geometry: %w", err)
		}
		src = raw
	}
	shape, err := ewkb.Read(bytes.NewReader(src))
	if err != nil {
		return nil, fmt.Errorf("decode a geometry: %w", err)
	}
	return shape, nil
}

// toPoint turns a place into what the driver sends.
func toPoint(p dispatch.Point) *geom.Point {
	return geom.NewPointFlat(geom.XY, []float64{p.Longitude, p.Latitude}).SetSRID(srid)
}

// fromPoint is the scan side of toPoint.
func fromPoint(p *geom.Point) dispatch.Point {
	if p == nil {
		return dispatch.Point{}
	}
	return dispatch.Point{Longitude: p.X(), Latitude: p.Y()}
}
