package grpcapi

import (
	"context"

	"github.com/firstfix/firstfix/dispatch"
	"github.com/firstfix/firstfix/dispatch/fieldwork"
	pb "github.com/firstfix/firstfix/proto/firstfix/v1"
)

// photoServer answers PhotoService.
type photoServer struct {
	pb.UnimplementedPhotoServiceServer
	photos *fieldwork.Photos
}

func photoOf(p dispatch.Photo) *pb.Photo {
	return &pb.Photo{
		Name: p.Name(), Width: int32(p.Width), Height: int32(p.Height), //nolint:gosec // at most 2,048
		SizeBytes: p.Bytes, UploadTime: stampOf(p.UploadedAt),
	}
}

// parsePhotos reads names of photos, whose form the contract has checked.
func parsePhotos(names []string) []dispatch.PhotoID {
	var out []dispatch.PhotoID
	for _, name := range names {
		out = append(out, parsePhoto(name))
	}
	return out
}

func parsePhoto(name string) dispatch.PhotoID { return dispatch.PhotoID(name[len("photos/"):]) }

// UploadPhoto implements PhotoService.
func (s photoServer) UploadPhoto(ctx context.Context, req *pb.UploadPhotoRequest) (*pb.Photo, error) {
	return answer(photoOf)(s.photos.Upload(ctx, callOf(ctx), req.GetContent()))
}

// GetPhoto implements PhotoService.
func (s photoServer) GetPhoto(ctx context.Context, req *pb.GetPhotoRequest) (*pb.Photo, error) {
	return answer(photoOf)(s.photos.Get(ctx, callOf(ctx), parsePhoto(req.GetName())))
}

// DownloadPhoto implements PhotoService.
func (s photoServer) DownloadPhoto(ctx context.Context, req *pb.DownloadPhotoRequest) (*pb.DownloadPhotoResponse, error) {
	content, err := s.photos.Download(ctx, callOf(ctx), parsePhoto(req.GetName()))
	if err != nil {
		return nil, err
	}
	return &pb.DownloadPhotoResponse{MediaType: dispatch.PhotoMediaType, Content: content}, nil
}
